"""Convex hulls of trade-offs."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.workflows.tradeoffs.hulls import Hull, higher, hull_of_options, sum_of_hulls


def test_a_step_that_is_too_short_to_be_seen_adds_no_second_point_at_the_same_time() -> None:
    long = Hull(np.array([1e9, 1e9 + 1.0]), np.array([3.0, 1.0]))
    short = Hull(np.array([0.0, 1e-9]), np.array([5.0, 4.0]))
    found = sum_of_hulls([long, short], [1.0, 1.0], 0.0)
    assert (np.diff(found.time_ms) > 0).all()
    assert found.cost_usd.tolist() == [7.0, 5.0]
    assert found.slopes.tolist() == [2.0]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 2, 7, 300, 1500]), st.booleans())
def test_the_hull_of_many_points_is_that_of_one_after_the_other(seed: int, count: int, falling: bool) -> None:
    rng = np.random.default_rng(seed)
    time, cost = rng.integers(0, 400, (2, count)).astype(float)
    if falling:
        time, cost = np.sort(time), np.sort(cost)[::-1]
    expected: list[tuple[float, float]] = []
    for new in sorted(zip(time.tolist(), cost.tolist(), strict=True)):
        if expected and new[1] >= expected[-1][1]:
            continue
        while len(expected) > 1 and lies_above(expected[-2], expected[-1], new):
            expected.pop()
        expected.append(new)
    found = hull_of_options(time, cost)
    assert [*zip(found.time_ms.tolist(), found.cost_usd.tolist(), strict=True)] == expected


def lies_above(first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]) -> bool:
    return (middle[1] - first[1]) * (last[0] - first[0]) >= (last[1] - first[1]) * (middle[0] - first[0])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_the_higher_of_two_hulls_is_nowhere_above_both(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = (hull_of_options(*rng.uniform(1, 50, (2, int(rng.integers(1, 30))))) for _ in range(2))
    found = higher(one, other)
    times = np.linspace(found.time_ms[0], 60, 500)
    at = [np.interp(times, hull.time_ms, hull.cost_usd) for hull in (one, other, found)]
    assert np.allclose(at[2], np.maximum(at[0], at[1]))
    assert (np.diff(found.slopes) < 1e-9).all()
