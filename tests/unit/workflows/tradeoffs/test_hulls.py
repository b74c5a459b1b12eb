"""Convex hulls of trade-offs."""

from __future__ import annotations

import numpy as np

from tuner.workflows.tradeoffs.hulls import Hull, sum_of_hulls


def test_a_step_that_is_too_short_to_be_seen_adds_no_second_point_at_the_same_time() -> None:
    long = Hull(np.array([1e9, 1e9 + 1.0]), np.array([3.0, 1.0]))
    short = Hull(np.array([0.0, 1e-9]), np.array([5.0, 4.0]))
    found = sum_of_hulls([long, short], [1.0, 1.0], 0.0)
    assert (np.diff(found.time_ms) > 0).all()
    assert found.cost_usd.tolist() == [7.0, 5.0]
    assert found.slopes.tolist() == [2.0]
