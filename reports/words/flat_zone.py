"""The flat zone in words: the sizes that are as good within the tolerance, and what the largest of them buys."""

from __future__ import annotations

from dataclasses import dataclass

from reports.words.numbers import memory, percent
from reports.words.rows import Result


@dataclass(frozen=True, slots=True)
class FlatZone:
    """Memory sizes on the recommended architecture that are within `within` of the best; `speed` is last over first."""

    low_mb: int
    high_mb: int
    within: float
    speed: float


def flat_zone(result: Result) -> FlatZone | None:
    """The flat zone around the recommendation; None where nothing is flat."""
    found = result["plateau"]
    if found is None or found["low_mb"] == found["high_mb"]:
        return None
    speed = found["duration_at_low_ms"] / found["duration_at_high_ms"] if found["duration_at_high_ms"] else 1.0
    return FlatZone(found["low_mb"], found["high_mb"], result["request"]["tolerance"], speed)


def flat_zone_told(result: Result) -> str:
    """`160 to 1,536 MB cost the same within 4%; 1,536 MB is 10 times as fast as 160 MB.`; empty without one."""
    zone = flat_zone(result)
    if zone is None:
        return ""
    sizes = f"{zone.low_mb:,} to {memory(zone.high_mb)}"
    faster = f"; {memory(zone.high_mb)} is {zone.speed:.2g} times as fast as {memory(zone.low_mb)}"
    return f"{sizes} cost the same within {percent(zone.within)}{faster if zone.speed >= 1.1 else ''}."
