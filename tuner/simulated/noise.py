"""How runs scatter around a true curve, and what goes wrong: the noise worlds and the faults.

Values only. The backend draws from them; the truth takes the mean of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

OUTLIER_FACTORS = (1.3, 3.0)
"""An outlier takes so many times as long, uniformly between the two."""
OUTLIER_KINDS = 5
"""Outliers whose factors stand for all between the two, where means are taken."""


@dataclass(frozen=True, slots=True)
class SimulatedNoise:
    """How runs scatter around the curve.

    Attributes:
        run_sd: spread within an environment, log units.
        environment_sd: spread between environments, log units.
        outlier_share: share of runs that take 1.3 to 3 times as long.
        init_ms: init duration of a cold start, at every size.
        init_sd: its spread, log units.
        cold_factor: how much slower the first run of an environment is.
        slow_share: share of runs that take `slow_factor` times as long.
        slow_factor: see `slow_share`.
        slow_host_factor: environments on the older of two host generations take so many times as long;
            half of the environments are. 1: there is one generation.
    """

    run_sd: float = 0.05
    environment_sd: float = 0.05
    outlier_share: float = 0.02
    init_ms: float = 250.0
    init_sd: float = 0.1
    cold_factor: float = 1.1
    slow_share: float = 0.0
    slow_factor: float = 1.0
    slow_host_factor: float = 1.0

    @property
    def kinds(self) -> tuple[tuple[float, float], ...]:
        """Kinds of runs: their share, and how many times as long as ordinary ones their median run takes."""
        low, high = OUTLIER_FACTORS
        outliers = [low + (high - low) * (number + 0.5) / OUTLIER_KINDS for number in range(OUTLIER_KINDS)]
        tails = [(1 - self.outlier_share, 1.0), *((self.outlier_share / OUTLIER_KINDS, factor) for factor in outliers)]
        slow = [(1 - self.slow_share, 1.0), (self.slow_share, self.slow_factor)]
        hosts = [(0.5, 1.0), (0.5, self.slow_host_factor)]
        kinds = [(math.prod(s for s, _ in k), math.prod(f for _, f in k)) for k in product(tails, slow, hosts)]
        return tuple(kind for kind in kinds if kind[0])

    @property
    def log_sd(self) -> float:
        """Spread of the runs of one kind, log units."""
        return math.hypot(self.environment_sd, self.run_sd)

    @property
    def mean_factor(self) -> float:
        """Mean duration of a warm run over the curve."""
        return sum(share * factor for share, factor in self.kinds) * math.exp(self.log_sd**2 / 2)


@dataclass(frozen=True, slots=True)
class SimulatedFaults:
    """What goes wrong, and where.

    Attributes:
        out_of_memory_below_mb: smaller sizes run out of memory.
        refused_above_mb: larger sizes are refused, as by an account's cap.
        error_share, throttled_share, lost_report_share: shares of runs, 0 to 1.
        small_error_share: share of runs that fail below `small_mb`, in the place of `error_share`.
        small_mb: see `small_error_share`.
    """

    out_of_memory_below_mb: int = 0
    refused_above_mb: int = 10_240
    error_share: float = 0.0
    throttled_share: float = 0.0
    lost_report_share: float = 0.0
    small_error_share: float = 0.0
    small_mb: int = 0

    def error_share_at(self, memory_mb: int) -> float:
        """Share of runs that end in the function's own error at a memory size."""
        return self.small_error_share if memory_mb < self.small_mb else self.error_share


class NoiseWorld(StrEnum):
    """Kinds of noise that real functions show, one of them in each world."""

    PLAIN = "plain"
    """5% between runs, 5% between environments, 2% outliers."""
    HOSTS = "hosts"
    """Plain, and two host generations 15% apart, drawn for each environment."""
    WIDE = "wide"
    """Runs spread by 40%."""
    BIMODAL = "bimodal"
    """One run in ten takes five times as long."""
    RARE = "rare"
    """One run in a hundred takes forty times as long."""
    QUIET = "quiet"
    """No noise at all; the first run of an environment is slower as everywhere."""


NOISE_WORLDS: Mapping[NoiseWorld, SimulatedNoise] = {
    NoiseWorld.PLAIN: SimulatedNoise(),
    NoiseWorld.HOSTS: SimulatedNoise(slow_host_factor=1.15),
    NoiseWorld.WIDE: SimulatedNoise(run_sd=0.4),
    NoiseWorld.BIMODAL: SimulatedNoise(slow_share=0.1, slow_factor=5.0),
    NoiseWorld.RARE: SimulatedNoise(slow_share=0.01, slow_factor=40.0),
    NoiseWorld.QUIET: SimulatedNoise(run_sd=0.0, environment_sd=0.0, outlier_share=0.0, init_sd=0.0),
}
"""The noise of every world."""
