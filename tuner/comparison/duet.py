"""Two versions measured side by side in pairs of environments, until it is decided which is better.

Owns the seam to whatever measures (`PairSource`) and the loop over the looks of the
sequential test. Knows nothing of AWS, processes, files or clocks.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import Protocol

import numpy as np

from tuner.backend import Backend
from tuner.comparison.metrics import P95_BLOCK_RUNS, Tally, run_values
from tuner.comparison.results import crash, failure_finding
from tuner.comparison.sequential import FIRST_LOOK, Shift, least_pairs, looks, shift
from tuner.comparison.verdicts import (
    Comparison,
    Finding,
    Metric,
    Question,
    Verdict,
    distance_to_decision,
    effect_interval,
    judge,
    overall_verdict,
)
from tuner.errors import AllFailedError, BackendError, Fault, InputError
from tuner.model import Configuration, Invocation, Notice
from tuner.pricing.price_list import PriceList

BROKEN_AFTER = 3
"""Pairs after which a side that never succeeded ends the duet; without it all looks would be paid for."""


@dataclass(frozen=True, slots=True)
class EnvironmentPair:
    """The runs of one environment of either version, made at the same time; a side may have none."""

    baseline: tuple[Invocation, ...]
    candidate: tuple[Invocation, ...]

    @property
    def runs(self) -> tuple[Invocation, ...]:
        """The runs of both sides."""
        return self.baseline + self.candidate


class PairSource(Protocol):
    """Measures both versions, interleaved, at one configuration."""

    def take(self, count: int, stop: threading.Event) -> Iterator[tuple[EnvironmentPair, ...]]:
        """Measure `count` pairs of new environments at most; fewer when `stop` is set.

        Yields:
            Pairs that were measured side by side, as they are complete: the duet can end after each.
        """
        ...


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
class DuetPlan:
    """What to measure, and for how long at most.

    Attributes:
        configuration: at which both versions are measured.
        runs_per_environment: invocations in each environment; the first is cold. With 1 all are cold.
        max_invocations: of both versions together; it fixes when the test looks.
        max_usd, max_seconds: further bounds; None: no such bound.
        step: pairs in a batch at least, where a batch costs time of its own.
    """

    configuration: Configuration
    runs_per_environment: int = 2
    max_invocations: int = 400
    max_usd: float | None = None
    max_seconds: float | None = None
    step: int = 1

    def __post_init__(self) -> None:
        least = FIRST_LOOK * 2 * self.runs_per_environment
        if self.max_invocations < least:
            problem = f"{self.max_invocations} is too few for {self.runs_per_environment} runs in each environment"
            raise InputError.single("--max-invocations", problem, f"give at least {least}")

    @property
    def max_pairs(self) -> int:
        """Pairs that the invocations allow."""
        return self.max_invocations // (2 * self.runs_per_environment)

    @property
    def schedule(self) -> tuple[int, ...]:
        """The numbers of pairs at which to look."""
        return looks(self.max_pairs, self.step)

    @property
    def cold(self) -> bool:
        """Whether every run is a cold start."""
        return self.runs_per_environment == 1


@dataclass(frozen=True, slots=True)
class Duet:
    """Both versions, entered.

    Attributes:
        baseline, candidate: their backends.
        pairs: makes the source of pairs for a plan and a seed.
        step: pairs that a batch should bring at least.
    """

    baseline: Backend
    candidate: Backend
    pairs: Callable[[DuetPlan, int], PairSource]
    step: int = 1


class CutShortError(BackendError):
    """The measuring could not go on; `comparison` is what the pairs until then say."""

    def __init__(self, cause: BackendError, comparison: Comparison) -> None:
        super().__init__(cause.message, cause.hint)
        self.comparison = comparison


def run_duet(
    source: PairSource,
    plan: DuetPlan,
    question: Question,
    prices: PriceList,
    *,
    names: tuple[str, str],
    stop: threading.Event,
    clock: Callable[[], float],
    watch: Callable[[EnvironmentPair], None] = lambda pair: None,
    notices: Callable[[], Sequence[Notice]] = tuple,
) -> Comparison:
    """Measure pairs until the comparison is decided or the budget is spent.

    Args:
        source: what measures.
        plan: where, and for how long at most.
        question: metrics, threshold and confidence.
        prices: what a run costs.
        names: what to call baseline and candidate.
        stop: set it to end early; what was measured is judged.
        clock: seconds of a monotonic clock.
        watch: told of every pair.
        notices: asked at the end for what the user should know.

    Raises:
        InputError: the budget is too small for a metric that was named ever to be decided.
        AllFailedError: the baseline never succeeded.
        CutShortError: the measuring could not go on after some pairs.
        BackendError: nothing could be started.
    """
    refuse_small_budget(plan, question)
    pairs: list[EnvironmentPair] = []

    def conclude(reason: DuetStop) -> Comparison:
        return Comparison(
            "duet",
            question,
            *names,
            findings=tuple(judge_pairs(pairs, plan, question, prices)),
            notices=tuple(notices()),
            stopped_by=reason.value,
            invocations=sum(len(pair.runs) for pair in pairs),
            currency=prices.currency,
        )

    try:
        reason = _measure(source, plan, question, prices, pairs, stop, clock, watch)
    except BackendError as exc:
        if not pairs:
            raise
        raise CutShortError(exc, conclude(DuetStop.FAILED)) from exc
    if reason is not DuetStop.INTERRUPTED:
        refuse_broken_baseline(pairs)
    return conclude(reason)


def _measure(
    source: PairSource,
    plan: DuetPlan,
    question: Question,
    prices: PriceList,
    pairs: list[EnvironmentPair],
    stop: threading.Event,
    clock: Callable[[], float],
    watch: Callable[[EnvironmentPair], None],
) -> DuetStop:
    """Add pairs until there is a reason to end."""
    started = clock()
    for target in plan.schedule:
        before = len(pairs)
        for measured in source.take(target - before, stop):
            pairs.extend(measured)
            for pair in measured:
                watch(pair)
            if reason := _end_at_once(pairs, plan, prices, clock() - started, stop):
                return reason
        if stop.is_set():
            return DuetStop.INTERRUPTED
        if len(pairs) == before:
            raise BackendError("No run was started in a whole batch.", "Raise the concurrency, or try again later.")
        if decided(judge_pairs(pairs, plan, question, prices), question):
            return DuetStop.DECIDED
    return DuetStop.INVOCATIONS


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


def refuse_broken_baseline(pairs: Sequence[EnvironmentPair]) -> None:
    """Refuse to judge against a baseline that never succeeded.

    Raises:
        AllFailedError: with the function's own error.
    """
    tally = _tally(pair.baseline for pair in pairs)
    if tally.runs and not tally.usable:
        raise AllFailedError(
            f"The baseline failed in all of {tally.runs} runs: {tally.error or 'no report'}",
            "Give a baseline that works.",
        )


def _end_at_once(
    pairs: Sequence[EnvironmentPair], plan: DuetPlan, prices: PriceList, elapsed_s: float, stop: threading.Event
) -> DuetStop | None:
    """Why to end before the next look, if at all; looks are where the rest is decided."""
    if stop.is_set():
        return DuetStop.INTERRUPTED
    if len(pairs) >= BROKEN_AFTER:
        if not _succeeded(pair.baseline for pair in pairs):
            refuse_broken_baseline(pairs)
        if not _succeeded(pair.candidate for pair in pairs) and _crash(pairs):
            return DuetStop.DECIDED
    if plan.max_seconds is not None and elapsed_s >= plan.max_seconds:
        return DuetStop.SECONDS
    if plan.max_usd is not None and _spent_usd(pairs, plan.configuration, prices) >= plan.max_usd:
        return DuetStop.USD
    return None


def _spent_usd(pairs: Sequence[EnvironmentPair], configuration: Configuration, prices: PriceList) -> float:
    return sum(
        prices.invocation_cost(configuration, run.billed_duration_ms or 0, extra_usd=run.extra_cost_usd)
        for pair in pairs
        for run in pair.runs
        if run.ran
    )


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
    return failure_finding(
        None, _tally(pair.baseline for pair in pairs), _tally(pair.candidate for pair in pairs), alpha
    )


def _succeeded(environments: Iterable[Sequence[Invocation]]) -> bool:
    return any(run.usable for runs in environments for run in runs)


def _crash(pairs: Sequence[EnvironmentPair]) -> str:
    return crash(_tally(pair.baseline for pair in pairs), _tally(pair.candidate for pair in pairs))


def _tally(environments: Iterable[Sequence[Invocation]]) -> Tally:
    return Tally.of(run for runs in environments for run in runs)
