"""What would be known of a simulated function after measuring every size for ever.

Takes means over the function's noise; knows nothing of how it is searched.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.means.bills import mean_rounded_up
from tuner.model import Architecture, Configuration, Objective
from tuner.pricing.price_list import PriceList
from tuner.search.strategies import objective_values
from tuner.simulated.backend import SimulatedFunction
from tuner.simulated.curves import Floats
from tuner.simulated.noise import SimulatedNoise

MEAN_ROUNDING_MS = 0.5
"""Mean excess of billed over handler duration: Lambda bills whole milliseconds, rounded up."""
ROUNDED_MS = 32.0
"""What rounding adds to shorter medians is worked out; that of longer ones differs from the mean excess by nothing that
counts."""
LITTLE = 1e-6
"""Difference of logarithms that is one of arithmetic."""
ERROR_LIMIT = 0.05
"""Sizes that fail more often than this may not be recommended (the default of `--max-error-rate`)."""
FAILED_REGRET = 1.0
"""Regret of recommending a size that may not be, or of recommending nothing: twice the best."""


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """True mean duration and cost of every configuration, and what an objective makes of them.

    Attributes:
        configurations: all that may be chosen, G of them.
        duration_ms, cost_usd: means of a warm run, shape (G,).
        value: what the objective minimises, shape (G,).
        allowed: configurations that run and fail seldom, shape (G,).
    """

    configurations: Sequence[Configuration]
    duration_ms: Floats
    cost_usd: Floats
    value: Floats
    allowed: NDArray[np.bool_]

    @property
    def best(self) -> int:
        """The true optimum: of the allowed configurations, or of all where none is allowed."""
        return int(np.where(self.allowed | ~self.allowed.any(), self.value, np.inf).argmin())

    @property
    def best_cost_usd(self) -> float:
        """C*: the cost of one invocation at the true optimum."""
        return float(self.cost_usd[self.best])

    def index(self, configuration: Configuration) -> int:
        """Position of a configuration; ValueError when it may not be chosen."""
        return self.configurations.index(configuration)

    def is_allowed(self, configuration: Configuration) -> bool:
        """Whether a configuration runs, and fails seldom."""
        return bool(self.allowed[self.index(configuration)])

    def cost_ratio(self, configuration: Configuration | None) -> float | None:
        """Cost of a configuration over that of the true optimum, whatever the objective; None of none."""
        return None if configuration is None else float(self.cost_usd[self.index(configuration)]) / self.best_cost_usd

    def regret(self, configuration: Configuration | None) -> float:
        """Excess of the objective over the true best, as a fraction; of None (no answer) that of a failure."""
        if configuration is None:
            return FAILED_REGRET if self.allowed.any() else 0.0
        index = self.index(configuration)
        excess = float(self.value[index] / self.value[self.best] - 1)
        return max(excess, FAILED_REGRET) if self.allowed.any() and not self.allowed[index] else excess


@dataclass(frozen=True, slots=True)
class EveryConfiguration(Sequence[Configuration]):
    """All sizes between two bounds in 1 MB steps, architecture by architecture."""

    architectures: tuple[Architecture, ...]
    low_mb: int
    high_mb: int

    def __len__(self) -> int:
        return len(self.architectures) * (self.high_mb - self.low_mb + 1)

    def __getitem__(self, position: Any) -> Any:
        row, column = divmod(range(len(self))[position], self.high_mb - self.low_mb + 1)
        return Configuration(self.low_mb + column, self.architectures[row])

    def index(self, value: Any, start: int = 0, stop: int | None = None) -> int:
        """Position of a configuration, without a search."""
        if not self.low_mb <= value.memory_mb <= self.high_mb:
            raise ValueError(f"{value} is not among {self.low_mb} to {self.high_mb} MB")
        row = self.architectures.index(value.architecture)
        return row * (self.high_mb - self.low_mb + 1) + int(value.memory_mb) - self.low_mb


def truth_of(function: SimulatedFunction, objective: Objective, prices: PriceList) -> Truth:
    """The truth of a function over all sizes that its curves cover, in 1 MB steps."""
    low, high = function.bounds_mb
    sizes = np.arange(low, high + 1)
    durations, costs = [], []
    for architecture, curve in function.curves.items():
        median = curve.duration_ms(sizes.astype(np.float64))
        duration = median * function.noise.mean_factor
        per_ms = prices.gb_second_usd(architecture) * sizes / 1024 / 1000
        durations.append(duration)
        costs.append(_mean_billed_ms(median, function.noise) * per_ms + prices.request_usd)
    duration, cost = np.concatenate(durations), np.concatenate(costs)
    allowed = np.tile(_allowed(function, sizes), len(function.curves))
    value = objective_values(duration, cost, objective, allowed if allowed.any() else None)
    return Truth(EveryConfiguration(tuple(function.curves), low, high), duration, cost, value, allowed)


def _mean_billed_ms(median_ms: Floats, noise: SimulatedNoise) -> Floats:
    """Mean of durations that are rounded up to whole milliseconds, one for each median."""
    billed = median_ms * noise.mean_factor + MEAN_ROUNDING_MS
    short = median_ms < ROUNDED_MS
    log_median = np.log(median_ms[short]) - LITTLE  # a whole millisecond is billed as one
    sd = np.full(log_median.shape, noise.log_sd)
    billed[short] = sum(share * mean_rounded_up(log_median + math.log(factor), sd) for share, factor in noise.kinds)
    return billed


def _allowed(function: SimulatedFunction, sizes: NDArray[np.int64]) -> NDArray[np.bool_]:
    faults = function.faults
    runs = (sizes >= faults.out_of_memory_below_mb) & (sizes <= faults.refused_above_mb)
    seldom = np.array([faults.error_share_at(int(size)) <= ERROR_LIMIT for size in sizes])
    return np.asarray(runs & seldom)
