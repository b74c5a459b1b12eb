"""The comparison document: its typed view and its published schema.

Written by `tuner compare` and `tuner duet`. Knows nothing of how a verdict comes about.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypedDict

from tuner.documents.result import ArchitectureText, ToolDocument, WarningDocument
from tuner.documents.validation import published_schema

COMPARISON_SCHEMA_VERSION: Final = 1

MetricText = Literal["duration", "tail", "p95", "cost", "init", "memory", "failures"]
MethodText = Literal["documents", "duet"]
DuetStopText = Literal["decided", "max_invocations", "max_usd", "max_seconds", "interrupted", "failed"]
VerdictText = Literal["worse", "better", "same", "not_decided"]


class EffectDocument(TypedDict):
    """A change as a fraction of the baseline; None: no bound on that side."""

    mean: float
    low: float | None
    high: float | None
    level: float


class FindingDocument(TypedDict):
    """One metric at one configuration, or over all of them: then `memory_mb` and `architecture` are None."""

    metric: MetricText
    memory_mb: int | None
    architecture: ArchitectureText | None
    verdict: VerdictText
    reason: str
    effect: EffectDocument | None
    baseline: float | None
    candidate: float | None
    units: int
    runs: int
    runs_to_decide: int | None
    leans_worse: bool


class DriftDocument(TypedDict):
    """What may have moved between two sessions: days between them, and the spread in log units for it.

    The spread is that of so many earlier sessions, was given, or else is what so many days make likely.
    """

    days: float
    sd: float
    sessions: int
    given: bool


class ComparisonDocument(TypedDict):
    """Whether a candidate got worse than its baseline. Changes are fractions of the baseline."""

    schema_version: Literal[1]
    tool: ToolDocument
    method: MethodText
    verdict: VerdictText
    threshold: float
    confidence: float
    metrics: list[MetricText]
    decisive: list[MetricText]
    baseline: str
    candidate: str
    stopped_by: DuetStopText | None
    invocations: int | None
    currency: str
    drift: DriftDocument | None
    findings: list[FindingDocument]
    warnings: list[WarningDocument]


def comparison_schema() -> dict[str, Any]:
    """The JSON Schema of the comparison document."""
    return published_schema(f"comparison-{COMPARISON_SCHEMA_VERSION}")
