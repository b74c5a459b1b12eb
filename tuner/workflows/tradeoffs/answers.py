"""The best sizes for one deadline or one budget, exact where the front of the whole workflow is not.

A glimpse finds good sizes: of every front only the few points are kept after which the rest costs the least. Then all
that is at least as good is looked for. Lower bounds leave so little of it that no front has to be thinned.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tuner.workflows.tradeoffs.bottom_up import FrontSearch
from tuner.workflows.tradeoffs.boxes import AnswerBox, Sizing
from tuner.workflows.tradeoffs.fronts import Allocation, Front
from tuner.workflows.tradeoffs.places import SizingProblem
from tuner.workflows.tradeoffs.windows import CostWindow, window_at_cost, window_at_time

ATTEMPTS = ((50, 1_500_000), (1_000, 8_000_000))
"""Points of a front that are kept in a glimpse, and sums that are looked at afterwards; where these are too many, a
longer glimpse leaves fewer of them."""
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
    found, sizing = start, Sizing.whole(problem)
    for most_points, patience in ATTEMPTS:
        found = _glimpsed(sizing, target, found, most_points)
        sizing = _reduced(sizing, target, found)
        box = AnswerBox(
            sizing.problem, _window(sizing.problem, target, found), *target.limits(found), patience=patience
        )
        search = FrontSearch(sizing.problem, box)
        found = _better(sizing, search.front(), target, found)
        if not search.excess:
            return replace(found, excess=0.0)
    return replace(found, excess=min(start.excess, target.excess(found, target.window(problem))))


def _better(sizing: Sizing, front: Front, target: Target, found: BestSizes) -> BestSizes:
    """The best point of a front, or the answer that was found where that is as good."""
    index = target.index(front)
    if index is None:
        return found
    best = answer_at(front, index)
    if target.asked(best) >= target.asked(found):
        return found
    return replace(best, allocation=sizing.original(best.allocation))


def _glimpsed(sizing: Sizing, target: Target, found: BestSizes, most_points: int) -> BestSizes:
    """A better answer, where a look at a few points of every front finds one."""
    window = _window(sizing.problem, target, found)
    latest_ms, most_usd = target.limits(found)
    most_ms: float | None = target.first_ms(window)
    for _ in range(_MOST_TIMES):
        if most_ms is None:
            break
        most_ms = min(most_ms, latest_ms)
        front = FrontSearch(
            sizing.problem, AnswerBox(sizing.problem, window, most_ms, most_usd, most_points=most_points)
        ).front()
        better = _better(sizing, front, target, found)
        if better is not found:
            return better
        most_ms = target.next_ms(front, most_ms, window) if most_ms < latest_ms else None
    return found


def _reduced(sizing: Sizing, target: Target, found: BestSizes) -> Sizing:
    """The sizes that can be part of what is at least as good as an answer."""
    for _ in range(_REDUCTIONS):
        box = AnswerBox(sizing.problem, _window(sizing.problem, target, found), *target.limits(found))
        kept = box.sizes()
        if not all(map(len, kept.values())) or all(len(kept[name]) == len(sizing.kept[name]) for name in kept):
            break
        sizing = sizing.restricted(kept)
    return sizing


def _window(problem: SizingProblem, target: Target, found: BestSizes) -> CostWindow:
    """The window that holds all that is at least as good as an answer."""
    window = target.window(problem)
    most_ms, most_usd = target.limits(found)
    return replace(window, slack_usd=most_usd + window.root_usd * most_ms - window.least_usd)
