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

from tuner.comparison.duets.levels import ErrorAccount, ErrorLedger, backing
from tuner.comparison.duets.pair_values import PairValues
from tuner.comparison.duets.plan import DuetPlan
from tuner.comparison.failures import failure_finding
from tuner.comparison.metrics import why_missing
from tuner.comparison.question import SLOW_FACTOR, Metric, Question
from tuner.comparison.run_series import Tally
from tuner.comparison.slow_runs import SlowCounts, tail_finding
from tuner.comparison.statistics.counts import fisher_exact
from tuner.comparison.statistics.error_spending import FIRST_LOOK, least_pairs
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
    least_chance,
    lower_bound,
    never_above,
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
from tuner.plain_numbers import plural

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


def open_ledger(question: Question) -> ErrorLedger:
    """The error of all metrics before the first pair."""
    return ErrorLedger(question, lambda metric, pairs: _least_chance(metric, pairs, question))


def judge_pairs(
    pairs: Sequence[PairValues], plan: DuetPlan, ledger: ErrorLedger, *, bounds: bool = True
) -> list[Finding]:
    """The findings of all metrics on the pairs so far, at the last look that they have reached.

    Args:
        pairs: in the order they were measured.
        plan: where, and when to look.
        ledger: the error of all metrics; it takes part in looks that are new to it.
        bounds: whether to compute intervals. The verdicts do not need them.
    """
    ledger.advance(pairs, plan)
    looked = plan.schedule[ledger.looks - 1] if ledger.looks else 0
    question = ledger.question
    findings = [
        _metric_finding(metric, pairs, looked, question, ledger.accounts[metric], bounds) for metric in question.metrics
    ]
    # Failures count in every pair so far, as they are what may have ended the duet.
    return [*findings, failure_finding(None, *tallies(pairs), ledger.accounts[Metric.FAILURES].level)]


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
    looked: int,
    question: Question,
    account: ErrorAccount,
    bounds: bool,
) -> Finding:
    """The finding of one metric at the last look, which was at the pair `looked`."""
    runs = sum(pair.invocations for pair in pairs)
    seen = backing(metric, pairs[:looked])
    if len(seen) < FIRST_LOOK:
        backed = len(backing(metric, pairs))
        usable = all(tally.usable for tally in tallies(pairs))
        reason = _too_few(backed, FIRST_LOOK) if backed else why_missing(metric, usable=usable)
        return Finding(metric, None, Verdict.NOT_DECIDED, reason, units=2 * backed, runs=runs, too_few=bool(backed))
    if metric is Metric.TAIL:
        return _tail(seen, question, account.level, runs)
    found = _shift(metric, seen)
    finding = _judged(metric, found, account.level, question, runs)
    return _with_bounds(finding, found, account, question) if bounds else finding


def _least_chance(metric: Metric, pairs: Sequence[PairValues], question: Question) -> float:
    """The smallest chance that a metric could reach with such pairs, whichever side their values were of."""
    if metric is Metric.FAILURES:
        before, after = tallies(pairs)
        failed = before.failed + after.failed
        most = min(failed, after.runs)
        return fisher_exact((failed - most, most), (before.runs, after.runs))
    if metric is Metric.TAIL:
        return least_chance(_slow_share(pairs), question.log_threshold)
    if metric is Metric.P95:
        return least_chance(_shift(metric, pairs).slower, question.log_threshold)
    # Values on a continuous scale: no pair is without a sign.
    return 0.5 ** len(pairs)


def _too_few(pairs: int, needed: int) -> str:
    few = f"{plural(pairs, 'pair')} {'is' if pairs == 1 else 'are'} too few"
    return f"{few} to decide; the first look is after {needed}"


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
        too_few=never_above(found.slower, level),
    )


def _with_bounds(finding: Finding, found: Shift, account: ErrorAccount, question: Question) -> Finding:
    """A finding with the interval that its verdict rests on, and what would decide it."""
    centre = estimate(found.slower)
    low, high = lower_bound(found.slower, account.level), upper_bound(found.quicker, account.level)
    low, high = _as_judged(low, high, finding.verdict, question.log_threshold)
    effect = effect_interval(centre, low, high, account.alpha)
    if finding.verdict is not Verdict.NOT_DECIDED:
        return replace(finding, effect=effect)
    if finding.too_few:
        return replace(finding, effect=effect, reason=f"{found.pairs} pairs are too few for a bound")
    half, distance = (high - low) / 2, distance_to_decision(centre, question.log_threshold)
    factor = (half / distance) ** 2 if distance and math.isfinite(half) else math.inf
    return replace(finding, effect=effect, runs_to_decide=reachable(finding.runs, factor))


def _as_judged(low: float, high: float, verdict: Verdict, threshold: float) -> tuple[float, float]:
    """Bounds that agree with the verdict.

    The scores adapt to the values at each shift. So a shift can be refuted while one beside it is not, and a search
    for the bound can end at either. The verdict comes from the tests at the threshold itself.
    """
    low = max(low, threshold) if verdict is Verdict.WORSE else min(low, threshold)
    high = min(high, -threshold) if verdict is Verdict.BETTER else max(high, -threshold)
    return (max(low, -threshold), min(high, threshold)) if verdict is Verdict.SAME else (low, high)


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


def _slow_share(pairs: Sequence[PairValues]) -> SlowShare:
    """The test of slow runs. Warm and cold runs count, each against the median of its own kind."""
    sides = [pair.baseline for pair in pairs], [pair.candidate for pair in pairs]
    warm = [RunsByPair.of([side.longest for side in own]) for own in sides]
    cold = [RunsByPair.of([side.first for side in own]) for own in sides]
    return SlowShare(((warm[0], warm[1]), (cold[0], cold[1])), SLOW_FACTOR)


def _tail(pairs: Sequence[PairValues], question: Question, level: float, runs: int) -> Finding:
    """Whether more runs are slow."""
    test = _slow_share(pairs)
    slow = test.counts(question.log_threshold)
    totals = [sum(len(kind[side].values) for kind in test.kinds) for side in (0, 1)]
    counts = SlowCounts(int(slow[0].sum()), totals[0], int(slow[1].sum()), totals[1])
    worse = chance_above(test, question.log_threshold)
    better = chance_below(test, -question.log_threshold)
    return tail_finding(None, counts, (worse, better), level, units=2 * len(pairs), runs=runs)


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
