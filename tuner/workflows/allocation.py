"""The exact trade-off between time and cost of a whole workflow, from its formula and the options of each function.

A function that is used in several places has one size: where its uses meet, every size of it is tried.
Where that would be too many combinations, only some are tried, and the answer says how far it may be off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np

from tuner.workflows.forms import Form, Maximum
from tuner.workflows.fronts import (
    MOST_POINTS,
    Floats,
    Front,
    one_after_the_other,
    options_front,
    point,
    scale_time,
    shift,
    side_by_side,
    thin,
    unite,
)

MOST_COMBINATIONS = 2_000
"""Sizes of shared functions that are tried together, over all nested places; more are thinned evenly."""
_FEWEST_SIZES = 2

MOST_TRIED_POINTS = 1_000_000
"""Points of all fronts that are built at one place while combinations are tried; bounds the time."""
FEWEST_POINTS = 300
"""A front that is built for a combination keeps so many points in any case."""


@dataclass(frozen=True, slots=True, eq=False)
class Choices:
    """What the configurations of a function take and cost per invocation, arrays of shape (G,)."""

    time_ms: Floats
    cost_usd: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Allocations:
    """The front of a workflow.

    Attributes:
        front: time in ms and cost in USD of an execution, and the sizes of each point.
        exact: whether no other sizes are better than a point of the front.
        bound: a front that no sizes can beat; the front itself where it is exact.
    """

    front: Front
    exact: bool
    bound: Front


def allocate(form: Form, invocations: Mapping[str, float], options: Mapping[str, Choices]) -> Allocations:
    """Every trade-off between the time and the cost of an execution.

    Args:
        form: the time of an execution.
        invocations: expected invocations of each function in an execution.
        options: of each function.
    """
    search = _Search(invocations, options, MOST_COMBINATIONS)
    # A function that no path waits for still costs.
    idle = [search.options_of(function, 0.0, {}) for function in invocations if function not in form.functions]
    front = one_after_the_other([search.front_of(form, {}), *idle])
    if not search.thinned:
        return Allocations(front, front.excess == 0, front)
    return Allocations(front, False, _bound(form, invocations, options))


_Combine = Callable[[Iterable[Front]], Front]


class _Part(NamedTuple):
    """Something that is added or compared at one place, and the functions in it."""

    content: Form | Maximum | str
    weight: float
    functions: frozenset[str]


class _Search:
    """Builds fronts bottom up; `fixed` holds the sizes of shared functions that are being tried."""

    def __init__(self, invocations: Mapping[str, float], options: Mapping[str, Choices], most: int) -> None:
        self._invocations, self._options, self._most = invocations, options, most
        self._known: dict[tuple[Form, frozenset[tuple[str, int]]], Front] = {}
        self._still: dict[tuple[Form | Maximum, frozenset[str]], Front] = {}
        self._sizes = cache(self._sizes_of)
        self.thinned = False

    def options_of(self, function: str, weight: float, fixed: Mapping[str, int]) -> Front:
        """The options of a function, or the one size that is being tried; its cost is counted where it is tried."""
        options = self._options[function]
        if function in fixed:
            return point(weight * options.time_ms[fixed[function]])
        cost = self._invocations.get(function, 0.0) * options.cost_usd
        return options_front(function, weight * options.time_ms, cost)

    def front_of(self, form: Form, fixed: Mapping[str, int]) -> Front:
        """The front of a sum."""
        key = (form, frozenset((f, i) for f, i in fixed.items() if f in form.functions))
        if key not in self._known:
            parts = [_Part(term, weight, _functions_of(term)) for term, weight in form.terms]
            front = self._combined(form, parts, fixed, one_after_the_other)
            self._known[key] = shift(front, form.constant_ms)
        return self._known[key]

    def _maximum_of(self, maximum: Maximum, fixed: Mapping[str, int]) -> Front:
        parts = [_Part(branch, 1.0, branch.functions) for branch in maximum.branches]
        return self._combined(maximum, parts, fixed, side_by_side)

    def _combined(
        self, whole: Form | Maximum, parts: Sequence[_Part], fixed: Mapping[str, int], combine: _Combine
    ) -> Front:
        """The parts of a sum or of a maximum; what no size that is being tried changes is combined once."""
        groups = _groups(parts, fixed)
        tried = self._tried_at(parts, fixed)
        most = max(FEWEST_POINTS, MOST_TRIED_POINTS // min(tried, self._most)) if tried > 1 else MOST_POINTS
        still = [group for group in groups if not any(part.functions & fixed.keys() for part in group)]
        fronts = [self._together(group, fixed, combine) for group in groups if group not in still]
        if still:
            key = (whole, frozenset(fixed.keys() & _functions_of(whole)))
            if key not in self._still:
                self._still[key] = thin(combine(self._together(group, fixed, combine) for group in still), most)
            fronts.append(self._still[key])
        return thin(combine(fronts), most)

    def _tried_at(self, parts: Sequence[_Part], fixed: Mapping[str, int]) -> int:
        """For how many combinations of sizes these parts are built."""
        names = frozenset().union(*(part.functions for part in parts))
        return prod(len(self._sizes(function)) for function in fixed.keys() & names)

    def _together(self, parts: Sequence[_Part], fixed: Mapping[str, int], combine: _Combine) -> Front:
        """Parts that share functions: each combination of their sizes is tried."""
        shared = sorted(_shared(parts, fixed))
        if not shared:
            return combine(self._part(part, fixed) for part in parts)
        return unite(
            self._tried(parts, fixed, dict(zip(shared, sizes, strict=True)), combine)
            for sizes in self._combinations(shared, self._tried_at(parts, fixed))
        )

    def _tried(
        self, parts: Sequence[_Part], fixed: Mapping[str, int], tried: dict[str, int], combine: _Combine
    ) -> Front:
        front = combine(self._part(part, {**fixed, **tried}) for part in parts)
        usd = sum(self._invocations[f] * float(self._options[f].cost_usd[i]) for f, i in tried.items())
        return one_after_the_other([front, point(0.0, usd, tried)])

    def _part(self, part: _Part, fixed: Mapping[str, int]) -> Front:
        if isinstance(part.content, str):
            return self.options_of(part.content, part.weight, fixed)
        inner = (
            self._maximum_of(part.content, fixed)
            if isinstance(part.content, Maximum)
            else self.front_of(part.content, fixed)
        )
        return inner if part.weight == 1 else scale_time(inner, part.weight)

    def _combinations(self, functions: Sequence[str], times: int) -> Iterable[tuple[int, ...]]:
        """Sizes to try together at a place that is itself built so many times."""
        sizes = [self._sizes(function) for function in functions]
        while times * prod(map(len, sizes)) > self._most and max(map(len, sizes)) > _FEWEST_SIZES:
            self.thinned = True
            longest = max(range(len(sizes)), key=lambda n: len(sizes[n]))
            sizes[longest] = _thinner(sizes[longest])
        return product(*sizes)

    def _sizes_of(self, function: str) -> list[int]:
        options = self._options[function]
        front = options_front(function, options.time_ms, options.cost_usd)
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


def _shared(parts: Sequence[_Part], fixed: Mapping[str, int]) -> set[str]:
    names = [name for part in parts for name in part.functions if name not in fixed]
    return {name for name in names if names.count(name) > 1}


def _functions_of(term: str | Form | Maximum) -> frozenset[str]:
    if isinstance(term, str):
        return frozenset([term])
    if isinstance(term, Form):
        return term.functions
    return frozenset().union(*(branch.functions for branch in term.branches))


def _thinner(sizes: list[int]) -> list[int]:
    """Half of the sizes, the first and the last among them."""
    return [sizes[round(i)] for i in np.linspace(0, len(sizes) - 1, max(2, len(sizes) // 2))]


def _bound(form: Form, invocations: Mapping[str, float], options: Mapping[str, Choices]) -> Front:
    """The front as if every use could have a size of its own: nothing with one size for all uses can beat it."""
    uses: dict[str, int] = {}
    apart = _renamed(form, uses)
    names = [(f, f"{f}#{n}") for f, count in uses.items() for n in range(count)]
    each = {name: invocations[f] / uses[f] for f, name in names}
    idle = {f: count for f, count in invocations.items() if f not in uses}
    return allocate(apart, each | idle, {**options, **{name: options[f] for f, name in names}}).front


def _renamed(form: Form, uses: dict[str, int]) -> Form:
    """The same formula with a name of its own for every use."""
    terms: list[tuple[str | Maximum, float]] = []
    for term, weight in form.terms:
        if isinstance(term, str):
            uses[term] = uses.get(term, 0) + 1
            terms.append((f"{term}#{uses[term] - 1}", weight))
        else:
            terms.append((Maximum(tuple(_renamed(branch, uses) for branch in term.branches)), weight))
    functions = frozenset().union(*(_functions_of(term) for term, _ in terms))
    return Form(form.constant_ms, tuple(terms), frozenset(terms), functions)
