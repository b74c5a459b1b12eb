"""What the rest of a workflow costs at least, by the time that one part of it takes.

With it, a point of a part is known to be of no use before the rest is built: where even the least cost of the rest
comes to too much. Refuses to know what is asked for; it is given the time that an execution may take.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tuner.workflows.tradeoffs.forms import Form, Maximum
from tuner.workflows.tradeoffs.fronts import Floats
from tuner.workflows.tradeoffs.hulls import Hull
from tuner.workflows.tradeoffs.places import Content, FormPlace, SizingProblem

Parts = frozenset[Content]
"""Some parts of a sum or of a maximum."""


class Outside:
    """Lower bounds of the cost of all else, for every sum and every maximum of a workflow, and for parts of them.

    Each bound is convex: it comes from the hulls of all else, by adding them or taking their maximum. It is kept as a
    hull over the time of the part counted backwards, since the rest costs less where the part leaves it more time.

    Args:
        root: the whole workflow.
        most_ms: what an execution may take.
    """

    def __init__(self, root: FormPlace, most_ms: float) -> None:
        self._around: dict[Form | Maximum, Callable[[Parts], Hull]] = {}
        self._shares: dict[Form | Maximum, dict[Content, FormPlace]] = {}
        self._enter(root, Hull(np.array([-max(most_ms, float(root.hull.time_ms[0]))]), np.array([0.0])))

    def least_usd(self, whole: Form | Maximum, parts: Parts, time_ms: Floats) -> Floats:
        """What all but some parts of a sum or a maximum costs at least, where these parts take so long together.

        Args:
            whole: the sum, its constant apart, or the maximum.
            parts: of it.
            time_ms: shape (N,).

        Returns:
            Shape (N,); infinite where there is no time left.
        """
        around = self._around[whole](parts)
        least: Floats = np.interp(-time_ms, around.time_ms, around.cost_usd, left=np.inf)
        return least

    def of_functions(self, problem: SizingProblem) -> dict[str, Floats]:
        """What an execution costs at least with each configuration of the functions that are used at one place."""
        found: dict[str, Floats] = {}
        for whole, parts in self._shares.items():
            for function, use in parts.items():
                if isinstance(function, str) and not use.shares:
                    time_ms = use.weight * problem.options[function].time_ms
                    found[function] = problem.cost_usd(function) + self.least_usd(whole, frozenset([function]), time_ms)
        return found

    def share(self, whole: Form | Maximum, parts: Parts, function: str) -> float:
        """The share of the cost of a function at several places that these parts bear in the bounds."""
        return sum(self._shares[whole][part].shares.get(function, 0.0) for part in parts)

    def _enter(self, place: FormPlace, outer: Hull) -> None:
        content = place.content
        if isinstance(content, str):
            return
        around = cache((_around_sum if isinstance(content, Form) else _around_maximum)(place, outer))
        self._around[content] = around
        self._shares[content] = {part.content: part for part in place.parts}
        for part in place.parts:
            if not isinstance(part.content, str):
                hull = around(frozenset([part.content]))
                self._enter(part, Hull(hull.time_ms / part.weight, hull.cost_usd))


def _around_sum(place: FormPlace, outer: Hull) -> Callable[[Parts], Hull]:
    """Of the other parts, those that save the most per millisecond get their time first."""
    assert isinstance(place.content, Form)
    hulls = [*(part.hull for part in place.parts), Hull(outer.time_ms + place.content.constant_ms, outer.cost_usd)]
    weights = [*(part.weight for part in place.parts), 1.0]
    start_ms = np.array([weight * hull.time_ms[0] for hull, weight in zip(hulls, weights, strict=True)])
    start_usd = np.array([hull.cost_usd[0] for hull in hulls])
    steps_ms = np.concatenate([weight * np.diff(hull.time_ms) for hull, weight in zip(hulls, weights, strict=True)])
    steps_usd = np.concatenate([np.diff(hull.cost_usd) for hull in hulls])
    # A step so short that rounding made it nothing comes first.
    order = np.argsort(steps_usd / np.maximum(steps_ms, np.finfo(float).tiny), kind="stable")
    owner = np.repeat(np.arange(len(hulls)), [len(hull.time_ms) - 1 for hull in hulls])[order]
    steps_ms, steps_usd = steps_ms[order], steps_usd[order]

    index = {part.content: number for number, part in enumerate(place.parts)}

    def around(parts: Parts) -> Hull:
        others = _others(index, parts, len(hulls))
        kept = others[owner]
        return Hull(_summed(start_ms[others], steps_ms[kept]), _summed(start_usd[others], steps_usd[kept]))

    return around


def _summed(starts: Floats, steps: Floats) -> Floats:
    """The sum of the starts, and where each step leads to."""
    return np.cumsum(np.concatenate((starts.sum(keepdims=True), steps)))


def _around_maximum(place: FormPlace, outer: Hull) -> Callable[[Parts], Hull]:
    """The other branches have all the time that the slowest takes; more of it may cost less in all."""
    first = float(place.hull.time_ms[0])
    last = max(first, -float(outer.time_ms[0]))
    breaks = np.concatenate([*(part.hull.time_ms for part in place.parts), -outer.time_ms, [first, last]])
    times = np.sort(breaks[(first <= breaks) & (breaks <= last)])
    times = times[np.r_[True, times[1:] > times[:-1]]]
    costs = np.array([np.interp(times, part.hull.time_ms, part.hull.cost_usd) for part in place.parts])
    outer_usd = np.interp(-times, outer.time_ms, outer.cost_usd)

    index = {part.content: number for number, part in enumerate(place.parts)}

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
