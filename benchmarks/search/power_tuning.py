"""AWS Lambda Power Tuning as a yardstick: its sizes, its number of runs, its statistic and its choice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tuner.estimation.robust_statistics import trimmed_mean
from tuner.model import DEFAULT_MEMORY_SIZES_MB, Configuration, SamplerName, invocations_of
from tuner.search.strategies import objective_values
from tuner.search.study import Study
from tuner.settings import MemorySizes, Settings

DISCARD = 0.2
"""Share of the fastest and of the slowest runs that it leaves out (discardTopBottom)."""


def power_tuning_settings(settings: Settings, runs: int, bounds_mb: tuple[int, int]) -> Settings:
    """Its default sizes, clipped to what the function can have, and its invocations in series."""
    low, high = bounds_mb
    sizes = tuple(sorted({min(max(size, low), high) for size in DEFAULT_MEMORY_SIZES_MB}))
    return replace(settings, sampler=SamplerName.GRID, runs=runs, environments=1, memory=MemorySizes(listed=sizes))


def power_tuning_choice(study: Study) -> Configuration:
    """The best trimmed average of the runs that ended well, whatever the noise."""
    good = {c: [run for run in runs if run.usable] for c, runs in invocations_of(study.samples).items()}
    configurations = sorted(c for c, runs in good.items() if runs)
    durations = np.array([trimmed_mean([run.duration_ms or 0.0 for run in good[c]], DISCARD) for c in configurations])
    billed = [trimmed_mean([float(run.billed_duration_ms or 0) for run in good[c]], DISCARD) for c in configurations]
    costs = np.array([study.prices.invocation_cost(c, ms) for c, ms in zip(configurations, billed, strict=True)])
    return configurations[int(objective_values(durations, costs, study.objective).argmin())]
