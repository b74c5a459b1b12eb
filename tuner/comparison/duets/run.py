"""Measures two versions side by side in pairs of environments until the comparison is decided.

Owns the loop over the looks of the sequential test. Knows nothing of AWS, processes, files or clocks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tuner.comparison.duets.findings import decided, judge_pairs, open_ledger, refuse_small_budget, spread, tallies
from tuner.comparison.duets.levels import ErrorLedger
from tuner.comparison.duets.pair_values import PairValues
from tuner.comparison.duets.plan import DuetPlan, EnvironmentPair, PairSource
from tuner.comparison.failures import crash
from tuner.comparison.question import Question
from tuner.comparison.statistics.error_spending import EARLY_PAIRS
from tuner.comparison.verdicts import Comparison, DuetStop, Method
from tuner.errors import AllFailedError, BackendError
from tuner.model import Notice
from tuner.pricing.price_list import PriceList

BROKEN_AFTER = 3
"""Pairs after which a side that never succeeded ends the duet; without it all looks would be paid for."""

WIDE_SPREAD = 0.07
"""Spread of runs, in log units, from which more runs in each environment pay."""


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
    course = _Course(plan, open_ledger(question))

    def conclude(reason: DuetStop) -> Comparison:
        return Comparison(
            Method.DUET,
            question,
            *names,
            findings=tuple(judge_pairs(course.pairs, course.plan, course.ledger)),
            notices=tuple(notices()),
            stopped_by=reason,
            invocations=sum(pair.invocations for pair in course.pairs),
            currency=prices.currency,
        )

    try:
        reason = _measure(source, course, question, prices, stop, clock, watch)
    except BackendError as exc:
        if not course.pairs:
            raise
        raise CutShortError(exc, conclude(DuetStop.FAILED)) from exc
    if reason is not DuetStop.INTERRUPTED:
        refuse_broken_baseline(course.pairs)
    return conclude(reason)


@dataclass(slots=True)
class _Course:
    """A duet under way: its plan, which may be widened once, the error spent, and the pairs so far."""

    plan: DuetPlan
    ledger: ErrorLedger
    pairs: list[PairValues] = field(default_factory=list)

    def widen(self) -> None:
        """Take more runs in each environment when the early pairs spread widely."""
        if self.plan.may_widen and len(self.pairs) == EARLY_PAIRS and spread(self.pairs) > WIDE_SPREAD:
            self.plan = self.plan.widened()


def _measure(
    source: PairSource,
    course: _Course,
    question: Question,
    prices: PriceList,
    stop: threading.Event,
    clock: Callable[[], float],
    watch: Callable[[EnvironmentPair], None],
) -> DuetStop:
    """Add pairs until there is a reason to end."""
    started, pairs = clock(), course.pairs
    while (target := course.plan.next_look(len(pairs))) is not None:
        before = len(pairs)
        for measured in source.take(target - before, course.plan.runs_at(before), stop):
            for pair in measured:
                pairs.append(PairValues.of(pair, course.plan, prices))
                watch(pair)
            if reason := _end_at_once(pairs, course.plan, clock() - started, stop):
                return reason
        if stop.is_set():
            return DuetStop.INTERRUPTED
        if len(pairs) == before:
            raise BackendError("No run was started in a whole batch.", "Raise the concurrency, or try again later.")
        if decided(judge_pairs(pairs, course.plan, course.ledger, bounds=False), question):
            return DuetStop.DECIDED
        course.widen()
    return DuetStop.INVOCATIONS


def refuse_broken_baseline(pairs: Sequence[PairValues]) -> None:
    """Refuse to judge against a baseline that never succeeded.

    Raises:
        AllFailedError: with the function's own error.
    """
    found = tallies(pairs)[0]
    if found.runs and not found.usable:
        raise AllFailedError(
            f"The baseline failed in all of {found.runs} runs: {found.error or 'no report'}",
            "Give a baseline that works.",
        )


def _end_at_once(
    pairs: Sequence[PairValues], plan: DuetPlan, elapsed_s: float, stop: threading.Event
) -> DuetStop | None:
    """Why to end before the next look, if at all; looks are where the rest is decided."""
    if stop.is_set():
        return DuetStop.INTERRUPTED
    if len(pairs) >= BROKEN_AFTER:
        refuse_broken_baseline(pairs)
        if crash(*tallies(pairs)):
            return DuetStop.DECIDED
    if plan.max_seconds is not None and elapsed_s >= plan.max_seconds:
        return DuetStop.SECONDS
    if plan.max_usd is not None and sum(pair.spent_usd for pair in pairs) >= plan.max_usd:
        return DuetStop.USD
    return None
