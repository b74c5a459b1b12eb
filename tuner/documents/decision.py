"""Reads from a result document what a decision to change the function depends on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from tuner.search.decision import DecisionEvidence, MeasuredRuns
from tuner.vocabulary import DEFAULT_MAX_ERROR_RATE, Architecture, BackendKind, Configuration, Outcome, StopReason

if TYPE_CHECKING:
    from tuner.documents.result import ConfigurationDocument, MeasurementDocument, ResultDocument

SHORTEST_MS = 0.01
"""REPORT lines tell durations in hundredths of a millisecond."""


def decision_evidence(result: ResultDocument) -> DecisionEvidence:
    """The evidence of a result for the rule in `tuner.search.decision`."""
    recommended, current = result["recommendation"], result["current"]
    return DecisionEvidence(
        doubt=recommended["expected_regret"] - recommended["given_to_ties"] if recommended else None,
        tolerance=result["request"]["tolerance"],
        stopped_by=StopReason(result["stopped_by"]),
        candidates=len(result["curve"]),
        unmet=recommended["unmet"] if recommended else None,
        current=configuration_of(current) if current else None,
        measured=tuple(_runs(measurement) for measurement in result["measurements"] if _requested(measurement)),
        recommended=configuration_of(recommended) if recommended else None,
        chance_of_miss=recommended.get("chance_of_miss") if recommended else None,
        mean_width=recommended.get("mean_width", 1.0) if recommended else 1.0,
        slow_part=_slow_part(result["measurements"]),
        max_error_rate=result["request"].get("max_error_rate", DEFAULT_MAX_ERROR_RATE),
        notices=frozenset(warning["code"] for warning in result["warnings"]),
        excluded=frozenset(map(configuration_of, result["excluded"])),
    )


def backend_kind(document: ResultDocument) -> BackendKind:
    """What sort of place ran the invocations."""
    return BackendKind(document["function"]["backend"])


def configuration_of(document: ConfigurationDocument) -> Configuration:
    """The configuration that a part of a document describes."""
    return Configuration(int(document["memory_mb"]), Architecture(document["architecture"]))


def _runs(measurement: MeasurementDocument) -> MeasuredRuns:
    counts = _counts(measurement)
    failures = {name: count for name, count in counts.items() if name != Outcome.OK and count}
    most = max(failures, key=lambda name: failures[name], default="")
    data = measurement["data"]
    usable = sum(data["usable"])
    return MeasuredRuns(
        configuration_of(measurement),
        _requested(measurement),
        usable,
        most.replace("_", " "),
        warm=sum(ok and not cold for ok, cold in zip(data["usable"], data["cold"], strict=True)),
        environments=len({label for label, ok in zip(data["environment"], data["usable"], strict=True) if ok}),
        failed=counts[Outcome.TIMEOUT] + counts[Outcome.ERROR] - max(0, usable - counts[Outcome.OK]),
        timeouts=counts[Outcome.TIMEOUT],
        throttled=counts[Outcome.THROTTLED],
    )


def _slow_part(measurements: Sequence[MeasurementDocument]) -> float:
    """What part of a mean duration lies beyond the median: that of all sizes, each with the weight of its runs."""
    told = [(one["runs"], one["duration_ms"]) for one in measurements if one["duration_ms"]]
    runs = sum(count for count, _ in told)
    ratio = sum(count * of["mean"] / max(of["p50"], SHORTEST_MS) for count, of in told) / runs if runs else 1.0
    return max(0.0, 1.0 - 1.0 / ratio)


def _requested(measurement: MeasurementDocument) -> int:
    """Invocations that AWS did not refuse: a refused configuration was left out, and nothing failed."""
    counts = _counts(measurement)
    return sum(counts.values()) - counts[Outcome.REFUSED]


def _counts(measurement: MeasurementDocument) -> dict[str, int]:
    return cast("dict[str, int]", measurement["outcomes"])
