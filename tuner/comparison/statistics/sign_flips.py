"""The chance of a sum of paired contributions when the two sides of every pair may be exchanged.

If baseline and candidate differ by nothing but the tested shift, the sides of each pair are exchangeable.
Then each contribution has either sign with the same chance, whatever its size. So the test is exact for
any score of the runs and any distribution of the noise. Knows nothing of functions or metrics.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

EXACT_UP_TO = 30
"""Number of contributions up to which the distribution is exact. Beyond, the Edgeworth series of the
symmetric sum is within 2% of it, relatively, down to a chance of 0.1%."""
CELLS = 1000
"""Contributions are rounded to this part of their sum. The test with rounded contributions is exact as well."""
EXACT_TOTAL = 400
"""Whole numbers (counts) with at most this sum have an exact distribution at any length."""


def chance_of_sum(contributions: Floats) -> float:
    """Chance of a sum at least as large as that of `contributions` when every sign is drawn.

    The distribution is that of Fisher's randomisation test for pairs (Fisher 1935, The Design of Experiments, 21).
    """
    moved = contributions[contributions != 0]
    if not len(moved):
        return 1.0
    sizes = np.abs(moved)
    whole = bool(np.all(sizes == np.round(sizes))) and float(sizes.sum()) <= EXACT_TOTAL
    if not whole and len(moved) > EXACT_UP_TO:
        return _edgeworth(moved)
    cells = sizes if whole else np.round(sizes * (CELLS / sizes.sum()))
    steps = cells.astype(np.int64)
    return _exact(steps, int(np.sign(moved) @ steps))


def _exact(steps: NDArray[np.int64], total: int) -> float:
    """Chance of `total` or more among all assignments of signs to `steps`."""
    # The sum of signed steps is twice the sum of the positive ones minus all steps.
    ways = np.zeros(int(steps.sum()) + 1)
    ways[0] = 1.0
    for step in steps:
        half = ways / 2
        ways = half.copy()
        ways[step:] += half[: len(half) - step]
    least = (total + int(steps.sum()) + 1) // 2
    return float(ways[max(0, least) :].sum())


def _edgeworth(contributions: Floats) -> float:
    """Normal limit with the fourth cumulant of a sum of signs (Edgeworth series)."""
    variance = float(contributions @ contributions)
    z = float(contributions.sum()) / math.sqrt(variance)
    kurtosis = -2 * float((contributions**4).sum()) / variance**2
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    chance = math.erfc(z / math.sqrt(2)) / 2 + density * kurtosis / 24 * (z**3 - 3 * z)
    return min(1.0, max(chance, 0.5 ** len(contributions)))
