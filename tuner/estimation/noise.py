"""What the runs say of log duration at each location, once their noise is integrated out.

A run is log y = location + environment + (offset + scatter if it is the first of its
environment) + noise. For a noise level all of that is Gaussian, so that the runs boil down to a
centre and a covariance over the locations. Several levels are worked out side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.cpu_quota.stairs import PERIOD_MS
from tuner.estimation.layout import Layout
from tuner.estimation.observations import Runs
from tuner.model import MB_PER_VCPU

Floats = NDArray[np.float64]

LONGEST_JUMPY_MS = 200.0
"""Longer runs average over so many periods that a part of one does not show."""
LARGEST_JUMP = 0.1
"""Bound on the variance that periods add."""


@dataclass(frozen=True, slots=True)
class NoiseLevel:
    """Spread of runs and of environments, and how the first run of an environment differs; log units.

    `periods` is the part of the variance of 20 ms periods that counts: work that waits for others
    more than for its CPU share is hardly ever stopped.
    """

    run_sd: float
    environment_sd: float
    cold_mean: float = 0.08
    cold_mean_sd: float = 0.15
    cold_sd: float = 0.05
    periods: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Summaries:
    """What all runs say at each of K noise levels: log t at the L locations is N(centre, covariance).

    Attributes:
        centre: shape (K, L).
        covariance: shape (K, L, L).
        log_constant: log of the factor that makes it the likelihood, shape (K,).
        cold_offset: mean log offset of first runs, shape (K,).
        cold_offset_variance: doubt about it, shape (K,).
    """

    centre: Floats
    covariance: Floats
    log_constant: Floats
    cold_offset: Floats
    cold_offset_variance: Floats


def throttling_variance(runs: Runs, layout: Layout) -> Floats:
    """Variance, per run, that periods may add to short runs below one vCPU (uniform phase), shape (n,).

    A run shorter than the quota of one period was not stopped: an idle environment begins with all of it.
    """
    share = np.minimum(1, layout.memory_mb[runs.nodes[runs.location]] / MB_PER_VCPU)
    duration = np.exp(runs.log_ms)
    jumpy = (duration < LONGEST_JUMPY_MS) & (duration > PERIOD_MS * share)
    relative = np.where(jumpy, PERIOD_MS * (1 - share) / duration, 0.0)
    return np.asarray(np.minimum(relative**2 / 12, LARGEST_JUMP))


def summarise(runs: Runs, levels: Sequence[NoiseLevel], weights: Floats, throttling: Floats) -> Summaries:
    """Integrate environments and the cold offset out of the runs.

    Args:
        runs: n runs at L locations.
        levels: noise, K of them.
        weights: of the runs, shape (n,).
        throttling: extra variance, shape (n,).
    """
    run, environment, offset_mean, offset_sd, scatter, periods = (
        np.array([getattr(level, name) for level in levels])[:, None]
        for name in ("run_sd", "environment_sd", "cold_mean", "cold_mean_sd", "cold_sd", "periods")
    )
    cold, y = runs.cold.astype(np.float64), runs.log_ms
    precision = weights / (run**2 + periods * throttling + scatter**2 * cold)
    lanes = np.unique(runs.environment, return_index=True)[1]
    places = np.unique(runs.location[lanes], return_index=True)[1]
    s, sc, sy, scy = (np.add.reduceat(precision * v, lanes, axis=1) for v in (1.0, cold, y, cold * y))
    shrink = 1 / (1 / environment**2 + s)

    def per_place(values: Floats) -> Floats:
        return np.asarray(np.add.reduceat(values, places, axis=1))

    # Normal equations of (locations, offset): f and c stand for a location and for the offset.
    ff, fc, fy = (per_place(v) for v in (s - shrink * s * s, sc - shrink * s * sc, sy - shrink * s * sy))
    trust = 1 / offset_sd[:, 0] ** 2
    cc = (sc - shrink * sc**2).sum(axis=1) + trust
    cy = (scy - shrink * sc * sy).sum(axis=1) + trust * offset_mean[:, 0]
    yy = precision @ y**2 - (shrink * sy**2).sum(axis=1) + trust * offset_mean[:, 0] ** 2
    log_det = np.log1p(environment**2 * s).sum(axis=1) - np.log(precision).sum(axis=1) + np.log(cc / trust)
    information = np.einsum("kl,lm->klm", ff, np.eye(len(places))) - fc[:, :, None] * fc[:, None, :] / cc[:, None, None]
    covariance = np.linalg.inv(information)
    shifted = fy - fc * (cy / cc)[:, None]
    centre = np.einsum("klm,km->kl", covariance, shifted)
    fit = yy - cy**2 / cc - (centre * shifted).sum(axis=1)
    return Summaries(
        centre,
        covariance,
        -0.5 * (fit + log_det + np.linalg.slogdet(information)[1]),
        (cy - (fc * centre).sum(axis=1)) / cc,
        1 / np.maximum(cc - (fc**2 / ff).sum(axis=1), trust),
    )


def residual_scores(
    runs: Runs, level: NoiseLevel, throttling: Floats, weights: Floats, expected: Floats, prior: Floats
) -> Floats:
    """Squared standardised residual of each run, given all others; shape (n,).

    Args:
        runs: n runs.
        level: noise.
        throttling: extra variance, shape (n,).
        weights: of the runs as they are believed so far, shape (n,).
        expected: prior mean of the location of each run, shape (n,).
        prior: prior covariance of the locations of the runs, shape (n, n).
    """
    cold = runs.cold.astype(np.float64)
    own = level.run_sd**2 + level.periods * throttling + level.cold_sd**2 * cold
    same = (runs.environment[:, None] == runs.environment[None, :]) * level.environment_sd**2
    total = prior + np.diag(own / weights) + same + level.cold_mean_sd**2 * np.outer(cold, cold)
    inverse = np.linalg.inv(total)
    variance = 1 / np.diag(inverse)
    residual = (inverse @ (runs.log_ms - level.cold_mean * cold - expected)) * variance
    # A run that counts little now is judged as one that would count fully.
    return np.asarray(residual**2 / (variance - own / weights + own))


def residual_scores_of_many(runs: Runs, level: NoiseLevel, throttling: Floats) -> Floats:
    """The same where runs are many: residuals from the median of each location, cold and warm apart."""
    residual = np.empty(runs.count)
    for location in range(len(runs.nodes)):
        for cold in (False, True):
            rows = (runs.location == location) & (runs.cold == cold)
            if rows.any():
                residual[rows] = runs.log_ms[rows] - np.median(runs.log_ms[rows])
    return np.asarray(residual**2 / (level.run_sd**2 + level.environment_sd**2 + level.periods * throttling))
