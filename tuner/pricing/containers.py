"""From which volume a month tasks on AWS Fargate, or Lambda Managed Instances, cost less than Lambda.

Lambda = N (billed duration * GB * price(tier) + request). Containers = units * hours * rate + fixed, with
units = ceil(peak concurrency / (requests at once * utilisation)). Managed Instances pay for requests too. What
surrounds containers is an explicit input.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from tuner.model import MB_PER_VCPU, Configuration
from tuner.pricing.price_list import PriceList, gb_seconds
from tuner.pricing.services import FargatePrices, InstancePrices, fargate_prices, instance_prices

HOURS_PER_MONTH = 730.5
"""30.44 days."""
SECONDS_PER_MONTH = 3600 * HOURS_PER_MONTH
TASK_SIZES = (
    (0.25, 0.5), (0.25, 1.0), (0.25, 2.0), (0.5, 2.0), (0.5, 4.0), (1.0, 2.0), (1.0, 4.0), (1.0, 8.0), (2.0, 4.0),
    (2.0, 8.0), (2.0, 16.0), (4.0, 8.0), (4.0, 16.0), (4.0, 30.0), (8.0, 16.0), (8.0, 32.0),
)  # fmt: skip
"""vCPU and GB of Fargate tasks, a selection (Fargate developer guide, 2026-11)."""
INSTANCE_VCPUS = (2, 4, 8, 16)
"""Sizes of an instance, large to 4xlarge."""
FEWEST_INSTANCES = 3
"""One in each of three zones (Lambda developer guide, Managed Instances, 2026)."""
MOST_AT_ONCE_A_VCPU = 64
"""Requests in parallel on a vCPU of Managed Instances: 64 with Node.js, fewer elsewhere (Lambda developer guide)."""
MOST_TASKS = 2000
"""Break-even volumes beyond so many tasks or instances are not looked for."""


@dataclass(frozen=True, slots=True)
class ContainerInputs:
    """What the user must say of containers.

    Attributes:
        requests_at_once: that the CPU share and the memory of the function serve in parallel without taking longer;
            None: what its CPU time tells, or 1 where that is not known.
        utilisation: share of the tasks or instances that the peak may use.
        fixed_usd_per_month: load balancer, NAT, logs.
        discount: of a Savings Plan on tasks or instances, a fraction.
    """

    requests_at_once: float | None = None
    utilisation: float = 0.7
    fixed_usd_per_month: float = 0.0
    discount: float = 0.0

    def __post_init__(self) -> None:
        positive = self.at_once > 0 and self.fixed_usd_per_month >= 0
        if not positive or not 0 < self.utilisation <= 1 or not 0 <= self.discount < 1:
            raise ValueError(f"{self} holds a value that makes no sense")

    @property
    def at_once(self) -> float:
        """Requests at once, 1 where nothing is said."""
        return 1.0 if self.requests_at_once is None else self.requests_at_once


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Where containers begin to cost less.

    Attributes:
        volume: invocations a month; None: at no volume that was looked at.
        tasks: tasks or instances that serve it.
        vcpu, gb: of one.
        task_usd_per_month: price of one, after the discount.
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
    task_usd = (1 - inputs.discount) * task_month_usd(vcpu, gb, fargate_prices(configuration.architecture))

    def on_lambda(volume: float) -> float:
        return lambda_month_usd(volume, configuration, billed_ms, prices)

    per_task = _served(inputs.at_once, billed_ms, inputs, peak_over_mean)
    volume, tasks = _smallest_volume(task_usd, per_task, inputs.fixed_usd_per_month, on_lambda)
    return BreakEven(volume, tasks, vcpu, gb, task_usd)


def instances_break_even(
    configuration: Configuration,
    billed_ms: float,
    prices: PriceList,
    inputs: ContainerInputs,
    *,
    peak_over_mean: float = 1.0,
) -> BreakEven:
    """The smallest volume at which Lambda Managed Instances cost no more than Lambda.

    An instance is the smallest one with the CPU share and the memory of the function. It serves as many requests at
    once as the function's CPU share fits into it. At least three run, whatever the volume. Arguments as for
    `break_even`.
    """
    found = instance_prices(configuration.architecture)
    share, gb = configuration.memory_mb / MB_PER_VCPU, configuration.memory_mb / 1024
    fitting = (size for size in INSTANCE_VCPUS if size >= share and size * found.gb_per_vcpu >= gb)
    vcpu = next(fitting, INSTANCE_VCPUS[-1])
    usd = instance_month_usd(vcpu, found, inputs.discount)
    at_once = min(inputs.at_once * vcpu / min(share, vcpu), MOST_AT_ONCE_A_VCPU * vcpu)

    def on_lambda(volume: float) -> float:
        return lambda_month_usd(volume, configuration, billed_ms, prices) - volume * prices.request_usd

    per_instance = _served(at_once, billed_ms, inputs, peak_over_mean)
    volume, instances = _smallest_volume(
        usd, per_instance, inputs.fixed_usd_per_month, on_lambda, fewest=FEWEST_INSTANCES
    )
    return BreakEven(volume, instances, vcpu, vcpu * found.gb_per_vcpu, usd)


def _served(at_once: float, billed_ms: float, inputs: ContainerInputs, peak_over_mean: float) -> float:
    """Invocations a month that one task or instance serves, with the room that the peak needs."""
    return SECONDS_PER_MONTH * at_once * inputs.utilisation / (peak_over_mean * billed_ms / 1000)


def _smallest_volume(
    usd: float, served: float, fixed_usd: float, on_lambda: Callable[[float], float], *, fewest: int = 1
) -> tuple[float | None, int]:
    """The smallest volume that costs as much on Lambda, and how many tasks or instances serve it."""
    for count in range(fewest, MOST_TASKS + 1):
        containers, most = count * usd + fixed_usd, count * served
        if on_lambda(most) >= containers:
            least = 0.0 if count == fewest else most - served
            return _volume_at(containers, least, most, on_lambda), count
    return None, MOST_TASKS


def task_month_usd(vcpu: float, gb: float, prices: FargatePrices) -> float:
    """A month of one task that always runs."""
    return HOURS_PER_MONTH * (vcpu * prices.vcpu_hour_usd + gb * prices.gb_hour_usd)


def instance_month_usd(vcpu: float, prices: InstancePrices, discount: float = 0.0) -> float:
    """A month of one instance. A Savings Plan lowers its price, and not the fee of Lambda."""
    return HOURS_PER_MONTH * vcpu * prices.vcpu_hour_usd * (1 - discount + prices.fee)


def _volume_at(usd: float, low: float, high: float, on_lambda: Callable[[float], float]) -> float:
    """The volume between two bounds that costs an amount, or the lower bound where that costs more already."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if on_lambda(middle) < usd else (low, middle)
    return high
