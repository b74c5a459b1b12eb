"""What a comparison says: per metric an effect with its interval and a verdict, and one over all.

Knows how a verdict follows from bounds and a threshold, and how the chance of a false alarm
is shared out; does not know where the bounds came from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from tuner import __version__
from tuner.documents.validation import published_schema
from tuner.model import Configuration, Interval, Notice

COMPARISON_SCHEMA_VERSION = 1


class Metric(StrEnum):
    """What is compared."""

    DURATION = "duration"
    """Handler time of warm runs; of cold ones where only cold starts were measured."""
    P95 = "p95"
    """95th percentile of the handler time."""
    COST = "cost"
    """Cost of a run from what was billed, both sides at the same prices."""
    INIT = "init"
    """Init or restore duration of cold starts."""
    MEMORY = "memory"
    """Max Memory Used."""
    FAILURES = "failures"
    """Share of runs that failed. Always compared: a crash must not look like a pass."""


class Verdict(StrEnum):
    """What is known of a metric."""

    WORSE = "worse"
    BETTER = "better"
    SAME = "same"
    """Proved to lie within the threshold."""
    NOT_DECIDED = "not_decided"


CHOICES = tuple(metric for metric in Metric if metric is not Metric.FAILURES)
"""Metrics that a user can name."""
DECISIVE = (Metric.DURATION,)
"""Metrics that have to be decided unless the user names others."""
ERROR_SHARES = {
    Metric.DURATION: 0.80,
    Metric.COST: 0.05,
    Metric.INIT: 0.06,
    Metric.MEMORY: 0.05,
    Metric.P95: 0.02,
    Metric.FAILURES: 0.02,
}
"""How the chance of a false alarm is shared out. Duration carries most of the information, and cost
follows from it; what the others detect are steps that stand far out of their noise."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to compare, and how sure to be.

    Attributes:
        threshold: a change up to this fraction counts as the same.
        confidence: 1 minus the chance of any false alarm in the whole comparison.
        metrics: what to compare, failures aside.
        decisive: the metrics without which the comparison is not decided.
    """

    threshold: float = 0.05
    confidence: float = 0.95
    metrics: tuple[Metric, ...] = CHOICES
    decisive: tuple[Metric, ...] = DECISIVE

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 10:
            raise ValueError(f"threshold {self.threshold} is not a fraction above 0")
        if not 0.5 < self.confidence < 1:
            raise ValueError(f"confidence {self.confidence} is not within 50%..100%")

    @classmethod
    def of(cls, threshold: float, confidence: float, named: Sequence[Metric]) -> Question:
        """The question of a user who named some metrics, or none."""
        if not named:
            return cls(threshold, confidence)
        return cls(threshold, confidence, tuple(m for m in CHOICES if m in named), tuple(named))

    @property
    def log_threshold(self) -> float:
        """The threshold as a log ratio; the same distance counts in both directions."""
        return math.log1p(self.threshold)

    def alpha(self, metric: Metric) -> float:
        """Chance of a false alarm that one metric may use (Bonferroni with weights)."""
        total = sum(ERROR_SHARES[m] for m in (*self.metrics, Metric.FAILURES))
        return (1 - self.confidence) * ERROR_SHARES[metric] / total


@dataclass(frozen=True, slots=True)
class Finding:
    """One metric, at one configuration or over all of them.

    Attributes:
        metric: which.
        configuration: where; None: over all configurations.
        verdict: what is known.
        reason: in words, where the interval does not say it.
        effect: change as a fraction of the baseline (0.1: a tenth more), with the interval
            that the verdict rests on; None: nothing can be said. For failures the
            difference of the shares, without an interval.
        baseline, candidate: typical value of either side; None: not known, or over all.
        units: environments (or pairs of them) that back it, of both sides together.
        runs: invocations that back it, of both sides together.
        runs_to_decide: invocations, of both sides together, that would decide at the
            effect and spread seen; None: decided, or out of reach.
    """

    metric: Metric
    configuration: Configuration | None
    verdict: Verdict
    reason: str = ""
    effect: Interval | None = None
    baseline: float | None = None
    candidate: float | None = None
    units: int = 0
    runs: int = 0
    runs_to_decide: int | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A finished comparison.

    Attributes:
        method: "documents" or "duet".
        question: what was asked.
        baseline, candidate: what was compared, in words.
        findings: over all first, then by configuration; none: there was no baseline yet.
        notices: what the user should know.
        stopped_by: for a duet, why it ended.
        invocations: for a duet, what it took.
        currency: of the costs.
    """

    method: str
    question: Question
    baseline: str
    candidate: str
    findings: tuple[Finding, ...]
    notices: tuple[Notice, ...] = ()
    stopped_by: str | None = None
    invocations: int | None = None
    currency: str = "USD"

    @property
    def verdict(self) -> Verdict:
        """Worse when anything is worse; decided when every decisive metric is."""
        return overall_verdict(self.findings, self.question)


def judge(low: float, high: float, threshold: float) -> Verdict:
    """The verdict that follows from bounds of a log ratio; more is worse."""
    if low > threshold:
        return Verdict.WORSE
    if high < -threshold:
        return Verdict.BETTER
    return Verdict.SAME if low > -threshold and high < threshold else Verdict.NOT_DECIDED


def overall_verdict(findings: Iterable[Finding], question: Question) -> Verdict:
    """Worse when anything is worse; else what the decisive metrics and the failures say over all configurations."""
    found = list(findings)
    if any(finding.verdict is Verdict.WORSE for finding in found):
        return Verdict.WORSE
    gate = (*question.decisive, Metric.FAILURES)
    overall = {finding.metric: finding.verdict for finding in found if finding.configuration is None}
    verdicts = [overall.get(metric, Verdict.NOT_DECIDED) for metric in gate]
    if Verdict.NOT_DECIDED in verdicts:
        return Verdict.NOT_DECIDED
    return Verdict.BETTER if Verdict.BETTER in verdicts else Verdict.SAME


def effect_interval(estimate: float, low: float, high: float, alpha: float) -> Interval:
    """A log ratio with its bounds as a change in fractions; its level counts both sides."""
    return Interval(math.expm1(estimate), math.expm1(max(low, -700.0)), math.expm1(min(high, 700.0)), 1 - 2 * alpha)


def distance_to_decision(estimate: float, threshold: float) -> float:
    """How far an estimate lies from the nearest bound of the threshold, in log units."""
    return abs(abs(estimate) - threshold)


def comparison_document(comparison: Comparison) -> dict[str, Any]:
    """A comparison as JSON, in the form of its published schema."""
    question = comparison.question
    return {
        "schema_version": COMPARISON_SCHEMA_VERSION,
        "tool": {"name": "lambda-tuner", "version": __version__},
        "method": comparison.method,
        "verdict": comparison.verdict.value,
        "threshold": question.threshold,
        "confidence": question.confidence,
        "metrics": [metric.value for metric in question.metrics],
        "decisive": [metric.value for metric in question.decisive],
        "baseline": comparison.baseline,
        "candidate": comparison.candidate,
        "stopped_by": comparison.stopped_by,
        "invocations": comparison.invocations,
        "currency": comparison.currency,
        "findings": [_finding_document(finding) for finding in comparison.findings],
        "warnings": [asdict(notice) for notice in comparison.notices],
    }


def comparison_schema() -> dict[str, Any]:
    """The JSON Schema of a comparison."""
    return published_schema(f"comparison-{COMPARISON_SCHEMA_VERSION}")


def _finding_document(finding: Finding) -> dict[str, Any]:
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


def _effect_document(effect: Interval) -> dict[str, Any]:
    """An effect as JSON; a side without a bound is null, for JSON has no infinity."""
    return {
        "mean": effect.mean,
        "low": effect.low if effect.low > -1 else None,
        "high": effect.high if effect.high < 1e300 else None,
        "level": effect.level,
    }
