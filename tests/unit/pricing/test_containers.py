"""Break-even with Fargate: volumes that were computed by hand from prices of us-east-1."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tuner.model import Architecture, Configuration
from tuner.pricing.containers import (
    HOURS_PER_MONTH,
    SECONDS_PER_MONTH,
    ContainerInputs,
    break_even,
    instance_month_usd,
    instances_break_even,
    lambda_month_usd,
    task_for,
    task_month_usd,
)
from tuner.pricing.price_list import price_list
from tuner.pricing.services import fargate_prices, instance_prices

X86, ARM = Architecture.X86_64, Architecture.ARM64
PRICES = replace(price_list("us-east-1"), request_usd=0.0)
FULL = ContainerInputs(utilisation=1.0)


def busy_share(memory_mb: int, task: tuple[float, float], discount: float = 0.0, at_once: float = 1.0) -> float:
    """The share of a month that the break-even volume is busy, one request after the other."""
    inputs = ContainerInputs(at_once, 1.0)
    found = break_even(Configuration(memory_mb, X86), 1000.0, PRICES.with_discount(discount), inputs, task=task)
    assert found.volume is not None
    return found.volume / SECONDS_PER_MONTH


def test_the_first_task_pays_from_these_shares_of_the_month() -> None:
    # 0.04937 USD an hour over 1769/1024 GB * 3600 s * 16.6667e-6 USD.
    assert busy_share(1769, (1.0, 2.0)) == pytest.approx(0.476, abs=0.001)
    # 12% off the duration price.
    assert busy_share(1769, (1.0, 2.0), discount=0.12) == pytest.approx(0.541, abs=0.001)
    # Two requests at once in a task need as much volume, which is half the share of its room.
    assert busy_share(1769, (1.0, 2.0), at_once=2.0) == pytest.approx(0.476, abs=0.001)


def test_a_month_of_a_task() -> None:
    assert task_month_usd(1.0, 2.0, fargate_prices(X86)) == pytest.approx(730.5 * 0.04937)
    assert task_month_usd(0.5, 1.0, fargate_prices(ARM)) == pytest.approx(HOURS_PER_MONTH * (0.01619 + 0.00356))


def test_tiers_are_integrated() -> None:
    where = Configuration(1024, X86)
    # 7e9 GB-seconds: 6e9 at the first price, 1e9 at the second.
    expected = 6e9 * 1.66667e-5 + 1e9 * 1.5e-5
    assert lambda_month_usd(7e9, where, 1000.0, PRICES) == pytest.approx(expected)


def test_what_surrounds_containers_moves_the_break_even() -> None:
    where = Configuration(1769, X86)
    plain = break_even(where, 1000.0, PRICES, FULL, task=(1.0, 2.0))
    dear = break_even(where, 1000.0, PRICES, replace(FULL, fixed_usd_per_month=100.0), task=(1.0, 2.0))
    assert plain.volume is not None
    assert dear.volume is not None
    per_invocation = 1769 / 1024 * 1.66667e-5
    assert plain.volume == pytest.approx(730.5 * 0.04937 / per_invocation)
    # Lambda pays 75.7 USD for what one task serves: 100 USD beside it need the third task.
    assert dear.tasks == 3
    assert dear.volume == pytest.approx((3 * 730.5 * 0.04937 + 100.0) / per_invocation)


def test_a_peak_far_above_the_mean_never_pays() -> None:
    found = break_even(Configuration(1769, X86), 1000.0, PRICES, FULL, peak_over_mean=3.0, task=(1.0, 2.0))
    assert found.volume is None


@pytest.mark.parametrize(("memory_mb", "task"), [(128, (0.25, 0.5)), (512, (0.5, 2.0)), (1769, (1.0, 2.0)),
                                                 (3008, (2.0, 4.0))])  # fmt: skip
def test_a_task_has_the_cpu_and_memory_of_the_function(memory_mb: int, task: tuple[float, float]) -> None:
    assert task_for(Configuration(memory_mb, X86)) == task


def test_terms_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="makes no sense"):
        ContainerInputs(requests_at_once=0.0)


def test_a_month_of_an_instance_has_the_fee_on_the_price_without_a_savings_plan() -> None:
    # m7g.large: 0.0816 USD an hour, and 15% of it.
    assert instance_month_usd(2, instance_prices(ARM)) == pytest.approx(730.5 * 0.0816 * 1.15)
    # 30% off the instance, nothing off the fee.
    assert instance_month_usd(2, instance_prices(ARM), 0.3) == pytest.approx(730.5 * 0.0816 * (0.7 + 0.15))


def test_three_instances_are_paid_whatever_the_volume() -> None:
    """On 1769 MB an instance of two vCPUs serves two requests at once: below three instances the volume pays all."""
    found = instances_break_even(Configuration(1769, ARM), 1000.0, PRICES, FULL)
    per_invocation = 1769 / 1024 * 1.33334e-5
    assert found.volume is not None
    assert (found.tasks, found.vcpu, found.gb) == (3, 2, 8)
    assert found.volume == pytest.approx(3 * 730.5 * 0.0816 * 1.15 / per_invocation)


def test_both_ways_pay_for_requests() -> None:
    where = Configuration(1769, ARM)
    volumes = [
        instances_break_even(where, 1000.0, replace(PRICES, request_usd=usd), FULL).volume for usd in (0.0, 1e-3)
    ]
    assert volumes[0] is not None
    assert volumes[1] == pytest.approx(volumes[0])


def test_an_instance_is_as_large_as_the_function() -> None:
    found = instances_break_even(Configuration(10_240, ARM), 1000.0, PRICES, FULL)
    assert (found.vcpu, found.gb) == (8, 32)


def test_requests_at_once_on_an_instance_are_bounded() -> None:
    where = Configuration(128, ARM)
    few, many = (instances_break_even(where, 1000.0, PRICES, ContainerInputs(at_once, 1.0)) for at_once in (10, 1e6))
    assert few.volume is not None
    assert many.volume is not None
    assert many.volume == pytest.approx(few.volume)
