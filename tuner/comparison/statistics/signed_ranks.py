"""A test that may look repeatedly: signed ranks of pairs, with the error spent over the looks.

Bounds the shift of a series of pairs at any look and for any distribution of the noise. It assumes
that the difference of a pair is symmetric about the shift. Knows nothing of functions or metrics.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tuner.comparison.statistics.error_spending import looks, nominal_levels

Floats = NDArray[np.float64]

EXACT_UP_TO = 150
"""Number of pairs up to which the null distribution is exact; the normal limit is within 1e-4 beyond."""


@dataclass(frozen=True, slots=True)
class Shift:
    """Where the shift of the pairs lies.

    Attributes:
        estimate: Hodges-Lehmann estimate, the median of the Walsh averages.
        low, high: bounds that hold at all looks together, each with the error `alpha`.
        pairs: number of pairs at the last look.
    """

    estimate: float
    low: float
    high: float
    pairs: int


def shift(differences: Sequence[float], schedule: tuple[int, ...], alpha: float) -> Shift | None:
    """Estimate and bounds of the shift at the last look that was reached.

    Args:
        differences: one per pair, in the order they came.
        schedule: the numbers of pairs at which to look, fixed before the first was measured.
        alpha: chance that a bound is ever wrong, for each side, over all looks.

    Returns:
        None before the first look. The bounds are those of the last look; the chance that those
        of any look are wrong is `alpha` for each side.
    """
    reached = [index for index, count in enumerate(schedule) if count <= len(differences)]
    if not reached:
        return None
    count, level = schedule[reached[-1]], nominal_levels(schedule, alpha)[reached[-1]]
    averages = walsh_averages(np.asarray(differences[:count], dtype=np.float64))
    rank = critical_rank(count, level)
    low, high = (float(averages[rank - 1]), float(averages[-rank])) if rank else (-math.inf, math.inf)
    return Shift(float(np.median(averages)), low, high, count)


@lru_cache(maxsize=256)
def least_pairs(alpha: float) -> int:
    """The smallest number of pairs, planned from the first, after which a bound can exist at all."""
    return next(
        count for count in itertools.count(1) if critical_rank(count, nominal_levels(looks(count), alpha)[-1]) > 0
    )


def walsh_averages(values: Floats) -> Floats:
    """The n (n + 1) / 2 averages of all pairs of values, each with itself too, sorted."""
    rows, columns = np.triu_indices(len(values))
    return np.sort((values[rows] + values[columns]) / 2)


@lru_cache(maxsize=4096)
def critical_rank(count: int, level: float) -> int:
    """The largest k for which the k-th smallest Walsh average is a lower bound with error `level`; 0: none.

    From the distribution of Wilcoxon's signed rank sum under symmetry, which is exact and free
    of the noise's distribution (Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 3.1 and 3.3).
    """
    if count <= EXACT_UP_TO:
        return int(np.searchsorted(_rank_sum_cdf(count), level, side="right"))
    mean = count * (count + 1) / 4
    deviation = math.sqrt(count * (count + 1) * (2 * count + 1) / 24)
    return max(0, math.floor(mean - 0.5 + deviation * _normal_quantile(level)) + 1)


@lru_cache(maxsize=256)
def _rank_sum_cdf(count: int) -> Floats:
    """P(W <= w) of the signed rank sum, w = 0 .. count (count + 1) / 2."""
    chances = np.zeros(count * (count + 1) // 2 + 1)
    chances[0] = 1.0
    for rank in range(1, count + 1):
        shifted = np.zeros_like(chances)
        shifted[rank:] = chances[:-rank]
        chances = (chances + shifted) / 2
    return np.cumsum(chances)


def _normal_quantile(probability: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(probability))
