"""What past runs at one or a few sizes say of all sizes, and whether that allows a recommendation.

A recommendation is made only where a saving of more than 5% is likely. Everything else is told as
chances and bounds. Knows nothing of where the runs were read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.belief import LEVEL, Belief
from tuner.estimation.estimate import candidates, fit
from tuner.estimation.measured_belief import measured_belief
from tuner.model import Configuration, Interval, Objective, Sample, SearchSpace
from tuner.pricing.price_list import PriceList
from tuner.search.recommendation import objective_best
from tuner.search.strategies import objective_values

WORTH_CHANGING = 0.05
"""A smaller saving is not worth a change that was never measured."""
LIKELY = 0.8
"""Chance of such a saving from which on a size is recommended without a trial."""
UNFIT = (ArithmeticError, ValueError, np.linalg.LinAlgError)
"""What a fit may end in."""


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What is believed of every size from past runs, and what follows.

    Attributes:
        belief: joint draws of every candidate.
        current: the configuration in use.
        best: the candidate with the smallest expected regret.
        chance_of_saving: that `best` saves more than 5% over `current` under the objective.
        saving: of `best` over `current` under the objective, a fraction with its interval.
    """

    belief: Belief
    current: Configuration
    best: Configuration
    chance_of_saving: float
    saving: Interval

    @property
    def recommended(self) -> Configuration | None:
        """The best candidate where a saving is likely enough, else None."""
        return self.best if self.chance_of_saving >= LIKELY else None


def predict(
    samples: Sequence[Sample],
    space: SearchSpace,
    current: Configuration,
    objective: Objective,
    prices: PriceList,
    *,
    seed: int = 0,
) -> Prediction | None:
    """What the samples say of every size of the space; None where nothing can be said.

    Args:
        samples: past runs, at `current` and wherever else there are any.
        space: the configurations to judge.
        current: the configuration in use.
        objective: what to minimise.
        prices: of an invocation.
        seed: of the draws.
    """
    belief = _belief(samples, space, current, prices, seed)
    index = belief.index(current)
    if index is None:
        return None
    best = objective_best(belief, objective)
    saved = _saving(belief, objective, index, best)
    low, high = np.quantile(saved, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Prediction(
        belief,
        current,
        belief.candidates[best],
        float((saved > WORTH_CHANGING).mean()),
        Interval(float(saved.mean()), float(low), float(high), LEVEL),
    )


def _belief(
    samples: Sequence[Sample], space: SearchSpace, current: Configuration, prices: PriceList, seed: int
) -> Belief:
    possible, _ = candidates(samples, space, prices, current)
    try:
        return fit(samples, space, prices, seed=seed, current=current).belief(possible)
    except UNFIT:
        return measured_belief(samples, prices, seed=seed, space=space)


def _saving(belief: Belief, objective: Objective, current: int, best: int) -> NDArray[np.float64]:
    """Saving of one candidate over another under the objective in each draw, a fraction, shape (S,)."""
    values = objective_values(belief.duration_ms, belief.cost_usd, objective)
    return np.asarray(1 - values[:, best] / values[:, current])
