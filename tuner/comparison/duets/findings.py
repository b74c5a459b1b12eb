"""What the pairs of a duet say so far, metric by metric.

Decides from pairs of environments alone; when to look is fixed by the plan. Measures nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
from numpy.typing import NDArray

from tuner.comparison.duets.pair_values import PairValues
from tuner.comparison.duets.plan import DuetPlan
from tuner.comparison.failures import failure_finding
from tuner.comparison.question import SLOW_FACTOR, Metric, Question
from tuner.comparison.run_series import Tally
from tuner.comparison.slow_runs import SlowCounts, tail_finding
from tuner.comparison.statistics.error_spending import Spending, least_pairs, nominal_levels
from tuner.comparison.statistics.paired_tests import (
    MeanShift,
    PairedTest,
    QuantileShift,
    RunsByPair,
    SlowShare,
    TypicalShift,
    chance_above,
    chance_below,
    estimate,
    lower_bound,
    upper_bound,
)
from tuner.comparison.verdicts import (
    Finding,
    Verdict,
    distance_to_decision,
    effect_interval,
    overall_verdict,
    reachable,
)
from tuner.errors import Fault, InputError

Floats = NDArray[np.float64]

HIGH_QUANTILE = 0.95


@dataclass(frozen=True, slots=True)
class Shift:
    """What the pairs show of one metric.

    Runs that the timeout cut off lasted at least so long. To prove the candidate slower, those of the baseline
    count as longer than any other run; to prove it no slower, those of the candidate do.

    Attributes:
        slower: the test that proves the candidate slower.
        quicker: the test that proves it quicker, or no slower.
        baseline, candidate: typical value of either side.
        pairs: pairs behind it.
    """

    slower: PairedTest
    quicker: PairedTest
    baseline: float
    candidate: float
    pairs: int


def judge_pairs(
    pairs: Sequence[PairValues], plan: DuetPlan, question: Question, *, bounds: bool = True
) -> list[Finding]:
    """The findings of all metrics on the pairs so far, at the last look that each has reached.

    Args:
        pairs: in the order they were measured.
        plan: where, and when to look.
        question: metrics, threshold and confidence.
        bounds: whether to compute intervals. The verdicts do not need them.
    """
    findings = [_metric_finding(metric, pairs, plan, question, bounds) for metric in question.metrics]
    return [*findings, _failures(pairs, plan, question)]


def decided(findings: Sequence[Finding], question: Question) -> bool:
    """Whether a duet may end: something is worse, or the answer stands and every metric can be worse by now.

    What was moved from the handler to its init, or into memory, must not pass because the
    duration was decided first. To go on costs no error: the looks are fixed.
    """
    verdict = overall_verdict(findings, question)
    if verdict is Verdict.WORSE:
        return True
    waited_for = [finding for finding in findings if finding.metric is not Metric.P95 and finding.units]
    return verdict is not Verdict.NOT_DECIDED and not any(finding.too_few for finding in waited_for)


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


def tallies(pairs: Sequence[PairValues]) -> tuple[Tally, Tally]:
    """How the runs of baseline and candidate ended."""
    return Tally.total(pair.baseline.tally for pair in pairs), Tally.total(pair.candidate.tally for pair in pairs)


def spread(pairs: Sequence[PairValues]) -> float:
    """Robust spread of single runs in log units, from the log ratios of the pairs."""
    found = [pair for pair in pairs if pair.has(Metric.DURATION)]
    ratios = np.array([median(pair.candidate.steady) - median(pair.baseline.steady) for pair in found])
    return float(1.4826 * np.median(np.abs(ratios - np.median(ratios))) / math.sqrt(2)) if found else 0.0


def _metric_finding(
    metric: Metric,
    pairs: Sequence[PairValues],
    plan: DuetPlan,
    question: Question,
    bounds: bool,
) -> Finding:
    backed = [pair for pair in pairs if pair.has(metric)]
    runs = sum(pair.invocations for pair in pairs)
    reached = [index for index, count in enumerate(plan.schedule) if count <= len(backed)]
    units = 2 * len(backed)
    if not reached:
        reason = _too_few(len(backed), plan.schedule[0]) if backed else _MISSING.get(metric, _NO_RUNS)
        return Finding(metric, None, Verdict.NOT_DECIDED, reason, units=units, runs=runs, too_few=bool(backed))
    seen = backed[: plan.schedule[reached[-1]]]
    alpha = question.alpha(metric)
    spending = Spending.EVEN if metric in (Metric.TAIL, Metric.P95) else Spending.EARLY
    level = nominal_levels(plan.schedule, alpha, spending)[reached[-1]]
    if metric is Metric.TAIL:
        return _tail(seen, question, level, runs)
    found = _shift(metric, seen)
    finding = _judged(metric, found, level, question, runs)
    return _with_bounds(finding, found, level, alpha, question) if bounds else finding


_NO_RUNS = "no usable runs on one of the sides"
_MISSING = {
    Metric.INIT: "no cold start on one of the sides",
    Metric.MEMORY: "memory used was not reported on one of the sides",
}


def _too_few(pairs: int, needed: int) -> str:
    return f"{pairs} pairs are too few to decide; the first look is after {needed}"


def _judged(metric: Metric, found: Shift, level: float, question: Question, runs: int) -> Finding:
    """The verdict from the chances at both ends of the threshold."""
    threshold = question.log_threshold
    slower = chance_above(found.slower, threshold)
    verdict = Verdict.NOT_DECIDED
    if slower <= level:
        verdict = Verdict.WORSE
    elif chance_below(found.quicker, threshold) <= level and chance_above(found.slower, -threshold) <= level:
        verdict = Verdict.SAME
    elif chance_below(found.quicker, -threshold) <= level:
        verdict = Verdict.BETTER
    return Finding(
        metric,
        None,
        verdict,
        baseline=found.baseline,
        candidate=found.candidate,
        units=2 * found.pairs,
        runs=runs,
        leans_worse=verdict is Verdict.NOT_DECIDED and slower < 0.5,
        too_few=chance_above(found.slower, -found.slower.reach) > level,
    )


def _with_bounds(finding: Finding, found: Shift, level: float, alpha: float, question: Question) -> Finding:
    """A finding with the interval that its verdict rests on, and what would decide it."""
    centre = estimate(found.slower)
    low, high = lower_bound(found.slower, level), upper_bound(found.quicker, level)
    effect = effect_interval(centre, low, high, alpha)
    if finding.verdict is not Verdict.NOT_DECIDED:
        return replace(finding, effect=effect)
    if finding.too_few:
        return replace(finding, effect=effect, reason=f"{found.pairs} pairs are too few for a bound")
    half, distance = (high - low) / 2, distance_to_decision(centre, question.log_threshold)
    factor = (half / distance) ** 2 if distance and math.isfinite(half) else math.inf
    return replace(finding, effect=effect, runs_to_decide=reachable(finding.runs, factor))


def _shift(metric: Metric, pairs: Sequence[PairValues]) -> Shift:
    """The tests of a metric, and its typical value on either side."""
    before, after = [pair.baseline for pair in pairs], [pair.candidate for pair in pairs]
    if metric is Metric.DURATION:
        values = [median(median(side.steady) for side in sides) for sides in (before, after)]
        slower = TypicalShift(*_couples([(b.longest, c.steady) for b, c in zip(before, after, strict=True)]))
        quicker = TypicalShift(*_couples([(b.steady, c.longest) for b, c in zip(before, after, strict=True)]))
        return Shift(slower, quicker, math.exp(values[0]), math.exp(values[1]), len(pairs))
    if metric is Metric.P95:
        sides = [RunsByPair.of([side.steady for side in own]) for own in (before, after)]
        longest = [RunsByPair.of([side.longest for side in own]) for own in (before, after)]
        values = [float(np.quantile(side.values, HIGH_QUANTILE)) for side in sides]
        high = QuantileShift(longest[0], sides[1], HIGH_QUANTILE), QuantileShift(sides[0], longest[1], HIGH_QUANTILE)
        return Shift(*high, math.exp(values[0]), math.exp(values[1]), len(pairs))
    if metric is Metric.COST:
        costs = [np.array([side.cost for side in own], dtype=np.float64) for own in (before, after)]
        means = MeanShift(costs[0], costs[1])
        return Shift(means, means, float(costs[0].mean()), float(costs[1].mean()), len(pairs))
    name = "init" if metric is Metric.INIT else "memory"
    logs = [np.array([getattr(side, name) for side in own], dtype=np.float64) for own in (before, after)]
    typical = TypicalShift(logs[0], logs[1])
    return Shift(typical, typical, math.exp(median(logs[0])), math.exp(median(logs[1])), len(pairs))


def _couples(sides: Sequence[tuple[list[float], list[float]]]) -> tuple[Floats, Floats]:
    """One log value of either side for each pair, see `_couple`."""
    couples = np.array([_couple(before, after) for before, after in sides])
    return couples[:, 0], couples[:, 1]


def _couple(before: Sequence[float], after: Sequence[float]) -> tuple[float, float]:
    """The typical log of the baseline in one pair, and the same with the typical change.

    Runs with the same number were made at the same time, or one after the other: what slowed both
    down cancels before the median is taken.
    """
    typical = median(before)
    if len(before) != len(after):
        return typical, median(after)
    return typical, typical + median(c - b for b, c in zip(before, after, strict=True))


def _tail(pairs: Sequence[PairValues], question: Question, level: float, runs: int) -> Finding:
    """Whether more runs are slow. Warm and cold runs count, each against the median of its own kind."""
    sides = [pair.baseline for pair in pairs], [pair.candidate for pair in pairs]
    warm = [RunsByPair.of([side.longest for side in own]) for own in sides]
    cold = [RunsByPair.of([side.first for side in own]) for own in sides]
    test = SlowShare(((warm[0], warm[1]), (cold[0], cold[1])), SLOW_FACTOR)
    slow = test.counts(question.log_threshold)
    totals = [len(warm[side].values) + len(cold[side].values) for side in (0, 1)]
    counts = SlowCounts(int(slow[0].sum()), totals[0], int(slow[1].sum()), totals[1])
    worse = chance_above(test, question.log_threshold)
    better = chance_below(test, -question.log_threshold)
    return tail_finding(None, counts, (worse, better), level, units=2 * len(pairs), runs=runs)


def _failures(pairs: Sequence[PairValues], plan: DuetPlan, question: Question) -> Finding:
    """The failures of all pairs so far; each look has its own level, so that the error holds over all of them."""
    reached = sum(count <= len(pairs) for count in plan.schedule)
    level = nominal_levels(plan.schedule, question.alpha(Metric.FAILURES))[max(0, reached - 1)]
    return failure_finding(None, *tallies(pairs), level)


def _least_invocations(metric: Metric, plan: DuetPlan, question: Question) -> int:
    """Invocations below which no outcome whatever would decide on a metric."""
    if metric is Metric.FAILURES:
        return 0
    alpha, steady = question.alpha(metric), 1 if plan.cold else plan.runs_per_environment - 1
    pairs = least_pairs(alpha)
    if metric is Metric.P95:
        # The runs beyond the common quantile are all that count.
        pairs = max(pairs, math.ceil(pairs / (2 * (1 - HIGH_QUANTILE) * steady)))
    return pairs * 2 * plan.runs_per_environment
