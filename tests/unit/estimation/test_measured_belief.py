"""A belief from plain statistics is finite, ordered and honest, whatever came back."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.studies import ARM, PRICES, SIZES, X86, function_of, measured, ran, sample_of, study_of
from tuner.estimation.belief import interval_bounds
from tuner.estimation.measured_belief import measured_belief
from tuner.model import Configuration, Invocation, Outcome, Sample, SearchSpace
from tuner.search.grid import GridSampler
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
        low, high = interval_bounds(belief.duration_ms)
        truth = np.array([function.duration_ms(c) for c in belief.candidates])
        held.extend((low <= truth * mean_over_median) & (truth * mean_over_median <= high))
        for other in range(1, len(truth)):
            low, high = np.quantile(belief.duration_ms[:, 0] / belief.duration_ms[:, other], [0.025, 0.975])
            ratios_held.append(low <= truth[0] / truth[other] <= high)
    return float(np.mean(held)), float(np.mean(ratios_held))


def test_intervals_of_a_grid_hold_the_truth_as_often_as_they_say() -> None:
    noises = [(0.05, 0.05), (0.025, 0.05), (0.1, 0.07)]
    found = np.array([coverage(*noise, environments) for noise in noises for environments in (2, 5)])
    assert (found >= 0.90).all()
    assert found[:, 0].mean() <= 0.99


def test_intervals_hold_the_truth_where_there_is_hardly_any_noise() -> None:
    of_duration, of_ratio = coverage(0.005, 0.005, 2)
    assert of_duration >= 0.95
    assert of_ratio >= 0.95


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


@pytest.mark.parametrize("ms", [0.0, 1.0, 900_000.0])
def test_one_run_and_identical_runs_have_an_interval(ms: float) -> None:
    for runs in ([ran(ms)], [ran(ms)] * 50):
        belief = measured_belief([sample_of(128, runs)], PRICES, seed=0)
        assert np.ptp(belief.duration_ms) > 0
        assert np.median(belief.duration_ms) == pytest.approx(max(ms, 0.01), rel=0.05)


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
