"""One row for every configuration that a result speaks of, whatever is known of it.

Joins what is believed (the curve), what was measured, and what was left out and why.
The tables of all forms are made of these rows. What several configurations share is told once, with all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from reports.words.numbers import Interval, memory
from tuner.plain_numbers import joined, plural

if TYPE_CHECKING:
    from tuner.documents.result import (
        ArchitectureText,
        ConfigurationDocument,
        MeasurementDocument,
        PointDocument,
        ResultDocument,
    )

Result: TypeAlias = "ResultDocument"
Key: TypeAlias = "tuple[int, ArchitectureText]"
MOST_PLACES = 3
"""Configurations that are named where the same error happened; more are counted."""


class ReportRow(NamedTuple):
    """A configuration and its figures; None: not known.

    Attributes:
        duration_ms, p95_ms, cost_usd, init_duration_ms: intervals as in the document.
        candidate: whether it could be recommended.
        measured: whether it was measured itself.
        reason: why it cannot be recommended; empty where it can.
        recommended, current, frontier: its roles.
    """

    memory_mb: int
    architecture: ArchitectureText
    duration_ms: Interval | None = None
    p95_ms: Interval | None = None
    cost_usd: Interval | None = None
    init_duration_ms: Interval | None = None
    candidate: bool = False
    measured: bool = False
    runs: int = 0
    environments: int = 0
    cold_starts: int = 0
    max_memory_used_mb: int | None = None
    reason: str = ""
    recommended: bool = False
    current: bool = False
    frontier: bool = False

    @property
    def failed(self) -> bool:
        """Whether it was tried and cannot be recommended; what was ruled out untried has not failed."""
        return bool(self.reason) and self.measured

    @property
    def key(self) -> Key:
        """What tells it from other rows."""
        return self.memory_mb, self.architecture


def key(item: ConfigurationDocument) -> Key:
    """Memory and architecture of anything that names a configuration."""
    return item["memory_mb"], item["architecture"]


def rows(result: Result) -> tuple[ReportRow, ...]:
    """Every configuration of the result, smallest memory first."""
    points = {key(point): point for point in result["curve"]}
    measured = {key(measurement): measurement for measurement in result["measurements"]}
    reasons = {key(excluded): excluded["reason"] for excluded in result["excluded"]}
    current, recommended = result["current"], result["recommendation"]
    frontier = {key(item) for item in result["frontier"]}
    keys = {*points, *measured, *reasons, *([key(current)] if current else [])}
    return tuple(
        ReportRow(
            memory_mb=where[0],
            architecture=where[1],
            **_believed(points.get(where), measured.get(where)),
            **_observed(measured.get(where)),
            reason=reasons.get(where, ""),
            recommended=recommended is not None and where == key(recommended),
            current=current is not None and where == key(current),
            frontier=where in frontier,
        )
        for where in sorted(keys)
    )


def left_out(table: Iterable[ReportRow]) -> tuple[tuple[str, str], ...]:
    """The configurations that cannot be recommended, those with one reason together, and the reason."""
    sizes: dict[tuple[str, str], list[str]] = {}
    for row in table:
        if row.reason:
            sizes.setdefault((row.reason, row.architecture), []).append(f"{row.memory_mb:,}")
    return tuple((f"{joined(found)} MB on {architecture}", reason) for (reason, architecture), found in sizes.items())


def own_errors(result: Result) -> Iterator[tuple[str, str, str]]:
    """The function's own errors, each once: where and how often it happened, its type, and its message.

    Those that count as normal runs are told as such.
    """
    places: dict[tuple[str, str], list[str]] = {}
    times: Counter[tuple[str, str]] = Counter()
    for measurement in result["measurements"]:
        for error in measurement["errors"]:
            told = error["type"], error["message"]
            places.setdefault(told, []).append(f"{memory(measurement['memory_mb'])} {measurement['architecture']}")
            times[told] += error["count"]
    for told, where in places.items():
        measured = len(result["measurements"])
        named = joined(where) if len(where) <= MOST_PLACES else f"{len(where)} of {measured} configurations"
        normal = ", allowed" if told[0] in result["request"]["allowed_exceptions"] else ""
        yield f"{named}, {plural(times[told], 'time')}{normal}", *told


def _believed(point: PointDocument | None, measurement: MeasurementDocument | None) -> dict[str, Any]:
    """The figures of a candidate; of what is none, the plain statistics of its runs."""
    found = point or measurement
    if found is None:
        return {}
    return {
        "candidate": point is not None,
        "p95_ms": point["p95_ms"] if point else None,
        "duration_ms": found["duration_ms"],
        "cost_usd": found["cost_usd"],
        "init_duration_ms": found["init_duration_ms"],
    }


def _observed(measurement: MeasurementDocument | None) -> dict[str, Any]:
    if measurement is None:
        return {}
    return {
        "measured": measurement["runs"] > 0,
        "runs": measurement["runs"],
        "environments": measurement["environments"],
        "cold_starts": measurement["cold_starts"],
        "max_memory_used_mb": measurement["max_memory_used_mb"],
    }
