"""Pairs of environments with the noise of real functions and a known change, from a seed.

Environments spread normally; runs follow Student's t with 4 degrees of freedom, and 2 of 100
take 1.3 to 3 times as long; a slow drift of hosts and hours moves both sides of a pair alike.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from tuner.comparison.duets.plan import EnvironmentPair
from tuner.model import Architecture, Configuration, Invocation, Outcome

CONFIGURATION = Configuration(512, Architecture.X86_64)
BASE_MS = 120.0
INIT_MS = 250.0
INIT_SD = 0.1
USED_MB = 100
COLD_FACTOR = 1.1
DRIFT_SD = 0.03
"""Step of the drift from pair to pair, log units."""


@dataclass(slots=True)
class NoisyPairs:
    """A `PairSource`.

    Attributes:
        slowdown: change of the candidate's duration, as a fraction.
        rng: source of all noise.
        everything: whether the init duration and the memory used change by as much.
        failure_share: share of runs that fail, on either side.
        run_sd, environment_sd: spreads, log units.
        outlier_share: share of runs that take 1.3 to 3 times as long.
        runs_per_environment: the first of which is cold.
    """

    slowdown: float
    rng: np.random.Generator
    run_sd: float = 0.05
    environment_sd: float = 0.05
    outlier_share: float = 0.02
    runs_per_environment: int = 2
    everything: bool = False
    failure_share: float = 0.0
    _hour: float = 0.0
    _made: int = field(default=0)

    def take(self, count: int, runs: int, stop: threading.Event) -> Iterator[tuple[EnvironmentPair, ...]]:
        """Make pairs, one after the other."""
        for _ in range(count):
            yield (self.pair(runs),)

    def pair(self, runs: int | None = None) -> EnvironmentPair:
        """Make one pair."""
        self._made += 1
        self._hour += DRIFT_SD * self.rng.standard_normal()
        count = runs or self.runs_per_environment
        return EnvironmentPair(
            self.environment(0.0, "b", count), self.environment(math.log1p(self.slowdown), "c", count)
        )

    def environment(self, shift: float, side: str, count: int) -> tuple[Invocation, ...]:
        """The runs of one environment."""
        rng = self.rng
        host = self._hour + self.environment_sd * rng.standard_normal()
        other = math.exp(shift if self.everything else 0.0)
        init = INIT_MS * other * math.exp(host + INIT_SD * rng.standard_normal())
        used = round(USED_MB * other) + int(rng.integers(0, 2))
        runs = []
        for index in range(count):
            tail = math.log(rng.uniform(1.3, 3.0)) if rng.random() < self.outlier_share else 0.0
            noise = self.run_sd * rng.standard_t(4) / math.sqrt(2) + tail
            ms = BASE_MS * math.exp(shift + host + noise) * (COLD_FACTOR if index == 0 else 1.0)
            start = init if index == 0 else None
            runs.append(
                Invocation(
                    Outcome.ERROR if self.failure_share and rng.random() < self.failure_share else Outcome.OK,
                    f"{side}{self._made}",
                    duration_ms=round(ms, 2),
                    billed_duration_ms=math.ceil(ms + (start or 0.0)),
                    init_duration_ms=start,
                    max_memory_used_mb=used,
                )
            )
        return tuple(runs)
