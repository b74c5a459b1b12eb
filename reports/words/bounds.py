"""The bounds that a recommendation was chosen under, in words, and which configurations meet them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.words.numbers import sign_of
from reports.words.rows import Result
from tuner.bounds import bounds_told, violations
from tuner.model import MAX_MEMORY_MB, MIN_MEMORY_MB, Constraints
from tuner.plain_numbers import joined

if TYPE_CHECKING:
    from tuner.documents.result import PointDocument


def within_bounds(result: Result) -> str:
    """`with p95 of at most 20 ms and memory of 512 to 1,024 MB`; empty without a bound."""
    told = bounds_told(_constraints(result), sign_of(result["prices"]["currency"]), searched_range(result))
    return f"with {joined(told)}" if told else ""


def strategies_told(result: Result) -> str:
    """What the list of what each strategy recommends is headed by, with the bounds that all of it was chosen under."""
    recommended, bounds = result["recommendation"], within_bounds(result)
    if recommended is not None and recommended["unmet"]:
        return f"No configuration {bounds or 'within the bounds'}: what comes nearest under each strategy"
    return " ".join(filter(None, ["What each strategy recommends", bounds]))


def constraints_told(result: Result) -> list[str]:
    """Each bound on what a configuration may take, cost or be, without the range of sizes."""
    return bounds_told(_constraints(result), sign_of(result["prices"]["currency"]))


def meets(result: Result, point: PointDocument) -> bool:
    """Whether a configuration meets all bounds by its means, as the search judges it."""
    p95_ms, cost_usd = point["p95_ms"]["mean"], point["cost_usd"]["mean"]
    return not violations(point["memory_mb"], p95_ms, cost_usd, _constraints(result))


def _constraints(result: Result) -> Constraints:
    return Constraints(**result["request"]["constraints"])


def searched_range(result: Result) -> tuple[int | None, int | None]:
    """The ends of a range of sizes that was asked for. An end that the account or the machine sets is open."""
    request = result["request"]
    sizes = request["memory_sizes_mb"]
    if request["listed"] or not sizes:
        return None, None
    limited = any(warning["code"] == "sizes_left_out" for warning in result["warnings"])
    first, last = min(sizes), max(sizes)
    return first if first > MIN_MEMORY_MB else None, last if last < MAX_MEMORY_MB and not limited else None
