"""The twelve laws: functions whose duration at every memory size is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.cloud.simulated import MB_PER_VCPU, Model
from tuner.model import MAX_MEMORY_MB, MIN_MEMORY_MB, Architecture, Configuration
from tuner.pricing.price_list import PriceList

MEAN_ROUNDING_MS = 0.5
"""Mean excess of billed over handler duration: Lambda bills whole milliseconds, rounded up."""
LAWS: Mapping[str, Mapping[str, Any]] = {
    "one-thread": {"cpu_ms": 160.0, "wait_ms": 4.0},
    "waiting": {"cpu_ms": 4.0, "wait_ms": 120.0},
    "flat": {"cpu_ms": 0.0, "wait_ms": 80.0},
    "five-threads": {"cpu_ms": 1200.0, "wait_ms": 8.0, "vcpus": 5.0},
    "pressure": {"cpu_ms": 120.0, "pressure_below_mb": 400, "pressure_factor": 2.5},
    "staircase": {"cpu_ms": 6.0, "wait_ms": 1.0, "quantum_ms": 20.0},
    "slow-runs": {"cpu_ms": 100.0, "wait_ms": 12.0, "slow_share": 0.1, "slow_factor": 5.0},
    "noisy": {"cpu_ms": 80.0, "wait_ms": 20.0, "log_sd": 0.3},
    "errors": {"cpu_ms": 100.0, "wait_ms": 16.0, "error_share": 0.05},
    "hungry": {"cpu_ms": 120.0, "wait_ms": 8.0, "out_of_memory_below_mb": 512, "used_mb": 480},
    "slow-init": {"cpu_ms": 48.0, "wait_ms": 8.0, "init_ms": 250.0},
    "twelve-seconds": {"cpu_ms": 6000.0, "wait_ms": 6000.0},
}
"""Models of `tests.cloud.simulated`; 1% noise and 120 ms of init where nothing else is said. They are as large as the
functions on which both tools were compared: there an input of Power Tuning with 300 runs cost $1,292 a million."""


SLOW = {"five-threads": 0.1, "twelve-seconds": 0.05}
"""Seconds waited per second of a run where runs at small sizes take minutes. Their wall time is no measure, and counts
as longer than any other in the median."""


def model_of(law: str, *, pace: float) -> dict[str, Any]:
    """The model of a law as JSON values."""
    return {"environments": 0, "noise": 0.01, "pace": pace, **LAWS[law]}


def regret_of(law: str, chosen: Configuration | None, sizes_mb: Sequence[int], prices: PriceList) -> float:
    """Excess of the cost of a choice over the cheapest size; 1 where nothing usable is chosen."""
    model = Model(**LAWS[law])
    usable = [size for size in sizes_mb if size >= model.out_of_memory_below_mb]
    if chosen is None or chosen.memory_mb < model.out_of_memory_below_mb:
        return 1.0
    cost = {size: _cost_usd(model, Configuration(size, chosen.architecture), prices) for size in usable}
    return _cost_usd(model, chosen, prices) / min(cost.values()) - 1


def mean_ms(law: str, chosen: Configuration) -> float:
    """Mean duration of a warm run."""
    model = Model(**LAWS[law])
    return model.warm_ms(chosen.memory_mb, chosen.architecture) * model.mean_factor


def every_size() -> range:
    """Every memory size."""
    return range(MIN_MEMORY_MB, MAX_MEMORY_MB + 1)


def timeout_s(law: str) -> int:
    """A timeout that no run of the law reaches."""
    slowest = Model(**LAWS[law]).warm_ms(MIN_MEMORY_MB)
    return 300 if slowest * MB_PER_VCPU > 60_000 * MB_PER_VCPU else 60


def _cost_usd(model: Model, configuration: Configuration, prices: PriceList) -> float:
    warm_ms = model.warm_ms(configuration.memory_mb, Architecture(configuration.architecture))
    billed_ms = warm_ms * model.mean_factor + MEAN_ROUNDING_MS
    tier = prices.gb_second_usd(configuration.architecture)
    return billed_ms / 1000 * configuration.memory_mb / 1024 * tier + prices.request_usd
