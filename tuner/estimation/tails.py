"""How single runs spread around their location: mean, 95th and 99th percentile over it, pooled.

Pooled over all configurations, a slow run raises every estimate alike and cannot move one
configuration by itself. A prior sample stands in for the runs that are not there yet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.observations import Runs
from tuner.estimation.posterior import Draws

Floats = NDArray[np.float64]

PRIOR_RUNS = 12.0
"""How many runs the prior sample counts for."""
PRIOR_POINTS = 60
BOOTSTRAPS = 250
PRIOR_OUTLIERS = ((1.5, 0.01), (2.5, 0.005))
"""Slow runs that are expected beyond the noise: (factor, share)."""


@dataclass(frozen=True, slots=True, eq=False)
class Tails:
    """Factors over the location, per draw, shape (S,)."""

    mean: Floats
    p95: Floats
    p99: Floats


def draw_tails(runs: Runs, draws: Draws, rng: np.random.Generator) -> Tails:
    """Bayesian bootstrap of the pooled residuals and the prior sample."""
    from scipy.special import ndtri

    total = len(draws.log_ms)
    some = rng.permutation(total)[:BOOTSTRAPS]
    count = len(some)
    location = np.median(draws.log_ms[:, runs.nodes], axis=0)[runs.location]
    residuals = runs.log_ms - location - np.where(runs.cold, draws.cold_offset, 0.0)
    ordinary = ndtri((np.arange(PRIOR_POINTS) + 0.5) / PRIOR_POINTS)
    spread = np.hypot(draws.run_sd, draws.environment_sd)[some, None]
    outliers = np.log([factor for factor, _ in PRIOR_OUTLIERS])
    values = np.concatenate(
        [
            np.broadcast_to(residuals, (count, len(residuals))),
            ordinary[None, :] * spread,
            np.broadcast_to(outliers, (count, len(outliers))),
        ],
        axis=1,
    )
    shares = np.array([share for _, share in PRIOR_OUTLIERS])
    each = np.concatenate(
        [
            np.ones(len(residuals)),
            np.full(PRIOR_POINTS, PRIOR_RUNS * (1 - shares.sum()) / PRIOR_POINTS),
            PRIOR_RUNS * shares,
        ]
    )
    weights = rng.standard_gamma(np.broadcast_to(each, values.shape))
    weights /= weights.sum(axis=1, keepdims=True)
    order = np.argsort(values, axis=1)
    values, weights = np.take_along_axis(values, order, axis=1), np.take_along_axis(weights, order, axis=1)
    cumulated = np.cumsum(weights, axis=1)
    factors = (
        (np.exp(values) * weights).sum(axis=1),
        np.exp(_quantile(values, cumulated, 0.95)),
        np.exp(_quantile(values, cumulated, 0.99)),
    )
    # Each bootstrap serves several draws; which ones is random.
    owner = rng.permutation(np.arange(total) % count)
    return Tails(*(factor[owner] for factor in factors))


def _quantile(values: Floats, cumulated: Floats, level: float) -> Floats:
    position = np.minimum((cumulated < level).sum(axis=1), values.shape[1] - 1)
    return np.asarray(np.take_along_axis(values, position[:, None], axis=1)[:, 0])
