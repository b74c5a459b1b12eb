"""What the pairs of a duet say so far, metric by metric.

Decides from pairs of environments alone; when to look is fixed by the plan. Measures nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median

import numpy as np

from tuner.comparison.duet_plan import DuetPlan, EnvironmentPair
from tuner.comparison.failures import failure_finding
from tuner.comparison.metrics import P95_BLOCK_RUNS, run_values
from tuner.comparison.question import Metric, Question
from tuner.comparison.run_series import Tally
from tuner.comparison.statistics.error_spending import looks
from tuner.comparison.statistics.signed_ranks import Shift, least_pairs, shift
from tuner.comparison.verdicts import Finding, Verdict, distance_to_decision, effect_interval, judge, overall_verdict
from tuner.errors import Fault, InputError
from tuner.model import Invocation
from tuner.pricing.price_list import PriceList


def judge_pairs(
    pairs: Sequence[EnvironmentPair], plan: DuetPlan, question: Question, prices: PriceList
) -> list[Finding]:
    """The findings of all metrics on the pairs so far, at the last look that each has reached."""
    findings = [_metric_finding(metric, pairs, plan, question, prices) for metric in question.metrics]
    return [*findings, _failures(pairs, plan, question)]


def decided(findings: Sequence[Finding], question: Question) -> bool:
    """Whether a duet may end: something is worse, or the answer stands and no other metric hints at a change.

    What was moved from the handler to its init, or into memory, must not pass because the
    duration was decided first. To go on costs no error: the looks are fixed.
    """
    verdict = overall_verdict(findings, question)
    if verdict is Verdict.WORSE:
        return True
    return verdict is not Verdict.NOT_DECIDED and not any(_hints(finding, question) for finding in findings)


def _hints(finding: Finding, question: Question) -> bool:
    """Whether an open metric has no bound yet, or looks worse so far.

    A 95th percentile has so few blocks that it would always hint: it is waited for only where it is named.
    """
    if finding.verdict is not Verdict.NOT_DECIDED or finding.metric is Metric.P95 or not finding.units:
        return False
    return finding.effect is None or finding.effect.low <= -1 or finding.effect.mean > question.threshold


def refuse_small_budget(plan: DuetPlan, question: Question) -> None:
    """Refuse a duet that could never decide what was asked, whatever it measured.

    Raises:
        InputError: says how many invocations would be enough.
    """
    needed = {metric: _least_invocations(metric, plan, question) for metric in question.decisive}
    faults = [
        Fault("--max-invocations", f"{plan.max_invocations} can never decide on {metric.value}", f"give at least {n}")
        for metric, n in needed.items()
        if n > plan.max_invocations
    ]
    if faults:
        raise InputError(faults)


def _metric_finding(
    metric: Metric, pairs: Sequence[EnvironmentPair], plan: DuetPlan, question: Question, prices: PriceList
) -> Finding:
    values = _values(metric, pairs, plan, prices)
    schedule = _schedule(metric, plan)
    runs = sum(len(pair.runs) for pair in pairs)
    if not values:
        return Finding(metric, None, Verdict.NOT_DECIDED, reason=_missing(metric, plan, question), runs=runs)
    alpha = question.alpha(metric)
    found = shift([candidate - baseline for baseline, candidate in values], schedule, alpha)
    before, after = (math.exp(float(np.median(side))) for side in zip(*values, strict=True))
    if found is None:
        reason = f"the first look is after {schedule[0]} pairs; there are {len(values)}"
        if metric is Metric.P95:
            reason = _missing(metric, plan, question)
        units = 2 * len(values)
        return Finding(metric, None, Verdict.NOT_DECIDED, reason, None, before, after, units=units, runs=runs)
    verdict = judge(found.low, found.high, question.log_threshold)
    return Finding(
        metric,
        None,
        verdict,
        _unbounded(metric, found, plan, question),
        effect_interval(found.estimate, found.low, found.high, alpha),
        before,
        after,
        units=2 * found.pairs,
        runs=runs,
        runs_to_decide=_runs_to_decide(found, question, runs) if verdict is Verdict.NOT_DECIDED else None,
    )


def _values(
    metric: Metric, pairs: Sequence[EnvironmentPair], plan: DuetPlan, prices: PriceList
) -> list[tuple[float, float]]:
    """Log figures of both sides, one couple per pair (per block of pairs for p95) that has them."""
    sides = [
        [run_values(runs, metric, plan.configuration, prices, cold=plan.cold) for runs in (p.baseline, p.candidate)]
        for p in pairs
    ]
    if metric is Metric.P95:
        return _p95_values(sides)
    return [_couple(before, after) for before, after in sides if before and after]


def _couple(before: Sequence[float], after: Sequence[float]) -> tuple[float, float]:
    """The typical log of the baseline in one pair, and the same with the typical change.

    Runs with the same number were made at the same time, or one after the other: what slowed both
    down cancels before the median is taken.
    """
    typical = median(before)
    if len(before) != len(after):
        return typical, median(after)
    return typical, typical + median(c - b for b, c in zip(before, after, strict=True))


def _p95_values(sides: Iterable[Sequence[Sequence[float]]]) -> list[tuple[float, float]]:
    """95th percentiles of both sides over blocks of whole pairs with enough runs on each side."""
    found = []
    before: list[float] = []
    after: list[float] = []
    for logs in sides:
        before.extend(logs[0])
        after.extend(logs[1])
        if min(len(before), len(after)) >= P95_BLOCK_RUNS:
            found.append((float(np.quantile(before, 0.95)), float(np.quantile(after, 0.95))))
            before, after = [], []
    return found


def _schedule(metric: Metric, plan: DuetPlan) -> tuple[int, ...]:
    """When to look at a metric: by pairs, or by blocks of them for p95."""
    if metric is not Metric.P95:
        return plan.schedule
    return looks(max(1, plan.max_pairs // _pairs_of_block(plan)))


def _pairs_of_block(plan: DuetPlan) -> int:
    """Pairs that a 95th percentile of either side takes."""
    steady = 1 if plan.cold else plan.runs_per_environment - 1
    return math.ceil(P95_BLOCK_RUNS / steady)


def _least_invocations(metric: Metric, plan: DuetPlan, question: Question) -> int:
    """Invocations below which no outcome whatever would decide on a metric."""
    pairs = least_pairs(question.alpha(metric)) * (_pairs_of_block(plan) if metric is Metric.P95 else 1)
    return pairs * 2 * plan.runs_per_environment


def _missing(metric: Metric, plan: DuetPlan, question: Question) -> str:
    if metric is Metric.P95:
        return f"a 95th percentile needs {_least_invocations(metric, plan, question):,} runs or more"
    if metric is Metric.INIT:
        return "no cold start on one of the sides"
    return "no usable runs on one of the sides"


def _unbounded(metric: Metric, found: Shift, plan: DuetPlan, question: Question) -> str:
    """Why an interval has no bound, where it has none."""
    if math.isfinite(found.low):
        return ""
    return _missing(metric, plan, question) if metric is Metric.P95 else f"{found.pairs} pairs are too few for a bound"


def _runs_to_decide(found: Shift, question: Question, runs: int) -> int | None:
    """Runs that would decide at the effect and spread seen: the interval shrinks with their root."""
    distance = distance_to_decision(found.estimate, question.log_threshold)
    half = (found.high - found.low) / 2
    if not math.isfinite(half) or distance < half / 100:
        return None
    return math.ceil(runs * max(1.1, (half / distance) ** 2))


def _failures(pairs: Sequence[EnvironmentPair], plan: DuetPlan, question: Question) -> Finding:
    # The error is shared out evenly over the looks, so that it holds over all of them.
    alpha = question.alpha(Metric.FAILURES) / len(plan.schedule)
    return failure_finding(None, tally(pair.baseline for pair in pairs), tally(pair.candidate for pair in pairs), alpha)


def tally(environments: Iterable[Sequence[Invocation]]) -> Tally:
    """How the runs of one side ended."""
    return Tally.of(run for runs in environments for run in runs)
