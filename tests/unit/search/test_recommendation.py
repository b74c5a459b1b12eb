"""The rules of a recommendation, on summary rows and on draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.bounds import violations
from tuner.estimation.belief import Belief
from tuner.model import Architecture, Configuration, Constraints, Interval, Objective, StrategyName
from tuner.pricing.price_list import PriceList, Tier, price_list
from tuner.search.recommendation import (
    CandidateRow,
    bargain,
    choose,
    expected_regret,
    frontier,
    objective_best,
    plateau,
    recommend,
    summarise,
    weigh_cold_starts,
)

X86 = Architecture.X86_64
COST, SPEED = Objective(StrategyName.COST), Objective(StrategyName.SPEED)


def row(
    memory_mb: int, duration_ms: float, cost_usd: float, spread: float = 0.0, *, measured: bool = True
) -> CandidateRow:
    def around(mean: float) -> Interval:
        return Interval(mean, mean * (1 - spread), mean * (1 + spread))

    figures = around(duration_ms), around(cost_usd), around(1.2 * duration_ms)
    return CandidateRow(Configuration(memory_mb, X86), *figures, measured)


def belief_of(duration_ms: list[float], cost_usd: list[float], spread: float = 0.0) -> Belief:
    noise = np.exp(spread * np.random.default_rng(0).standard_normal((200, len(duration_ms))))
    durations = np.array(duration_ms) * noise
    return Belief(
        candidates=tuple(Configuration(128 * (i + 1), X86) for i in range(len(duration_ms))),
        duration_ms=durations,
        cost_usd=np.array(cost_usd) * noise,
        p95_ms=1.2 * durations,
        p99_ms=1.5 * durations,
        measured=np.ones(len(duration_ms), dtype=np.bool_),
    )


def test_of_candidates_that_are_alike_the_fastest_is_the_best_guess() -> None:
    belief = belief_of([1000.0, 500.0, 100.0], [1.000e-6, 1.004e-6, 1.02e-6])
    assert objective_best(belief, COST) == 0
    assert objective_best(belief, COST, alike=0.005) == 1, "0.4% more for half the time, not 2%"


def test_a_fast_candidate_that_breaks_a_bound_is_no_best_guess() -> None:
    belief = belief_of([500.0, 100.0], [1.000e-6, 1.001e-6])
    belief = replace(belief, p95_ms=belief.duration_ms * np.array([1.0, 9.0]))
    bounded = Objective(StrategyName.COST, constraints=Constraints(max_p95_ms=800.0))
    assert objective_best(belief, bounded, alike=0.005) == 0


rows_of_any_size = st.lists(
    st.tuples(st.floats(1, 1e5), st.floats(1e-7, 1e-2), st.floats(0, 0.5)), min_size=1, max_size=12
).map(lambda figures: [row(128 + i, *figure) for i, figure in enumerate(figures)])


def test_cost_takes_the_fastest_among_those_within_a_quarter_of_the_tolerance_of_the_cheapest() -> None:
    rows = [row(128, 1000, 1.00e-6), row(256, 500, 1.0045e-6), row(512, 100, 1.0075e-6)]
    assert choose(rows, COST) == 1


def test_speed_takes_the_cheapest_among_those_within_one_and_a_half_tolerances_of_the_fastest() -> None:
    rows = [row(1024, 103.1, 1e-6), row(2048, 102.9, 2e-6), row(3008, 100, 3e-6)]
    assert choose(rows, SPEED) == 1


def test_a_wide_interval_does_not_excuse_what_is_slower() -> None:
    rows = [row(1024, 140, 1e-6), row(2048, 101, 1.5e-6), row(3008, 100, 3e-6, spread=0.6)]
    assert choose(rows, SPEED) == 1


@given(rows_of_any_size)
def test_balanced_with_weight_one_agrees_with_cost_and_with_weight_zero_with_speed(rows: list[CandidateRow]) -> None:
    assert choose(rows, Objective(StrategyName.BALANCED, balanced_weight=1.0)) == choose(rows, COST)
    assert choose(rows, Objective(StrategyName.BALANCED, balanced_weight=0.0)) == choose(rows, SPEED)


def test_balanced_takes_the_smallest_score_of_the_peer() -> None:
    rows = [row(128, 1000, 1e-6), row(512, 300, 1.5e-6), row(2048, 250, 5e-6)]
    assert choose(rows, Objective(StrategyName.BALANCED)) == 1


@given(rows_of_any_size, st.sampled_from(list(StrategyName)), st.floats(0.1, 10))
def test_scaling_all_durations_and_costs_changes_no_choice(
    rows: list[CandidateRow], strategy: StrategyName, factor: float
) -> None:
    power_of_two = 2.0 ** round(np.log2(factor))  # exact in floating point, so that equality is fair

    def times(interval: Interval) -> Interval:
        return Interval(*(power_of_two * value for value in (interval.mean, interval.low, interval.high)))

    scaled = [CandidateRow(r.configuration, times(r.duration_ms), times(r.cost_usd), times(r.p95_ms)) for r in rows]
    assert choose(scaled, Objective(strategy)) == choose(rows, Objective(strategy))


@given(rows_of_any_size, st.sampled_from(list(StrategyName)), st.randoms())
def test_the_order_of_candidates_changes_no_choice(
    rows: list[CandidateRow], strategy: StrategyName, random: object
) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    objective = Objective(strategy)
    assert shuffled[choose(shuffled, objective)].configuration == rows[choose(rows, objective)].configuration


@pytest.mark.parametrize("strategy", list(StrategyName))
def test_of_equally_good_sizes_a_measured_one_is_recommended(strategy: StrategyName) -> None:
    rows = [row(512, 1000, 1.000e-6, measured=False), row(1024, 1001, 1.001e-6), row(2048, 4000, 4e-6)]
    assert choose(rows, Objective(strategy)) == 1


@pytest.mark.parametrize("strategy", list(StrategyName))
def test_a_measured_size_that_is_worse_is_not_recommended(strategy: StrategyName) -> None:
    rows = [row(512, 1000, 1.00e-6, measured=False), row(1024, 1100, 1.10e-6), row(2048, 4000, 4e-6)]
    assert choose(rows, Objective(strategy)) == 0


def test_constraints_leave_only_what_satisfies_them() -> None:
    rows = [row(128, 1000, 1e-6), row(512, 300, 2e-6), row(2048, 250, 6e-6)]
    assert choose(rows, replace(COST, constraints=Constraints(max_p95_ms=400))) == 1
    assert choose(rows, replace(SPEED, constraints=Constraints(max_cost_per_million_usd=3))) == 1
    assert choose(rows, replace(COST, constraints=Constraints(min_memory_mb=1024))) == 2


def test_an_unmet_constraint_is_said_with_its_distance_and_the_closest_is_taken() -> None:
    belief = belief_of([1000, 300, 250], [1e-6, 2e-6, 6e-6])
    choice = recommend(belief, replace(COST, constraints=Constraints(max_p95_ms=150)))
    assert choice.index == 2
    assert choice.unmet is not None
    assert "300 ms" in choice.unmet
    assert "100%" in choice.unmet
    assert recommend(belief, COST).unmet is None


def test_the_reason_names_the_bounds_that_the_choice_was_made_under() -> None:
    belief = belief_of([1000, 300, 250], [1e-6, 2e-6, 6e-6])
    bounds = Constraints(max_p95_ms=400, max_cost_per_million_usd=5.5, min_memory_mb=200)
    among = "among those with p95 of at most 400 ms, cost of at most $5.5 per million and memory of at least 200 MB."
    for strategy in StrategyName:
        assert recommend(belief, Objective(strategy, constraints=bounds)).reason.endswith(among)
    assert "the cheapest" not in recommend(belief, replace(COST, constraints=Constraints(max_p95_ms=10))).reason
    assert recommend(belief, COST).reason == f"{belief.candidates[0]} is the cheapest."


def test_sentences_tell_money_in_the_currency_of_the_prices() -> None:
    belief = belief_of([1000, 300], [1e-6, 2e-6])
    bounded = replace(COST, constraints=Constraints(max_cost_per_million_usd=0.5))
    choice = recommend(belief, bounded, price_list("cn-north-1"))
    assert "at most CN¥0.5 per million (CN¥1," in (choice.unmet or "")
    assert "at most $0.5 per million ($1," in (recommend(belief, bounded).unmet or "")


def test_expected_regret_but_for_ties_is_zero_where_nothing_is_uncertain_and_grows_with_the_noise() -> None:
    choices = [
        recommend(belief_of([100, 90, 95], [1e-6, 1.02e-6, 1.4e-6], spread), COST) for spread in (0.0, 0.02, 0.2)
    ]
    regrets = [choice.expected_regret - choice.given_to_ties for choice in choices]
    assert regrets[0] == 0
    assert regrets[0] < regrets[1] < regrets[2]


def test_the_expected_regret_is_that_of_what_is_recommended_and_tells_what_ties_gave_away() -> None:
    choice = recommend(belief_of([1000, 600], [1e-6, 1.005e-6]), COST)
    assert choice.index == 1
    assert choice.expected_regret == pytest.approx(0.005)
    assert choice.given_to_ties == pytest.approx(0.005)


def test_the_best_of_the_objective_has_the_smallest_expected_regret() -> None:
    belief = belief_of([100, 90, 95], [1e-6, 1.02e-6, 1.4e-6], 0.1)
    best = objective_best(belief, COST)
    assert all(expected_regret(belief, COST, best) <= expected_regret(belief, COST, i) for i in range(3))


def test_recommend_follows_the_rule_on_rows() -> None:
    belief = belief_of([1000, 600, 580, 570], [1e-6, 1.01e-6, 1.5e-6, 2e-6], 0.02)
    for strategy in StrategyName:
        choice = recommend(belief, Objective(strategy))
        assert choice.index == choose(summarise(belief), Objective(strategy))
        assert choice.index in choice.ties
        assert str(choice.configuration) in choice.reason


def test_the_frontier_holds_what_nothing_beats_in_both_cost_and_duration() -> None:
    belief = belief_of([1000, 500, 600, 100], [2e-6, 1e-6, 3e-6, 4e-6])
    assert frontier(belief, Constraints()) == (1, 3)


def test_what_breaks_a_bound_keeps_nothing_from_the_frontier_nor_stands_on_it() -> None:
    belief = belief_of([400, 500, 600, 100], [1e-6, 2e-6, 3e-6, 4e-6])
    assert frontier(belief, Constraints(min_memory_mb=256)) == (1, 3)
    assert frontier(belief, Constraints(min_memory_mb=256, max_cost_per_million_usd=3.5)) == (1,)
    assert frontier(belief, Constraints(max_p95_ms=1)) == frontier(belief, Constraints()), "where nothing meets it"


@given(
    figures=st.lists(st.tuples(st.floats(1, 1e4), st.floats(1e-7, 1e-3)), min_size=1, max_size=9),
    max_p95_ms=st.none() | st.floats(1, 2e4),
    max_cost=st.none() | st.floats(0.1, 1e3),
    min_memory_mb=st.none() | st.integers(128, 1300),
)
def test_whatever_is_offered_beside_the_recommendation_meets_the_bounds_if_anything_does(
    figures: list[tuple[float, float]], max_p95_ms: float | None, max_cost: float | None, min_memory_mb: int | None
) -> None:
    belief = belief_of([ms for ms, _ in figures], [usd for _, usd in figures])
    constraints = Constraints(max_p95_ms, max_cost, min_memory_mb)
    rows = summarise(belief)
    broken = [violations(r.configuration.memory_mb, r.p95_ms.mean, r.cost_usd.mean, constraints) for r in rows]
    if all(broken):
        return
    objectives = [Objective(strategy, constraints=constraints) for strategy in StrategyName]
    chosen = [recommend(belief, objective).index for objective in objectives]
    bargains = [bargain(belief, objective, index) for objective, index in zip(objectives, chosen, strict=True)]
    ends = [plateau(belief, objective, index) for objective, index in zip(objectives, chosen, strict=True)]
    offered = {*chosen, *(index for index in bargains if index is not None), *frontier(belief, constraints)}
    assert not any(broken[index] for index in offered.union(*ends))


@pytest.mark.parametrize(
    ("strategy", "bought"),
    [(StrategyName.COST, 2), (StrategyName.BALANCED, 2), (StrategyName.SPEED, None)],
)
def test_a_bargain_costs_a_little_more_and_is_much_faster(strategy: StrategyName, bought: int | None) -> None:
    belief = belief_of([900, 890, 300, 200], [1.0, 1.05, 1.08, 1.2])
    objective = Objective(strategy, 0.999)
    assert bargain(belief, objective, 3 if strategy is StrategyName.SPEED else 0) == bought


def test_a_bargain_of_speed_is_a_little_slower_and_much_cheaper() -> None:
    belief = belief_of([300, 107, 100], [0.5, 1.0, 2.0])
    assert bargain(belief, Objective(StrategyName.SPEED), 2) == 1
    assert bargain(belief, Objective(StrategyName.COST), 0) is None


def test_what_breaks_a_bound_or_lies_within_the_tolerance_is_no_bargain() -> None:
    belief = belief_of([900, 300], [1.0, 1.08])
    assert bargain(belief, Objective(constraints=Constraints(max_cost_per_million_usd=1.05e6)), 0) is None
    assert bargain(belief_of([900, 300], [1.0, 1.01]), Objective(), 0) is None


def test_cold_starts_weigh_into_duration_and_cost_by_their_share() -> None:
    prices = PriceList("test", "USD", "2026-01-01", "test", {X86: (Tier(None, 1.6e-5),)}, 2e-7, 0.0)
    belief = replace(belief_of([100], [1e-6]), init_ms=np.full((200, 1), 400.0))
    weighed = weigh_cold_starts(belief, 0.5, prices)
    assert weighed.duration_ms[0, 0] == pytest.approx(300)
    assert weighed.cost_usd[0, 0] == pytest.approx(1e-6 + 0.5 * 0.4 * 128 / 1024 * 1.6e-5)
    with pytest.raises(ValueError, match="prices"):
        weigh_cold_starts(belief, 0.5, None)
