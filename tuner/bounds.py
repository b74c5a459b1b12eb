"""Bounds that a user set: by how much a configuration misses them, and how a sentence names them."""

from __future__ import annotations

from tuner.model import Constraints
from tuner.plain_numbers import as_given


def violations(memory_mb: int, p95_ms: float, cost_usd: float, constraints: Constraints) -> dict[str, float]:
    """By how much, as a fraction of the bound, a configuration misses each bound that it misses."""
    bounds = {
        "p95 duration": (p95_ms, constraints.max_p95_ms),
        "cost per million": (cost_usd * 1e6, constraints.max_cost_per_million_usd),
    }
    found = {name: value / bound - 1 for name, (value, bound) in bounds.items() if bound and value > bound}
    floor = constraints.min_memory_mb
    if floor and memory_mb < floor:
        found["memory"] = floor / memory_mb - 1
    return found


def bounds_told(
    constraints: Constraints, sign: str, searched_mb: tuple[int | None, int | None] = (None, None)
) -> list[str]:
    """What a configuration keeps that meets the bounds: `p95 of at most 20 ms`, `memory of 512 to 1,024 MB`.

    Args:
        constraints: what was asked for.
        sign: of the currency.
        searched_mb: the smallest and the largest size of a range that was asked for; None: that end is open.
    """
    p95, cost = constraints.max_p95_ms, constraints.max_cost_per_million_usd
    found = [f"p95 of at most {as_given(p95)} ms"] if p95 else []
    found += [f"cost of at most {sign}{as_given(cost)} per million"] if cost else []
    first, last = searched_mb
    least = max(first or 0, constraints.min_memory_mb or 0)
    if least and last:
        found.append(f"memory of {least:,} to {last:,} MB")
    elif least or last:
        found.append(f"memory of at {'least' if least else 'most'} {least or last:,} MB")
    return found
