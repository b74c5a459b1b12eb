"""Simulated functions of a few milliseconds, to check what is said of their bills.

They are billed one or few different whole milliseconds. Medians, spreads and slow runs are drawn from wide ranges,
not from any published function.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from benchmarks.regression.real_runs import Curve

FUNCTIONS = 24
RUNS = 20_000
"""Of each function, so that one slow run in a thousand is there."""
SHORTEST_MS, LONGEST_MS = 0.2, 8.0
LEAST_SD, MOST_SD = 0.02, 0.4
SLOW_SHARES = (0.0, 0.005, 0.02, 0.08)
SLOW_FACTORS = (2.0, 5.0, 20.0)


def short_functions(seed: int) -> Iterator[Curve]:
    """Log-normal runs, some of them slow, of functions in four families: so many of their runs are slow."""
    for share in SLOW_SHARES:
        rng = np.random.default_rng([seed, round(1000 * share)])
        family = f"slow{1000 * share:.0f}"
        for number in range(FUNCTIONS):
            log_median = rng.uniform(math.log(SHORTEST_MS), math.log(LONGEST_MS))
            sd = math.exp(rng.uniform(math.log(LEAST_SD), math.log(MOST_SD)))
            factor = float(rng.choice(SLOW_FACTORS))
            slow = np.where(rng.random(RUNS) < share, math.log(factor) + 0.3 * rng.standard_normal(RUNS), 0.0)
            runs = np.exp(log_median + sd * rng.standard_normal(RUNS) + slow)
            yield Curve(family, f"{number}", 1769, runs)
