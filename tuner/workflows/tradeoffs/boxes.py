"""What an answer for one deadline or budget may take and cost, and which sizes can be part of it.

Decides from lower bounds alone, before any front is built. Refuses to know what is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tuner.workflows.tradeoffs.forms import Form, Maximum
from tuner.workflows.tradeoffs.fronts import Allocation, Front, Ints, slightly_above
from tuner.workflows.tradeoffs.hulls import Hull
from tuner.workflows.tradeoffs.outside import Outside, Parts, Place
from tuner.workflows.tradeoffs.places import Content, SizingProblem
from tuner.workflows.tradeoffs.windows import CostWindow


@dataclass(frozen=True, slots=True, eq=False)
class Sizing:
    """A problem without the sizes that are out of the question.

    Attributes:
        problem: what is left.
        kept: of each function, the indexes of the sizes that are left.
    """

    problem: SizingProblem
    kept: Mapping[str, Ints]

    @classmethod
    def whole(cls, problem: SizingProblem) -> Sizing:
        """Every size."""
        return cls(problem, {name: np.arange(len(choices.time_ms)) for name, choices in problem.options.items()})

    def restricted(self, kept: Mapping[str, Ints]) -> Sizing:
        """Only sizes with these indexes, of those that are left."""
        return Sizing(self.problem.restricted(kept), {name: self.kept[name][some] for name, some in kept.items()})

    def original(self, allocation: Allocation) -> Allocation:
        """With the indexes of the whole problem."""
        return {name: int(self.kept[name][index]) for name, index in allocation.items()}


class AnswerBox:
    """Sizes that come to at most a time and a cost.

    Args:
        problem: whose sizes are looked at.
        window: how far above the least a combination of sizes of shared functions may be.
        most_ms: time of an execution at most.
        most_usd: its cost at most.
        most_points: points of a front that are kept; of more, those after which the rest costs the least.
        patience: sums of two fronts that are looked at before fronts are thinned.
        built: better bounds than the hulls, of parts that were built before; what is built now is added.
    """

    def __init__(
        self,
        problem: SizingProblem,
        window: CostWindow,
        most_ms: float,
        most_usd: float,
        *,
        most_points: int | None = None,
        patience: int = 8_000_000,
        built: dict[Place, Hull] | None = None,
    ) -> None:
        self.window, self.patience = window, patience
        self._problem, self._most_points = problem, most_points
        self._outside = Outside(window.root, slightly_above(most_ms), built)
        self._most_usd = slightly_above(most_usd) - problem.idle_usd

    @property
    def glimpse(self) -> bool:
        """Whether a few good sizes will do."""
        return self._most_points is not None

    def near(self, front: Front, whole: Form | Maximum, parts: Parts, unpaid_usd: Mapping[str, float]) -> Front:
        """Points that can be in the box; at least one stays, so that no front is empty.

        Args:
            front: of some parts of a sum or a maximum.
            whole: the sum or the maximum.
            parts: of it.
            unpaid_usd: cost of the sizes that are being tried, of functions whose cost the front does not hold yet.
        """
        if len(front) == 1:
            return front
        unpaid = sum(usd * self._outside.share(whole, parts, function) for function, usd in unpaid_usd.items())
        least = front.cost_usd + unpaid + self._outside.least_usd(whole, parts, front.time_ms)
        if self._most_points and len(front) > self._most_points:
            return front.some(np.sort(np.argpartition(least, self._most_points)[: self._most_points]))
        kept = np.flatnonzero(least <= self._most_usd)
        if len(kept) == len(front):
            return front
        return front.some(kept if len(kept) else np.array([least.argmin()]))

    def build(self, whole: Form | Maximum, part: Content, front: Front) -> None:
        """A part was built, which no function at several places belongs to: what follows is told better."""
        self._outside.build(whole, part, front)

    def sizes(self) -> dict[str, Ints]:
        """For each function, the indexes of the configurations that can be in the box."""
        least = self._outside.of_functions(self._problem)
        kept = {name: np.flatnonzero(usd <= self._most_usd) for name, usd in least.items()}
        return self.window.sizes() | kept
