"""True curves: through published points, or smoothed so that more memory is never slower."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.simulated.curves import Curve, TruthKind, decreasing, true_curve

JITTERY = {128: 400.0, 256: 180.0, 512: 200.0, 1024: 90.0}


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=20))
def test_smoothing_never_rises_and_keeps_the_mean(values: list[float]) -> None:
    smoothed = decreasing(np.array(values))
    assert (np.diff(smoothed) <= 1e-9).all()
    assert smoothed.mean() == pytest.approx(np.mean(values), abs=1e-9)


def test_between_points_that_fall_the_truth_is_straight_in_the_logarithms() -> None:
    curve = true_curve({512: 100.0, 128: 400.0, 256: 200.0}, TruthKind.SMOOTHED)
    np.testing.assert_allclose(curve.duration_ms(np.array([128.0, 181.02, 512.0])), [400, 282.8, 100], rtol=1e-3)


def test_a_published_truth_keeps_every_point() -> None:
    curve = true_curve(JITTERY, TruthKind.PUBLISHED)
    np.testing.assert_allclose(curve.duration_ms(np.array([256.0, 512.0])), [180, 200])


def test_a_smoothed_truth_pools_points_that_rise() -> None:
    curve = true_curve(JITTERY, TruthKind.SMOOTHED)
    np.testing.assert_allclose(curve.duration_ms(np.array([256.0, 512.0])), (180 * 200) ** 0.5)


def test_beyond_its_bounds_a_curve_is_flat() -> None:
    curve = Curve.through({256: 50.0, 512: 30.0})
    assert curve.bounds_mb == (256, 512)
    np.testing.assert_allclose(curve.duration_ms(np.array([128.0, 1024.0])), [50, 30])
