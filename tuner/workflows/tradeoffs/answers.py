"""The best sizes for one deadline or one budget, exact where the front of the whole workflow is not.

A glimpse finds good sizes: of every front only the few points are kept after which the rest costs the least. Then all
that is at least as good is looked for. Lower bounds leave so little of it that no front has to be thinned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tuner.workflows.tradeoffs.bottom_up import FrontSearch
from tuner.workflows.tradeoffs.boxes import AnswerBox, Sizing
from tuner.workflows.tradeoffs.fronts import Allocation, Front, Ints
from tuner.workflows.tradeoffs.hulls import Hull
from tuner.workflows.tradeoffs.outside import Place
from tuner.workflows.tradeoffs.places import SizingProblem, uses_of
from tuner.workflows.tradeoffs.windows import CostWindow, window_at_cost, window_at_time

ATTEMPTS = (100_000, 300_000, 700_000, 2_000_000)
"""Sums that are looked at in each pass. What a pass builds bounds the parts of a workflow in the next one."""
ATTEMPTS_OF_SHARED = (100_000, 400_000)
"""The same where functions are used at several places: what is built there bounds nothing else."""
FEW_GLIMPSED = 150
"""Points of a front that are kept in the glimpse that the passes start from."""
GLIMPSED = 50
"""Points of a front that are kept where a few good sizes will do."""
_PROVEN = 1e-9
"""A bound so near is rounding."""
_LITTLE = 1e-8
"""No further pass is worth so little; the answer still tells it."""
_REDUCTIONS = 3
"""Times that sizes are left out: fewer sizes raise the bounds, which leave out more of them."""
_MOST_TIMES = 3
_MARGIN = 1.25
"""For a budget, so many times are tried; each one allows for so much more than the one before lacked."""


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


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """The least cost within a time is asked for."""

    time_ms: float
    bounds_cost: ClassVar[bool] = True

    def window(self, problem: SizingProblem) -> CostWindow:
        """Bounds that are tight here."""
        return window_at_time(problem, self.time_ms)

    def index(self, front: Front) -> int | None:
        """The best point of a front."""
        return front.cheapest_within(self.time_ms)

    def asked(self, answer: BestSizes) -> float:
        """What is to be small."""
        return answer.cost_usd

    def limits(self, answer: BestSizes) -> tuple[float, float]:
        """Time and cost at most of an answer that is as good."""
        return self.time_ms, answer.cost_usd

    def first_ms(self, window: CostWindow) -> float:
        """A time within which something better is looked for."""
        return self.time_ms

    def next_ms(self, front: Front, most_ms: float, window: CostWindow) -> float | None:
        """Another one, after what was found within a time; None: there is none."""
        return None

    def excess(self, answer: BestSizes, window: CostWindow) -> float:
        """How much better other sizes are at most, as a fraction."""
        least = window.least_usd - window.root_usd * self.time_ms
        return answer.cost_usd / least - 1 if least > 0 else np.inf


@dataclass(frozen=True, slots=True)
class CostLimit:
    """The least time within a cost is asked for."""

    cost_usd: float
    bounds_cost: ClassVar[bool] = False

    def window(self, problem: SizingProblem) -> CostWindow:
        """Bounds that are tight here."""
        return window_at_cost(problem, self.cost_usd)

    def index(self, front: Front) -> int | None:
        """The best point of a front."""
        return front.fastest_within(self.cost_usd)

    def asked(self, answer: BestSizes) -> float:
        """What is to be small."""
        return answer.time_ms

    def limits(self, answer: BestSizes) -> tuple[float, float]:
        """Time and cost at most of an answer that is as good."""
        return answer.time_ms, self.cost_usd

    def first_ms(self, window: CostWindow) -> float:
        """A time within which something better is looked for: the least that bounds allow."""
        return self._least_ms(window) or np.inf

    def next_ms(self, front: Front, most_ms: float, window: CostWindow) -> float | None:
        """As much more time as what was found costs too much; None: there is none."""
        index = front.cheapest_within(most_ms)
        if index is None or not window.root_usd:
            return None
        return most_ms + _MARGIN * (float(front.cost_usd[index]) - self.cost_usd) / window.root_usd

    def excess(self, answer: BestSizes, window: CostWindow) -> float:
        """How much better other sizes are at most, as a fraction."""
        least = self._least_ms(window)
        return answer.time_ms / least - 1 if least > 0 else np.inf

    def _least_ms(self, window: CostWindow) -> float:
        return (window.least_usd - self.cost_usd) / window.root_usd if window.root_usd else 0.0


Target = TimeLimit | CostLimit


def answer_at(front: Front, index: int) -> BestSizes:
    """A point of a front."""
    return BestSizes(front.recover(index), float(front.time_ms[index]), float(front.cost_usd[index]))


def refined(problem: SizingProblem, target: Target, start: BestSizes) -> BestSizes:
    """The best answer, from one that keeps to the bound."""
    search, excess = _AnswerSearch(problem, target, start), start.excess
    search.leave_out()
    search.glimpse()
    several = any(count > 1 for count in uses_of(problem.form).values())
    for patience in ATTEMPTS_OF_SHARED if several else ATTEMPTS:
        search.reduce()
        excess = search.finish(patience)
        if min(excess, search.excess) <= _LITTLE:
            break
    excess = min(start.excess, excess, search.excess)
    return replace(search.found, excess=excess if excess > _PROVEN else 0.0)


def glimpsed(problem: SizingProblem, time_ms: float) -> Front:
    """The last points before a time, from a few points of every front."""
    window = window_at_time(problem, time_ms)
    box = AnswerBox(problem, window, time_ms, float(np.finfo(float).max), most_points=GLIMPSED)
    return FrontSearch(problem, box).front()


class _AnswerSearch:
    """Looks for a better answer than the one that was found, among fewer and fewer sizes.

    Attributes:
        found: the best answer so far.
        excess: at most so much, as a fraction, other sizes are better than the first answer.
    """

    def __init__(self, problem: SizingProblem, target: Target, start: BestSizes) -> None:
        self.found, self._target = start, target
        self._sizing = Sizing.whole(problem)
        self._bounds = target.window(problem)
        self._first = self._bounds
        self._built: dict[Place, Hull] = {}

    @property
    def excess(self) -> float:
        """At most so much, as a fraction, other sizes are better."""
        return self._target.excess(self.found, self._first)

    def leave_out(self) -> None:
        """Leave out the sizes that come to too much at the worth of time, whatever the others are."""
        self._keep_only(self._window.sizes())

    def reduce(self) -> None:
        """Keep the sizes that can be part of what is at least as good."""
        for _ in range(_REDUCTIONS):
            if not self._keep_only(self._box().sizes()):
                break

    def glimpse(self) -> None:
        """Look at a few points of every front for a better answer."""
        window = self._window
        latest_ms, most_usd = self._target.limits(self.found)
        most_ms: float | None = self._target.first_ms(window)
        for _ in range(_MOST_TIMES):
            if most_ms is None:
                break
            most_ms = min(most_ms, latest_ms)
            problem = self._sizing.problem
            box = AnswerBox(problem, window, most_ms, most_usd, most_points=FEW_GLIMPSED)
            front = FrontSearch(problem, box).front()
            if self._take(front):
                break
            most_ms = self._target.next_ms(front, most_ms, window) if most_ms < latest_ms else None

    def finish(self, patience: int) -> float:
        """Look at all that is left. At most so much, as a fraction, other sizes are better; 0: it was all."""
        search = FrontSearch(self._sizing.problem, self._box(patience))
        self._take(search.front())
        # A front is thinned in its costs: for a budget that tells nothing.
        return search.excess if self._target.bounds_cost or not search.excess else np.inf

    @property
    def _window(self) -> CostWindow:
        """The window that holds all that is at least as good as the answer."""
        most_ms, most_usd = self._target.limits(self.found)
        return replace(self._bounds, slack_usd=most_usd + self._bounds.root_usd * most_ms - self._bounds.least_usd)

    def _box(self, patience: int = 0) -> AnswerBox:
        limits = self._target.limits(self.found)
        return AnswerBox(self._sizing.problem, self._window, *limits, patience=patience, built=self._built)

    def _keep_only(self, kept: Mapping[str, Ints]) -> bool:
        """Whether there are fewer sizes now, and one of each function at least."""
        before = self._sizing.kept
        if not all(map(len, kept.values())) or all(len(kept[name]) == len(before[name]) for name in kept):
            return False
        self._sizing = self._sizing.restricted(kept)
        self._bounds = self._target.window(self._sizing.problem)
        return True

    def _take(self, front: Front) -> bool:
        """Whether the best point of a front is a better answer."""
        index = self._target.index(front)
        if index is None:
            return False
        best = answer_at(front, index)
        if self._target.asked(best) >= self._target.asked(self.found):
            return False
        self.found = replace(best, allocation=self._sizing.original(best.allocation))
        return True
