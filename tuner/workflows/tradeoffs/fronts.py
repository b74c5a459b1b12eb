"""Trade-off fronts: every pair of time and cost that no other pair beats in both, and the sizes behind each.

Fronts are added up, merged and united without losing a point, so that a front of a workflow is exact.
Above `MOST_POINTS` points a front is thinned, and says by how much that can cost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Allocation = dict[str, int]
"""For each function, the index of its configuration."""
Trace = Callable[[int], tuple[Allocation, Sequence[tuple["Trace", int]]]]
"""What a point of a front was made of: sizes, and points of other fronts."""

MOST_POINTS = 100_000
"""A front with more points is thinned. A hundred functions of forty noisy sizes come to 20,000 to 83,000."""
MOST_PAIRS = 4_000_000
"""Sums of two fronts that are looked at; of more, the fronts are thinned first. Bounds time and memory."""
MUCH_PAIRS = 1_500_000
"""Sums that are looked at in about half a second; once they are more, or will be, `FEW_POINTS` and `FEW_PAIRS` hold."""
FEW_POINTS = 700
FEW_PAIRS = 50_000
_AROUND = 4
"""Bands on either side that tell what a millisecond is worth."""
_TINY = np.finfo(float).tiny
_ROUNDING = 1e-12
"""Costs that differ by less are equal sums in another order; equal functions would have very many of them."""
_NEIGHBOURS = 12
"""Points of a block that is left out as a whole where it is beaten, and blocks of a larger one."""


@dataclass(frozen=True, slots=True, eq=False)
class Front:
    """Points by ascending time and descending cost.

    Attributes:
        time_ms: shape (N,).
        cost_usd: shape (N,).
        trace: what a point was made of, by its index.
        excess: at most so much, as a fraction of its cost, a point was thinned away; 0: the front is exact.
    """

    time_ms: Floats
    cost_usd: Floats
    trace: Trace
    excess: float = 0.0

    def __len__(self) -> int:
        return len(self.time_ms)

    def recover(self, index: int) -> Allocation:
        """The sizes behind a point."""
        found: Allocation = {}
        left: list[tuple[Trace, int]] = [(self.trace, index)]
        while left:
            trace, point_index = left.pop()
            sizes, origins = trace(point_index)
            found |= sizes
            left += origins
        return found

    def some(self, kept: Ints) -> Front:
        """The points with these indexes, in the same order."""
        trace = self.trace
        return Front(self.time_ms[kept], self.cost_usd[kept], lambda n: ({}, [(trace, int(kept[n]))]), self.excess)

    def cheapest_within(self, time_ms: float) -> int | None:
        """Index of the cheapest point that takes at most so long; None: there is none."""
        found = int(np.searchsorted(self.time_ms, slightly_above(time_ms), side="right")) - 1
        return found if found >= 0 else None

    def fastest_within(self, cost_usd: float) -> int | None:
        """Index of the fastest point that costs at most so much; None: there is none."""
        found = int(np.searchsorted(-self.cost_usd, -slightly_above(cost_usd), side="left"))
        return found if found < len(self) else None


@dataclass(frozen=True, slots=True, eq=False)
class Choices:
    """What the configurations of a function take and cost per invocation, arrays of shape (G,)."""

    time_ms: Floats
    cost_usd: Floats


@dataclass(slots=True)
class Effort:
    """Bounds the time and the memory that fronts take: once much was looked at, longer fronts are thinned.

    Attributes:
        most: sums of two fronts that are looked at, if fewer than `MOST_PAIRS`.
        patience: sums that are looked at before they are many; None: `MUCH_PAIRS`, those to come included.
        few_points: a longer front is thinned once they are many.
        pairs: sums of two points that were looked at.
        recent: those of the last few fronts.
        much: whether they are many, or will be.
    """

    most: int = MOST_PAIRS
    patience: int | None = None
    few_points: int = FEW_POINTS
    pairs: int = 0
    recent: deque[int] = field(default_factory=lambda: deque(maxlen=8))
    much: bool = False

    def expect(self, fronts: int) -> None:
        """So many fronts are still to be added, each with as many sums as the ones before."""
        to_come = fronts * sum(self.recent) / max(1, len(self.recent))
        self.much |= self.patience is None and self.pairs + to_come > MUCH_PAIRS

    def spend(self, pairs: int) -> None:
        """So many sums were looked at for one front."""
        self.pairs += pairs
        self.recent.append(pairs)
        self.much |= self.pairs > (MUCH_PAIRS if self.patience is None else self.patience)

    @property
    def most_points(self) -> int:
        """A longer front is thinned."""
        return self.few_points if self.much else MOST_POINTS

    @property
    def most_pairs(self) -> int:
        """Fronts with more sums that may count are thinned first."""
        return min(self.most, FEW_PAIRS if self.much else MOST_PAIRS)


_TRUE = np.array([True])

Keep = Callable[[Front, int], Front]
"""Leaves out points of the sum of so many fronts that are of no interest."""


def unchanged(front: Front, _: int) -> Front:
    """Every point."""
    return front


def point(time_ms: float, cost_usd: float = 0.0, allocation: Allocation | None = None) -> Front:
    """A front of one point."""
    sizes = dict(allocation or {})
    return Front(np.array([time_ms]), np.array([cost_usd]), lambda _: (sizes, ()))


def options_front(function: str, time_ms: Floats, cost_usd: Floats) -> Front:
    """The front of one function's configurations; arrays of shape (G,)."""
    kept = _undominated(time_ms, cost_usd)
    return Front(time_ms[kept], cost_usd[kept], lambda i: ({function: int(kept[i])}, ()))


def shift(front: Front, time_ms: float, cost_usd: float = 0.0) -> Front:
    """Every point later and dearer by a constant."""
    return Front(front.time_ms + time_ms, front.cost_usd + cost_usd, front.trace, front.excess)


def scale_time(front: Front, factor: float) -> Front:
    """Every time multiplied by a factor."""
    return Front(front.time_ms * factor, front.cost_usd, front.trace, front.excess)


def thin(front: Front, most: int) -> Front:
    """The front itself, or two points of each narrow band of costs.

    The fastest of a band bounds what the others are better. The one that costs the least, with its time at what the
    bands around pay for a millisecond, makes the best sums with other fronts.
    """
    if len(front) <= most:
        return front
    cost = np.log(np.maximum(front.cost_usd, _TINY))
    width = (cost[0] - cost[-1]) / max(1, (most - 2) // 2)
    bands = np.floor((cost - cost[-1]) / width)
    # By ascending time: the first of a band is its fastest. The cheapest point of all stays as well.
    chosen = _with_first(bands[1:] != bands[:-1])
    first, owner = np.flatnonzero(chosen), np.cumsum(chosen) - 1
    total = front.cost_usd + _worth(front, first)[owner] * front.time_ms
    chosen |= total <= np.minimum.reduceat(total, first)[owner]
    chosen[-1] = True
    return replace(front.some(np.flatnonzero(chosen)), excess=(1 + front.excess) * float(np.exp(width)) - 1)


def _worth(front: Front, places: Ints) -> Floats:
    """USD that a millisecond saves around some points of a front."""
    number = np.arange(len(places))
    before = places[np.maximum(number - _AROUND, 0)]
    after = places[np.minimum(number + _AROUND, len(places) - 1)]
    saved: Floats = front.cost_usd[before] - front.cost_usd[after]
    return saved / np.maximum(front.time_ms[after] - front.time_ms[before], _TINY)


def one_after_the_other(fronts: Iterable[Front], keep: Keep = unchanged, effort: Effort | None = None) -> Front:
    """Times and costs add up, in the given order; of every partial sum `keep` leaves out what is of no interest."""
    effort, fronts, total = effort or Effort(), tuple(fronts), point(0.0)
    left = sum(len(front) > 1 for front in fronts)
    for count, front in enumerate(fronts, 1):
        total = keep(_sum(total, front, effort), count)
        left -= len(front) > 1
        effort.expect(left)
    return total


def side_by_side(fronts: Iterable[Front], keep: Keep = unchanged, effort: Effort | None = None) -> Front:
    """The later time counts, costs add up; `keep` leaves out what is of no interest in the branches so far."""
    effort = effort or Effort()
    total: Front | None = None
    for count, front in enumerate(fronts, 1):
        total = keep(front if total is None else _maximum(total, front, effort), count)
    assert total is not None
    return total


def unite(fronts: Iterable[Front], effort: Effort | None = None) -> Front:
    """Either of several fronts."""
    fronts = tuple(fronts)
    owner = np.repeat(np.arange(len(fronts)), [len(front) for front in fronts])
    index = np.concatenate([np.arange(len(front)) for front in fronts])
    time, cost = (np.concatenate([getattr(f, name) for f in fronts]) for name in ("time_ms", "cost_usd"))
    kept = _undominated(time, cost)
    excess = max(front.excess for front in fronts)
    traces = [front.trace for front in fronts]
    united = Front(time[kept], cost[kept], lambda i: ({}, [(traces[owner[kept[i]]], int(index[kept[i]]))]), excess)
    return thin(united, (effort or Effort()).most_points)


def _sum(left: Front, right: Front, effort: Effort) -> Front:
    """Every undominated sum; of fronts with too many pairs the longer one is thinned first."""
    left, right = sorted((left, right), key=len, reverse=True)
    if len(right) == 1:
        moved = shift(left, float(right.time_ms[0]), float(right.cost_usd[0]))
        of_left, of_right = left.trace, right.trace
        return replace(moved, trace=lambda n: ({}, [(of_left, n), (of_right, 0)]), excess=_excess(left, right))
    left = thin(left, effort.most_points)
    pairs = _pairs(left, right, effort.most_pairs)
    if pairs is None:
        return _sum(thin(left, len(left) // 2), right, effort)
    i, j = pairs
    effort.spend(len(left) * len(right) // _NEIGHBOURS + len(i))
    time, cost = left.time_ms[i] + right.time_ms[j], left.cost_usd[i] + right.cost_usd[j]
    kept = _undominated(time, cost)
    return _joined(left, right, i[kept], j[kept], time[kept], cost[kept], effort)


def _pairs(left: Front, right: Front, most: int) -> tuple[Ints, Ints] | None:
    """Indexes of the pairs whose sum may lie on the front; None: they are more than `most`.

    Blocks of neighbours are paired first, and split where their pair is not beaten as a whole. The pairs of one point
    of `right` stand together, by ascending time: sorting their sums is then merging.
    """
    head, tail = _blocks(right)
    row, first, last = np.arange(len(head)), np.zeros(len(head), int), np.full(len(head), len(left) - 1)
    for size in (_NEIGHBOURS**2, _NEIGHBOURS):
        if len(left) <= size * _NEIGHBOURS:
            continue
        if len(head) * len(left) > most * _NEIGHBOURS**2:
            return None
        block, within = _ranges((last - first) // size + 1)
        row, first = row[block], first[block] + within * size
        last = np.minimum(first + size - 1, last[block])
        kept = _unbeaten(left, right, (first, last), (head[row], tail[row]))
        row, first, last = row[kept], first[kept], last[kept]
    # Every point of a block of `right` meets all that is left of `left`.
    start = np.searchsorted(row, np.arange(len(head) + 1))
    of = np.repeat(np.arange(len(head)), tail - head + 1)
    j, within = _ranges(np.diff(start)[of])
    block = start[of[j]] + within
    count = last[block] - first[block] + 1
    if count.sum() > most:
        return None
    member, within = _ranges(count)
    return first[block[member]] + within, j[member]


def _unbeaten(left: Front, right: Front, rows: tuple[Ints, Ints], columns: tuple[Ints, Ints]) -> NDArray[np.bool_]:
    """Which pairs of blocks, given by their first and last points, may hold a point of the front.

    No pair of two blocks is faster than the sum of their first points, or cheaper than that of their last. Where a sum
    of first points is as fast as the one and cheaper than the other, no pair of these blocks lies on the front.
    """
    order = np.argsort(left.time_ms[rows[0]] + right.time_ms[columns[0]], kind="stable")
    reached = left.cost_usd[rows[0]] + right.cost_usd[columns[0]]
    least = left.cost_usd[rows[1]] + right.cost_usd[columns[1]]
    unbeaten = np.empty(len(order), bool)
    unbeaten[order] = np.minimum.accumulate(reached[order]) >= least[order]
    return unbeaten


def _blocks(front: Front) -> tuple[Ints, Ints]:
    """First and last points of blocks of neighbours; of few points each one is a block of its own."""
    size = _NEIGHBOURS if len(front) > _NEIGHBOURS**2 else 1
    first = np.arange(0, len(front), size)
    return first, np.minimum(first + size, len(front)) - 1


def _ranges(count: Ints) -> tuple[Ints, Ints]:
    """For ranges of so many members: the range of each member, and its place in it."""
    owner = np.repeat(np.arange(len(count)), count)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)


def _maximum(left: Front, right: Front, effort: Effort) -> Front:
    # np.unique would load masked arrays, which takes longer than the front of ten functions.
    time = np.sort(np.concatenate([left.time_ms, right.time_ms]))
    time = time[(time >= max(left.time_ms[0], right.time_ms[0])) & _with_first(time[1:] > time[:-1])]
    from_left = np.searchsorted(left.time_ms, time, side="right") - 1
    from_right = np.searchsorted(right.time_ms, time, side="right") - 1
    cost = left.cost_usd[from_left] + right.cost_usd[from_right]
    return _joined(left, right, from_left, from_right, time, cost, effort)


def _joined(left: Front, right: Front, i: Ints, j: Ints, time: Floats, cost: Floats, effort: Effort) -> Front:
    # The functions alone, so that the points of `left` and `right` are not kept.
    of_left, of_right = left.trace, right.trace
    front = Front(time, cost, lambda n: ({}, [(of_left, int(i[n])), (of_right, int(j[n]))]), _excess(left, right))
    return thin(front, effort.most_points)


def _excess(left: Front, right: Front) -> float:
    return max(left.excess, right.excess)


def _undominated(time: Floats, cost: Floats) -> Ints:
    """Indexes of the points that no other beats, by ascending time."""
    order = np.argsort(time, kind="stable")
    sorted_cost = cost[order]
    cheapest = np.minimum.accumulate(sorted_cost)
    order = order[_with_first(sorted_cost[1:] < cheapest[:-1] * (1 - _ROUNDING))]
    sorted_time = time[order]
    # Of several points at one time the last is the cheapest.
    last: Ints = order[np.concatenate((sorted_time[1:] > sorted_time[:-1], _TRUE))]
    return last


def _with_first(others: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.concatenate((_TRUE, others))


def slightly_above(value: float) -> float:
    """A bound that a sum in another order still meets."""
    return value + 1e-9 * abs(value)
