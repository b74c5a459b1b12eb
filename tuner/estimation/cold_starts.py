"""Cold starts: init duration as a curve of its own against memory.

Init is mostly CPU work that runs with the full share of a vCPU whatever the memory size, so it
is nearly flat; how flat is learned. A straight line in the logarithms with an offset
per architecture is what a handful of cold starts can tell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.layout import Layout

Floats = NDArray[np.float64]

SLOPE_SD = 0.1
"""Spread of the log-log slope of init against memory around none: in 78 pairs of runtime and architecture, 1024 MB
over 128 MB, the median ratio is 1.00 and 80% are between 0.98 and 1.04 (2026); extensions and large packages differ."""
ARCHITECTURE_SD = 0.15
"""Expected difference of the architectures, log units."""
LEVEL_SD = 10.0
"""The level of init is free."""
LEAST_SD = 0.02
OUTLIER_Z = 2.0


def draw_starts(
    points: Sequence[tuple[int, float, float]], layout: Layout, count: int, rng: np.random.Generator
) -> Floats | None:
    """Draws of the mean init duration in ms at the nodes, shape (count, G); None without a cold start.

    Args:
        points: (row of the architecture, log memory, log ms) of every cold start, sorted.
        layout: the nodes.
        count: number of draws.
        rng: source of the draws.
    """
    if not points:
        return None
    centre = float(np.mean([x for _, x, _ in points]))
    level = float(np.median([y for _, _, y in points]))
    row = np.array([a for a, _, _ in points])
    x = np.array([x for _, x, _ in points]) - centre
    y = np.array([y for _, _, y in points]) - level
    design = _design(x, row, len(layout.architectures))
    prior_mean = np.array([0.0, 0.0, *[0.0] * len(layout.architectures)])
    prior_precision = np.diag([LEVEL_SD**-2.0, SLOPE_SD**-2.0, *[ARCHITECTURE_SD**-2.0] * len(layout.architectures)])
    spread, weights = 0.1, np.ones(len(y))
    for _ in range(5):
        precision = prior_precision + (design.T * weights) @ design / spread**2
        covariance = np.linalg.inv(precision)
        mean = covariance @ (prior_precision @ prior_mean + design.T @ (weights * y) / spread**2)
        residual = y - design @ mean
        # Two runs' worth of the expected spread keeps a single point from claiming certainty.
        spread = math.sqrt((2 * 0.1**2 + float(weights @ residual**2)) / (2 + len(y)))
        spread = max(spread, LEAST_SD)
        weights = np.minimum(1, OUTLIER_Z * spread / np.maximum(np.abs(residual), 1e-12))
    rows = np.repeat(np.arange(len(layout.architectures)), len(layout.sizes_mb))
    at_nodes = _design(np.log(layout.memory_mb) - centre, rows, len(layout.architectures))
    root = np.linalg.cholesky(covariance)
    coefficients = mean + rng.standard_normal((count, len(mean))) @ root.T
    return np.asarray(np.exp(level + coefficients @ at_nodes.T + spread**2 / 2))


def _design(x: Floats, row: NDArray[np.int64], architectures: int) -> Floats:
    return np.column_stack([np.ones(len(x)), x, *(row == a for a in range(architectures))]).astype(np.float64)
