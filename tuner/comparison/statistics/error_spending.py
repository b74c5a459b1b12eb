"""When a test looks, and how much error each look may spend.

The looks and their levels stand before the first pair is measured. Knows nothing of the test itself.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
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
EARLY_POWER = 4.0
"""Within the early part the spending grows with this power of the pairs. With 3 the levels of the first looks are as
strict as those of O'Brien and Fleming (Kim and DeMets 1987, Biometrika 74, 149). With 4 the last look keeps still more
of its power: it is where a change that runs hide is found."""


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


def planned_error(schedule: tuple[int, ...], look: int, spending: Spending = Spending.EARLY) -> float:
    """The part of the error that may be spent up to a look, which counts from 0.

    With `Spending.EARLY` the part that `EARLY_PAIRS` leaves is spent evenly over the logarithm of the number
    of pairs beyond, so that small shifts of any size are found as well.
    """
    pairs, last = schedule[look], schedule[-1]
    if spending is Spending.EVEN:
        return pairs / last
    early: float = (min(pairs, EARLY_PAIRS) / min(last, EARLY_PAIRS)) ** EARLY_POWER
    if last <= EARLY_PAIRS:
        return early
    late = math.log(max(pairs, EARLY_PAIRS) / EARLY_PAIRS) / math.log(last / EARLY_PAIRS)
    return EARLY_SHARE * early + (1 - EARLY_SHARE) * late


def nominal_levels(schedule: tuple[int, ...], alpha: float, spending: Spending = Spending.EARLY) -> tuple[float, ...]:
    """The level of each look such that the chance of an error at any of them is `alpha`, spent as planned."""
    spent = [alpha * planned_error(schedule, look, spending) for look in range(len(schedule))]
    errors = tuple(after - before for before, after in itertools.pairwise([0.0, *spent]))
    return tuple(level_of(schedule[:count], errors[:count]) for count in range(1, len(schedule) + 1))


def level_of(pairs: tuple[int, ...], errors: tuple[float, ...]) -> float:
    """The level of the last of some looks, which may spend the last of the errors.

    The looks are correlated as Brownian motion seen at these times; the recursion is that of Armitage,
    McPherson and Rowe (1969).

    Args:
        pairs: at each look that spent error, increasing.
        errors: what each look spends.
    """
    return _walk(pairs, errors).level


@dataclass(frozen=True, slots=True, eq=False)
class _Walk:
    """Where a walk may be after a look that it passed below the bound: nodes with their weights."""

    level: float
    nodes: Floats
    weights: Floats


@lru_cache(maxsize=512)
def _walk(pairs: tuple[int, ...], errors: tuple[float, ...]) -> _Walk:
    from scipy.special import ndtr

    if not pairs:
        return _Walk(0.0, np.zeros(1), np.ones(1))
    before, start = _walk(pairs[:-1], errors[:-1]), pairs[-2] if len(pairs) > 1 else 0
    step, reach = math.sqrt(pairs[-1] - start), math.sqrt(pairs[-1])
    bound = _solve_bound(before.nodes, before.weights, step, errors[-1])
    grid = np.linspace(-8 * reach, bound, GRID_POINTS)
    kernel = np.exp(-0.5 * ((grid[:, None] - before.nodes) / step) ** 2) / (step * math.sqrt(2 * math.pi))
    trapezoid = np.full(GRID_POINTS, grid[1] - grid[0])
    trapezoid[[0, -1]] /= 2
    return _Walk(float(ndtr(-bound / reach)), grid, (kernel @ before.weights) * trapezoid)


def _solve_bound(nodes: Floats, weights: Floats, step: float, error: float) -> float:
    """The bound that a walk from weighted nodes crosses within one step with probability `error`."""
    from scipy.special import ndtr

    low, high = float(nodes.min()) - 10 * step, float(nodes.max()) + 10 * step
    for _ in range(60):
        middle = (low + high) / 2
        crossing = float(weights @ ndtr((nodes - middle) / step))
        low, high = (middle, high) if crossing > error else (low, middle)
    return (low + high) / 2


def least_pairs(alpha: float) -> int:
    """The smallest number of pairs after which a test can decide at all.

    Of `n` pairs the most extreme assignment of signs has the chance 2^-n. A look that cannot decide spends nothing.
    """
    return math.ceil(-math.log2(alpha))
