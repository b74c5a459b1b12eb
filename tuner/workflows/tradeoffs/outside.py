"""What the rest of a workflow costs at least, by the time that one part of it takes.

With it, a point of a part is known to be of no use before the rest is built: where even the least cost of the rest
comes to too much. Refuses to know what is asked for; it is given the time that an execution may take.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tuner.workflows.tradeoffs.forms import Form, Maximum
from tuner.workflows.tradeoffs.fronts import Floats, Front
from tuner.workflows.tradeoffs.hulls import Hull, higher, hull_of_options
from tuner.workflows.tradeoffs.places import Content, FormPlace, SizingProblem

Parts = frozenset[Content]
"""Some parts of a sum or of a maximum."""
Place = tuple[Form | Maximum, Content]
"""A part, and the sum or the maximum around it."""


class Outside:
    """Lower bounds of the cost of all else, for every sum and every maximum of a workflow, and for parts of them.

    Each bound is convex: it comes from the hulls of all else, by adding them or taking their maximum. It is kept as a
    hull over the time of the part counted backwards, since the rest costs less where the part leaves it more time.

    Args:
        root: the whole workflow.
        most_ms: what an execution may take.
        built: better bounds than the hulls, of parts that were built before; what is built now is added.
    """

    def __init__(self, root: FormPlace, most_ms: float, built: dict[Place, Hull] | None = None) -> None:
        self._built = {} if built is None else built
        self._around: dict[Form | Maximum, Callable[[Parts], Hull]] = {}
        self._parts: dict[Form | Maximum, dict[Content, FormPlace]] = {}
        self._above: dict[Form | Maximum, tuple[Form | Maximum, float]] = {}
        self._root, self._most_ms = root, most_ms
        self._enter(root)

    def least_usd(self, whole: Form | Maximum, parts: Parts, time_ms: Floats) -> Floats:
        """What all but some parts of a sum or a maximum costs at least, where these parts take so long together.

        Args:
            whole: the sum, its constant apart, or the maximum.
            parts: of it.
            time_ms: shape (N,).

        Returns:
            Shape (N,); infinite where there is no time left.
        """
        around = self._around_of(whole)(parts)
        least: Floats = np.interp(-time_ms, around.time_ms, around.cost_usd, left=np.inf)
        return least

    def of_functions(self, problem: SizingProblem) -> dict[str, Floats]:
        """What an execution costs at least with each configuration of the functions that are used at one place."""
        found: dict[str, Floats] = {}
        for whole, parts in self._parts.items():
            for function, use in parts.items():
                if isinstance(function, str) and not use.shares:
                    time_ms = use.weight * problem.options[function].time_ms
                    found[function] = problem.cost_usd(function) + self.least_usd(whole, frozenset([function]), time_ms)
        return found

    def share(self, whole: Form | Maximum, parts: Parts, function: str) -> float:
        """The share of the cost of a function at several places that these parts bear in the bounds."""
        return sum(self._parts[whole][part].shares.get(function, 0.0) for part in parts)

    def build(self, whole: Form | Maximum, part: Content, front: Front) -> None:
        """A part was built: all that is still of interest lies on its front, which bounds it better than its hull.

        Args:
            whole: the sum or the maximum around the part.
            part: of it, without functions that are used at several places.
            front: of it, with its weight.
        """
        place = self._parts[whole][part]
        found = hull_of_options(front.time_ms / place.weight, front.cost_usd / (1 + front.excess))
        hull = higher(place.hull, found) if front.excess else found
        self._built[whole, part] = hull
        self._parts[whole][part] = replace(place, hull=hull)
        self._around.pop(whole, None)

    def _enter(self, place: FormPlace) -> None:
        content = place.content
        if isinstance(content, str):
            return
        known = {part.content: self._built.get((content, part.content), part.hull) for part in place.parts}
        self._parts[content] = {part.content: replace(part, hull=known[part.content]) for part in place.parts}
        for part in place.parts:
            if not isinstance(part.content, str):
                self._above[part.content] = content, part.weight
                self._enter(part)

    def _around_of(self, content: Form | Maximum) -> Callable[[Parts], Hull]:
        """The bounds on all but some parts of a sum or a maximum, from what is built by now."""
        if content not in self._around:
            places, outer = [*self._parts[content].values()], self._outer(content)
            around = (
                _around_sum(content, places, outer) if isinstance(content, Form) else _around_maximum(places, outer)
            )
            self._around[content] = cache(around)
        return self._around[content]

    def _outer(self, content: Form | Maximum) -> Hull:
        """The bound on all but a sum or a maximum."""
        if content not in self._above:
            last = max(self._most_ms, float(self._root.hull.time_ms[0]))
            return Hull(np.array([-last]), np.array([0.0]))
        above, weight = self._above[content]
        hull = self._around_of(above)(frozenset([content]))
        return Hull(hull.time_ms / weight, hull.cost_usd)


def _around_sum(whole: Form, places: Sequence[FormPlace], outer: Hull) -> Callable[[Parts], Hull]:
    """Of the other parts, those that save the most per millisecond get their time first."""
    hulls = [*(part.hull for part in places), Hull(outer.time_ms + whole.constant_ms, outer.cost_usd)]
    weights = [*(part.weight for part in places), 1.0]
    start_ms = np.array([weight * hull.time_ms[0] for hull, weight in zip(hulls, weights, strict=True)])
    start_usd = np.array([hull.cost_usd[0] for hull in hulls])
    steps_ms = np.concatenate([weight * np.diff(hull.time_ms) for hull, weight in zip(hulls, weights, strict=True)])
    steps_usd = np.concatenate([np.diff(hull.cost_usd) for hull in hulls])
    # A step so short that rounding made it nothing comes first.
    order = np.argsort(steps_usd / np.maximum(steps_ms, np.finfo(float).tiny), kind="stable")
    owner = np.repeat(np.arange(len(hulls)), [len(hull.time_ms) - 1 for hull in hulls])[order]
    steps_ms, steps_usd = steps_ms[order], steps_usd[order]

    index = {part.content: number for number, part in enumerate(places)}

    def around(parts: Parts) -> Hull:
        others = _others(index, parts, len(hulls))
        kept = others[owner]
        return Hull(_summed(start_ms[others], steps_ms[kept]), _summed(start_usd[others], steps_usd[kept]))

    return around


def _summed(starts: Floats, steps: Floats) -> Floats:
    """The sum of the starts, and where each step leads to."""
    return np.cumsum(np.concatenate((starts.sum(keepdims=True), steps)))


def _around_maximum(places: Sequence[FormPlace], outer: Hull) -> Callable[[Parts], Hull]:
    """The other branches have all the time that the slowest takes; more of it may cost less in all."""
    first = max(float(part.hull.time_ms[0]) for part in places)
    last = max(first, -float(outer.time_ms[0]))
    breaks = np.concatenate([*(part.hull.time_ms for part in places), -outer.time_ms, [first, last]])
    times = np.sort(breaks[(first <= breaks) & (breaks <= last)])
    times = times[np.r_[True, times[1:] > times[:-1]]]
    costs = np.array([np.interp(times, part.hull.time_ms, part.hull.cost_usd) for part in places])
    outer_usd = np.interp(-times, outer.time_ms, outer.cost_usd)

    index = {part.content: number for number, part in enumerate(places)}

    def around(parts: Parts) -> Hull:
        total = outer_usd + costs[_others(index, parts, len(costs))].sum(axis=0)
        best = int(total.argmin())
        return Hull(-times[best:][::-1], total[best:][::-1])

    return around


def _others(index: Mapping[Content, int], some: Parts, count: int) -> NDArray[np.bool_]:
    """Which of so many parts are not among some."""
    others = np.ones(count, bool)
    others[[index[content] for content in some]] = False
    return others
