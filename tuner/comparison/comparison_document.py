"""A comparison as JSON in the form of its published schema, with a typed view of it.

Decides nothing: verdicts and values come as they are.
"""

from __future__ import annotations

from typing import Any, TypedDict

from tuner import __version__
from tuner.comparison.verdicts import Comparison, Finding
from tuner.documents.validation import published_schema
from tuner.model import Interval

COMPARISON_SCHEMA_VERSION = 1


class ToolDocument(TypedDict):
    """What wrote the document."""

    name: str
    version: str


class EffectDocument(TypedDict):
    """A change as a fraction of the baseline; a side without a bound is null, because JSON has no infinity."""

    mean: float
    low: float | None
    high: float | None
    level: float


class FindingDocument(TypedDict):
    """One metric, at one configuration or (memory_mb is null) over all."""

    metric: str
    memory_mb: int | None
    architecture: str | None
    verdict: str
    reason: str
    effect: EffectDocument | None
    baseline: float | None
    candidate: float | None
    units: int
    runs: int
    runs_to_decide: int | None


class WarningDocument(TypedDict):
    """Something the user should know."""

    code: str
    message: str


class ComparisonDocument(TypedDict):
    """What `tuner compare` and `tuner duet` write with `--format json`."""

    schema_version: int
    tool: ToolDocument
    method: str
    verdict: str
    threshold: float
    confidence: float
    metrics: list[str]
    decisive: list[str]
    baseline: str
    candidate: str
    stopped_by: str | None
    invocations: int | None
    currency: str
    findings: list[FindingDocument]
    warnings: list[WarningDocument]


def comparison_document(comparison: Comparison) -> ComparisonDocument:
    """A comparison as JSON."""
    question, stop = comparison.question, comparison.stopped_by
    return {
        "schema_version": COMPARISON_SCHEMA_VERSION,
        "tool": {"name": "lambda-tuner", "version": __version__},
        "method": comparison.method.value,
        "verdict": comparison.verdict.value,
        "threshold": question.threshold,
        "confidence": question.confidence,
        "metrics": [metric.value for metric in question.metrics],
        "decisive": [metric.value for metric in question.decisive],
        "baseline": comparison.baseline,
        "candidate": comparison.candidate,
        "stopped_by": stop.value if stop else None,
        "invocations": comparison.invocations,
        "currency": comparison.currency,
        "findings": [_finding_document(finding) for finding in comparison.findings],
        "warnings": [{"code": notice.code, "message": notice.message} for notice in comparison.notices],
    }


def comparison_schema() -> dict[str, Any]:
    """The JSON Schema of a comparison."""
    return published_schema(f"comparison-{COMPARISON_SCHEMA_VERSION}")


def _finding_document(finding: Finding) -> FindingDocument:
    where = finding.configuration
    return {
        "metric": finding.metric.value,
        "memory_mb": where.memory_mb if where else None,
        "architecture": where.architecture.value if where else None,
        "verdict": finding.verdict.value,
        "reason": finding.reason,
        "effect": _effect_document(finding.effect) if finding.effect else None,
        "baseline": finding.baseline,
        "candidate": finding.candidate,
        "units": finding.units,
        "runs": finding.runs,
        "runs_to_decide": finding.runs_to_decide,
    }


def _effect_document(effect: Interval) -> EffectDocument:
    return {
        "mean": effect.mean,
        "low": effect.low if effect.low > -1 else None,
        "high": effect.high if effect.high < 1e300 else None,
        "level": effect.level,
    }
