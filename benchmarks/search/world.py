"""A function whose truth is known, measured with the noise of real ones.

Every environment and every run is off by 5% (log-normal); 2% of the runs take 1.3 to 3
times as long; the first run of an environment takes 10% longer and pays an init of 250 ms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.search.truth import Function
from tuner.model import Architecture, Configuration, Invocation, Objective, Outcome, Sample, Trial
from tuner.pricing.price_list import PriceList
from tuner.search.recommendation import objective_values
from tuner.simulated.regret import Truth


@dataclass(frozen=True, slots=True)
class Noise:
    """How measurements differ from the truth; spreads in log units."""

    environment_sd: float = 0.05
    run_sd: float = 0.05
    outlier_share: float = 0.02
    outlier_factors: tuple[float, float] = (1.3, 3.0)
    init_ms: float = 250.0
    first_run_factor: float = 1.1

    @property
    def mean_factor(self) -> float:
        """Mean of a warm run over its location."""
        outliers = 1 + self.outlier_share * (sum(self.outlier_factors) / 2 - 1)
        return outliers * math.exp((self.environment_sd**2 + self.run_sd**2) / 2)


def truth_of(function: Function, objective: Objective, prices: PriceList, noise: Noise) -> Truth:
    """What would be known of a function after measuring every size in 1 MB steps for ever."""
    low, high = function.bounds_mb
    sizes = np.arange(low, high + 1)
    durations, costs = [], []
    for architecture, curve in function.curves.items():
        duration = curve.duration_ms(sizes.astype(np.float64)) * noise.mean_factor
        per_ms = prices.gb_second_usd(architecture) * sizes / 1024 / 1000
        durations.append(duration)
        costs.append((duration + 0.5) * per_ms + prices.request_usd)
    duration, cost = np.concatenate(durations), np.concatenate(costs)
    every = EveryConfiguration(tuple(function.curves), low, high)
    return Truth(every, duration, cost, objective_values(duration, cost, objective))


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
        row = self.architectures.index(value.architecture)
        return row * (self.high_mb - self.low_mb + 1) + int(value.memory_mb) - self.low_mb


@dataclass(slots=True)
class World:
    """Measures trials of a function with noise from a seed; every trial gets new environments."""

    function: Function
    noise: Noise
    rng: np.random.Generator
    environments: int = field(default=0)

    def measure(self, trials: Sequence[Trial]) -> list[Sample]:
        """One sample per trial."""
        return [self._sample(trial) for trial in trials]

    def _sample(self, trial: Trial) -> Sample:
        curve = self.function.curves[trial.configuration.architecture]
        true_ms = float(curve.duration_ms(np.array([float(trial.configuration.memory_mb)]))[0])
        invocations: list[Invocation] = []
        for _ in range(trial.environments):
            self.environments += 1
            here_ms = true_ms * math.exp(self.noise.environment_sd * self.rng.standard_normal())
            invocations += [self._invocation(here_ms, cold=run == 0) for run in range(trial.runs_per_environment)]
        return Sample(trial.id, trial.configuration, tuple(invocations))

    def _invocation(self, here_ms: float, *, cold: bool) -> Invocation:
        duration = here_ms * math.exp(self.noise.run_sd * self.rng.standard_normal())
        if self.rng.random() < self.noise.outlier_share:
            duration *= self.rng.uniform(*self.noise.outlier_factors)
        if cold:
            duration *= self.noise.first_run_factor
        init = self.noise.init_ms if cold else None
        return Invocation(
            Outcome.OK,
            environment=str(self.environments),
            duration_ms=duration,
            billed_duration_ms=math.ceil(duration + (init or 0.0)),
            init_duration_ms=init,
        )
