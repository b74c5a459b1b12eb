"""Where the level of a function changed over its results: each one is compared with those since the last change.

Reads no files. The verdicts are those of a comparison with a trend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tuner.comparison.question import Metric, Question
from tuner.comparison.results import compare_with_trend
from tuner.comparison.trend import LAST_RESULTS, LEAST_SESSIONS, step_spread
from tuner.comparison.verdicts import Finding, Verdict
from tuner.documents.result import ResultDocument

WATCHED = (Metric.DURATION, Metric.COST)
"""Metrics whose level is followed."""
_MOVED = (Verdict.WORSE, Verdict.BETTER)


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A result whose level differs from that of the results before it.

    Attributes:
        number: of the result, from 0, the oldest first.
        findings: the watched metrics that are worse or better, over all configurations.
    """

    number: int
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """Worse when one of them is."""
        worse = any(finding.verdict is Verdict.WORSE for finding in self.findings)
        return Verdict.WORSE if worse else Verdict.BETTER


def change_points(results: Sequence[ResultDocument], question: Question) -> tuple[ChangePoint, ...]:
    """Find the changes.

    Args:
        results: comparable with each other, the oldest first.
        question: threshold, and the confidence for all results together. Each one gets an equal share of the
            chance of a false alarm.

    Raises:
        InputError: two of them have no configuration in common.
    """
    share = (1 - question.confidence) / max(1, len(results) - 1)
    question = replace(question, confidence=1 - share)
    found: list[ChangePoint] = []
    spread, since = step_spread(results), 0
    for number in range(1, len(results)):
        earlier = results[max(since, number - LAST_RESULTS) : number]
        # Fewer sessions since the last change do not tell how sessions differ; all results together do.
        drift_sd = spread if len(earlier) < LEAST_SESSIONS else None
        comparison = compare_with_trend(earlier, results[number], question, drift_sd=drift_sd)
        moved = tuple(
            finding
            for finding in comparison.findings
            if finding.configuration is None and finding.metric in WATCHED and finding.verdict in _MOVED
        )
        if moved:
            found.append(ChangePoint(number, moved))
            since = number
    return tuple(found)
