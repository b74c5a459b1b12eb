"""Builds the front of a workflow from those of its functions, upwards through sums and maxima.

A function that is used in several places has one size: where its uses meet, every size of it is tried. Where the whole
front would take too long it is thinned, and says by how much. With a box, only what may lie in it is built.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from itertools import accumulate, product, zip_longest
from math import prod
from typing import NamedTuple

import numpy as np

from tuner.workflows.tradeoffs.boxes import AnswerBox
from tuner.workflows.tradeoffs.forms import Form, Maximum
from tuner.workflows.tradeoffs.fronts import (
    FEW_POINTS,
    MOST_POINTS,
    Effort,
    Front,
    Keep,
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
from tuner.workflows.tradeoffs.outside import Parts
from tuner.workflows.tradeoffs.places import SizingProblem, uses_of
from tuner.workflows.tradeoffs.windows import CostWindow, windows_along


class Limits(NamedTuple):
    """Bounds the time that large workflows and functions at several places take.

    Attributes:
        combinations: of their sizes that are tried, over all nested places; of more, the most promising ones.
        points: of all fronts that are built at one place while combinations are tried.
        pairs: sums of two fronts that are looked at.
        patience: sums that are looked at in all before fronts are thinned; None: those to come are counted as well.
        few_points: that are left of a front then.
    """

    combinations: int
    points: int
    pairs: int
    patience: int | None = None
    few_points: int = FEW_POINTS


WHOLE = Limits(200, 200_000, 1_000_000)
WINDOW = Limits(2_000, 1_000_000, 4_000_000)
"""For one deadline or budget, where few sizes are left."""
PART = Limits(200, 200_000, 100_000, patience=100_000, few_points=4)
"""For a part that may have few trade-offs; where it has many, what is found is of no use."""
GLIMPSED_COMBINATIONS = 40
"""Combinations that are tried where a few good sizes will do."""
_WHOLE_WORK, _WINDOW_WORK = 5_000, 15_000
"""Combinations times functions: of many functions fewer combinations are tried, since each of them takes longer."""
_LEAST_COMBINATIONS = 20
FEWEST_POINTS = 300
"""A front that is built for a combination keeps so many points in any case."""
_PLACES = 12
"""Places along the trade-off whose promising sizes of shared functions are tried."""


class _Part(NamedTuple):
    """Something that is added or compared at one place, and the functions in it."""

    content: Form | Maximum | str
    weight: float
    functions: frozenset[str]


_Built = tuple[Sequence[_Part], Front]
"""Some parts of a sum or of a maximum, and their front."""


def _limits(functions: int, box: AnswerBox | None) -> Limits:
    """Bounds for a whole front, or for what lies in a box."""
    usual, work = (WHOLE, _WHOLE_WORK) if box is None else (WINDOW, _WINDOW_WORK)
    most = min(usual.combinations, max(_LEAST_COMBINATIONS, work // functions))
    return usual._replace(combinations=min(most, GLIMPSED_COMBINATIONS) if box and box.glimpse else most)


class FrontSearch:
    """Builds fronts bottom up; `fixed` holds the sizes of shared functions that are being tried."""

    def __init__(self, problem: SizingProblem, box: AnswerBox | None = None, *, limits: Limits | None = None) -> None:
        self._problem, self._box = problem, box
        self._known: dict[tuple[Form, frozenset[tuple[str, int]]], Front] = {}
        self._still: dict[tuple[Form | Maximum, frozenset[str]], Front] = {}
        self._several = {function for function, count in uses_of(problem.form).items() if count > 1}
        self._limits = limits or _limits(len(problem.options), box)
        self._sizes = cache(self._sizes_of)
        self._times = {frozenset[str](): 1}
        patience = self._limits.patience if box is None else box.patience
        self._effort = Effort(self._limits.pairs, patience, self._limits.few_points)
        self._left_out = False
        self._found: Front | None = None

    @property
    def excess(self) -> float:
        """At most so much dearer, as a fraction, a point of the front is than the best; infinite: not known."""
        excess = self.front().excess
        return np.inf if self._left_out else excess

    def front(self) -> Front:
        """The front of the whole workflow, or of what lies in the box."""
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
        built = [(group, self._together(whole, group, fixed)) for group in groups if group not in still]
        if still:
            key = (whole, frozenset(fixed))
            if key not in self._still:
                alone = self._added(whole, [(group, self._together(whole, group, {})) for group in still], {})
                self._still[key] = thin(alone, most)
            built.append(([part for group in still for part in group], self._still[key]))
        return thin(self._added(whole, built, fixed), most)

    def _added(self, whole: Form | Maximum, built: Iterable[_Built], fixed: Mapping[str, int]) -> Front:
        """The fronts of some parts of a sum or of a maximum; `fixed` are sizes whose cost is not in them."""
        if self._box is None:
            return self._combine(whole, sorted((front for _, front in built), key=len, reverse=True))
        box, unpaid_usd = self._box, {f: float(self._problem.cost_usd(f)[i]) for f, i in fixed.items()}
        contents = [(frozenset(part.content for part in parts), front) for parts, front in built]
        near = [(parts, box.near(front, whole, parts, unpaid_usd)) for parts, front in contents]
        if len(near) == 1:
            return near[0][1]
        near.sort(key=_importance)
        so_far = list(accumulate((parts for parts, _ in near), lambda some, more: some | more))

        def keep(front: Front, count: int) -> Front:
            return box.near(front, whole, so_far[count - 1], unpaid_usd)

        return self._combine(whole, [front for _, front in near], keep)

    def _combine(self, whole: Form | Maximum, fronts: Sequence[Front], keep: Keep = unchanged) -> Front:
        combine = side_by_side if isinstance(whole, Maximum) else one_after_the_other
        return combine(fronts, keep, self._effort)

    def _spent(self, place: Form | Maximum, fixed: Mapping[str, int]) -> float:
        """What the sizes that are tried at a place come to above the best."""
        names = _functions_of(place)
        return self._box.window.spent({f: i for f, i in fixed.items() if f in names}) if self._box else 0.0

    def _together(self, whole: Form | Maximum, parts: Sequence[_Part], fixed: Mapping[str, int]) -> Front:
        """Parts that share functions: each combination of their sizes is tried."""
        shared = sorted(_shared(parts, fixed))
        if not shared:
            front = self._added(whole, [([part], self._part(part, fixed)) for part in parts], fixed)
            self._tell_box(whole, parts, front)
            return front
        sizes = {function: self._sizes(function) for function in shared}
        times = self._times[frozenset(fixed)]
        # Of a whole front, what is shared further inside gets its part of the combinations.
        further = _further(parts, {*shared, *fixed}) if self._box is None else 0
        most = max(2, round((self._limits.combinations / times) ** (len(shared) / (len(shared) + further))))
        combinations = self._combinations(sizes, self._spent(whole, fixed), most)
        self._times[frozenset([*fixed, *shared])] = times * len(combinations)
        tried = [self._tried(whole, parts, fixed, dict(zip(shared, one, strict=True))) for one in combinations]
        return unite(tried, self._effort)

    def _tell_box(self, whole: Form | Maximum, parts: Sequence[_Part], front: Front) -> None:
        """What a part came to bounds what is built after it; that of a function alone is known without."""
        alone = len(parts) == 1 and not isinstance(parts[0].content, str)
        if self._box and alone and not parts[0].functions & self._several:
            self._box.build(whole, parts[0].content, front)

    def _tried(
        self, whole: Form | Maximum, parts: Sequence[_Part], fixed: Mapping[str, int], tried: dict[str, int]
    ) -> Front:
        now = {**fixed, **tried}
        front = self._added(whole, [([part], self._part(part, now)) for part in parts], now)
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
        if self._box is not None:
            found = self._box.window.best(sizes, spent_usd, most + 1)
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


def _importance(one: tuple[Parts, Front]) -> tuple[bool, float]:
    """One point first, then where the costs differ most: what follows can then be told well."""
    front = one[1]
    return len(front) > 1, float(front.cost_usd[-1] - front.cost_usd[0])


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
