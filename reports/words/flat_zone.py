"""The flat zone and the bargain in words: sizes that are as good within the tolerance, and what a little more buys."""

from __future__ import annotations

from typing import NamedTuple

from reports.words.bounds import within_bounds
from reports.words.numbers import configuration, memory, percent
from reports.words.rows import Result
from tuner.plain_numbers import significant


class FlatZone(NamedTuple):
    """Memory sizes on the recommended architecture that are within `within` of the best; `speed` is last over first."""

    low_mb: int
    high_mb: int
    within: float
    speed: float


def flat_zone(result: Result) -> FlatZone | None:
    """The flat zone around the recommendation; None where nothing is flat."""
    found = result.get("plateau")
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
    faster = f"; {memory(zone.high_mb)} is {significant(zone.speed, 2)} times as fast as {memory(zone.low_mb)}"
    return f"{sizes} cost the same within {percent(zone.within)}{faster if zone.speed >= 1.1 else ''}."


def bargain_told(result: Result) -> str:
    """`6.0% more buys 3.2 times the speed: 1,536 MB on arm64.`, or what a little time saves; empty without one.

    It ends with the bounds that the configuration was chosen under.
    """
    found = result.get("bargain")
    if found is None:
        return ""
    cost, duration = found["cost_ratio"], found["duration_ratio"]
    where = ", ".join(filter(None, [configuration(found), within_bounds(result)]))
    if cost > 1:
        return f"{percent(cost - 1)} more buys {significant(1 / duration, 2)} times the speed: {where}."
    return f"{percent(duration - 1)} more time saves {percent(1 - cost)} of the cost: {where}."


def worth_knowing(result: Result) -> tuple[str, ...]:
    """Both sentences, as far as there is something to say."""
    return tuple(told for told in (flat_zone_told(result), bargain_told(result)) if told)
