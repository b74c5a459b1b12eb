"""Exact prices: those of the price list, region by region, and the cost of what was billed."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.model import Architecture, Configuration
from tuner.pricing.price_list import decode_prices, gb_seconds, price_list, snapstart_restore_usd, state_transition_usd

X86, ARM = Architecture.X86_64, Architecture.ARM64
VIRGINIA = price_list("us-east-1")

architectures = st.sampled_from(list(Architecture))
memory_sizes = st.integers(128, 10_240)
billed = st.integers(0, 900_000)


@pytest.mark.parametrize(
    ("architecture", "volume", "usd"),
    [
        (X86, 0, 0.0000166667),
        (X86, 6e9 - 1, 0.0000166667),
        (X86, 6e9, 0.000015),
        (X86, 15e9, 0.0000133334),
        (ARM, 0, 0.0000133334),
        (ARM, 7.5e9 - 1, 0.0000133334),
        (ARM, 7.5e9, 0.0000120001),
        (ARM, 18.75e9, 0.0000106667),
        (ARM, 1e15, 0.0000106667),
    ],
)
def test_a_gb_second_costs_what_its_tier_says(architecture: Architecture, volume: float, usd: float) -> None:
    assert replace(VIRGINIA, monthly_gb_seconds=volume).gb_second_usd(architecture) == usd


def test_prices_of_a_region_that_nobody_knows_are_not_confirmed() -> None:
    assert price_list("eu-west-1").unconfirmed == ()
    unknown = price_list("eu-sout-1")
    assert unknown.gb_second_usd(X86) == VIRGINIA.gb_second_usd(X86)
    assert unknown.unconfirmed == ("x86_64", "arm64", "million_requests")


@pytest.mark.parametrize(
    ("region", "x86", "arm", "million_requests"),
    [
        ("us-east-1", 0.0000166667, 0.0000133334, 0.20),
        ("eu-west-1", 0.0000166667, 0.0000133334, 0.20),
        ("af-south-1", 0.0000221, 0.00001768, 0.27),
        ("ap-east-1", 0.00002292, 0.0000183, 0.28),
        ("eu-south-1", 0.0000195172, 0.0000156138, 0.23),
        ("me-south-1", 0.0000206667, 0.0000165334, 0.25),
        ("me-central-1", 0.0000206667, 0.0000165334, 0.25),
        ("eu-central-2", 0.0000183334, None, 0.22),
        ("il-central-1", 0.0000175, None, 0.21),
    ],
)
def test_a_region_has_its_own_prices(region: str, x86: float, arm: float | None, million_requests: float) -> None:
    prices = price_list(region)
    assert prices.region == region
    assert prices.currency == "USD"
    assert prices.gb_second_usd(X86) == x86
    assert prices.request_usd == pytest.approx(million_requests / 1e6)
    if arm is None:
        assert "arm64" in prices.unconfirmed
    else:
        assert prices.gb_second_usd(ARM) == arm
        assert prices.unconfirmed == ()


@pytest.mark.parametrize("region", ["cn-north-1", "cn-northwest-1"])
def test_china_is_priced_in_yuan_and_not_confirmed(region: str) -> None:
    prices = price_list(region)
    assert prices.currency == "CNY"
    assert prices.gb_second_usd(X86) == pytest.approx(0.0001136)
    assert "x86_64" in prices.unconfirmed


@pytest.mark.parametrize(
    ("region", "usd"),
    [
        ("us-east-1", 0.000025),
        ("eu-central-1", 0.000025),
        ("us-gov-west-1", 0.00003),
        ("ap-northeast-2", 0.0000271),
        ("eu-south-1", 0.00002625),
        ("af-south-1", 0.00002975),
        ("us-west-1", 0.0000279),
        ("eu-west-3", 0.0000297),
        ("ap-east-1", 0.0000275),
        ("me-south-1", 0.0000275),
        ("ap-south-1", 0.0000285),
        ("sa-east-1", 0.0000375),
    ],
)
def test_a_state_transition_costs_what_its_region_says(region: str, usd: float) -> None:
    assert state_transition_usd(region) == usd


def test_the_cost_of_an_invocation_is_its_billed_duration_and_its_request() -> None:
    # 490 ms billed (1.57 handler + 487.97 init, recorded) at 1024 MB.
    assert VIRGINIA.invocation_cost(Configuration(1024, X86), 490) == pytest.approx(
        0.49 * 0.0000166667 + 2e-7, rel=1e-12
    )
    assert VIRGINIA.invocation_cost(Configuration(128, ARM), 1) == pytest.approx(
        0.001 * 0.125 * 0.0000133334 + 2e-7, rel=1e-12
    )


def test_a_request_is_paid_for_when_nothing_was_billed() -> None:
    assert VIRGINIA.invocation_cost(Configuration(10_240, X86), 0) == pytest.approx(2e-7)


def test_ephemeral_storage_is_free_up_to_512_mb() -> None:
    configuration = Configuration(512, X86)
    plain = VIRGINIA.invocation_cost(configuration, 1000)
    assert VIRGINIA.invocation_cost(configuration, 1000, ephemeral_mb=512) == plain
    with_storage = VIRGINIA.invocation_cost(configuration, 1000, ephemeral_mb=10_240)
    assert with_storage - plain == pytest.approx(9.5 * 0.0000000309)


def test_a_discount_is_off_the_duration_and_not_off_the_request() -> None:
    discounted = VIRGINIA.with_discount(0.17)
    assert discounted.gb_second_usd(X86) == pytest.approx(0.0000166667 * 0.83)
    assert discounted.invocation_cost(Configuration(1024, X86), 0) == pytest.approx(2e-7)


def test_a_snapshot_restore_is_paid_by_memory_beside_the_duration() -> None:
    assert snapstart_restore_usd(2048) == pytest.approx(2 * 0.0001397998)
    configuration = Configuration(2048, X86)
    extra = snapstart_restore_usd(2048)
    assert VIRGINIA.invocation_cost(configuration, 154, extra_usd=extra) == pytest.approx(
        VIRGINIA.invocation_cost(configuration, 154) + extra
    )


def test_a_gb_second_is_1024_mb_for_1000_ms() -> None:
    assert gb_seconds(1024, 1000) == 1
    assert gb_seconds(512, 100) == 0.05


@given(architectures, memory_sizes, memory_sizes, billed)
def test_cost_grows_with_memory_at_fixed_billed_duration(
    architecture: Architecture, one: int, other: int, billed_ms: int
) -> None:
    small, large = sorted((one, other))
    cost = [VIRGINIA.invocation_cost(Configuration(m, architecture), billed_ms) for m in (small, large)]
    assert cost[0] <= cost[1]
    if small < large and billed_ms:
        assert cost[0] < cost[1]


@given(architectures, memory_sizes, billed, billed)
def test_cost_grows_with_what_is_billed(architecture: Architecture, memory_mb: int, one: int, other: int) -> None:
    configuration = Configuration(memory_mb, architecture)
    few, many = sorted((one, other))
    assert VIRGINIA.invocation_cost(configuration, few) <= VIRGINIA.invocation_cost(configuration, many)


@given(architectures, st.lists(st.floats(0, 1e11), min_size=2, max_size=2))
def test_a_gb_second_never_gets_dearer_with_volume(architecture: Architecture, volumes: list[float]) -> None:
    prices = [replace(VIRGINIA, monthly_gb_seconds=v).gb_second_usd(architecture) for v in sorted(volumes)]
    assert prices[0] >= prices[1]


def test_every_shipped_region_has_falling_tiers_and_a_date() -> None:
    document = json.loads(files("tuner.pricing").joinpath("prices.json").read_text("utf-8"))
    for region in document["regions"]:
        prices = decode_prices(document, region)
        assert prices.as_of == document["as_of"]
        assert prices.source
        for tiers in prices.tiers.values():
            assert len(tiers) == 3
            assert tiers[-1].up_to_gb_seconds is None
            assert tiers[0].usd_per_gb_second > tiers[1].usd_per_gb_second > tiers[2].usd_per_gb_second > 0
        assert prices.gb_second_usd(ARM) < prices.gb_second_usd(X86)
