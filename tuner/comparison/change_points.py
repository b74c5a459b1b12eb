"""Where the level of a function changed over its results, and comparisons with those since the last change.

Reads no files. The verdicts are those of a comparison with a trend.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tuner.comparison.question import Metric, Question
from tuner.comparison.results import compare_with_trend
from tuner.comparison.trend import LAST_RESULTS
from tuner.comparison.verdicts import Comparison, Finding, Verdict
from tuner.documents.result import ResultDocument
from tuner.errors import InputError
from tuner.model import Notice

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
    since = 0
    for number in range(1, len(results)):
        earlier = results[max(since, number - LAST_RESULTS) : number]
        comparison = compare_with_trend(earlier, results[number], question, longer=results)
        moved = tuple(
            finding
            for finding in comparison.findings
            if finding.configuration is None and finding.metric in WATCHED and finding.verdict in _MOVED
        )
        if moved:
            found.append(ChangePoint(number, moved))
            since = number
    return tuple(found)


def compare_with_level(
    results: Sequence[ResultDocument],
    candidate: ResultDocument,
    question: Question,
    *,
    drift_sd: float | None = None,
    names: tuple[str, str] = ("baseline", "candidate"),
    notices: Iterable[Notice] = (),
) -> Comparison:
    """Compare a result with the last ones at the level of the latest. See `compare_with_trend` for the arguments.

    Results of two levels together would hide a change of their size.

    Raises:
        InputError: as in `compare_with_trend`.
    """
    alike, changed = _since_last_change(results, question)
    told = (*notices, *changed)
    return compare_with_trend(alike, candidate, question, longer=results, drift_sd=drift_sd, names=names, notices=told)


def _since_last_change(
    results: Sequence[ResultDocument], question: Question
) -> tuple[Sequence[ResultDocument], list[Notice]]:
    """The results since the last change, and what to know of those before it.

    Where some cannot be compared with those before them, no change is seen.
    """
    try:
        found = change_points(results, question)
    except InputError:
        found = ()
    if not found:
        return results, []
    last = found[-1]
    told = f"The function became {last.verdict} with the result of {results[last.number]['created_at']}"
    return results[last.number :], [Notice("level_changed", f"{told}: earlier ones are not part of the baseline.")]
