"""Percentiles of a size by its own runs, where these are many; the curves have one spread for all sizes.

Below one vCPU short work either ends within a period of the CPU or takes a whole period more. So its slow runs are
many at some sizes and none at others, which no common spread can tell. Knows nothing of curves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.belief import Belief
from tuner.model import Configuration

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

COMMON_SD = 0.3
"""How far a percentile of one size may lie from that of the spread that all sizes share, log units."""
LEAST_SD = 0.02
"""A percentile is never known better, log units."""
LEFT_OPEN = 0.08
"""Chance that none of the runs lies beyond a percentile, up to which they bound it from above: 50 runs do for the 95th
percentile, 252 for the 99th, whose slow runs fewer may miss."""


@dataclass(frozen=True, slots=True, eq=False)
class OwnRuns:
    """Warm runs of one size.

    Attributes:
        log_ms: log durations, shape (n,).
        environment: number of the environment of each, shape (n,).
    """

    log_ms: Floats
    environment: Integers

    def percentile(self, level: float) -> tuple[float, float] | None:
        """The log of a percentile and its standard error; None: fewer than one run is expected beyond it.

        The error is that of the share of runs beyond it. Runs of one environment resemble each other, so that it is
        counted by environments as well. Runs that do not bound it from above tell it no better than others do.
        """
        count = len(self.log_ms)
        if count * (1 - level) < 1 - 1e-9:
            return None
        found = float(np.quantile(self.log_ms, level))
        beyond = np.bincount(self.environment, weights=self.log_ms > found)
        expected = (1 - level) * np.bincount(self.environment)
        of_environments = math.sqrt(float(((beyond - expected) ** 2).sum())) / count
        error = max(math.sqrt(level * (1 - level) / count), of_environments)
        low, high = np.quantile(self.log_ms, [max(0.0, level - error), min(1.0, level + error)])
        sd = max(LEAST_SD, float(high - low) / 2)
        bounded = level**count <= LEFT_OPEN and level + error <= 1 - 0.5 / count
        return found, sd if bounded else math.hypot(sd, COMMON_SD)


def with_own_percentiles(belief: Belief, own: Mapping[Configuration, OwnRuns]) -> Belief:
    """A belief whose 95th and 99th percentiles weigh the runs of each size as well.

    Args:
        belief: with percentiles of the spread that all sizes share.
        own: warm runs of the sizes that have any.
    """
    p95_ms, p99_ms = belief.p95_ms.copy(), belief.p99_ms.copy()
    for column, configuration in enumerate(belief.candidates):
        runs = own.get(configuration)
        if runs is None:
            continue
        for level, percentiles in ((0.95, p95_ms), (0.99, p99_ms)):
            if (known := runs.percentile(level)) is not None:
                log_ms = _weighed(np.log(percentiles[:, column]), *known, seed=configuration.memory_mb)
                percentiles[:, column] = np.exp(log_ms)
    return replace(belief, p95_ms=p95_ms, p99_ms=np.maximum(p95_ms, p99_ms))


def _weighed(common: Floats, own: float, own_sd: float, *, seed: int) -> Floats:
    """Draws of the log of a percentile, by its draws from the common spread and by its own runs."""
    from scipy.special import ndtri

    variance = float(common.var()) + COMMON_SD**2
    weight = variance / (variance + own_sd**2)
    draws = len(common)
    shocks = np.random.default_rng(seed).permutation(ndtri((np.arange(draws) + 0.5) / draws))
    return np.asarray((1 - weight) * common + weight * (own + own_sd * shocks))
