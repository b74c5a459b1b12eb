"""A function whose truth is known, measured with the noise of real ones.

Every environment and every run is off by 5% (log-normal); 2% of the runs take 1.3 to 3
times as long; the first run of an environment takes 10% longer and pays an init of 250 ms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.search.truth import Floats, Function
from tuner.model import Configuration, Invocation, Objective, Outcome, Sample, Trial
from tuner.pricing import PriceList
from tuner.strategies import objective_values


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


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """True mean duration and cost of every size in 1 MB steps, and what the objective makes of them.

    Attributes:
        configurations: all that may be chosen, G of them.
        duration_ms, cost_usd, value: shape (G,); value is what the objective minimises.
    """

    configurations: tuple[Configuration, ...]
    duration_ms: Floats
    cost_usd: Floats
    value: Floats

    @property
    def best_cost_usd(self) -> float:
        """C*: the cost of one invocation at the true optimum."""
        return float(self.cost_usd[self.value.argmin()])

    def regret(self, configuration: Configuration) -> float:
        """Excess of the objective over the true best, as a fraction."""
        return float(self.value[self.index(configuration)] / self.value.min() - 1)

    def index(self, configuration: Configuration) -> int:
        """Position of a configuration."""
        same = [i for i, c in enumerate(self.configurations) if c.architecture is configuration.architecture]
        return same[0] + configuration.memory_mb - self.configurations[same[0]].memory_mb


def truth_of(function: Function, objective: Objective, prices: PriceList, noise: Noise) -> Truth:
    """What would be known of a function after measuring for ever."""
    low, high = function.bounds_mb
    sizes = np.arange(low, high + 1)
    configurations, durations, costs = [], [], []
    for architecture, curve in function.curves.items():
        duration = curve.duration_ms(sizes.astype(np.float64)) * noise.mean_factor
        per_ms = prices.gb_second_usd(architecture) * sizes / 1024 / 1000
        configurations += [Configuration(int(size), architecture) for size in sizes]
        durations.append(duration)
        costs.append((duration + 0.5) * per_ms + prices.request_usd)
    duration, cost = np.concatenate(durations), np.concatenate(costs)
    return Truth(tuple(configurations), duration, cost, objective_values(duration, cost, objective))


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
