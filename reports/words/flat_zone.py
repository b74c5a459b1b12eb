"""The flat zone in words: the sizes that cost the same within the tolerance, and what the largest of them buys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from reports.words.numbers import memory, percent
from reports.words.rows import Result


@dataclass(frozen=True, slots=True)
class FlatZone:
    """Memory sizes on one architecture whose cost is within `within` of the best; bounds in MB."""

    low_mb: int
    high_mb: int
    architecture: str
    within: float
    speed: float


def flat_zone(result: Result) -> FlatZone | None:
    """The flat zone around the recommendation; None where the cost is not flat."""
    found = cast("Mapping[str, Any] | None", cast("Mapping[str, Any]", result).get("plateau"))
    if not found or found["low_mb"] == found["high_mb"]:
        return None
    return FlatZone(
        found["low_mb"], found["high_mb"], found["architecture"], found["within"], found["speed_ratio"]["mean"]
    )


def flat_zone_told(result: Result) -> str:
    """`160 to 1,536 MB cost the same within 4%; 1,536 MB is 10 times as fast as 160 MB.`; empty without one."""
    zone = flat_zone(result)
    if zone is None:
        return ""
    sizes = f"{zone.low_mb:,} to {memory(zone.high_mb)}"
    faster = f"; {memory(zone.high_mb)} is {zone.speed:.2g} times as fast as {memory(zone.low_mb)}"
    return f"{sizes} cost the same within {percent(zone.within)}{faster if zone.speed >= 1.1 else ''}."
