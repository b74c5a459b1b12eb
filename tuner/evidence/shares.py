"""Intervals of shares and of means, from counts and from values.

Wilson's interval holds for few and for no hits; the bootstrap asks nothing of the shape of the values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tuner.model import Interval

ONE_SIDED_95, TWO_SIDED_95 = 1.645, 1.96
"""Normal quantiles of a bound and of an interval at 95%."""
BOOTSTRAPS = 400


def wilson_upper(hits: int, count: int) -> float:
    """Wilson's one-sided 95% bound of a share (Wilson 1927); 2.7 / count without a hit."""
    return _wilson(hits, count, ONE_SIDED_95)[1]


def share_interval(hits: int, count: int) -> Interval:
    """A share with Wilson's 95% interval; `count` is at least 1."""
    low, high = _wilson(hits, count, TWO_SIDED_95)
    return Interval(hits / count, low, high)


def mean_interval(values: NDArray[np.float64], *, seed: int = 0) -> Interval:
    """A mean with its 95% bootstrap interval; at least one value."""
    rng, count = np.random.default_rng(seed), len(values)
    # One resample at a time: all of them together take 600 MB for 100,000 values.
    means = [values[rng.integers(count, size=count)].mean() for _ in range(BOOTSTRAPS)]
    low, high = np.quantile(means, (0.025, 0.975))
    return Interval(float(values.mean()), float(low), float(high))


def quantile_interval(values: NDArray[np.float64], level: float) -> Interval:
    """A quantile with its 95% interval from order statistics (normal approximation of their ranks)."""
    ordered, count = np.sort(values), len(values)
    spread = TWO_SIDED_95 * (count * level * (1 - level)) ** 0.5
    low, high = (min(max(int(count * level + side * spread), 0), count - 1) for side in (-1, 1))
    return Interval(float(np.quantile(ordered, level)), float(ordered[low]), float(ordered[high]))


def _wilson(hits: int, count: int, z: float) -> tuple[float, float]:
    share, z2 = hits / count, z**2
    middle = share + z2 / (2 * count)
    spread = z * ((share * (1 - share) + z2 / (4 * count)) / count) ** 0.5
    return max(0.0, float((middle - spread) / (1 + z2 / count))), float((middle + spread) / (1 + z2 / count))
