"""A comparison as JSON in the form of its published schema, see `tuner.documents.comparison`.

Decides nothing: verdicts and values come as they are.
"""

from __future__ import annotations

from tuner import __version__
from tuner.comparison.verdicts import Comparison, Drift, Finding
from tuner.documents.comparison import (
    COMPARISON_SCHEMA_VERSION,
    ComparisonDocument,
    DriftDocument,
    EffectDocument,
    FindingDocument,
)
from tuner.model import Interval


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
        "drift": _drift_document(comparison.drift) if comparison.drift else None,
        "findings": [_finding_document(finding) for finding in comparison.findings],
        "warnings": [{"code": notice.code, "message": notice.message} for notice in comparison.notices],
    }


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
        "leans_worse": finding.leans_worse,
    }


def _drift_document(drift: Drift) -> DriftDocument:
    return {"days": drift.days, "sd": drift.sd, "sessions": drift.sessions, "given": drift.given}


def _effect_document(effect: Interval) -> EffectDocument:
    return {
        "mean": effect.mean,
        "low": effect.low if effect.low > -1 else None,
        "high": effect.high if effect.high < 1e300 else None,
        "level": effect.level,
    }
