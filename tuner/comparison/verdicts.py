"""What a comparison says: for each metric an effect with its interval and a verdict, and one verdict over all.

Knows how a verdict follows from bounds and a threshold. Does not know where the bounds came from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tuner.comparison.question import Metric, Question
from tuner.model import Configuration, Interval, Notice

OUT_OF_REACH = 25.0
"""A decision that takes more than this many times the runs so far counts as out of reach."""


_FURTHEST = 700.0
"""A log ratio beyond it has no ratio that a number of the machine can hold."""


class Verdict(StrEnum):
    """What is known of a metric."""

    WORSE = "worse"
    BETTER = "better"
    SAME = "same"
    """Proved to lie within the threshold."""
    NOT_DECIDED = "not_decided"


class Method(StrEnum):
    """How two versions were compared."""

    DOCUMENTS = "documents"
    DUET = "duet"


class DuetStop(StrEnum):
    """Why a duet ended."""

    DECIDED = "decided"
    INVOCATIONS = "max_invocations"
    USD = "max_usd"
    SECONDS = "max_seconds"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    """The measuring could not go on."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One metric, at one configuration or over all of them.

    Attributes:
        metric: which one.
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
        leans_worse: whether it is not decided, but more likely above the threshold than not.
        too_few: whether no outcome whatever would have decided with so few units.
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
    leans_worse: bool = False
    too_few: bool = False


@dataclass(frozen=True, slots=True)
class Drift:
    """What may have moved between two sessions of measuring besides the function.

    Attributes:
        days: between the two.
        sd: spread in log units that widens every interval.
        sessions: of the baseline, whose spread `sd` is; 0: it is what so many days make likely, or was given.
        given: whether the user gave it.
    """

    days: float
    sd: float
    sessions: int = 0
    given: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """A finished comparison.

    Attributes:
        method: how the two were compared.
        question: what was asked.
        baseline, candidate: what was compared, in words.
        findings: over all first, then by configuration; none: there was no baseline yet.
        notices: what the user should know.
        stopped_by: for a duet, why it ended.
        invocations: for a duet, how many it took.
        currency: of the costs.
        drift: for two documents, what may have moved between them.
    """

    method: Method
    question: Question
    baseline: str
    candidate: str
    findings: tuple[Finding, ...]
    notices: tuple[Notice, ...] = ()
    stopped_by: DuetStop | None = None
    invocations: int | None = None
    currency: str = "USD"
    drift: Drift | None = None

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
    """Worse when anything is worse; else what the decisive metrics and the failures say over all configurations.

    A metric that leans worse withholds "same" and "better": what was moved into the tail, the init or the memory
    must not pass. A 95th percentile leans by chance alone, so that it counts only where it is decisive.
    """
    found = list(findings)
    if any(finding.verdict is Verdict.WORSE for finding in found):
        return Verdict.WORSE
    overall = {finding.metric: finding for finding in found if finding.configuration is None}
    gate = (*question.decisive, Metric.FAILURES)
    verdicts = {metric: overall[metric].verdict if metric in overall else Verdict.NOT_DECIDED for metric in gate}
    if any(map(_leans, overall.values())):
        return Verdict.NOT_DECIDED
    better = Verdict.BETTER in verdicts.values()
    # A tail that does not lean need not be proved the same where the typical run is better.
    if Verdict.NOT_DECIDED in [v for metric, v in verdicts.items() if not (better and metric is Metric.TAIL)]:
        return Verdict.NOT_DECIDED
    return Verdict.BETTER if better else Verdict.SAME


def leaves_open(finding: Finding, question: Question) -> bool:
    """Whether a finding over all configurations keeps the whole from being decided."""
    if finding.configuration is not None or finding.verdict is not Verdict.NOT_DECIDED:
        return False
    return finding.metric in (*question.decisive, Metric.FAILURES) or _leans(finding)


def _leans(finding: Finding) -> bool:
    """Whether a metric leans worse so that it counts, decisive or not."""
    return finding.leans_worse and finding.metric is not Metric.P95


def effect_interval(estimate: float, low: float, high: float, alpha: float) -> Interval:
    """A log ratio with its bounds as a change in fractions; its level counts both sides."""
    mean, lowest, highest = (math.expm1(min(max(value, -_FURTHEST), _FURTHEST)) for value in (estimate, low, high))
    return Interval(mean, lowest, highest, 1 - 2 * alpha)


def reachable(runs: int, factor: float) -> int | None:
    """`factor` times the runs so far, to two digits; None: out of reach."""
    if not factor < OUT_OF_REACH:
        return None
    needed = runs * max(1.1, factor)
    digit: int = 10 ** max(0, math.floor(math.log10(needed)) - 1)
    return math.ceil(needed / digit) * digit


def distance_to_decision(estimate: float, threshold: float) -> float:
    """How far an estimate lies from the nearest bound of the threshold, in log units."""
    return abs(abs(estimate) - threshold)
