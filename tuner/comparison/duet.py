"""Measures two versions side by side in pairs of environments until the comparison is decided.

Owns the loop over the looks of the sequential test. Knows nothing of AWS, processes, files or clocks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from tuner.comparison.duet_findings import decided, judge_pairs, refuse_small_budget, tally
from tuner.comparison.duet_plan import DuetPlan, EnvironmentPair, PairSource
from tuner.comparison.failures import crash
from tuner.comparison.question import Question
from tuner.comparison.verdicts import Comparison, DuetStop, Method
from tuner.errors import AllFailedError, BackendError
from tuner.model import Configuration, Notice
from tuner.pricing.price_list import PriceList

BROKEN_AFTER = 3
"""Pairs after which a side that never succeeded ends the duet; without it all looks would be paid for."""


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
            Method.DUET,
            question,
            *names,
            findings=tuple(judge_pairs(pairs, plan, question, prices)),
            notices=tuple(notices()),
            stopped_by=reason,
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


def refuse_broken_baseline(pairs: Sequence[EnvironmentPair]) -> None:
    """Refuse to judge against a baseline that never succeeded.

    Raises:
        AllFailedError: with the function's own error.
    """
    found = tally(pair.baseline for pair in pairs)
    if found.runs and not found.usable:
        raise AllFailedError(
            f"The baseline failed in all of {found.runs} runs: {found.error or 'no report'}",
            "Give a baseline that works.",
        )


def _end_at_once(
    pairs: Sequence[EnvironmentPair], plan: DuetPlan, prices: PriceList, elapsed_s: float, stop: threading.Event
) -> DuetStop | None:
    """Why to end before the next look, if at all; looks are where the rest is decided."""
    if stop.is_set():
        return DuetStop.INTERRUPTED
    if len(pairs) >= BROKEN_AFTER:
        refuse_broken_baseline(pairs)
        if crash(tally(pair.baseline for pair in pairs), tally(pair.candidate for pair in pairs)):
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
