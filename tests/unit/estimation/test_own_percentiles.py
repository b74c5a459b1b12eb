"""A percentile of a size is that of its own runs where these are many, and of the common spread where they are few."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.studies import LIGHT, PRICES, X86
from tuner.estimation.adjustment.own_percentiles import COMMON_SD, LEAST_SD, OwnRuns
from tuner.estimation.belief import Belief, interval_bounds
from tuner.estimation.estimate import fit
from tuner.estimation.measured_belief import measured_belief
from tuner.model import Configuration, Invocation, Outcome, Sample, SearchSpace

PERIOD_MS, WORK_MS = 20.0, 3.0
NUMBERS = np.arange(200)
SIZES = {256: 0.15, 320: 0.0, 512: 0.0}
"""Memory sizes, and the share of runs there that take a period more."""


def stepping(runs: int, *, seed: int = 1) -> list[Sample]:
    """Short work that takes a whole period more now and then, at the smallest size alone."""
    rng = np.random.default_rng(seed)
    return [
        Sample(
            number,
            Configuration(memory_mb, X86),
            tuple(
                ran(
                    WORK_MS * rng.lognormal(sigma=0.05) + PERIOD_MS * (rng.random() < share),
                    f"{number}-{n % 10}",
                )
                for n in range(runs)
            ),
        )
        for number, (memory_mb, share) in enumerate(SIZES.items())
    ]


def ran(duration_ms: float, environment: str) -> Invocation:
    return Invocation(Outcome.OK, environment, float(duration_ms), int(-(-duration_ms // 1)))


def fitted(samples: list[Sample]) -> Belief:
    space = SearchSpace(tuple(SIZES), (X86,), listed=True)
    return fit(samples, space, PRICES, seed=0, prior=LIGHT).belief([Configuration(size, X86) for size in SIZES])


def plain(samples: list[Sample]) -> Belief:
    return measured_belief(samples, PRICES, seed=0)


@pytest.mark.parametrize("believe", [fitted, plain])
def test_a_size_whose_runs_take_a_period_more_has_its_own_percentile(believe) -> None:  # type: ignore[no-untyped-def]
    samples = stepping(200)
    belief = believe(samples)
    own = [np.quantile([run.duration_ms for run in sample.invocations], 0.95) for sample in samples]
    assert own[0] > PERIOD_MS > 2 * own[1]
    assert belief.p95_ms.mean(axis=0) == pytest.approx(own, rel=0.1)
    low, high = interval_bounds(belief.p95_ms)
    assert ((low <= own) & (own <= high)).all()
    assert (belief.p99_ms >= belief.p95_ms).all()


@pytest.mark.parametrize("believe", [fitted, plain])
def test_intervals_of_percentiles_hold_the_truth(believe) -> None:  # type: ignore[no-untyped-def]
    truth = WORK_MS * np.exp(0.05 * 1.645)
    held = []
    for seed in range(20):
        low, high = interval_bounds(believe(stepping(80, seed=seed)).p95_ms[:, 1:])
        held.extend((low <= truth) & (truth <= high))
    assert np.mean(held) >= 0.9


def test_few_runs_tell_no_percentile_and_some_hardly_more_than_the_common_spread() -> None:
    for count in (0, 1, 19):
        assert OwnRuns(np.zeros(count), np.arange(count)).percentile(0.95) is None
    some, many = (OwnRuns(np.zeros(count), np.arange(count)).percentile(0.95) for count in (20, 200))
    assert some == pytest.approx((0.0, COMMON_SD), rel=0.01)
    assert many == pytest.approx((0.0, LEAST_SD))
    assert (sd_of(49, 0.95), sd_of(50, 0.95)) == pytest.approx((COMMON_SD, LEAST_SD), rel=0.01)
    assert (sd_of(251, 0.99), sd_of(252, 0.99)) == pytest.approx((COMMON_SD, LEAST_SD), rel=0.01)


def sd_of(count: int, level: float) -> float:
    """How well as many runs, all alike, tell a percentile."""
    told = OwnRuns(np.zeros(count), np.arange(count)).percentile(level)
    assert told is not None
    return told[1]


def test_slow_runs_of_one_environment_tell_less_than_those_of_many() -> None:
    durations = np.linspace(0.0, 10.0, 200)
    apart, together = (OwnRuns(durations, numbers).percentile(0.95) for numbers in (NUMBERS % 20, NUMBERS // 20))
    assert apart is not None
    assert together is not None
    assert apart[0] == together[0] == pytest.approx(9.5)
    assert together[1] > 2 * apart[1]
