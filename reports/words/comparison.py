"""The words of a comparison: its verdict in a line, its metrics, values, changes and what would decide.

The same in every form. Decides nothing: verdicts and values come as they are.
"""

from __future__ import annotations

from collections.abc import Iterator

from reports.words.numbers import memory, milliseconds, number, per_million, percent
from tuner.comparison.question import SLOW_SHARE_TOLERANCE, Metric
from tuner.comparison.verdicts import Comparison, Drift, DuetStop, Finding, Method, Verdict
from tuner.plain_numbers import plural
from tuner.vocabulary import Interval

WORDS = {
    Verdict.WORSE: "worse",
    Verdict.BETTER: "better",
    Verdict.SAME: "same",
    Verdict.NOT_DECIDED: "not decided",
}
_NAMES = {Metric.TAIL: "slow runs", Metric.INIT: "init duration", Metric.MEMORY: "memory used"}
_STOPS = {
    DuetStop.DECIDED: "it was decided",
    DuetStop.INVOCATIONS: "the invocations were used up",
    DuetStop.USD: "the money was spent",
    DuetStop.SECONDS: "the time was up",
    DuetStop.INTERRUPTED: "it was interrupted",
    DuetStop.FAILED: "it could not go on",
}
SHARES = (Metric.TAIL, Metric.FAILURES)
"""Metrics whose values are shares of runs."""
LEAST_DRIFT = 0.001
"""A smaller drift is not worth a sentence."""
MOST_TOLD = 10.0
"""A bound of more than ten times the baseline tells nothing: it is left open."""
_WHOLE_FROM = 999.95
RUNS_ALONE = (
    "A duration is that of a typical run, the median in each environment. A cost is the mean of all runs in each. "
    "Reports show other means, so their figures differ"
)
"""Why a comparison of results and their reports differ in figures of one size."""
PAIRS = "A change is that within pairs, so it need not be the ratio of the two values beside it"
"""Why a change of a duet is not what its two values come to."""
OVERALL = "overall"
"""Where a finding is of all configurations together."""
HEADER = ("metric", "where", "baseline", "candidate", "change", "interval", "verdict")


def headline(comparison: Comparison) -> str:
    """The verdict in a line."""
    if not comparison.findings:
        return "First baseline: nothing was compared"
    bound = _rounded(comparison.question.threshold)
    worse = sorted({metric_name(f) for f in comparison.findings if f.verdict is Verdict.WORSE})
    better = sorted(
        {metric_name(f) for f in comparison.findings if f.verdict is Verdict.BETTER and not f.configuration}
    )
    leaning = sorted({metric_name(f) for f in comparison.findings if f.leans_worse and f.configuration is None})
    leans = f"; {', '.join(leaning)} may be worse" if leaning else "; nothing is proved worse"
    return {
        Verdict.WORSE: f"Worse: {', '.join(worse)} (threshold {bound})",
        Verdict.BETTER: f"Better: {', '.join(better)} (threshold {bound})",
        Verdict.SAME: f"The same within {bound}{_ruled_out(comparison)}",
        Verdict.NOT_DECIDED: f"Not decided (threshold {bound}){leans}",
    }[comparison.verdict]


def _ruled_out(comparison: Comparison) -> str:
    """What "the same" says of slow runs."""
    tail = any(f.metric is Metric.TAIL and f.verdict is Verdict.SAME for f in comparison.findings)
    most = _rounded(SLOW_SHARE_TOLERANCE).removesuffix("%")
    return f"; the share of slow runs grew by at most {most} points" if tail else ""


def note(finding: Finding) -> str:
    """What a finding has to say beside its figures: the reason, and the runs that would decide."""
    return "; ".join([*([finding.reason] if finding.reason else []), *outlook(finding)])


def outlook(finding: Finding) -> Iterator[str]:
    """What it takes to decide what is not decided."""
    if finding.verdict is Verdict.NOT_DECIDED:
        if finding.runs_to_decide is not None:
            yield f"about {finding.runs_to_decide:,} runs would decide ({finding.runs:,} so far)"
        elif not finding.reason and finding.effect is not None:
            yield "no sensible number of runs would decide"


def value_text(metric: Metric, value: float | None, currency: str) -> str:
    """A value in the unit of its metric; costs in `currency` for a million runs."""
    if value is None:
        return ""
    if metric is Metric.COST:
        return per_million(value, currency)
    if metric is Metric.MEMORY:
        return memory(round(value))
    return percent(value) if metric in SHARES else milliseconds(value)


def change(finding: Finding) -> str:
    """A change in per cent; of a share, in percentage points. One without any bound is not told: it may be anything."""
    if finding.metric in SHARES and finding.baseline is not None and finding.candidate is not None:
        return f"{_signed((finding.candidate - finding.baseline) * 100)} points"
    return "" if finding.effect is None or not is_bounded(finding.effect) else _percent(finding.effect.mean)


def is_bounded(effect: Interval) -> bool:
    """Whether a change has a bound on either side."""
    return effect.low > -1 or effect.high < MOST_TOLD


def bounds(effect: Interval | None) -> str:
    """The bounds of a change; a side without one is not told."""
    if effect is None:
        return ""
    low, high = effect.low > -1, effect.high < MOST_TOLD
    if low and high:
        return f"{_percent(effect.low)} to {_percent(effect.high)}"
    if low or high:
        return f"at least {_percent(effect.low)}" if low else f"at most {_percent(effect.high)}"
    return "not known"


def _percent(fraction: float) -> str:
    return f"{_signed(100 * fraction)}%"


def _signed(value: float) -> str:
    """A change with its sign and one decimal, from 1,000 on whole. What rounds to nothing has no sign."""
    if abs(value) >= _WHOLE_FROM:
        return f"{'+' if value > 0 else ''}{number(value)}"
    told = f"{value:+.1f}"
    return told if float(told) else "0.0"


def _rounded(fraction: float) -> str:
    return f"{100 * fraction:.4g}%"


def metric_name(finding: Finding) -> str:
    return _NAMES.get(finding.metric, finding.metric.value)


def where_told(finding: Finding) -> str:
    return str(finding.configuration) if finding.configuration else OVERALL


def row_cells(finding: Finding, currency: str) -> tuple[str, ...]:
    return (
        "cost per million" if finding.metric is Metric.COST else metric_name(finding),
        where_told(finding),
        value_text(finding.metric, finding.baseline, currency),
        value_text(finding.metric, finding.candidate, currency),
        change(finding),
        bounds(finding.effect),
        WORDS[finding.verdict],
    )


def small_print(comparison: Comparison) -> str:
    question = comparison.question
    text = f"{PAIRS if comparison.method is Method.DUET else RUNS_ALONE}. " if _has_means(comparison) else ""
    text += f"Chance of any false alarm in the whole comparison: at most {_rounded(1 - question.confidence)}"
    if comparison.method is Method.DUET:
        text += ", early stopping included"
        if comparison.stopped_by:
            text += f". Ended after {comparison.invocations:,} invocations: {_STOPS[comparison.stopped_by]}"
    widened = any(finding.effect for finding in comparison.findings)
    if widened and comparison.drift and comparison.drift.sd >= LEAST_DRIFT:
        text += f". {_drift_words(comparison.drift)}"
    return text + "."


def _has_means(comparison: Comparison) -> bool:
    """Whether it shows a duration or a cost of its own, not the change alone."""
    shown = (finding for finding in comparison.findings if finding.metric in (Metric.DURATION, Metric.COST))
    return any(finding.baseline is not None for finding in shown)


def _drift_words(drift: Drift) -> str:
    if drift.given:
        return f"Every interval is widened by the drift that was given, {drift.sd:.1%}"
    if drift.sessions:
        return f"Every interval is widened by {drift.sd:.1%}, the spread between {drift.sessions} earlier sessions"
    apart = "less than a day" if drift.days < 1 else plural(round(drift.days), "day")
    return f"The two are {apart} apart: every interval is widened by a drift of {drift.sd:.1%}"
