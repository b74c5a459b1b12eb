"""Duets on fakes: when they end, what they decide, and how pairs are taken from backends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.regression.noise import CONFIGURATION, NoisyPairs
from tuner.backends.pairs import BackendPairs
from tuner.backends.simulated import SimulatedBackend, SimulatedFaults, SimulatedFunction
from tuner.duet import DuetPlan, EnvironmentPair, PairSource, run_duet
from tuner.errors import AllFailedError, BackendError, InputError
from tuner.model import Architecture, FunctionError, Invocation, Outcome
from tuner.pricing import price_list
from tuner.verdicts import Comparison, Metric, Question, Verdict

PRICES = price_list("us-east-1")
DURATION = Question.of(0.05, 0.95, [Metric.DURATION])


def duet(source: PairSource, plan: DuetPlan | None = None, question: Question = DURATION, **more: object) -> Comparison:
    arguments: dict[str, object] = {"stop": threading.Event(), "clock": lambda: 0.0} | more
    return run_duet(source, plan or DuetPlan(CONFIGURATION), question, PRICES, names=("41", "42"), **arguments)  # type: ignore[arg-type]


def noisy(slowdown: float, seed: int = 0) -> NoisyPairs:
    return NoisyPairs(slowdown, np.random.default_rng(seed))


class Failing:
    """Pairs of which one side, or a part of it, fails."""

    def __init__(self, source: PairSource, side: str, every: int = 1) -> None:
        self.source, self.side, self.every, self.made = source, side, every, 0

    def take(self, count: int, stop: threading.Event) -> Iterator[EnvironmentPair]:
        for pair in self.source.take(count, stop):
            self.made += 1
            if self.made % self.every == 0:
                error = FunctionError("KeyError", "'total'")
                runs = tuple(replace(run, outcome=Outcome.ERROR, error=error) for run in getattr(pair, self.side))
                yield replace(pair, **{self.side: runs})
            else:
                yield pair


def test_a_clear_slowdown_ends_early_as_worse() -> None:
    found = duet(noisy(0.3))
    assert (found.verdict, found.stopped_by) == (Verdict.WORSE, "decided")
    assert found.invocations is not None
    assert found.invocations < 100


def test_no_change_ends_as_the_same() -> None:
    found = duet(noisy(0.0))
    assert (found.verdict, found.stopped_by) == (Verdict.SAME, "decided")


def test_at_the_threshold_the_budget_ends_it_and_the_runs_that_would_decide_are_told() -> None:
    found = duet(noisy(0.06, seed=3), DuetPlan(CONFIGURATION, max_invocations=100))
    assert (found.verdict, found.stopped_by, found.invocations) == (Verdict.NOT_DECIDED, "max_invocations", 100)
    needed = found.findings[0].runs_to_decide
    assert needed is None or needed > 100


def test_a_drift_of_hosts_that_moves_both_sides_does_not_show() -> None:
    source = noisy(0.0)
    moved = list(source.take(40, threading.Event()))
    centre = [np.log(pair.baseline[-1].duration_ms or 0) for pair in moved]
    assert np.ptp(centre) > 0.2
    assert duet(noisy(0.0)).verdict is Verdict.SAME


def test_a_candidate_that_always_fails_is_worse_after_the_first_batch() -> None:
    found = duet(Failing(noisy(0.0), "candidate"))
    assert (found.verdict, found.invocations) == (Verdict.WORSE, 32)
    assert "KeyError: 'total'" in found.findings[-1].reason


def test_a_candidate_that_fails_in_a_third_of_its_environments_is_worse() -> None:
    assert duet(Failing(noisy(0.0), "candidate", every=3)).verdict is Verdict.WORSE


def test_a_baseline_that_always_fails_is_an_error() -> None:
    with pytest.raises(AllFailedError, match="KeyError"):
        duet(Failing(noisy(0.0), "baseline"))


def test_time_and_money_end_a_duet() -> None:
    ticks = iter(range(0, 10_000, 100))
    plan = DuetPlan(CONFIGURATION, max_seconds=150.0)
    assert duet(noisy(0.05), plan, clock=lambda: float(next(ticks))).stopped_by == "max_seconds"
    assert duet(noisy(0.05), DuetPlan(CONFIGURATION, max_usd=1e-6)).stopped_by == "max_usd"


def test_an_interrupted_duet_judges_what_it_has() -> None:
    stop = threading.Event()
    seen: list[EnvironmentPair] = []

    def watch(pair: EnvironmentPair) -> None:
        seen.append(pair)
        if len(seen) == 10:
            stop.set()

    assert duet(noisy(0.05), stop=stop, watch=watch).stopped_by == "interrupted"


def test_a_budget_without_a_single_look_is_refused() -> None:
    with pytest.raises(InputError, match="at least 32"):
        DuetPlan(CONFIGURATION, max_invocations=31)


def test_false_alarms_over_all_metrics_and_looks_stay_rare() -> None:
    called = [duet(noisy(0.0, seed), DuetPlan(CONFIGURATION, max_invocations=100), Question()) for seed in range(12)]
    assert sum(found.verdict is Verdict.WORSE for found in called) <= 2


def backend(slowdown: float, seed: int, faults: SimulatedFaults | None = None) -> SimulatedBackend:
    curve = {Architecture.X86_64: {128: 100 * (1 + slowdown), 3008: 100 * (1 + slowdown)}}
    return SimulatedBackend(SimulatedFunction(curve, faults=faults or SimulatedFaults()), seed=seed)


def test_two_backends_make_pairs_of_environments() -> None:
    plan = DuetPlan(CONFIGURATION)
    pairs = list(BackendPairs(backend(0, 1), backend(0.3, 2), plan).take(9, threading.Event()))
    assert len(pairs) == 9
    assert all([run.cold for run in side] == [True, False] for p in pairs for side in (p.baseline, p.candidate))
    assert duet(BackendPairs(backend(0, 1), backend(0.3, 2), plan)).verdict is Verdict.WORSE


def test_a_refused_size_and_a_throttled_account_are_errors() -> None:
    plan = DuetPlan(CONFIGURATION)
    with pytest.raises(BackendError, match="refused"):
        duet(BackendPairs(backend(0, 1), backend(0, 2, SimulatedFaults(refused_above_mb=256)), plan))
    throttled = SimulatedFaults(throttled_share=1.0)
    with pytest.raises(BackendError, match="No run was started"):
        duet(BackendPairs(backend(0, 1, throttled), backend(0, 2, throttled), plan))


def test_memory_of_whole_megabytes_is_decided_although_most_pairs_tie() -> None:
    found = duet(noisy(0.0), question=Question.of(0.05, 0.95, [Metric.MEMORY]))
    assert found.findings[0].verdict is Verdict.SAME


def test_a_lost_report_leaves_its_pair_out() -> None:
    class Losing(NoisyPairs):
        def environment(self, shift: float, side: str) -> tuple[Invocation, ...]:
            runs = super().environment(shift, side)
            return (
                tuple(replace(r, outcome=Outcome.NO_REPORT, duration_ms=None) for r in runs)
                if side == "b" and self._made % 2
                else runs
            )

    found = duet(Losing(0.3, np.random.default_rng(0)))
    assert found.verdict is Verdict.WORSE
    assert found.findings[0].units < (found.invocations or 0) / 2
