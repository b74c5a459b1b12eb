"""The trade-off between time and cost of a whole workflow, from its formula and the options of each function.

Gives the whole front, which is thinned where nobody could list it, and the answer for one deadline or budget. The
answer is exact all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tuner.workflows.tradeoffs.answers import BestSizes, CostLimit, TimeLimit, answer_at, glimpsed, refined
from tuner.workflows.tradeoffs.bottom_up import FrontSearch
from tuner.workflows.tradeoffs.collapsing import Collapsed, collapsed
from tuner.workflows.tradeoffs.forms import Form
from tuner.workflows.tradeoffs.fronts import Choices, Front
from tuner.workflows.tradeoffs.places import SizingProblem
from tuner.workflows.tradeoffs.windows import least_cost


@dataclass(frozen=True, slots=True, eq=False)
class Allocations:
    """Every trade-off of a workflow.

    Attributes:
        collapsed: what it was found for.
        front: time in ms and cost in USD of an execution, and the sizes of each point.
        excess: at most so much, as a fraction of the cost, other sizes are cheaper in the same time; 0: none are.
    """

    collapsed: Collapsed
    front: Front
    excess: float

    @property
    def exact(self) -> bool:
        """Whether no other sizes are better than a point of the front."""
        return self.excess == 0

    @property
    def fastest(self) -> BestSizes:
        """The least time that is possible."""
        return answer_at(self.front, 0)

    @property
    def cheapest(self) -> BestSizes:
        """The least cost that is possible."""
        return answer_at(self.front, len(self.front) - 1)

    def cheapest_within(self, time_ms: float) -> BestSizes | None:
        """The cheapest sizes within a deadline, exact where the front is not; None: there are none."""
        index = self.front.cheapest_within(time_ms)
        return None if index is None else self._answer(index, TimeLimit(time_ms), len(self.front) - 1)

    def fastest_within(self, cost_usd: float) -> BestSizes | None:
        """The fastest sizes within a budget, exact where the front is not; None: there are none."""
        index = self.front.fastest_within(cost_usd)
        return None if index is None else self._answer(index, CostLimit(cost_usd), 0)

    def _answer(self, index: int, target: TimeLimit | CostLimit, extreme: int) -> BestSizes:
        """A point of the front, or a better one; no sizes at all are better than the point at the extreme."""
        found = answer_at(self.front, index)
        if self.exact or index == extreme:
            return found
        start = replace(found, excess=self.excess if target.bounds_cost else np.inf)
        best = refined(self.collapsed.problem, target, start)
        if best.allocation is found.allocation:
            return best
        return replace(best, allocation=self.collapsed.original(best.allocation))


def allocate(form: Form, invocations: Mapping[str, float], options: Mapping[str, Choices]) -> Allocations:
    """Every trade-off between the time and the cost of an execution.

    Args:
        form: the time of an execution.
        invocations: expected invocations of each function in an execution.
        options: of each function.
    """
    smaller = collapsed(SizingProblem(form, invocations, options))
    search = FrontSearch(smaller.problem)
    front = search.front()
    excess = min(search.excess, _above_least(smaller.problem, front)) if search.excess else 0.0
    return Allocations(smaller, smaller.original_front(front), excess)


def front_before(form: Form, invocations: Mapping[str, float], options: Mapping[str, Choices], time_ms: float) -> Front:
    """The last trade-offs before a time, or the first one; good ones, not always the best.

    Args:
        form: the time of an execution.
        invocations: expected invocations of each function in an execution.
        options: of each function.
        time_ms: of an execution at most.
    """
    smaller = collapsed(SizingProblem(form, invocations, options))
    return smaller.original_front(glimpsed(smaller.problem, time_ms))


def _above_least(problem: SizingProblem, front: Front) -> float:
    """By how much the front lies above a curve that no sizes can beat, as a fraction."""
    hull = least_cost(problem)
    # Just before the next point a point costs the most beside what is possible.
    least = np.interp(np.r_[front.time_ms[1:], np.inf], hull.time_ms, hull.cost_usd)
    return float((front.cost_usd / least).max()) - 1 if least.min() > 0 else np.inf
