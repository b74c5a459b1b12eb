"""Convex curves of cost over time: what no sizes can beat, and what a millisecond is worth along it.

The convex hull of each function's options is added up and merged along the workflow, as if every use of a function
could have a size of its own, and sizes could be mixed. Refuses to know which sizes are the best.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tuner.workflows.tradeoffs.fronts import Floats

_TRUE = np.array([True])
_ROUNDS = 12
"""Times that points are left out together; most hulls are found by then."""
_MANY = 100
"""Fewer points are looked at one by one."""


@dataclass(frozen=True, slots=True, eq=False)
class Hull:
    """Vertices of a convex curve, by ascending time and descending cost, shape (N,)."""

    time_ms: Floats
    cost_usd: Floats

    @property
    def slopes(self) -> Floats:
        """USD that a millisecond more saves, between neighbours, descending; shape (N - 1,)."""
        slopes: Floats = -np.diff(self.cost_usd) / np.diff(self.time_ms)
        return slopes

    def slope_before(self, time_ms: float) -> float:
        """What the last millisecond before a time saves; infinite at the start."""
        index = int(np.searchsorted(self.time_ms, time_ms, side="left"))
        return float(np.r_[np.inf, self.slopes, 0.0][index])

    def slope_after(self, time_ms: float) -> float:
        """What the first millisecond after a time saves; 0 at the end."""
        index = int(np.searchsorted(self.time_ms, time_ms, side="right"))
        return float(np.r_[np.inf, self.slopes, 0.0][index])

    def worth_at_time(self, time_ms: float) -> float:
        """USD that a millisecond is worth at a time, 0 where more of them save nothing."""
        return self._worth_of_segment(int((self.time_ms < time_ms).sum()))

    def worth_at_cost(self, cost_usd: float) -> float:
        """USD that a millisecond is worth at a cost."""
        return self._worth_of_segment(int((self.cost_usd > cost_usd).sum()))

    def _worth_of_segment(self, end: int) -> float:
        return float(np.r_[self.slopes, 0.0][min(max(1, end) - 1, len(self.time_ms) - 1)])


def hull_of_options(time: Floats, cost: Floats) -> Hull:
    """The convex hull of points from below, from the fastest to the cheapest; arrays of shape (G,)."""
    order = np.lexsort((cost, time))
    time, cost = time[order], cost[order]
    kept = np.r_[True, cost[1:] < np.minimum.accumulate(cost)[:-1]]
    time, cost = time[kept], cost[kept]
    for _ in range(_ROUNDS if len(time) > _MANY else 0):
        # All that lie above the line between their neighbours can go at once: none of them is a vertex.
        above = (cost[1:-1] - cost[:-2]) * (time[2:] - time[:-2]) >= (cost[2:] - cost[:-2]) * (time[1:-1] - time[:-2])
        if not above.any():
            return Hull(time, cost)
        kept = np.concatenate((_TRUE, ~above, _TRUE))
        time, cost = time[kept], cost[kept]
    return _hull_of_front(time, cost)


def _hull_of_front(time: Floats, cost: Floats) -> Hull:
    """The convex hull of points by ascending time and descending cost, one point after the other."""
    kept: list[tuple[float, float]] = []
    for new in zip(time.tolist(), cost.tolist(), strict=True):
        while len(kept) > 1 and _above(kept[-2], kept[-1], new):
            kept.pop()
        kept.append(new)
    return Hull(np.array([t for t, _ in kept]), np.array([c for _, c in kept]))


def sum_of_hulls(hulls: Sequence[Hull], weights: Sequence[float], constant_ms: float) -> Hull:
    """Weighted times and costs add up: the steps of all hulls, the steepest first."""
    start_ms = constant_ms + sum(w * float(hull.time_ms[0]) for hull, w in zip(hulls, weights, strict=True))
    start_usd = sum(float(hull.cost_usd[0]) for hull in hulls)
    steps_ms = _joined(w * np.diff(hull.time_ms) for hull, w in zip(hulls, weights, strict=True))
    steps_usd = _joined(np.diff(hull.cost_usd) for hull in hulls)
    order = np.argsort(steps_usd / steps_ms, kind="stable")
    time, cost = np.cumsum(np.r_[start_ms, steps_ms[order]]), np.cumsum(np.r_[start_usd, steps_usd[order]])
    later = np.r_[time[1:] > time[:-1], True]  # a step may be too short to be seen beside the time so far
    return Hull(time[later], cost[later])


def maximum_of_hulls(hulls: Sequence[Hull]) -> Hull:
    """The later time counts, costs add up."""
    start_ms = max(float(hull.time_ms[0]) for hull in hulls)
    times = np.sort(_joined(hull.time_ms for hull in hulls))
    times = times[(times >= start_ms) & np.r_[True, times[1:] > times[:-1]]]
    cost = np.sum([np.interp(times, hull.time_ms, hull.cost_usd) for hull in hulls], axis=0)
    return Hull(times, cost)


def higher(one: Hull, other: Hull) -> Hull:
    """The higher of two curves, where both have begun; after their ends they stay as they are."""
    start_ms = max(float(one.time_ms[0]), float(other.time_ms[0]))
    times = np.sort(np.concatenate([one.time_ms, other.time_ms]))
    times = times[(times >= start_ms) & np.r_[True, times[1:] > times[:-1]]]
    above = _at(one, times) - _at(other, times)
    crossing = np.flatnonzero(above[1:] * above[:-1] < 0)
    share = above[crossing] / (above[crossing] - above[crossing + 1])
    times = np.sort(np.concatenate([times, times[crossing] + share * np.diff(times)[crossing]]))
    cost = np.maximum(_at(one, times), _at(other, times))
    kept = np.r_[True, (times[1:] > times[:-1]) & (cost[1:] < cost[:-1])]
    return Hull(times[kept], cost[kept])


def _at(hull: Hull, times: Floats) -> Floats:
    cost: Floats = np.interp(times, hull.time_ms, hull.cost_usd)
    return cost


def _above(first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]) -> bool:
    """Whether the middle point lies on or above the line between the others."""
    return (middle[1] - first[1]) * (last[0] - first[0]) >= (last[1] - first[1]) * (middle[0] - first[0])


def _joined(arrays: Iterable[Floats]) -> Floats:
    return np.concatenate([np.zeros(0), *arrays])
