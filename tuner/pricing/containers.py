"""From which volume a month containers on AWS Fargate cost less than Lambda. Derives no volume: it is an argument.

Lambda = N (billed duration * GB * price(tier) + request). Containers = tasks * hours * rate + fixed, with
tasks = ceil(peak concurrency / (requests at once * utilisation)). What surrounds containers is an explicit input.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from tuner.model import MB_PER_VCPU, Configuration
from tuner.pricing.price_list import PriceList, gb_seconds
from tuner.pricing.services import FargatePrices, fargate_prices

HOURS_PER_MONTH = 730.5
"""30.44 days."""
SECONDS_PER_MONTH = 3600 * HOURS_PER_MONTH
TASK_SIZES = (
    (0.25, 0.5), (0.25, 1.0), (0.25, 2.0), (0.5, 2.0), (0.5, 4.0), (1.0, 2.0), (1.0, 4.0), (1.0, 8.0), (2.0, 4.0),
    (2.0, 8.0), (2.0, 16.0), (4.0, 8.0), (4.0, 16.0), (4.0, 30.0), (8.0, 16.0), (8.0, 32.0),
)  # fmt: skip
"""vCPU and GB of Fargate tasks, a selection (Fargate developer guide, 2026-11)."""
MOST_TASKS = 2000
"""Break-even volumes beyond so many tasks are not looked for."""


@dataclass(frozen=True, slots=True)
class ContainerInputs:
    """What the user must say of containers.

    Attributes:
        requests_at_once: that a task serves in parallel without taking longer.
        utilisation: share of the tasks that the peak may use.
        fixed_usd_per_month: load balancer, NAT, logs.
    """

    requests_at_once: float = 1.0
    utilisation: float = 0.7
    fixed_usd_per_month: float = 0.0

    def __post_init__(self) -> None:
        if self.requests_at_once <= 0 or not 0 < self.utilisation <= 1 or self.fixed_usd_per_month < 0:
            raise ValueError(f"{self} holds a value that makes no sense")


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Where containers begin to cost less.

    Attributes:
        volume: invocations a month; None: at no volume that was looked at.
        tasks: that serve it.
        vcpu, gb: of a task.
        task_usd_per_month: price of one task.
    """

    volume: float | None
    tasks: int
    vcpu: float
    gb: float
    task_usd_per_month: float


def lambda_month_usd(volume: float, configuration: Configuration, billed_ms: float, prices: PriceList) -> float:
    """What a volume costs on Lambda in a month: every tier at its price, after the discount; requests beside.

    Args:
        volume: invocations a month.
        configuration: of the function.
        billed_ms: mean billed duration, init included.
        prices: of the region.
    """
    left = volume * gb_seconds(configuration.memory_mb, billed_ms)
    usd, before = volume * prices.request_usd, 0.0
    for tier in prices.tiers[configuration.architecture]:
        room = math.inf if tier.up_to_gb_seconds is None else tier.up_to_gb_seconds - before
        used = min(left, room)
        usd += used * tier.usd_per_gb_second * (1 - prices.discount)
        left -= used
        before += room
        if left <= 0:
            break
    return usd


def task_for(configuration: Configuration) -> tuple[float, float]:
    """The smallest task with the CPU share and the memory of a function size: vCPU and GB."""
    vcpu, gb = configuration.memory_mb / MB_PER_VCPU, configuration.memory_mb / 1024
    return next((task for task in TASK_SIZES if task[0] >= min(vcpu, 4.0) and task[1] >= gb), TASK_SIZES[-1])


def break_even(
    configuration: Configuration,
    billed_ms: float,
    prices: PriceList,
    inputs: ContainerInputs,
    *,
    peak_over_mean: float = 1.0,
    task: tuple[float, float] | None = None,
) -> BreakEven:
    """The smallest volume at which containers cost no more than Lambda.

    Args:
        configuration: of the function.
        billed_ms: mean billed duration, init included.
        prices: of Lambda in the region.
        inputs: of containers.
        peak_over_mean: peak concurrency over mean concurrency, at least 1.
        task: vCPU and GB of a task; None: the smallest that has those of the function.
    """
    vcpu, gb = task or task_for(configuration)
    task_usd = task_month_usd(vcpu, gb, fargate_prices(configuration.architecture))
    per_task = SECONDS_PER_MONTH * inputs.requests_at_once * inputs.utilisation / (peak_over_mean * billed_ms / 1000)

    def on_lambda(volume: float) -> float:
        return lambda_month_usd(volume, configuration, billed_ms, prices)

    for tasks in range(1, MOST_TASKS + 1):
        containers = tasks * task_usd + inputs.fixed_usd_per_month
        most = tasks * per_task
        if on_lambda(most) >= containers:
            volume = _volume_at(containers, (tasks - 1) * per_task, most, on_lambda)
            return BreakEven(volume, tasks, vcpu, gb, task_usd)
    return BreakEven(None, MOST_TASKS, vcpu, gb, task_usd)


def task_month_usd(vcpu: float, gb: float, prices: FargatePrices) -> float:
    """A month of one task that always runs."""
    return HOURS_PER_MONTH * (vcpu * prices.vcpu_hour_usd + gb * prices.gb_hour_usd)


def _volume_at(usd: float, low: float, high: float, on_lambda: Callable[[float], float]) -> float:
    """The volume between two bounds that costs an amount, or the lower bound where that costs more already."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if on_lambda(middle) < usd else (low, middle)
    return high
