"""A test that may look again and again: signed ranks of pairs, with the error spent over the looks.

Decides between which values the shift of a series of pairs lies, whenever one looks and
however the noise is distributed, as long as a pair's difference is symmetric about the
shift. Knows nothing of functions, metrics or where the pairs come from.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FIRST_LOOK = 8
"""Pairs before the first look: with fewer, no outcome is unlikely enough (2^-8 is 0.4%)."""
GROWTH = 1.15
"""Ratio of one look to the next."""
EARLY_PAIRS = 25
"""Pairs by which most of the error is spent: 100 invocations of two in each environment."""
EARLY_SHARE = 0.85
"""Part of the error spent by then. Large shifts matter most; what is left serves the small ones."""
EARLY_POWER = 2.0
"""Within the early part the spending grows with this power of the pairs (benchmarks/regression chose it)."""
EXACT_UP_TO = 150
"""Number of pairs up to which the null distribution is exact; the normal limit is within 1e-4 beyond."""
GRID_POINTS = 800
"""Nodes of the recursion over looks: nominal levels are right to three digits."""


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


@lru_cache(maxsize=64)
def looks(max_pairs: int, step: int = 1) -> tuple[int, ...]:
    """The numbers of pairs at which to look.

    From `FIRST_LOOK`, growing by `GROWTH` and at least by `step`, with one at `EARLY_PAIRS` and the
    last at `max_pairs`.
    """
    found: list[int] = []
    for end in (EARLY_PAIRS, max_pairs):
        at = _next_look(found[-1], step) if found else FIRST_LOOK
        # A look close before the end of its part would cost error and bring nothing.
        while max(at * math.sqrt(GROWTH), at + step / 2) < min(end, max_pairs):
            found.append(at)
            at = _next_look(at, step)
        if not found or found[-1] < min(end, max_pairs):
            found.append(min(end, max_pairs))
    return tuple(found)


def _next_look(count: int, step: int) -> int:
    return max(count + step, round(count * GROWTH))


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


@lru_cache(maxsize=512)
def nominal_levels(schedule: tuple[int, ...], alpha: float) -> tuple[float, ...]:
    """The level of each look such that the chance of an error at any of them is `alpha`.

    Most of the error is spent by `EARLY_PAIRS`, the rest evenly over the logarithm of the number
    of pairs beyond, so that small shifts of any size are found as well. The looks are correlated
    as Brownian motion seen at these times; the recursion is that of Armitage, McPherson and Rowe (1969).
    """
    from scipy.special import ndtr

    spent = _spending(schedule, alpha)
    levels: list[float] = []
    nodes, weights = np.zeros(1), np.ones(1)
    before = 0.0
    for count, error in zip(schedule, np.diff(spent, prepend=0.0), strict=True):
        step = math.sqrt(count - before)
        bound = _solve_bound(nodes, weights, step, float(error))
        levels.append(float(ndtr(-bound / math.sqrt(count))))
        grid = np.linspace(-8 * math.sqrt(count), bound, GRID_POINTS)
        kernel = np.exp(-0.5 * ((grid[:, None] - nodes) / step) ** 2) / (step * math.sqrt(2 * math.pi))
        trapezoid = np.full(GRID_POINTS, grid[1] - grid[0])
        trapezoid[[0, -1]] /= 2
        nodes, weights, before = grid, (kernel @ weights) * trapezoid, count
    return tuple(levels)


def _spending(schedule: Sequence[int], alpha: float) -> Floats:
    """Error spent up to each look."""
    pairs, last = np.array(schedule, dtype=np.float64), schedule[-1]
    early = (np.minimum(pairs, EARLY_PAIRS) / min(last, EARLY_PAIRS)) ** EARLY_POWER
    if last <= EARLY_PAIRS:
        return np.asarray(alpha * early)
    late = np.log(np.maximum(pairs, EARLY_PAIRS) / EARLY_PAIRS) / math.log(last / EARLY_PAIRS)
    return np.asarray(alpha * (EARLY_SHARE * early + (1 - EARLY_SHARE) * late))


def _solve_bound(nodes: Floats, weights: Floats, step: float, error: float) -> float:
    """The bound that a walk from weighted nodes crosses within one step with probability `error`."""
    from scipy.special import ndtr

    low, high = float(nodes.min()) - 10 * step, float(nodes.max()) + 10 * step
    for _ in range(60):
        middle = (low + high) / 2
        crossing = float(weights @ ndtr((nodes - middle) / step))
        low, high = (middle, high) if crossing > error else (low, middle)
    return (low + high) / 2


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
