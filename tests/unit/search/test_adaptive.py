"""The adaptive sampler, driven by a study on functions whose truth is known."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.studies import LIGHT
from tuner.estimation.failures.exclusions import ExclusionKind, failed
from tuner.model import (
    Architecture,
    Budget,
    Configuration,
    Constraints,
    Invocation,
    Objective,
    Outcome,
    Sample,
    SearchSpace,
    StopReason,
    StrategyName,
    Trial,
)
from tuner.pricing.price_list import price_list
from tuner.pricing.rounds import IN_AWS, NOTHING, RoundPrice
from tuner.search.adaptive import AdaptiveSampler, recommendable
from tuner.search.deciding.last_checks import LastChecks
from tuner.search.deciding.state import State
from tuner.search.deciding.stopping import may_be_earned
from tuner.search.deciding.value_of_information import scene_of
from tuner.search.recommendation import objective_best, recommend
from tuner.search.study import Study
from tuner.simulated.backend import SimulatedBackend, SimulatedFunction
from tuner.simulated.curves import Curve
from tuner.simulated.noise import SimulatedFaults, SimulatedNoise
from tuner.simulated.truth import truth_of

X86 = Architecture.X86_64
PRICES = price_list("us-east-1")
SIZES = [128, 256, 512, 1024, 1769, 3008]


def cpu_bound(wait_ms: float = 0.0) -> SimulatedFunction:
    return given({size: wait_ms + 1000 * 1769 / min(size, 1769) for size in SIZES})


def study_of(
    function: SimulatedFunction,
    objective: Objective | None = None,
    *,
    seed: int = 0,
    sampler: AdaptiveSampler | None = None,
    current: Configuration | None = None,
    budget: Budget | None = None,
    traffic: float | None = None,
    round_price: RoundPrice = NOTHING,
    listed: bool = False,
) -> Study:
    """A search of all sizes within the curve's; of few, which takes a third of the time, where `listed`."""
    sizes = tuple(SIZES) if listed else function.bounds_mb
    return Study(
        SearchSpace(sizes, tuple(function.curves), listed=listed),
        sampler or AdaptiveSampler(prior=LIGHT),
        objective or Objective(),
        PRICES,
        seed=seed,
        current=current,
        budget=budget,
        invocations_per_month=traffic,
        round_price=round_price,
    )


class World:
    """Measures trials of a function with the noise of a seed."""

    def __init__(self, function: SimulatedFunction, seed: int) -> None:
        self._backend = SimulatedBackend(function, seed=seed)

    def measure(self, trials: Iterable[Trial]) -> list[Sample]:
        return list(self._backend.measure(list(trials), threading.Event()))


def drive(study: Study, world: World, rounds: int = 60) -> None:
    for _ in range(rounds):
        trials = study.ask()
        if not trials:
            return
        for sample in world.measure(trials):
            study.tell(sample)
    raise AssertionError("the study does not stop")


@pytest.mark.parametrize("wait_ms", [0.0, 3000.0])
def test_it_finds_a_good_size_for_a_few_dozen_invocations(wait_ms: float) -> None:
    function = cpu_bound(wait_ms)
    study = study_of(function)
    drive(study, World(function, 1))
    truth = truth_of(function, study.objective, PRICES)
    belief = study.belief()
    assert truth.regret(belief.candidates[objective_best(belief, study.objective)]) < 2 * study.objective.tolerance
    assert study.spent.invocations <= 30
    assert not belief.fallback


def test_the_order_of_samples_changes_nothing() -> None:
    function = cpu_bound()
    study = study_of(function)
    drive(study, World(function, 2))
    backwards = study_of(function)
    backwards.replay(reversed(study.samples))
    np.testing.assert_array_equal(study.belief().cost_usd, backwards.belief().cost_usd)


def test_what_is_asked_twice_of_the_same_runs_is_fitted_once_and_of_others_anew() -> None:
    function = cpu_bound()
    study = study_of(function)
    drive(study, World(function, 3))
    evidence, sampler = study.evidence, AdaptiveSampler(prior=LIGHT)
    once = sampler.fitted(evidence)
    assert sampler.fitted(replace(evidence, samples=(*evidence.samples,))) is once
    for other in (
        replace(evidence, samples=evidence.samples[:-1]),
        replace(evidence, samples=evidence.samples[::-1]),
        replace(evidence, seed=evidence.seed + 1),
        replace(evidence, current=Configuration(2048, Architecture.X86_64)),
        replace(evidence, prices=PRICES.with_discount(0.5)),
    ):
        assert sampler.fitted(other) is not once
        again = sampler.fitted(evidence)
        np.testing.assert_array_equal(again.draws.log_ms, once.draws.log_ms)
    assert AdaptiveSampler().fitted(evidence) is not again


def test_a_function_that_fails_everywhere_ends_the_search() -> None:
    study = study_of(cpu_bound())
    for _ in range(10):
        trials = study.ask()
        if not trials:
            break
        for trial in trials:
            study.tell(Sample(trial.id, trial.configuration, (Invocation(Outcome.ERROR, environment="e"),)))
    assert study.stopped_by is StopReason.ALL_FAILED


def test_of_a_function_that_fails_alike_no_size_is_ruled_out_however_lucky_others_are() -> None:
    """However often a search looks again where runs failed: of 20 functions one at most loses a size."""
    lost: list[int] = []
    for seed in range(20):
        function = replace(cpu_bound(), faults=SimulatedFaults(error_share=0.3))
        study = study_of(function, seed=seed)
        drive(study, World(function, seed))
        lost += [seed] if study.belief().excluded else []
    assert len(lost) <= 1, lost


@pytest.mark.parametrize("seed", range(4))
def test_where_small_sizes_fail_larger_ones_are_measured_until_that_is_known(seed: int) -> None:
    function = replace(cpu_bound(), faults=SimulatedFaults(small_error_share=0.5, small_mb=1000))
    study = study_of(function, seed=seed, listed=True)
    drive(study, World(function, seed))
    belief = study.belief()
    assert recommend(belief, Objective()).configuration.memory_mb > 1000
    assert any(exclusion.kind is ExclusionKind.ERRORS for exclusion in belief.excluded.values())


def _checked_where_runs_fail(told: Mapping[int, tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Memory, environments and runs of what is measured before the end, where so many runs of a size failed."""
    function = constant(2000.0)
    study, world = study_of(function, listed=True), World(function, 12)
    for trial, (memory_mb, (failures, runs)) in enumerate(told.items()):
        (sample,) = world.measure([Trial(trial, Configuration(memory_mb, X86), 2, math.ceil(runs / 2))])
        failing = tuple(Invocation(Outcome.ERROR, environment=run.environment) for run in sample.invocations[:failures])
        study.tell(replace(sample, invocations=(*failing, *sample.invocations[failures:runs])))
    sampler, evidence = AdaptiveSampler(prior=LIGHT), study.evidence
    posterior = sampler.fitted(evidence)
    ruled_out = failed(evidence.samples)
    sizes = tuple(c for c in (Configuration(size, X86) for size in SIZES) if c not in ruled_out)
    location = posterior.location(sizes)
    belief = posterior.belief(sizes, location=location)
    scene = scene_of(belief, location, evidence.objective, evidence.prices)
    found = LastChecks(60, 12.0, 20.0).requests(State(evidence, posterior, scene, sizes))
    return [(request.configuration.memory_mb, request.environments, request.runs) for request in found]


def test_where_all_that_was_measured_fails_a_far_larger_size_tells_whether_memory_mends_it() -> None:
    assert _checked_where_runs_fail({128: (6, 14), 256: (5, 12)}) == [(512, 1, 5)]


def test_a_larger_size_of_which_no_run_failed_tells_it_before_one_that_is_likelier_the_best() -> None:
    assert _checked_where_runs_fail({128: (6, 14), 256: (1, 4), 1024: (0, 2)}) == [(1024, 1, 5)]


def test_a_size_with_few_runs_just_above_failing_ones_is_looked_at_though_none_of_its_own_failed() -> None:
    failing = {128: (5, 12)}
    assert _checked_where_runs_fail({**failing, 256: (0, 4), 1024: (0, 12)}) == [(256, 2, 5)]
    assert _checked_where_runs_fail({**failing, 256: (0, 20), 1024: (0, 12)}) == []


def test_failures_of_a_size_are_looked_at_twice_only_within_the_bound() -> None:
    """Luck decides whether the size in question fails again: of three functions one at least is looked at again."""
    looked_at: dict[float, int] = {}
    for cap in (0.0, 12.0):
        looks: list[int] = []
        for share, seed in ((0.1, 1), (0.1, 2), (0.3, 0)):
            function = replace(cpu_bound(), faults=SimulatedFaults(error_share=share))
            study = study_of(function, sampler=AdaptiveSampler(prior=LIGHT, failures_cap=cap), listed=True)
            drive(study, World(function, seed))
            looks += Counter(s.configuration for s in study.samples if len(s.invocations) >= 5).values()
        looked_at[cap] = max(looks, default=0)
    assert looked_at[0.0] == 1 < looked_at[12.0] <= 3


def test_out_of_memory_raises_the_floor() -> None:
    function = cpu_bound()
    study = study_of(function)
    world = World(function, 3)
    while trials := study.ask():
        for trial in trials:
            study.tell(_out_of_memory(trial) if trial.configuration.memory_mb < 512 else world.measure([trial])[0])
    belief = study.belief()
    assert min(c.memory_mb for c in belief.candidates) >= 512
    assert belief.excluded


@pytest.mark.parametrize("strategy", list(StrategyName))
def test_a_pure_noise_function_is_said_not_to_be_decidable(strategy: StrategyName) -> None:
    function = replace(constant(100.0), noise=SimulatedNoise(run_sd=0.8, environment_sd=0.8))
    study = study_of(function, Objective(strategy), listed=True)
    drive(study, World(function, 4))
    assert study.stopped_by is StopReason.CANNOT_TELL


def test_a_flat_curve_stops_early() -> None:
    function = constant(2000.0)
    study = study_of(function)
    drive(study, World(function, 5))
    assert study.stopped_by is StopReason.TOLERANCE
    assert study.spent.invocations <= 12
    assert study.belief().candidates[objective_best(study.belief(), study.objective)].memory_mb == 128


def test_it_starts_from_the_current_configuration_and_measures_it_beside_the_winner_before_it_stops() -> None:
    function = constant(2000.0)
    current = Configuration(1024, X86)
    study = study_of(function, current=current)
    asked: list[tuple[Trial, ...]] = []
    world = World(function, 6)
    while trials := study.ask():
        asked.append(trials)
        for sample in world.measure(trials):
            study.tell(sample)
    assert asked[0][0].configuration == current
    winner, beside = asked[-1]
    assert beside.configuration == current
    assert winner.configuration.memory_mb == 128
    assert winner.fresh
    assert beside.fresh
    assert winner.environments == beside.environments >= 2
    own = [trial for batch in asked for trial in batch if trial.configuration == winner.configuration]
    assert winner.runs_per_environment == (2 if own == [winner] else 1), "warm runs are made there, if they are due"
    assert beside.runs_per_environment == 1


@pytest.mark.parametrize(("current_mb", "second_mb"), [(2048, 256), (288, 160)])
def test_a_start_beside_the_current_configuration_is_left_out(current_mb: int, second_mb: int) -> None:
    study = study_of(cpu_bound(), current=Configuration(current_mb, X86))
    assert [trial.configuration.memory_mb for trial in study.ask()] == [current_mb, second_mb]


def test_a_second_run_of_a_later_start_must_be_cheap() -> None:
    runs = {}
    for short, function in ((True, given({size: 60.0 * 896 / size for size in SIZES})), (False, constant(5000.0))):
        study, world = study_of(function), World(function, 1)
        first, second = study.ask()
        assert (first.runs_per_environment, second.runs_per_environment) == (2, 1)
        for sample in world.measure((first, second)):
            study.tell(sample)
        runs[short] = {trial.runs_per_environment for trial in study.ask()}
    assert runs == {True: {2}, False: {1}}


@pytest.mark.parametrize(("price", "kept"), [(NOTHING, False), (IN_AWS, True)])
def test_a_start_is_left_out_where_its_cold_start_is_dear_unless_it_saves_a_round(
    price: RoundPrice, kept: bool
) -> None:
    function = constant(15.0)
    study, world = study_of(function, round_price=price), World(function, 1)
    sizes: set[int] = set()
    for _ in range(2):
        trials = study.ask()
        sizes |= {trial.configuration.memory_mb for trial in trials}
        for sample in world.measure(trials):
            study.tell(sample)
    assert (max(sizes) > 512) is kept


def _searched_with_a_log(function: SimulatedFunction, current: Configuration) -> Study:
    study = study_of(function, current=current)
    world = World(function, 11)
    (logged,) = world.measure([Trial(0, current, 10, 10)])
    study.tell(replace(logged, free=True))
    drive(study, world)
    return study


def test_a_log_of_the_current_configuration_leaves_the_recommended_one_to_confirm_with_warm_runs() -> None:
    current = Configuration(1024, X86)
    study = _searched_with_a_log(constant(500.0), current)
    winner = recommend(study.belief(), study.objective, PRICES).configuration
    warm = [r for s in study.samples if s.configuration == winner for r in s.invocations if not r.cold]
    assert winner != current
    assert len({run.environment for run in warm}) >= 2
    assert not [sample for sample in study.samples if sample.configuration == current and not sample.free]


def _checked_with_a_log(slope: float, tolerance: float) -> tuple[Configuration, list[Sample]]:
    """What is recommended after the last checks, and its runs, where before them a log and a few runs are known."""
    best, rival, current = (Configuration(size, X86) for size in (128, 256, 1024))
    function = given({size: 500.0 * (1024 / size) ** slope for size in SIZES})
    study, world = study_of(function, current=current), World(function, 11)
    (logged,) = world.measure([Trial(0, current, 10, 10)])
    study.tell(replace(logged, free=True))
    trials = [Trial(1, current, 1, 1), Trial(2, best, 1, 1), Trial(3, rival, 1, 1)]
    sampler = AdaptiveSampler(prior=LIGHT)
    while trials:
        for sample in world.measure(trials):
            study.tell(sample)
        evidence = replace(study.evidence, objective=Objective(tolerance=tolerance))
        posterior = sampler.fitted(evidence)
        location = posterior.location((best, rival, current))
        belief = posterior.belief((best, rival, current), location=location)
        scene = scene_of(belief, location, evidence.objective, evidence.prices)
        state = State(evidence, posterior, scene, (best, rival, current))
        trials = list(state.proposal(LastChecks(60, 12.0, 20.0).requests(state), []).trials)
    recommended = recommend(belief, evidence.objective, PRICES).configuration
    return recommended, [s for s in study.samples if s.configuration == recommended and not s.free]


def test_with_a_log_the_recommended_size_gets_warm_runs_where_these_may_earn_high_confidence() -> None:
    recommended, own = _checked_with_a_log(0.0, 0.1)
    warm = [run for sample in own for run in sample.invocations if not run.cold]
    assert recommended.memory_mb == 128
    assert len({run.environment for run in warm}) == 2


def test_with_a_log_no_answer_rests_on_one_environment_even_where_confidence_is_out_of_reach() -> None:
    recommended, own = _checked_with_a_log(0.97, 0.0005)
    runs = [run for sample in own for run in sample.invocations]
    assert recommended.memory_mb < 1024
    assert all(run.cold for run in runs)
    assert len(runs) == len({run.environment for run in runs}) == 2


@pytest.mark.parametrize(("stairs", "edges"), [(0.3, False), (0.5, True)])
def test_with_a_log_edges_of_stairs_are_measured_only_where_these_are_likely(stairs: float, edges: bool) -> None:
    current, edge = Configuration(1024, X86), Configuration(140, X86)
    (sample,) = World(constant(500.0), 11).measure([Trial(0, current, 10, 10)])
    for free in (True, False):
        told = study_of(constant(500.0), current=current)
        told.tell(replace(sample, free=free))
        evidence = told.evidence
        posterior = AdaptiveSampler(prior=LIGHT).fitted(evidence)
        possible, _ = recommendable(evidence, [edge.memory_mb])
        location = posterior.location(possible)
        scene = scene_of(posterior.belief(possible, location=location), location, evidence.objective, evidence.prices)
        state = State(evidence, posterior, scene, possible)
        state.stair_chance = stairs
        measurable = [possible[place] for place in state.places]
        assert current in measurable
        assert (edge in measurable) is (edges or not free)


def test_with_a_log_a_function_of_a_few_ms_is_not_charged_cold_starts_to_confirm_what_is_recommended() -> None:
    current = Configuration(1024, X86)
    study = _searched_with_a_log(constant(2.0), current)
    assert recommend(study.belief(), study.objective, PRICES).configuration != current
    assert not [trial for one in study.rounds for trial in one.trials if trial.fresh]


@pytest.mark.parametrize("duration_ms", [0.1, 0.4])
def test_with_a_log_something_runs_today_however_dear_a_cold_start_is(duration_ms: float) -> None:
    study = _searched_with_a_log(constant(duration_ms), Configuration(1024, X86))
    today = [sample for sample in study.samples if not sample.free]
    assert today[0].configuration != Configuration(1024, X86)
    assert sum(run.cold for sample in today for run in sample.invocations) <= 3


def test_a_resumed_search_asks_for_the_same_as_one_that_went_on() -> None:
    function = cpu_bound()
    study = study_of(function)
    world = World(function, 7)
    while trials := study.ask():
        resumed = study_of(function)
        resumed.replay(study.samples)
        assert resumed.ask() == trials
        for sample in world.measure(trials):
            study.tell(sample)


def test_serial_and_batched_searches_agree_in_quality() -> None:
    function = cpu_bound(600.0)
    truth = truth_of(function, Objective(), PRICES)
    for most in (1, 4):
        regrets = []
        for seed in range(2):
            study = study_of(function, seed=seed, sampler=AdaptiveSampler(most=most, prior=LIGHT))
            drive(study, World(function, seed))
            belief = study.belief()
            regrets.append(truth.regret(belief.candidates[objective_best(belief, study.objective)]))
        assert np.mean(regrets) < 0.03


def test_it_keeps_within_a_budget_of_money() -> None:
    function = cpu_bound()
    study = study_of(function, budget=Budget(max_usd=0.0002))
    drive(study, World(function, 8))
    assert study.stopped_by is StopReason.USD
    assert study.spent.usd < 0.0003


def test_little_traffic_ends_the_search_sooner_than_much() -> None:
    function = cpu_bound(600.0)
    spent = []
    for per_month in (10.0, 1e6):
        study = study_of(function, traffic=per_month)
        drive(study, World(function, 9))
        spent.append(study.spent.invocations)
    assert spent[0] < spent[1]


def test_a_constraint_moves_the_recommendation() -> None:
    function = given({128: 16_000, 256: 8000, 512: 4000, 1024: 2600, 3008: 2000})
    objective = Objective(constraints=Constraints(max_p95_ms=3500))
    study = study_of(function, objective, sampler=AdaptiveSampler())  # a p95 needs the noise in fine steps
    drive(study, World(function, 10))
    choice = recommend(study.belief(), study.objective, PRICES)
    assert choice.unmet is None
    assert 640 <= choice.configuration.memory_mb <= 1536


def constant(duration_ms: float) -> SimulatedFunction:
    return given(dict.fromkeys(SIZES, duration_ms))


def given(points: dict[int, float]) -> SimulatedFunction:
    return SimulatedFunction({X86: Curve.through(points)}, timeout_s=None)


def _out_of_memory(trial: Trial) -> Sample:
    return Sample(trial.id, trial.configuration, (Invocation(Outcome.OUT_OF_MEMORY, environment="e"),))


def test_where_a_round_has_a_price_searches_take_fewer() -> None:
    searches = [(cpu_bound(wait_ms), seed) for wait_ms in (0, 400, 3000) for seed in range(3)]
    free, dear = ([_rounds(function, price, seed=seed) for function, seed in searches] for price in (NOTHING, IN_AWS))
    assert sum(dear) < 0.9 * sum(free)


def _rounds(function: SimulatedFunction, price: RoundPrice, traffic: float | None = None, *, seed: int = 0) -> int:
    study = study_of(function, current=Configuration(1024, X86), round_price=price, traffic=traffic, listed=True)
    drive(study, World(function, seed))
    return sum(bool(one.trials) for one in study.rounds)


def noisy(run_sd: float = 0.35) -> SimulatedFunction:
    curve = given({size: 20 + 80 * 1769 / min(size, 1769) for size in SIZES})
    return replace(curve, noise=SimulatedNoise(run_sd=run_sd))


def test_runs_that_are_cheap_beside_a_round_are_many_under_wide_noise() -> None:
    """A search that pays for rounds has more at stake than the invocations of its horizon."""
    function, counted = noisy(), {}
    for price in (IN_AWS, replace(IN_AWS, round_usd=1e-9)):
        study = study_of(function, round_price=price, listed=True)
        drive(study, World(function, 3))
        counted[price] = study.spent.invocations / sum(bool(one.trials) for one in study.rounds)
    dear, cheap = counted.values()
    assert dear > 1.5 * cheap


def test_a_user_who_tells_the_traffic_is_believed() -> None:
    function = noisy()
    study = study_of(function, round_price=IN_AWS, traffic=1)
    drive(study, World(function, 3))
    assert study.spent.invocations <= 10


@pytest.mark.parametrize("lanes", [1, 5, 10])
def test_a_round_runs_no_more_environments_at_once_than_it_can(lanes: int) -> None:
    function = noisy()
    study = study_of(function, round_price=replace(IN_AWS, lanes=lanes), listed=True)
    drive(study, World(function, 5))
    for one in study.rounds:
        assert len(one.trials) == 1 or sum(trial.environments for trial in one.trials) <= max(lanes, 4)


def test_a_round_without_a_price_counts_nevertheless_so_that_rounds_are_few() -> None:
    """It counts as two invocations; a price that is nearly nothing says that the wait counts nothing.

    Traffic is told, so that no search goes on for high confidence, which only those without a price do.
    """
    free = RoundPrice(round_usd=1e-15)
    rounds = {
        price: [_rounds(cpu_bound(wait_ms), price, 50.0) for wait_ms in (0, 200, 800)] for price in (NOTHING, free)
    }
    assert sum(rounds[NOTHING]) <= sum(rounds[free])


def _near_the_tolerance(
    excess: float = 1.2, *, noise: float = 0.05, traffic: float | None = None, round_price: RoundPrice = NOTHING
) -> State:
    """What a decision rests on after the first trials, with an expected regret of so many tolerances."""
    function = cpu_bound(200.0)
    study = study_of(function)
    for sample in World(function, 7).measure(study.ask()):
        study.tell(sample)
    evidence = replace(study.evidence, invocations_per_month=traffic, round_price=round_price)
    sampler = AdaptiveSampler(prior=LIGHT)
    posterior = sampler.fitted(evidence)
    possible, _ = recommendable(evidence)
    location = posterior.location(possible)
    belief = posterior.belief(possible, location=location)
    scene = scene_of(belief, location, evidence.objective, evidence.prices)
    near = replace(scene, expected_regret=excess * evidence.objective.tolerance)
    state = State(evidence, posterior, near, possible)
    state.precision = replace(state.precision, run_sd=noise, environment_sd=noise)
    return state


def test_a_cheap_search_that_is_near_the_tolerance_may_earn_high_confidence() -> None:
    assert may_be_earned(_near_the_tolerance())
    assert not may_be_earned(_near_the_tolerance(excess=2.0))
    assert not may_be_earned(_near_the_tolerance(noise=0.3))


def test_a_search_that_is_dear_already_earns_no_confidence_by_more_trials() -> None:
    dear = _near_the_tolerance()
    dear.spent_usd = 100 * dear.scene.best_cost_usd
    assert not may_be_earned(dear)


def test_confidence_is_not_bought_against_the_traffic_that_a_user_tells_or_where_rounds_are_paid_for() -> None:
    assert not may_be_earned(_near_the_tolerance(traffic=1000.0))
    assert not may_be_earned(_near_the_tolerance(round_price=IN_AWS))
