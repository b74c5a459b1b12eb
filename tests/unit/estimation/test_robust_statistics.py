"""Locations that outliers do not move, intervals that hold the truth, and what rules a configuration out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.studies import ARM, PRICES, SIZES, X86, function_of, measured, ran, sample_of, study_of
from tuner.estimation.robust_statistics import (
    PRIOR_SD,
    Noise,
    exclusions,
    fit_noise,
    locate,
    measured_belief,
    robust_mean,
    statistics,
    steady_runs,
    trimmed_mean,
)
from tuner.model import Configuration, FunctionError, Invocation, Outcome, Sample, SearchSpace
from tuner.search.samplers import GridSampler
from tuner.simulated.noise import SimulatedNoise

SEEDS = 30
OUTLIERS = 0.02
MEAN_OUTLIER = 1 + OUTLIERS * (np.mean([1.3, 3.0]) - 1)


def coverage(run_sd: float, environment_sd: float, environments: int) -> tuple[float, float]:
    """Share of 95% intervals that hold the true mean duration, and the true ratio of two sizes."""
    noise = SimulatedNoise(run_sd, environment_sd, OUTLIERS)
    function = function_of(noise)
    mean_over_median = math.exp((run_sd**2 + environment_sd**2) / 2) * MEAN_OUTLIER
    held, ratios_held = [], []
    for seed in range(SEEDS):
        belief = measured(study_of(sampler=GridSampler(10, environments), seed=seed), function, seed=seed).belief()
        low, high = np.quantile(belief.duration_ms, [0.025, 0.975], axis=0)
        truth = np.array([function.duration_ms(c) for c in belief.candidates])
        held.extend((low <= truth * mean_over_median) & (truth * mean_over_median <= high))
        for other in range(1, len(truth)):
            low, high = np.quantile(belief.duration_ms[:, 0] / belief.duration_ms[:, other], [0.025, 0.975])
            ratios_held.append(low <= truth[0] / truth[other] <= high)
    return float(np.mean(held)), float(np.mean(ratios_held))


@pytest.mark.parametrize("environments", [2, 5])
@pytest.mark.parametrize(("run_sd", "environment_sd"), [(0.05, 0.05), (0.025, 0.05), (0.1, 0.07)])
def test_intervals_of_a_grid_hold_the_truth_as_often_as_they_say(
    run_sd: float, environment_sd: float, environments: int
) -> None:
    of_duration, of_ratio = coverage(run_sd, environment_sd, environments)
    assert 0.90 <= of_duration <= 0.99
    assert 0.90 <= of_ratio <= 1.0


def test_intervals_hold_the_truth_where_there_is_hardly_any_noise() -> None:
    of_duration, of_ratio = coverage(0.005, 0.005, 2)
    assert of_duration >= 0.95
    assert of_ratio >= 0.95


def test_an_outlier_does_not_move_a_location() -> None:
    runs = [ran(100 * (1 + 0.001 * i), f"{i % 2}") for i in range(10)]
    with_outlier = [*runs[:-1], ran(25_000, "1")]
    before, after = (locate(group, fit_noise([group])).log_ms for group in (runs, with_outlier))
    assert math.exp(after - before) == pytest.approx(1, abs=0.03)


def test_a_robust_mean_of_agreeing_values_is_their_value() -> None:
    assert robust_mean(np.full(7, 3.5), 0.1) == pytest.approx(3.5)
    assert robust_mean(np.array([1.0, 2.0, 50.0]), 0) == 2.0
    assert robust_mean(np.array([1.0, 1.1, 0.9, 1.0, 40.0]), 0.1) == pytest.approx(1.0, abs=0.01)


def test_noise_is_told_apart_within_and_between_environments() -> None:
    rng = np.random.default_rng(3)

    def group(run_sd: float, environment_sd: float) -> list[Invocation]:
        hosts = np.exp(environment_sd * rng.standard_normal(10))
        return [
            ran(float(100 * host * math.exp(run_sd * rng.standard_normal())), f"{i}")
            for i, host in enumerate(hosts)
            for _ in range(10)
        ]

    steady_hosts = fit_noise([group(0.2, 0.0) for _ in range(10)])
    steady_runs_ = fit_noise([group(0.0, 0.2) for _ in range(10)])
    assert steady_hosts.run_sd == pytest.approx(0.2, rel=0.15)
    assert steady_hosts.environment_sd < 0.06
    assert steady_runs_.environment_sd == pytest.approx(0.2, rel=0.15)
    assert steady_runs_.run_sd < 0.02


def test_noise_of_nothing_is_what_published_functions_show() -> None:
    noise = fit_noise([])
    assert (noise.run_sd, noise.environment_sd) == (PRIOR_SD, PRIOR_SD)
    assert 1 < noise.tail_factor < noise.p95_factor < noise.p99_factor


def test_warm_runs_stand_for_a_configuration_and_cold_ones_where_there_is_none() -> None:
    cold, warm = ran(200, init_ms=300.0), ran(100)
    assert steady_runs([cold, warm, Invocation(Outcome.NO_REPORT, "a")]) == [warm]
    assert steady_runs([cold]) == [cold]
    assert steady_runs([]) == []


def test_an_allowed_error_is_a_normal_run() -> None:
    allowed = Invocation(Outcome.ERROR, "a", 100.0, 100, allowed=True, error=FunctionError("Expected", ""))
    assert steady_runs([allowed]) == [allowed]
    assert exclusions([sample_of(128, [allowed])]) == {}


def test_the_trimmed_mean_leaves_out_a_part_on_each_side() -> None:
    assert trimmed_mean([1, 2, 3, 4, 100], 0.2) == 3
    assert trimmed_mean([100, 1, 3, 2, 4], 0.0) == 22
    assert trimmed_mean([1, 2, 30], 0.4) == 2
    assert trimmed_mean([7], 0.4) == 7


@given(st.lists(st.floats(0.1, 9e5), min_size=1, max_size=20), st.floats(0, 0.4))
def test_a_trimmed_mean_is_within_its_values(values: list[float], discard: float) -> None:
    assert min(values) * (1 - 1e-12) <= trimmed_mean(values, discard) <= max(values) * (1 + 1e-12)


def test_one_run_out_of_memory_rules_its_size_out_and_all_smaller_ones_of_its_architecture() -> None:
    lost = Invocation(Outcome.OUT_OF_MEMORY, "a", 50.0, 50)
    reasons = exclusions(
        [
            sample_of(128, [ran(100)]),
            sample_of(256, [ran(90), lost]),
            sample_of(512, [ran(80)]),
            sample_of(128, [ran(70)], arch=ARM),
        ]
    )
    assert set(reasons) == {Configuration(128, X86), Configuration(256, X86)}
    assert "256 MB" in reasons[Configuration(128, X86)]
    assert "1 of 2" in reasons[Configuration(256, X86)]


@pytest.mark.parametrize(
    ("invocations", "reason"),
    [
        ([Invocation(Outcome.REFUSED, error=FunctionError("E", "above the cap"))], "refused: above the cap"),
        ([Invocation(Outcome.REFUSED)], "refused"),
        ([Invocation(Outcome.THROTTLED)] * 2, "throttled: no run was started"),
        ([Invocation(Outcome.NO_REPORT, "a")] * 2, "no run gave a report"),
        ([Invocation(Outcome.ERROR, "a", 1.0, 1, error=FunctionError("KeyError", "n"))], "every run failed (KeyError)"),
        ([Invocation(Outcome.ERROR, "a", 1.0, 1)], "every run failed"),
        ([Invocation(Outcome.TIMEOUT, "a", 3000.0, 3000), *[ran(10)] * 9], "timed out in 1 of 10 runs"),
        ([Invocation(Outcome.OK, "a", 5.0, None)], "no run gave a report"),
        ([Invocation(Outcome.TIMEOUT, "a", 3000.0, 3000), *[ran(10)] * 10], ""),
        ([Invocation(Outcome.THROTTLED), ran(10)], ""),
        ([Invocation(Outcome.NO_REPORT, "a"), ran(10)], ""),
        ([Invocation(Outcome.ERROR, "a", 1.0, 1), ran(10)], ""),
    ],
)
def test_what_cannot_be_recommended_has_a_reason(invocations: list[Invocation], reason: str) -> None:
    assert exclusions([sample_of(256, invocations)]).get(Configuration(256, X86), "") == reason


outcomes = st.sampled_from(
    [
        Invocation(Outcome.OUT_OF_MEMORY, "a", 5.0, 5, init_duration_ms=3.0),
        Invocation(Outcome.THROTTLED),
        Invocation(Outcome.REFUSED),
        Invocation(Outcome.NO_REPORT, "b"),
        Invocation(Outcome.ERROR, "b", 5.0, 5),
        Invocation(Outcome.TIMEOUT, "a", 900_000.0, 900_000),
        Invocation(Outcome.OK, "c", None, None),
    ]
)
durations = st.sampled_from([0.0, 0.01, 1.0, 1.4, 100.0, 900_000.0]) | st.floats(0, 900_000)
good_runs = st.builds(
    ran, durations, st.sampled_from("abc"), init_ms=st.none() | st.sampled_from([0.0, 0.5, 250.0, 10_000.0])
)
samples = st.lists(
    st.builds(
        sample_of,
        st.sampled_from(SIZES),
        st.lists(good_runs | outcomes, max_size=8),
        trial=st.integers(0, 5),
        arch=st.sampled_from([X86, ARM]),
    ),
    max_size=8,
)


@given(samples)
def test_whatever_came_back_gives_a_finite_belief(told: list[Sample]) -> None:
    belief = measured_belief(told, PRICES, seed=0, draws=50)
    for draws in (belief.duration_ms, belief.cost_usd, belief.p95_ms, belief.p99_ms):
        assert draws.shape == (50, len(belief.candidates))
        assert np.isfinite(draws).all()
        assert (draws > 0).all()
    assert not set(belief.candidates) & set(belief.excluded)
    if belief.init_ms is not None:
        assert belief.init_ms.shape == (50, len(belief.candidates))
        assert np.isfinite(belief.init_ms).all()


@given(samples, st.randoms())
def test_the_order_of_samples_changes_nothing(told: list[Sample], random: object) -> None:
    shuffled = list(told)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = (measured_belief(order, PRICES, seed=5, draws=40) for order in (told, shuffled))
    assert one.candidates == other.candidates
    assert one.excluded == other.excluded
    np.testing.assert_allclose(one.duration_ms, other.duration_ms, rtol=1e-9)
    np.testing.assert_allclose(one.cost_usd, other.cost_usd, rtol=1e-9)


@given(st.lists(good_runs, min_size=1, max_size=30))
def test_statistics_never_fail_and_their_interval_holds_their_mean(runs: list[Invocation]) -> None:
    noise = fit_noise([runs])
    found = statistics([run.duration_ms or 0.0 for run in runs], [run.environment for run in runs], noise)
    assert 0 <= found.low <= found.mean <= found.high < math.inf
    assert found.p50 <= found.p95 <= found.p99


@pytest.mark.parametrize("ms", [0.0, 1.0, 900_000.0])
def test_one_run_and_identical_runs_have_an_interval(ms: float) -> None:
    for runs in ([ran(ms)], [ran(ms)] * 50):
        belief = measured_belief([sample_of(128, runs)], PRICES, seed=0)
        assert np.ptp(belief.duration_ms) > 0
        assert np.median(belief.duration_ms) == pytest.approx(max(ms, 0.01), rel=0.05)


def test_more_environments_tell_more_than_more_runs_in_one() -> None:
    noise = Noise(0.05, 0.05, 30, 1, 1, 1)
    in_one = locate([ran(100, "a")] * 8, noise)
    in_many = locate([ran(100, f"{i}") for i in range(4)], noise)
    assert in_many.standard_error < in_one.standard_error


def test_what_is_billed_beyond_the_duration_is_in_the_cost() -> None:
    runs = [ran(1.2, f"{i}", billed_ms=2) for i in range(20)]
    belief = measured_belief([sample_of(1024, runs)], PRICES, seed=0)
    paid = PRICES.invocation_cost(Configuration(1024, X86), 2)
    assert belief.cost_usd.mean() == pytest.approx(paid, rel=0.02)


def test_cold_starts_of_other_sizes_tell_those_of_a_size_that_had_none() -> None:
    told = [
        sample_of(128, [ran(100, init_ms=400.0), ran(90)]),
        sample_of(256, [ran(90)]),
        sample_of(512, [ran(80, init_ms=100.0)]),
    ]
    belief = measured_belief(told, PRICES, seed=0)
    assert belief.init_ms is not None
    assert belief.init_ms.mean(axis=0) == pytest.approx([400, 200, 100], rel=0.1)
    assert measured_belief([sample_of(128, [ran(5)])], PRICES, seed=0).init_ms is None


def test_a_belief_holds_nothing_outside_of_the_space_and_heeds_what_failed_there() -> None:
    lost = Invocation(Outcome.OUT_OF_MEMORY, "a", 50.0, 50)
    told = [sample_of(m, [ran(100)]) for m in (128, 512, 1024)] + [sample_of(256, [lost])]
    space = SearchSpace((128, 512), (X86,), listed=True)
    assert measured_belief(told, PRICES, seed=0, space=space).candidates == (Configuration(512, X86),)
