"""Bounds of the mean of a few skewed runs: how far below their own mean it may lie, and how much room it needs above.

Knows values, their environments and levels; nothing of sizes or of slow runs that were not seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.means.environments import Squares

Floats = NDArray[np.float64]

LARGEST_LOG = 700.0
"""Its exponential is a number still."""
LEAST_LEAN = 1e-6
"""Smaller skewness over the root of the runs is none."""
STEADY_SD, WIDE_SD = 0.02, 0.05
"""Spreads of runs (log units) up to which they count as steady, and from which they do not."""
FEW_RUNS, ENOUGH_RUNS = 6, 12
"""Up to so few runs, half of `Levels.above` is left out; from so many on, all of it."""
LEAST_FOR_SKEWNESS = 3


@dataclass(frozen=True, slots=True)
class Levels:
    """Shares of what a mean may be that its interval leaves out.

    Attributes:
        below: at the lower end.
        above_steady: at the upper end where runs are steady. Functions with slow runs seldom make such runs.
        above: at the upper end elsewhere. How slow the slow runs of a function are, others tell badly. Few runs tell
            it worse still, so that less is left out with them.
    """

    below: float
    above_steady: float
    above: float

    def above_at(self, spread: float, runs: int) -> float:
        """What is left out at the upper end where so many runs spread so far (log units)."""
        steady = np.interp(math.log(max(spread, 1e-9)), np.log((STEADY_SD, WIDE_SD)), (1.0, 0.0))
        elsewhere = self.above * np.interp(runs, (FEW_RUNS, ENOUGH_RUNS), (0.5, 1.0))
        return float(self.above_steady**steady * elsewhere ** (1 - steady))


def least_means(
    values: Floats, labels: NDArray[np.intp], ratio: NDArray[np.intp], rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Draws of the mean and of the geometric mean, which no mean lies below; no model of the runs is needed.

    Args:
        values: n of them, two or more, positive.
        labels: number of the environment of each.
        ratio: draws of how far environments differ, shape (S,).
        rng: source of the draws.

    Returns:
        Two arrays of shape (S,). That of means may be negative where one value decides.
    """
    scores = rng.standard_t(len(values) - 1, len(ratio))
    mean = float(values.mean())
    of_mean = mean * _skewed(values / mean, labels, ratio, scores)
    return of_mean, np.exp(np.minimum(_skewed(np.log(values), labels, ratio, scores), LARGEST_LOG))


def _skewed(values: Floats, labels: NDArray[np.intp], ratio: NDArray[np.intp], scores: Floats) -> Floats:
    error = Squares.of(values, labels).standard_error()[ratio]
    return np.asarray(float(values.mean()) - error * without_skew(scores, skewness(values), len(values)))


def skewness(values: Floats) -> float:
    """Third moment over the cube of the standard deviation; 0 where all values agree, or too few tell it.

    In the form of Fisher and Pearson that few values do not shrink: three values would tell a quarter of it.
    """
    count = len(values)
    distance = values - values.mean()
    sd = float(values.std(ddof=1))
    if count < LEAST_FOR_SKEWNESS or sd <= LEAST_LEAN:
        return 0.0
    return count / ((count - 1) * (count - 2)) * float(np.sum(distance**3)) / sd**3


def without_skew(scores: Floats, skew: float, runs: int) -> Floats:
    """Student's t of skewed runs for each score that t would have without their skewness.

    The inverse of the cubic transformation of Hall (1992), "On the removal of skewness by transformation". Where slow
    runs pull the mean up they widen the spread as well, so that Student's lower bound lies too low.
    """
    lean = skew / math.sqrt(runs)
    if abs(lean) < LEAST_LEAN:
        return scores
    return np.asarray(3 / lean * (np.cbrt(1 + lean * (scores - lean / 6)) - 1))
