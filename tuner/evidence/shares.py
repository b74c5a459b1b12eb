"""Intervals of shares, means and percentiles, from counts and from values.

Wilson's interval holds for few and for no hits; the bootstrap asks nothing of the shape of the values. Percentiles
rest on order statistics, and have no upper bound where the values are too few for one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuner.model import Interval

ONE_SIDED_95, TWO_SIDED_95 = 1.645, 1.96
"""Normal quantiles of a bound and of an interval at 95%."""
BOOTSTRAPS = 400
FEWEST_FOR_INTERVAL = 5
"""Fewer values say nothing of their own spread."""
BEYOND = 0.025
"""Chance that the truth lies beyond either bound of an interval at 95%."""


@dataclass(frozen=True, slots=True)
class Percentile:
    """A percentile with its 95% bounds, as far as the values allow one.

    Attributes:
        low: a bound from below; with one value it holds less often than 95%.
        mean: the percentile of the values; None: they are too few.
        high: a bound from above; None: the values are too few.
    """

    low: float
    mean: float | None = None
    high: float | None = None


def wilson_upper(hits: int, count: int) -> float:
    """Wilson's one-sided 95% bound of a share (Wilson 1927); 2.7 / count without a hit."""
    return _wilson(hits, count, ONE_SIDED_95)[1]


def share_interval(hits: int, count: int) -> Interval:
    """A share with Wilson's 95% interval; `count` is at least 1."""
    low, high = _wilson(hits, count, TWO_SIDED_95)
    return Interval(hits / count, low, high)


def mean_interval(values: NDArray[np.float64], *, seed: int = 0) -> Interval:
    """A mean with its 95% interval; at least one value, and fewer than `FEWEST_FOR_INTERVAL` say nothing of its width.

    The bootstrap, with arms as much longer as Student's t is wider than the normal distribution (Hesterberg 2015).
    """
    rng, count = np.random.default_rng(seed), len(values)
    # One resample at a time: all of them together take 600 MB for 100,000 values.
    means = [values[rng.integers(count, size=count)].mean() for _ in range(BOOTSTRAPS)]
    low, high = np.quantile(means, (0.025, 0.975))
    mean, longer = float(values.mean()), _few(count)
    return Interval(mean, max(0.0, mean - longer * (mean - float(low))), mean + longer * (float(high) - mean))


def percentile(values: NDArray[np.float64], level: float) -> Percentile:
    """A percentile with its 95% bounds from order statistics (exact ranks: David and Nagaraja 2003, 7.1).

    Args:
        values: at least one.
        level: e.g. 0.99.
    """
    ordered, count = np.sort(values), len(values)
    # As many values lie below the percentile as a binomial count says; the ranks leave BEYOND on either side.
    below = np.cumsum(_binomial(count, level))
    low = float(ordered[max(int(np.searchsorted(below, BEYOND, side="right")) - 1, 0)])
    rank = int(np.searchsorted(below, 1 - BEYOND))
    if rank >= count:
        return Percentile(low)
    return Percentile(low, float(np.quantile(ordered, level)), float(ordered[rank]))


def fewest_for_percentile(level: float) -> int:
    """Values from which on a percentile has an upper bound: 368 for the 99th."""
    return math.ceil(math.log(BEYOND) / math.log(level))


def _binomial(count: int, share: float) -> NDArray[np.float64]:
    """Chances of 0 to `count` hits."""
    logs = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, count + 1)))))
    hits = np.arange(count + 1)
    choices = logs[count] - logs - logs[::-1]
    return np.asarray(np.exp(choices + hits * np.log(share) + (count - hits) * np.log(1 - share)))


def _few(count: int) -> float:
    """How much longer the arms of a bootstrap interval of few values have to be (Cornish and Fisher 1937)."""
    free, z = max(1, count - 1), TWO_SIDED_95
    t = z + (z**3 + z) / (4 * free) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * free**2)
    return float(t / z * (count / free) ** 0.5)


def _wilson(hits: int, count: int, z: float) -> tuple[float, float]:
    share, z2 = hits / count, z**2
    middle = share + z2 / (2 * count)
    spread = z * ((share * (1 - share) + z2 / (4 * count)) / count) ** 0.5
    return max(0.0, float((middle - spread) / (1 + z2 / count))), float((middle + spread) / (1 + z2 / count))
