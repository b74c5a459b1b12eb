"""Convex curves of cost over time: what no sizes can beat, and what a millisecond is worth along it.

The convex hull of each function's options is added up and merged along the workflow, as if every use of a function
could have a size of its own, and sizes could be mixed. Refuses to know which sizes are the best.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tuner.workflows.tradeoffs.fronts import Floats


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
    kept: list[tuple[float, float]] = []
    for new in sorted(zip(time.tolist(), cost.tolist(), strict=True)):
        if kept and new[1] >= kept[-1][1]:
            continue
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


def _above(first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]) -> bool:
    """Whether the middle point lies on or above the line between the others."""
    return (middle[1] - first[1]) * (last[0] - first[0]) >= (last[1] - first[1]) * (middle[0] - first[0])


def _joined(arrays: Iterable[Floats]) -> Floats:
    return np.concatenate([np.zeros(0), *arrays])
