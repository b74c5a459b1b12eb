"""Duets on fakes: when they end, what they decide, and how pairs are taken from backends."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from benchmarks.regression.noise import CONFIGURATION, NoisyPairs
from tuner.aws.environment_pairs import BackendPairs
from tuner.comparison.duets.plan import DuetPlan, EnvironmentPair, PairSource
from tuner.comparison.duets.run import CutShortError, run_duet
from tuner.comparison.question import Metric, Question
from tuner.comparison.verdicts import Comparison, Verdict
from tuner.errors import AllFailedError, BackendError, InputError
from tuner.model import BackendKind, FunctionError, FunctionIdentity, Invocation, Notice, Outcome, Sample, Trial
from tuner.pricing.price_list import price_list

PRICES = price_list("us-east-1")
DURATION = Question.of(0.05, 0.95, [Metric.DURATION])


def duet(source: PairSource, plan: DuetPlan | None = None, question: Question = DURATION, **more: object) -> Comparison:
    arguments: dict[str, object] = {"stop": threading.Event(), "clock": lambda: 0.0} | more
    return run_duet(source, plan or DuetPlan(CONFIGURATION), question, PRICES, names=("41", "42"), **arguments)  # type: ignore[arg-type]


def noisy(slowdown: float, seed: int = 0) -> NoisyPairs:
    return NoisyPairs(slowdown, np.random.default_rng(seed))


@dataclass
class Changed:
    """Pairs of which some have one side changed.

    Attributes:
        source: where the pairs come from.
        side: which side is changed.
        change: makes another run of a run.
        every: the number of pairs of which the last is changed.
        made: pairs so far.
    """

    source: PairSource
    side: str
    change: Callable[[Invocation], Invocation]
    every: int = 1
    made: int = 0

    def take(self, count: int, runs: int, stop: threading.Event) -> Iterator[tuple[EnvironmentPair, ...]]:
        for pairs in self.source.take(count, runs, stop):
            yield tuple(map(self._one, pairs))

    def _one(self, pair: EnvironmentPair) -> EnvironmentPair:
        self.made += 1
        runs = tuple(map(self.change, getattr(pair, self.side)))
        return replace(pair, **{self.side: runs}) if self.made % self.every == 0 else pair


def fails(run: Invocation) -> Invocation:
    return replace(run, outcome=Outcome.ERROR, error=FunctionError("KeyError", "'total'"))


def moved_to_init(run: Invocation) -> Invocation:
    """What took 30% of the handler's time is now done at the start."""
    start = run.init_duration_ms and run.init_duration_ms * 1.6
    return replace(run, duration_ms=(run.duration_ms or 0) * 0.7, init_duration_ms=start)


def kept_in_memory(run: Invocation) -> Invocation:
    return replace(run, duration_ms=(run.duration_ms or 0) * 0.7, max_memory_used_mb=3 * (run.max_memory_used_mb or 0))


def test_a_clear_slowdown_ends_early_as_worse() -> None:
    found = duet(noisy(0.3))
    assert (found.verdict, found.stopped_by) == (Verdict.WORSE, "decided")
    assert found.invocations is not None
    assert found.invocations < 100


def test_no_change_ends_as_the_same() -> None:
    found = duet(noisy(0.0))
    assert (found.verdict, found.stopped_by) == (Verdict.SAME, "decided")


def test_at_the_threshold_the_budget_ends_it_and_the_runs_that_would_decide_are_told() -> None:
    found = duet(noisy(0.09, seed=3), DuetPlan(CONFIGURATION, max_invocations=60))
    assert (found.verdict, found.stopped_by, found.invocations) == (Verdict.NOT_DECIDED, "max_invocations", 60)
    needed = found.findings[0].runs_to_decide
    assert needed is not None
    assert needed > 60


def test_a_drift_of_hosts_that_moves_both_sides_does_not_show() -> None:
    source = noisy(0.0)
    moved = [source.pair() for _ in range(40)]
    centre = [np.log(pair.baseline[-1].duration_ms or 0) for pair in moved]
    assert np.ptp(centre) > 0.2
    assert duet(noisy(0.0)).verdict is Verdict.SAME


@pytest.mark.parametrize(("change", "metric"), [(moved_to_init, Metric.INIT), (kept_in_memory, Metric.MEMORY)])
def test_what_was_moved_out_of_the_duration_is_found_although_that_is_decided_first(
    change: Callable[[Invocation], Invocation], metric: Metric
) -> None:
    found = duet(Changed(noisy(0.0), "candidate", change), question=Question())
    assert found.verdict is Verdict.WORSE
    assert {f.metric for f in found.findings if f.verdict is Verdict.WORSE} == {metric}
    assert found.invocations is not None
    assert found.invocations < 100


def test_a_95th_percentile_that_was_not_named_is_not_waited_for() -> None:
    found = duet(noisy(0.0), question=Question())
    assert (found.verdict, found.stopped_by) == (Verdict.SAME, "decided")
    p95 = next(f for f in found.findings if f.metric is Metric.P95)
    assert p95.verdict is Verdict.NOT_DECIDED


def test_a_budget_that_can_never_decide_on_what_was_named_is_refused() -> None:
    question = Question.of(0.05, 0.95, [Metric.P95])
    with pytest.raises(InputError, match=r"100 can never decide on p95 \(give at least \d+\)"):
        duet(noisy(0.0), DuetPlan(CONFIGURATION, max_invocations=100), question)
    found = duet(noisy(1.0), DuetPlan(CONFIGURATION, max_invocations=400), question)
    assert found.verdict is Verdict.WORSE


def test_a_candidate_that_always_fails_is_worse_after_three_pairs() -> None:
    found = duet(Changed(noisy(0.0), "candidate", fails))
    assert (found.verdict, found.invocations) == (Verdict.WORSE, 12)
    assert "KeyError: 'total'" in found.findings[-1].reason


def test_a_candidate_that_fails_in_a_third_of_its_environments_is_worse() -> None:
    assert duet(Changed(noisy(0.0), "candidate", fails, every=3)).verdict is Verdict.WORSE


def test_a_failure_more_of_a_function_that_fails_now_and_then_does_not_keep_a_duet_open() -> None:
    source = Changed(Changed(noisy(0.0), "baseline", fails, every=20), "candidate", fails, every=15)
    found = duet(source)
    assert (found.verdict, found.stopped_by) == (Verdict.SAME, "decided")
    assert found.findings[-1].candidate > found.findings[-1].baseline  # type: ignore[operator]


def test_a_baseline_that_always_fails_is_an_error_after_three_pairs() -> None:
    source = Changed(noisy(0.0), "baseline", fails)
    with pytest.raises(AllFailedError, match="failed in all of 6 runs: KeyError"):
        duet(source)
    assert source.made == 3


def test_time_and_money_end_a_duet_after_any_pair() -> None:
    ticks = iter(range(0, 10_000, 100))
    plan = DuetPlan(CONFIGURATION, max_seconds=150.0)
    found = duet(noisy(0.05), plan, clock=lambda: float(next(ticks)))
    assert (found.stopped_by, found.invocations) == ("max_seconds", 8)
    found = duet(noisy(0.05), DuetPlan(CONFIGURATION, max_usd=1e-6))
    assert (found.stopped_by, found.invocations) == ("max_usd", 4)


@pytest.mark.parametrize("source", [noisy(0.05), Changed(noisy(0.0), "baseline", fails)])
def test_an_interrupted_duet_judges_what_it_has(source: PairSource) -> None:
    stop = threading.Event()
    found = duet(source, stop=stop, watch=lambda _: stop.set())
    assert (found.stopped_by, found.invocations, found.verdict) == ("interrupted", 4, Verdict.NOT_DECIDED)


def test_what_was_measured_before_the_measuring_failed_is_judged() -> None:
    class Breaking(NoisyPairs):
        def pair(self, runs: int | None = None) -> EnvironmentPair:
            if self._made == 20:
                raise BackendError("the network is gone", "Try again.")
            return super().pair(runs)

    with pytest.raises(CutShortError, match="the network is gone") as caught:
        duet(Breaking(0.1, np.random.default_rng(0)))
    assert (caught.value.comparison.stopped_by, caught.value.comparison.invocations) == ("failed", 80)
    assert caught.value.comparison.findings[0].effect is not None


def test_a_budget_without_a_single_look_is_refused() -> None:
    with pytest.raises(InputError, match="at least 32"):
        DuetPlan(CONFIGURATION, max_invocations=31)


@dataclass
class Lanes:
    """A backend as that of AWS: a sample for each environment, in the order in which they end.

    The environments of one trial differ in speed by tenths, those of two trials not at all.

    Attributes:
        factor: of all durations.
        order: of the samples.
        crashes: whether every environment ends after its first run, and another takes its place.
        refused, throttled, fails: what goes wrong.
        log: told when a batch is ready, and when its runs begin.
    """

    factor: float = 1.0
    order: int = 1
    crashes: bool = False
    refused: bool = False
    throttled: bool = False
    fails: bool = False
    before_runs: Callable[[], object] = lambda: None
    pause_s: float = 0.0
    log: list[str] = field(default_factory=list)

    def __enter__(self) -> Lanes:
        return self

    def __exit__(self, *exc: object) -> None: ...

    def describe(self) -> FunctionIdentity:
        return FunctionIdentity("lanes", BackendKind.AWS)

    def notices(self) -> Sequence[Notice]:
        return ()

    def measure(self, trials: Sequence[Trial], stop: threading.Event) -> Iterator[Sample]:
        time.sleep(self.pause_s)
        if self.fails:
            raise BackendError("no permission")
        if self.refused:
            yield Sample(1, CONFIGURATION, (Invocation(Outcome.REFUSED, error=FunctionError("Cap", "too large")),))
        self.log.append("ready")
        self.before_runs()
        self.log.append("began")
        for trial in trials:
            for lane in range(trial.environments)[:: self.order]:
                runs = tuple(self._run(trial, lane, number) for number in range(trial.runs_per_environment))
                yield Sample(trial.id, trial.configuration, runs, lane)

    def _run(self, trial: Trial, lane: int, number: int) -> Invocation:
        if self.throttled:
            return Invocation(Outcome.THROTTLED)
        ms = 100 * self.factor * (1 + lane / 10)
        label = f"{trial.id}/{lane}/{number if self.crashes else 0}"
        cold = number == 0 or self.crashes
        return Invocation(Outcome.OK, label, ms, round(ms), init_duration_ms=90.0 if cold else None)


PLAN = DuetPlan(CONFIGURATION)


def taken(source: PairSource, count: int) -> list[EnvironmentPair]:
    return [pair for pairs in source.take(count, 2, threading.Event()) for pair in pairs]


def test_environments_are_paired_by_their_number_not_by_the_order_in_which_they_end() -> None:
    pairs = taken(BackendPairs(Lanes(), Lanes(1.3, order=-1), PLAN), 8)
    assert [[run.cold for run in pair.runs] for pair in pairs] == [[True, False] * 2] * 8
    ratios = [(p.candidate[1].duration_ms or 0) / (p.baseline[1].duration_ms or 1) for p in pairs]
    assert ratios == pytest.approx([1.3] * 8)


def test_both_sides_of_a_batch_begin_together_although_one_is_ready_later() -> None:
    start = threading.Barrier(2)
    log: list[str] = []
    sides = [Lanes(before_runs=start.wait, pause_s=pause_s, log=log) for pause_s in (0.0, 0.05)]
    taken(BackendPairs(*sides, PLAN, start=start), 8)
    assert log == (["ready"] * 2 + ["began"] * 2) * 2


def test_a_side_that_fails_does_not_leave_the_other_waiting_and_tells_why() -> None:
    start = threading.Barrier(2)
    source = BackendPairs(Lanes(before_runs=start.wait), Lanes(fails=True, pause_s=0.05), PLAN, start=start)
    with pytest.raises(BackendError, match="no permission"):
        duet(source)


def test_environments_that_crash_are_still_one_of_their_pair() -> None:
    pairs = taken(BackendPairs(Lanes(), Lanes(crashes=True), PLAN), 13)
    assert [len(pair.runs) for pair in pairs] == [4] * 13


def test_a_refused_size_and_a_throttled_account_are_errors() -> None:
    with pytest.raises(BackendError, match="refused: too large"):
        duet(BackendPairs(Lanes(), Lanes(refused=True), PLAN))
    with pytest.raises(BackendError, match="No run was started"):
        duet(BackendPairs(Lanes(throttled=True), Lanes(throttled=True), PLAN))


def test_memory_of_whole_megabytes_is_decided_although_most_pairs_tie() -> None:
    found = duet(noisy(0.0), question=Question.of(0.05, 0.95, [Metric.MEMORY]))
    assert found.findings[0].verdict is Verdict.SAME


@dataclass
class Busy:
    """Pairs on a machine on which other programs come and go within a pair and slow neighbouring runs down."""

    slowdown: float
    rng: np.random.Generator

    def take(self, count: int, runs: int, stop: threading.Event) -> Iterator[tuple[EnvironmentPair, ...]]:
        for _ in range(count):
            sides: list[list[Invocation]] = [[], []]
            for _ in range(runs - 1):
                busy = 1 + 5 * self.rng.random()
                for side, factor in zip(sides, (1.0, 1 + self.slowdown), strict=True):
                    ms = 40 * factor * busy * math.exp(0.02 * self.rng.standard_normal())
                    side.append(Invocation(Outcome.OK, "e", ms, math.ceil(ms), max_memory_used_mb=70))
            yield (EnvironmentPair(tuple(sides[0]), tuple(sides[1])),)


@pytest.mark.parametrize(("slowdown", "verdict"), [(0.0, Verdict.SAME), (0.15, Verdict.WORSE)])
def test_what_other_programs_take_from_neighbouring_runs_does_not_show(slowdown: float, verdict: Verdict) -> None:
    found = duet(Busy(slowdown, np.random.default_rng(1)), DuetPlan(CONFIGURATION, runs_per_environment=4))
    assert found.verdict is verdict
    assert found.invocations is not None
    assert found.invocations <= 200


def slow(share_every: int, factor: float, rest: float = 1.0) -> Callable[[Invocation], Invocation]:
    """Every so many runs take `factor` times as long, the others `rest`."""
    made = iter(range(10**9))

    def change(run: Invocation) -> Invocation:
        by = factor if next(made) % share_every == 0 else rest
        ms = (run.duration_ms or 0) * by
        return replace(run, duration_ms=ms, billed_duration_ms=math.ceil(ms + (run.init_duration_ms or 0)))

    return change


@pytest.mark.parametrize("change", [slow(10, 3.0), slow(5, 3.0, 0.96)])
def test_slow_runs_are_found_although_the_typical_run_is_the_same(change: Callable[[Invocation], Invocation]) -> None:
    found = duet(Changed(noisy(0.0), "candidate", change), question=Question())
    assert found.verdict is Verdict.WORSE
    assert Metric.TAIL in {f.metric for f in found.findings if f.verdict is Verdict.WORSE}


def test_few_very_slow_runs_never_pass_as_the_same() -> None:
    verdicts = {
        duet(Changed(noisy(0.0, seed), "candidate", slow(50, 5.0)), question=Question()).verdict for seed in range(6)
    }
    assert Verdict.SAME not in verdicts


def test_the_same_tells_how_many_slow_runs_it_rules_out() -> None:
    source = NoisyPairs(0.0, np.random.default_rng(0), outlier_share=0.0)
    found = duet(source, question=Question())
    tail = next(f for f in found.findings if f.metric is Metric.TAIL)
    assert (found.verdict, tail.verdict) == (Verdict.SAME, Verdict.SAME)
    assert "0 of" in tail.reason
    assert "at most 1." in tail.reason


def cut_off(run: Invocation) -> Invocation:
    return replace(run, outcome=Outcome.TIMEOUT, duration_ms=300.0)


def test_runs_that_time_out_never_read_as_a_better_tail() -> None:
    found = duet(Changed(noisy(0.0), "candidate", cut_off, every=5), question=Question())
    assert found.verdict is Verdict.WORSE
    assert {f.metric for f in found.findings if f.verdict is Verdict.BETTER} == set()
    assert next(f for f in found.findings if f.metric is Metric.TAIL).candidate > 0.1  # type: ignore[operator]


def test_a_fifth_of_failures_is_found_within_100_invocations() -> None:
    found = duet(Changed(noisy(0.0), "candidate", fails, every=3), DuetPlan(CONFIGURATION, max_invocations=100))
    assert found.verdict is Verdict.WORSE
