"""How far the mean and the percentiles of single runs lie above the location, pooled over all configurations.

Pooled, a slow run raises every estimate alike and cannot move one configuration by itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.observations import Runs
from tuner.estimation.posterior import Draws
from tuner.estimation.slow_runs import Tails, usual_slow_runs

Floats = NDArray[np.float64]


def draw_tails(runs: Runs, draws: Draws, throttling: Floats, rng: np.random.Generator) -> Tails:
    """Draws of the factors, given the warm runs.

    Args:
        runs: n runs.
        draws: the curves that they were drawn from.
        throttling: variance that 20 ms periods may add to each run, shape (n,).
        rng: source of the draws.
    """
    warm = ~runs.cold
    location = np.median(draws.log_ms[:, runs.nodes], axis=0)[runs.location]
    core_sd = np.hypot(draws.run_sd, draws.environment_sd)
    spread = np.sqrt(np.mean(core_sd**2) + throttling)
    slow = usual_slow_runs().given((runs.log_ms - location)[warm], spread[warm])
    return slow.draw(core_sd, rng)
