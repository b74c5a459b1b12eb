"""AWS Lambda Power Tuning as a yardstick: its sizes, its runs, its statistic and its choice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tuner.estimation.robust_statistics import trimmed_mean
from tuner.model import (
    DEFAULT_MEMORY_SIZES_MB,
    Architecture,
    Configuration,
    Objective,
    Sample,
    SearchSpace,
    invocations_of,
)
from tuner.pricing.price_list import PriceList
from tuner.search.recommendation import objective_values

DISCARD = 0.2
"""Share of the fastest and of the slowest runs that it leaves out (discardTopBottom)."""


def peer_space(bounds_mb: tuple[int, int], architectures: Iterable[Architecture]) -> SearchSpace:
    """Its default sizes, clipped to what the function can have."""
    low, high = bounds_mb
    sizes = {min(max(size, low), high) for size in DEFAULT_MEMORY_SIZES_MB}
    return SearchSpace(tuple(sorted(sizes)), tuple(architectures), listed=True)


def peer_choice(samples: Sequence[Sample], objective: Objective, prices: PriceList) -> Configuration:
    """The smallest trimmed average, whatever the noise."""
    grouped = invocations_of(samples)
    configurations = sorted(grouped)
    durations = np.array([trimmed_mean([i.duration_ms or 0.0 for i in grouped[c]], DISCARD) for c in configurations])
    costs = np.array(
        [
            prices.invocation_cost(c, trimmed_mean([float(i.billed_duration_ms or 0) for i in grouped[c]], DISCARD))
            for c in configurations
        ]
    )
    return configurations[int(objective_values(durations, costs, objective).argmin())]
