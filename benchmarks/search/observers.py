"""Observers that know what no tuner can: what the same search reaches with the best of priors.

They are told the noise, and expect curves that were published instead of mechanisms. `knows-others` has those of all
other families; `knows-own` has the true curve of the very function among them. What that one still loses is what so
few noisy runs leave open, whatever is known beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.cpu_quota.stairs import draw_stairs
from tuner.estimation.layout import Layout
from tuner.estimation.mechanisms import Particles
from tuner.estimation.noise import NoiseLevel
from tuner.estimation.posterior import SCREENING, Prior
from tuner.search.adaptive import AdaptiveSampler
from tuner.simulated.backend import SimulatedFunction
from tuner.simulated.curves import Curve
from tuner.simulated.noise import SimulatedNoise
from tuner.simulated.quality import family_weights

KNOWS_OTHERS, KNOWS_OWN = "knows-others", "knows-own"
OBSERVERS = (KNOWS_OTHERS, KNOWS_OWN)
STEEPEST = -1.1
"""Slope (log duration against log memory) at which a curve goes on beyond its bounds at most."""
LEAST_SD = 0.005
"""Spread that is told where there is none: the likelihood needs one."""
PERIODS_CHANCE = 0.01
"""Chance that 20 ms periods add to the noise. The simulated noise has none."""


@dataclass(frozen=True, slots=True, eq=False)
class PublishedCurves:
    """Published curves, up to their scale, in the place of the mechanisms of a prior.

    Attributes:
        curves: N of them, over one architecture each.
        log_weights: log of their prior weights, shape (N,).
    """

    curves: Sequence[Curve]
    log_weights: NDArray[np.float64]

    def __call__(self, layout: Layout, count: int) -> Particles:
        """Each curve as often as it takes that the screening sees it once; there are as many as there are."""
        if len(layout.architectures) > 1:
            raise ValueError("published curves are of one architecture each")
        log_memory = np.log(layout.memory_mb)
        shapes = np.repeat([_log_ms(curve, log_memory) for curve in self.curves], SCREENING, axis=0)
        copies = len(shapes)
        return Particles(
            curves=(shapes - shapes[:, [len(log_memory) // 2]]).astype(np.float32),
            absolute=np.zeros(copies, dtype=np.bool_),
            log_busy=np.full(shapes.shape, np.nan, dtype=np.float16),
            log_weight=np.repeat(self.log_weights, SCREENING).astype(np.float32),
            stair=np.full(copies, -1, dtype=np.int64),
            stairs=draw_stairs(1, np.random.default_rng(0), None),  # none of the curves is one
        )


def observer(name: str, function: SimulatedFunction, published: Sequence[SimulatedFunction]) -> AdaptiveSampler:
    """The sampler of an observer of one function.

    Args:
        name: one of `OBSERVERS`.
        function: what it searches.
        published: all functions of the benchmark, this one among them.
    """
    weights = np.log(family_weights([one.family for one in published]))
    kept = [i for i, one in enumerate(published) if name == KNOWS_OWN or one.family != function.family]
    curves = [next(iter(published[i].curves.values())) for i in kept]
    return AdaptiveSampler(
        prior=Prior(noise=told(function.noise), curves=PublishedCurves(curves, weights[kept]), quota=False)
    )


def told(noise: SimulatedNoise) -> tuple[tuple[NoiseLevel, float], ...]:
    """Noise of a prior that knows it: how runs and environments spread, and how much slower a first run is."""
    run, environment = (max(sd, LEAST_SD) for sd in (noise.run_sd, noise.environment_sd))
    level = (run, environment, math.log(noise.cold_factor), 2 * LEAST_SD, LEAST_SD)
    return (NoiseLevel(*level, 1.0), PERIODS_CHANCE), (NoiseLevel(*level, 0.0), 1 - PERIODS_CHANCE)


def _log_ms(curve: Curve, log_memory: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log durations; beyond its bounds a curve goes on as it ends, but never rises."""
    x, y = curve.log_memory, curve.log_duration
    slopes = np.clip(np.diff(y) / np.diff(x), STEEPEST, 0.0) if len(x) > 1 else np.zeros(1)
    below, above = np.minimum(log_memory - x[0], 0.0), np.maximum(log_memory - x[-1], 0.0)
    return np.asarray(np.interp(log_memory, x, y) + slopes[0] * below + slopes[-1] * above)
