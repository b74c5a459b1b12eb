"""The trade-off between time and cost of a whole workflow, from its formula and the options of each function.

A function that is used in several places has one size: where its uses meet, every size of it is tried. Where the whole
front would take too long it is thinned, and says by how much. The answer for one deadline or budget is exact all the
same: it is looked for among the sizes that a lower bound does not rule out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import product, zip_longest
from math import prod
from typing import ClassVar, NamedTuple

import numpy as np

from tuner.workflows.tradeoffs.forms import Form, Maximum
from tuner.workflows.tradeoffs.fronts import (
    MOST_POINTS,
    Allocation,
    Choices,
    Effort,
    Front,
    one_after_the_other,
    options_front,
    point,
    scale_time,
    shift,
    side_by_side,
    thin,
    unchanged,
    unite,
)
from tuner.workflows.tradeoffs.windows import (
    CostWindow,
    SizingProblem,
    least_cost,
    uses_of,
    window_at_cost,
    window_at_time,
    windows_along,
)


class Limits(NamedTuple):
    """Bounds the time that large workflows and functions at several places take.

    Attributes:
        combinations: of their sizes that are tried, over all nested places; of more, the most promising ones.
        points: of all fronts that are built at one place while combinations are tried.
        pairs: sums of two fronts that are looked at.
    """

    combinations: int
    points: int
    pairs: int


WHOLE = Limits(200, 200_000, 1_000_000)
WINDOW = Limits(2_000, 1_000_000, 4_000_000)
"""For one deadline or budget, where few sizes are left."""
FEWEST_POINTS = 300
"""A front that is built for a combination keeps so many points in any case."""
_PLACES = 12
"""Places along the trade-off whose promising sizes of shared functions are tried."""
_FIRST_SLACK = 1 / 16
_WIDENING = 4
"""The first window of an answer is so much of what is surely enough; each next one is so many times as wide."""


@dataclass(frozen=True, slots=True, eq=False)
class BestSizes:
    """Sizes for one deadline or budget.

    Attributes:
        allocation: index of the configuration of each function.
        time_ms: of an execution.
        cost_usd: of an execution.
        excess: at most so much, as a fraction, other sizes are cheaper within the deadline, or faster within the
            budget; 0: none are.
    """

    allocation: Allocation
    time_ms: float
    cost_usd: float
    excess: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Allocations:
    """Every trade-off of a workflow.

    Attributes:
        problem: what it was found for.
        front: time in ms and cost in USD of an execution, and the sizes of each point.
        excess: at most so much, as a fraction of the cost, other sizes are cheaper in the same time; 0: none are.
    """

    problem: SizingProblem
    front: Front
    excess: float

    @property
    def exact(self) -> bool:
        """Whether no other sizes are better than a point of the front."""
        return self.excess == 0

    @property
    def fastest(self) -> BestSizes:
        """The least time that is possible."""
        return _answer_at(self.front, 0)

    @property
    def cheapest(self) -> BestSizes:
        """The least cost that is possible."""
        return _answer_at(self.front, len(self.front) - 1)

    def cheapest_within(self, time_ms: float) -> BestSizes | None:
        """The cheapest sizes within a deadline, exact where the front is not; None: there are none."""
        index = self.front.cheapest_within(time_ms)
        return None if index is None else self._answer(index, _Deadline(time_ms), len(self.front) - 1)

    def fastest_within(self, cost_usd: float) -> BestSizes | None:
        """The fastest sizes within a budget, exact where the front is not; None: there are none."""
        index = self.front.fastest_within(cost_usd)
        return None if index is None else self._answer(index, _Budget(cost_usd), 0)

    def _answer(self, index: int, target: _Deadline | _Budget, extreme: int) -> BestSizes:
        """A point of the front, or a better one; no sizes at all are better than the point at the extreme."""
        found = _answer_at(self.front, index)
        if self.exact or index == extreme:
            return found
        return _refined(self.problem, target, replace(found, excess=self.excess if target.bounds_cost else np.inf))


def allocate(form: Form, invocations: Mapping[str, float], options: Mapping[str, Choices]) -> Allocations:
    """Every trade-off between the time and the cost of an execution.

    Args:
        form: the time of an execution.
        invocations: expected invocations of each function in an execution.
        options: of each function.
    """
    problem = SizingProblem(form, invocations, options)
    search = _Search(problem)
    front = search.front()
    return Allocations(problem, front, min(search.excess, _above_least(problem, front)) if search.excess else 0.0)


def _above_least(problem: SizingProblem, front: Front) -> float:
    """By how much the front lies above a curve that no sizes can beat, as a fraction."""
    hull = least_cost(problem)
    # Just before the next point a point costs the most beside what is possible.
    least = np.interp(np.r_[front.time_ms[1:], np.inf], hull.time_ms, hull.cost_usd)
    return float((front.cost_usd / least).max()) - 1 if least.min() > 0 else np.inf


@dataclass(frozen=True, slots=True)
class _Deadline:
    """The least cost within a time is asked for."""

    time_ms: float
    bounds_cost: ClassVar[bool] = True

    def window(self, problem: SizingProblem) -> CostWindow:
        return window_at_time(problem, self.time_ms)

    def index(self, front: Front) -> int | None:
        return front.cheapest_within(self.time_ms)

    def asked(self, answer: BestSizes) -> float:
        return answer.cost_usd

    def surplus_usd(self, answer: BestSizes, window: CostWindow) -> float:
        """Every better answer lies in a window of this slack."""
        return answer.cost_usd + window.root_usd * self.time_ms - window.least_usd

    def excess(self, answer: BestSizes, window: CostWindow) -> float:
        return _fraction(self.surplus_usd(answer, window), answer.cost_usd)


@dataclass(frozen=True, slots=True)
class _Budget:
    """The least time within a cost is asked for."""

    cost_usd: float
    bounds_cost: ClassVar[bool] = False

    def window(self, problem: SizingProblem) -> CostWindow:
        return window_at_cost(problem, self.cost_usd)

    def index(self, front: Front) -> int | None:
        return front.fastest_within(self.cost_usd)

    def asked(self, answer: BestSizes) -> float:
        return answer.time_ms

    def surplus_usd(self, answer: BestSizes, window: CostWindow) -> float:
        """Every better answer lies in a window of this slack."""
        return self.cost_usd + window.root_usd * answer.time_ms - window.least_usd

    def excess(self, answer: BestSizes, window: CostWindow) -> float:
        worth = window.root_usd
        return _fraction(self.surplus_usd(answer, window) / worth, answer.time_ms) if worth else np.inf


def _fraction(surplus: float, whole: float) -> float:
    return surplus / (whole - surplus) if surplus < whole else np.inf


def _refined(problem: SizingProblem, target: _Deadline | _Budget, start: BestSizes) -> BestSizes:
    """The best answer, looked for in windows that grow until none outside can be better."""
    window, found = target.window(problem), start
    enough = target.surplus_usd(found, window)
    slack = _FIRST_SLACK * enough
    while True:
        search = _Search(problem, replace(window, slack_usd=slack))
        front = search.front()
        index = target.index(front)
        if index is not None:
            found = min(found, _answer_at(front, index), key=target.asked)
            enough = target.surplus_usd(found, window)
        if enough <= slack and not search.excess:
            return replace(found, excess=0.0)
        if search.excess and enough > slack / 2:
            return replace(found, excess=min(start.excess, target.excess(found, window)))
        # What was found in a window too wide for all its points may need a narrower one only.
        slack = enough if index is not None else min(enough, _WIDENING * slack)


def _answer_at(front: Front, index: int) -> BestSizes:
    return BestSizes(front.recover(index), float(front.time_ms[index]), float(front.cost_usd[index]))


class _Part(NamedTuple):
    """Something that is added or compared at one place, and the functions in it."""

    content: Form | Maximum | str
    weight: float
    functions: frozenset[str]


class _Search:
    """Builds fronts bottom up; `fixed` holds the sizes of shared functions that are being tried."""

    def __init__(self, problem: SizingProblem, window: CostWindow | None = None) -> None:
        self._problem, self._window = problem, window
        self._known: dict[tuple[Form, frozenset[tuple[str, int]]], Front] = {}
        self._still: dict[tuple[Form | Maximum, frozenset[str]], Front] = {}
        self._limits = WHOLE if window is None else WINDOW
        self._sizes = cache(self._sizes_of)
        self._times = {frozenset[str](): 1}
        self._effort = Effort(self._limits.pairs)
        self._left_out = False
        self._found: Front | None = None

    @property
    def excess(self) -> float:
        """At most so much dearer, as a fraction, a point of the front is than the best; infinite: not known."""
        excess = self.front().excess
        return np.inf if self._left_out else excess

    def front(self) -> Front:
        """The front of the whole workflow, or of what lies in the window."""
        if self._found is None:
            idle = [self._options_of(function, 0.0, {}) for function in self._problem.idle]
            self._found = one_after_the_other([self._front_of(self._problem.form, {}), *idle])
        return self._found

    def _options_of(self, function: str, weight: float, fixed: Mapping[str, int]) -> Front:
        """The options of a function, or the one size that is being tried; its cost is counted where it is tried."""
        time_ms = weight * self._problem.options[function].time_ms
        if function in fixed:
            return point(time_ms[fixed[function]])
        return options_front(function, time_ms, self._problem.cost_usd(function))

    def _front_of(self, form: Form, fixed: Mapping[str, int]) -> Front:
        """The front of a sum."""
        key = (form, frozenset((f, i) for f, i in fixed.items() if f in form.functions))
        if key not in self._known:
            parts = [_Part(term, weight, _functions_of(term)) for term, weight in form.terms]
            front = self._combined(form, parts, fixed)
            self._known[key] = shift(front, form.constant_ms)
        return self._known[key]

    def _maximum_of(self, maximum: Maximum, fixed: Mapping[str, int]) -> Front:
        return self._combined(maximum, [_Part(branch, 1.0, branch.functions) for branch in maximum.branches], fixed)

    def _combined(self, whole: Form | Maximum, parts: Sequence[_Part], fixed: Mapping[str, int]) -> Front:
        """The parts of a sum or of a maximum; what no size that is being tried changes is combined once."""
        fixed = fixed if fixed.keys() & _functions_of(whole) else {}
        times = self._times[frozenset(fixed)]
        most = max(FEWEST_POINTS, self._limits.points // times) if times > 1 else MOST_POINTS
        groups = _groups(parts, fixed)
        still = [group for group in groups if not any(part.functions & fixed.keys() for part in group)]
        fronts = [self._together(whole, group, fixed) for group in groups if group not in still]
        if still:
            key = (whole, frozenset(fixed))
            if key not in self._still:
                alone = self._added(whole, [self._together(whole, group, {}) for group in still], {})
                self._still[key] = thin(alone, most)
            fronts.append(self._still[key])
        return thin(self._near(whole, self._added(whole, fronts, fixed), fixed), most)

    def _added(self, whole: Form | Maximum, fronts: Iterable[Front], fixed: Mapping[str, int]) -> Front:
        """Some parts of a sum or of a maximum; what is of no interest in a sum is none in the whole either."""
        if isinstance(whole, Maximum):
            return side_by_side(fronts, unchanged, self._effort)
        return one_after_the_other(fronts, lambda front: self._near(whole, front, fixed), self._effort)

    def _near(self, place: Form | Maximum, front: Front, fixed: Mapping[str, int]) -> Front:
        """What lies in the window."""
        return front if self._window is None else self._window.near(front, place, self._spent(place, fixed))

    def _spent(self, place: Form | Maximum, fixed: Mapping[str, int]) -> float:
        """What the sizes that are tried at a place come to above the best."""
        names = _functions_of(place)
        return self._window.spent({f: i for f, i in fixed.items() if f in names}) if self._window else 0.0

    def _together(self, whole: Form | Maximum, parts: Sequence[_Part], fixed: Mapping[str, int]) -> Front:
        """Parts that share functions: each combination of their sizes is tried."""
        shared = sorted(_shared(parts, fixed))
        if not shared:
            return self._added(whole, [self._part(part, fixed) for part in parts], fixed)
        sizes = {function: self._sizes(function) for function in shared}
        times = self._times[frozenset(fixed)]
        # Of a whole front, what is shared further inside gets its part of the combinations.
        further = _further(parts, {*shared, *fixed}) if self._window is None else 0
        most = max(2, round((self._limits.combinations / times) ** (len(shared) / (len(shared) + further))))
        combinations = self._combinations(sizes, self._spent(whole, fixed), most)
        self._times[frozenset([*fixed, *shared])] = times * len(combinations)
        tried = [self._tried(whole, parts, fixed, dict(zip(shared, one, strict=True))) for one in combinations]
        return unite(tried, self._effort)

    def _tried(
        self, whole: Form | Maximum, parts: Sequence[_Part], fixed: Mapping[str, int], tried: dict[str, int]
    ) -> Front:
        now = {**fixed, **tried}
        front = self._added(whole, [self._part(part, now) for part in parts], now)
        usd = sum(float(self._problem.cost_usd(function)[index]) for function, index in tried.items())
        return one_after_the_other([front, point(0.0, usd, tried)])

    def _part(self, part: _Part, fixed: Mapping[str, int]) -> Front:
        if isinstance(part.content, str):
            return self._options_of(part.content, part.weight, fixed)
        inner = (
            self._maximum_of(part.content, fixed)
            if isinstance(part.content, Maximum)
            else self._front_of(part.content, fixed)
        )
        return inner if part.weight == 1 else scale_time(inner, part.weight)

    def _combinations(self, sizes: Mapping[str, list[int]], spent_usd: float, most: int) -> list[tuple[int, ...]]:
        """Sizes to try together."""
        if self._window is not None:
            found = self._window.best(sizes, spent_usd, most + 1)
        elif prod(map(len, sizes.values())) <= most:
            return list(product(*sizes.values()))
        else:
            found = self._promising(sizes, most)
        self._left_out |= len(found) > most
        return found[:most]

    def _promising(self, sizes: Mapping[str, list[int]], most: int) -> list[tuple[int, ...]]:
        """More than so many combinations; the first ones are the best all along the trade-off."""
        each = [window.best(sizes, 0.0, most) for window in self._along]
        best = (one for rank in zip_longest(*each) for one in rank if one is not None)
        return list(dict.fromkeys([*self._ends(sizes), *best]))

    def _ends(self, functions: Iterable[str]) -> Iterator[tuple[int, ...]]:
        """The fastest and the cheapest sizes, so that the front begins and ends where it should."""
        options = self._problem.options
        yield tuple(int(options[function].time_ms.argmin()) for function in functions)
        yield tuple(int(options[function].cost_usd.argmin()) for function in functions)

    @cached_property
    def _along(self) -> list[CostWindow]:
        return windows_along(self._problem, _PLACES)

    def _sizes_of(self, function: str) -> list[int]:
        front = self._options_of(function, 1.0, {})
        return [front.recover(i)[function] for i in range(len(front))]


def _groups(parts: Iterable[_Part], fixed: Mapping[str, int]) -> list[list[_Part]]:
    """Parts that share a function that is not yet tried, directly or over others."""
    groups: list[tuple[set[str], list[_Part]]] = []
    for part in parts:
        names, members = set(part.functions - fixed.keys()), [part]
        apart = []
        for other_names, others in groups:
            if names & other_names:
                names |= other_names
                members = others + members
            else:
                apart.append((other_names, others))
        groups = [*apart, (names, members)]
    return [members for _, members in groups]


def _further(parts: Sequence[_Part], known: set[str]) -> int:
    """How many functions are used at several places inside a part."""
    return sum(count > 1 for part in parts for f, count in uses_of(part.content).items() if f not in known)


def _shared(parts: Sequence[_Part], fixed: Mapping[str, int]) -> set[str]:
    names = [name for part in parts for name in part.functions if name not in fixed]
    return {name for name in names if names.count(name) > 1}


def _functions_of(term: str | Form | Maximum) -> frozenset[str]:
    if isinstance(term, str):
        return frozenset([term])
    if isinstance(term, Form):
        return term.functions
    return frozenset().union(*(branch.functions for branch in term.branches))
