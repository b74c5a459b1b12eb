"""Curves of runs that fit into the quota of one period."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.estimation.cpu_quota.stairs import draw_stairs
from tuner.estimation.cpu_quota.unstopped import GAINS, MOST_RUNS
from tuner.estimation.layout import Layout
from tuner.estimation.mechanisms import Particles, draw_particles
from tuner.model import Architecture

SIZES_MB = (128, 256, 512, 1024, 1769, 3008)
LAYOUT = Layout((Architecture.X86_64,), SIZES_MB)
ALL = np.arange(len(SIZES_MB))
FALLING = -np.log(np.array(SIZES_MB) / 1024)
"""One over memory; 0 at 1024 MB, where the quota of a period is 11.6 ms."""


def particles(
    *, busy: float = np.nan, absolute: bool = False, curve: np.ndarray = FALLING, count: int = MOST_RUNS
) -> Particles:
    """The same curve for each number of runs that may share a quota, alone first; none of them gains any more."""
    curves = np.tile(curve, (count, 1)).astype(np.float32)
    return Particles(
        curves,
        np.full(count, absolute),
        np.full(curves.shape, np.log(busy), dtype=np.float16),
        np.zeros(count, dtype=np.float32),
        np.full(count, -1, dtype=np.int64),
        draw_stairs(1, np.random.default_rng(0), None),
    )


def flat_at(found: np.ndarray) -> list[int]:
    """Sizes at which a curve does not fall any more."""
    return [mb for mb, fall in zip(SIZES_MB[1:], np.diff(found), strict=True) if fall > -1e-6]


def seen(ms_at_1024: float) -> np.ndarray:
    """What runs of the falling curve take at all sizes, log ms."""
    return FALLING + np.log(ms_at_1024)


def test_a_curve_does_not_fall_any_more_where_its_run_fits_into_the_quota_of_a_period() -> None:
    alone = particles().unstopped(LAYOUT, ALL[:2], seen(5.0)[:2]).curves[0]
    # The quota is 5.8 ms at 512 MB, where it would take 10 ms, and 11.6 ms at 1024 MB, where it would take 5 ms.
    assert flat_at(alone) == [1769, 3008]
    assert alone[:3] == pytest.approx(FALLING[:3])
    crossing_ms = np.exp(alone[-1]) * 5.0
    assert crossing_ms == pytest.approx(20 * np.sqrt(5.0 * 1024 / 20 / 1769), rel=0.01)


def test_runs_that_share_a_quota_need_larger_sizes() -> None:
    found = particles().unstopped(LAYOUT, ALL[:2], seen(5.0)[:2]).curves
    assert (np.diff(found[:, -1]) < 0).all()


def test_the_mean_falls_on_by_a_small_power_of_memory() -> None:
    every = particles(count=MOST_RUNS * len(GAINS))
    found = every.unstopped(LAYOUT, ALL[:2], seen(5.0)[:2]).curves[::MOST_RUNS]
    slopes = (found[:, -1] - found[:, -2]) / np.log(3008 / 1769)
    assert -slopes == pytest.approx(GAINS, abs=1e-4)


def test_threads_use_up_a_quota_sooner() -> None:
    one, two = (particles(busy=n).unstopped(LAYOUT, ALL[:2], seen(5.0)[:2]).curves[0] for n in (1.0, 2.0))
    assert one[-1] > two[-1]


def test_the_work_of_a_curve_stays_the_same() -> None:
    before = particles(busy=1.0)
    after = before.unstopped(LAYOUT, ALL[:2], seen(5.0)[:2])
    assert (after.log_busy[0] != before.log_busy[0]).any()
    assert after.curves + after.log_busy == pytest.approx(before.curves + before.log_busy, abs=0.01)


@pytest.mark.parametrize("longer", [particles(), particles(absolute=True)])
def test_long_runs_and_curves_in_milliseconds_stay_as_they_are(longer: Particles) -> None:
    at = 500.0 if not longer.absolute[0] else 0.5
    assert longer.unstopped(LAYOUT, ALL, seen(at)) is longer


@given(st.integers(0, 2**32 - 1), st.floats(-3.0, 6.0), st.integers(1, len(SIZES_MB)))
@settings(max_examples=25)
def test_no_curve_gets_faster_or_falls_below_its_quota(seed: int, level: float, locations: int) -> None:
    rng = np.random.default_rng(seed)
    layout = Layout((Architecture.ARM64, Architecture.X86_64), SIZES_MB)
    drawn = draw_particles(layout, 400)
    nodes = np.sort(rng.choice(len(layout.memory_mb), locations, replace=False))
    centre = level + rng.normal(0, 0.3, locations)
    found = drawn.unstopped(layout, nodes, centre).curves
    assert np.isfinite(found).all()
    assert (found >= drawn.curves).all()
    rising = np.diff(found.reshape(-1, 2, len(SIZES_MB))) - np.diff(drawn.curves.reshape(-1, 2, len(SIZES_MB)))
    assert (np.diff(found.reshape(-1, 2, len(SIZES_MB)))[rising > 1e-5] <= 1e-5).all()
