"""How much of a change is a plain one, of all runs alike, before slow runs are counted.

A plain change up to the threshold makes no run slow. Knows nothing of tests or verdicts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SMALL_SHIFT = math.log1p(0.05)
"""Up to it the candidate is scaled back by the threshold itself, whatever the medians show: that is exact. A larger
threshold would hide as much of a slower tail, and make most runs of the baseline slow."""


def plain_shift(
    before: Sequence[float] | NDArray[np.float64], after: Sequence[float] | NDArray[np.float64], most: float
) -> float:
    """The plain change between two sets of log values: that of their medians, from `SMALL_SHIFT` to `most`.

    Args:
        before, after: log values of baseline and candidate.
        most: the largest change that counts as plain; negative where the candidate is quicker.
    """
    size, sign = abs(most), math.copysign(1.0, most)
    seen = sign * float(np.median(after) - np.median(before)) if len(before) and len(after) else 0.0
    return sign * min(size, max(seen, min(size, SMALL_SHIFT)))
