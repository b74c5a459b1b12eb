"""The strategies that a user can name: what each minimises, and which candidates it counts as equally good.

A new strategy is a class here with an entry in `STRATEGIES`, a member of `StrategyName`, and a value of the
`strategy` field in the schema of the input document. Nothing here knows where a row came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.belief import Draws
from tuner.model import Objective, StrategyName
from tuner.search.rows import CandidateRow

TIE_SHARE = 0.25
"""Part of the tolerance that cost gives away for speed. The rest is left for what the search does not know."""
SPEED_TOLERANCES = 1.5
"""Speed gives away so many tolerances of time for money. Duration is flat near the fastest size, and cost is not."""


class Strategy(Protocol):
    """What to minimise, and how ties are broken."""

    def cost_weight(self, objective: Objective) -> float:
        """How much of the objective is cost, from 0 (speed) to 1 (cost). The rest is duration."""
        ...

    def values(
        self, duration_ms: Draws, cost_usd: Draws, objective: Objective, feasible: NDArray[np.bool_] | None
    ) -> Draws:
        """The value to minimise, for arrays of shape (…, G).

        Args:
            duration_ms, cost_usd: of G candidates.
            objective: weight and tolerance.
            feasible: candidates that scales refer to, shape (G,); None: all.
        """
        ...

    def ties(self, rows: Sequence[CandidateRow], among: Sequence[int], objective: Objective) -> list[int]:
        """The rows, out of `among`, that count as equally good. At least one."""
        ...

    def order(self, row: CandidateRow) -> tuple[float, float]:
        """What decides between ties: the smallest is chosen."""
        ...

    def reason(self, ties: int, objective: Objective) -> str:
        """Why the chosen one of so many ties is recommended, as the end of a sentence."""
        ...


class Cost:
    """The cheapest. Of those within a quarter of the tolerance of it, the fastest."""

    def cost_weight(self, objective: Objective) -> float:
        """Cost alone."""
        return 1.0

    def values(
        self, duration_ms: Draws, cost_usd: Draws, objective: Objective, feasible: NDArray[np.bool_] | None
    ) -> Draws:
        """Cost in USD."""
        return cost_usd

    def ties(self, rows: Sequence[CandidateRow], among: Sequence[int], objective: Objective) -> list[int]:
        """Rows within a quarter of the tolerance of the cheapest."""
        limit = (1 + TIE_SHARE * objective.tolerance) * min(rows[i].cost_usd.mean for i in among)
        return [i for i in among if rows[i].cost_usd.mean <= limit]

    def order(self, row: CandidateRow) -> tuple[float, float]:
        """The fastest first."""
        return row.duration_ms.mean, row.cost_usd.mean

    def reason(self, ties: int, objective: Objective) -> str:
        """The cheapest, or the fastest of those that are nearly as cheap."""
        if ties == 1:
            return "is the cheapest"
        within = f"{100 * TIE_SHARE * objective.tolerance:.3g}%"
        return f"is the fastest of {ties} configurations that are within {within} of the cheapest"


class Speed:
    """The fastest. Of those within one and a half tolerances of it, the cheapest."""

    def cost_weight(self, objective: Objective) -> float:
        """Duration alone."""
        return 0.0

    def values(
        self, duration_ms: Draws, cost_usd: Draws, objective: Objective, feasible: NDArray[np.bool_] | None
    ) -> Draws:
        """Duration in ms."""
        return duration_ms

    def ties(self, rows: Sequence[CandidateRow], among: Sequence[int], objective: Objective) -> list[int]:
        """Rows within one and a half tolerances of the fastest."""
        limit = (1 + SPEED_TOLERANCES * objective.tolerance) * min(rows[i].duration_ms.mean for i in among)
        return [i for i in among if rows[i].duration_ms.mean <= limit]

    def order(self, row: CandidateRow) -> tuple[float, float]:
        """The cheapest first."""
        return row.cost_usd.mean, row.duration_ms.mean

    def reason(self, ties: int, objective: Objective) -> str:
        """The fastest, or the cheapest of those that are nearly as fast."""
        if ties == 1:
            return "is the fastest"
        within = f"{100 * SPEED_TOLERANCES * objective.tolerance:.3g}%"
        return f"is the cheapest of {ties} configurations that are within {within} of the fastest"


class Balanced:
    """The smallest w * cost / largest cost + (1 - w) * duration / largest duration, as in Power Tuning."""

    def cost_weight(self, objective: Objective) -> float:
        """The weight that the user chose."""
        return objective.balanced_weight

    def values(
        self, duration_ms: Draws, cost_usd: Draws, objective: Objective, feasible: NDArray[np.bool_] | None
    ) -> Draws:
        """The balanced score, relative to the largest cost and duration among the feasible."""
        weight, among = objective.balanced_weight, slice(None) if feasible is None else feasible
        cost = weight * cost_usd / cost_usd[..., among].max(axis=-1, keepdims=True)
        score: Draws = cost + (1 - weight) * duration_ms / duration_ms[..., among].max(axis=-1, keepdims=True)
        return score

    def ties(self, rows: Sequence[CandidateRow], among: Sequence[int], objective: Objective) -> list[int]:
        """Rows with the smallest score; where none of them was measured, measured ones that are nearly as good."""
        weight = objective.balanced_weight
        dearest = max(rows[i].cost_usd.mean for i in among)
        slowest = max(rows[i].duration_ms.mean for i in among)
        score = [weight * r.cost_usd.mean / dearest + (1 - weight) * r.duration_ms.mean / slowest for r in rows]
        smallest = min(score[i] for i in among)
        best = [i for i in among if score[i] <= smallest]
        limit = (1 + TIE_SHARE * objective.tolerance) * smallest
        near = [i for i in among if score[i] <= limit and rows[i].measured]
        if not near or any(rows[i].measured for i in best):
            return best
        least = min(score[i] for i in near)
        return [i for i in near if score[i] <= least]

    def order(self, row: CandidateRow) -> tuple[float, float]:
        """The cheapest first."""
        return row.cost_usd.mean, row.duration_ms.mean

    def reason(self, ties: int, objective: Objective) -> str:
        """The smallest score."""
        return f"has the smallest balanced score (weight {objective.balanced_weight:g})"


STRATEGIES: Mapping[StrategyName, Strategy] = {
    StrategyName.COST: Cost(),
    StrategyName.SPEED: Speed(),
    StrategyName.BALANCED: Balanced(),
}
"""What each name stands for."""


def strategy_of(objective: Objective) -> Strategy:
    """The strategy of an objective. One that weighs nothing but cost (speed) follows the rule of cost (speed)."""
    strategy = STRATEGIES[objective.strategy]
    weight = strategy.cost_weight(objective)
    if weight == 1:
        return STRATEGIES[StrategyName.COST]
    if weight == 0:
        return STRATEGIES[StrategyName.SPEED]
    return strategy


def objective_values(
    duration_ms: Draws, cost_usd: Draws, objective: Objective, feasible: NDArray[np.bool_] | None = None
) -> Draws:
    """What the objective minimises, for arrays of shape (…, G): USD, ms, or the balanced score (see `Strategy`)."""
    return strategy_of(objective).values(duration_ms, cost_usd, objective, feasible)
