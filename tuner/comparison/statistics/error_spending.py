"""When a test looks, and how much error each look may spend.

The looks and their levels stand before the first pair is measured. Knows nothing of the test itself.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from enum import StrEnum
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


class Spending(StrEnum):
    """How the error is spent over the looks."""

    EARLY = "early"
    """Most of it by `EARLY_PAIRS`: large shifts and failures show within 100 invocations."""
    EVEN = "even"
    """In proportion to the pairs: rare runs need many pairs to show."""


GRID_POINTS = 800
"""Nodes of the recursion over looks: nominal levels are right to three digits."""


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


@lru_cache(maxsize=512)
def nominal_levels(schedule: tuple[int, ...], alpha: float, spending: Spending = Spending.EARLY) -> tuple[float, ...]:
    """The level of each look such that the chance of an error at any of them is `alpha`.

    With `Spending.EARLY` the part that `EARLY_PAIRS` leaves is spent evenly over the logarithm of the number
    of pairs beyond, so that small shifts of any size are found as well. The looks are correlated
    as Brownian motion seen at these times; the recursion is that of Armitage, McPherson and Rowe (1969).
    """
    from scipy.special import ndtr

    spent = _spending(schedule, alpha, spending)
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


def _spending(schedule: Sequence[int], alpha: float, spending: Spending) -> Floats:
    """Error spent up to each look."""
    pairs, last = np.array(schedule, dtype=np.float64), schedule[-1]
    if spending is Spending.EVEN:
        return np.asarray(alpha * pairs / last)
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
def least_pairs(alpha: float) -> int:
    """The smallest number of pairs, planned from the first, after which a bound can exist at all.

    Of `n` pairs the most extreme assignment of signs has the chance 2^-n.
    """
    return next(count for count in itertools.count(1) if 0.5**count <= nominal_levels(looks(count), alpha)[-1])
