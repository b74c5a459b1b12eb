"""Exact prices of AWS Lambda, per region and architecture, with tiers and discounts.

Decides what an invocation costs from what was billed; refuses to derive a billed
duration or to know how often a function runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pkgutil import get_data
from typing import Any

from tuner.vocabulary import Architecture, Configuration

DEFAULT_REGION = "us-east-1"
"""Region whose prices hold where no region is known."""
FREE_EPHEMERAL_MB = 512
"""Ephemeral storage included in the price (Lambda pricing, 2026-09)."""


@dataclass(frozen=True, slots=True)
class Tier:
    """A price per GB-second that holds up to a monthly volume; None: without end."""

    up_to_gb_seconds: float | None
    usd_per_gb_second: float


@dataclass(frozen=True, slots=True)
class PriceList:
    """Prices of one region.

    Attributes:
        region: AWS region, such as `us-east-1`.
        currency: `USD`, or `CNY` in the regions of China. Field names say `_usd` all the same.
        as_of: date of the prices (ISO 8601).
        source: where they came from.
        tiers: per architecture, the price per GB-second by monthly volume, ascending.
        request_usd: price of one request.
        ephemeral_usd_per_gb_second: price of ephemeral storage above 512 MB.
        discount: fraction off the duration price (Savings Plans), 0 to 1.
        monthly_gb_seconds: volume that decides the tier; 0: the first.
        unconfirmed: which of the prices could not be confirmed.
    """

    region: str
    currency: str
    as_of: str
    source: str
    tiers: Mapping[Architecture, tuple[Tier, ...]]
    request_usd: float
    ephemeral_usd_per_gb_second: float
    discount: float = 0.0
    monthly_gb_seconds: float = 0.0
    unconfirmed: tuple[str, ...] = ()

    def with_discount(self, discount: float) -> PriceList:
        """The same prices with a fraction off the duration price."""
        return replace(self, discount=discount)

    def gb_second_usd(self, architecture: Architecture) -> float:
        """Price of a GB-second, after tier and discount."""
        for tier in self.tiers[architecture]:
            if tier.up_to_gb_seconds is None or self.monthly_gb_seconds < tier.up_to_gb_seconds:
                return tier.usd_per_gb_second * (1 - self.discount)
        raise AssertionError("the last tier has no end")

    def invocation_cost(
        self,
        configuration: Configuration,
        billed_ms: float,
        *,
        ephemeral_mb: int = FREE_EPHEMERAL_MB,
        extra_usd: float = 0.0,
    ) -> float:
        """Cost of one invocation: duration, request, and ephemeral storage above 512 MB.

        Args:
            configuration: where it ran.
            billed_ms: billed duration as reported (it includes Init or Restore already).
            ephemeral_mb: size of /tmp.
            extra_usd: paid beside (SnapStart restores).
        """
        compute = gb_seconds(configuration.memory_mb, billed_ms) * self.gb_second_usd(configuration.architecture)
        storage_gb = max(0, ephemeral_mb - FREE_EPHEMERAL_MB) / 1024
        storage = storage_gb * billed_ms / 1000 * self.ephemeral_usd_per_gb_second
        return compute + self.request_usd + storage + extra_usd


def gb_seconds(memory_mb: float, billed_ms: float) -> float:
    """GB-seconds of a billed duration; a GB is 1,024 MB (Lambda pricing)."""
    return memory_mb / 1024 * billed_ms / 1000


def price_list(region: str) -> PriceList:
    """The shipped prices of a region; what is not confirmed is named in `PriceList.unconfirmed`."""
    return decode_prices(shipped_document(), region)


def state_transition_usd(region: str) -> float:
    """Price of one Step Functions Standard state transition."""
    prices = shipped_document()["state_transition"]
    return float(prices.get(region, prices["default"]))


def snapstart_restore_usd(memory_mb: int) -> float:
    """Price of restoring one SnapStart snapshot (Python and .NET; Java is free of charge)."""
    return float(shipped_document()["snapstart"]["restore_gb"]) * memory_mb / 1024


def snapstart_cache_usd(memory_mb: int, seconds: float) -> float:
    """Price of keeping one SnapStart snapshot (Python and .NET; Java is free of charge)."""
    return float(shipped_document()["snapstart"]["cache_gb_second"]) * memory_mb / 1024 * seconds


def decode_prices(document: Mapping[str, Any], region: str) -> PriceList:
    """Read a price document (the form of prices.json) for one region.

    Regions that the document does not name have its default prices, which are unconfirmed where it
    does not say so. Higher tiers that are not listed are derived from the first by `tier_factors`.
    """
    unnamed = document["default"]
    if region not in document.get("default_regions", ()):
        unnamed = {**unnamed, "unconfirmed": [*Architecture, "million_requests"]}
    entry = document["regions"].get(region, unnamed)
    return PriceList(
        region=region,
        currency=entry.get("currency", document["currency"]),
        as_of=document["as_of"],
        source=document["source"],
        tiers={
            architecture: _tiers(document, entry["gb_second"][architecture], architecture)
            for architecture in Architecture
        },
        request_usd=entry["million_requests"] / 1e6,
        ephemeral_usd_per_gb_second=document["ephemeral_gb_second"],
        unconfirmed=tuple(entry.get("unconfirmed", ())),
    )


def _tiers(document: Mapping[str, Any], prices: list[float], architecture: Architecture) -> tuple[Tier, ...]:
    bounds = [*document["tier_bounds_gb_seconds"][architecture], None]
    listed = prices + [prices[0] * factor for factor in document["tier_factors"][len(prices) :]]
    return tuple(Tier(bound, price) for bound, price in zip(bounds, listed, strict=True))


@cache
def shipped_document() -> dict[str, Any]:
    """The price document that comes with the tool, which `decode_prices` reads."""
    document: dict[str, Any] = json.loads(get_data("tuner.pricing", "prices.json") or b"")
    return document
