"""Measures trials within one handler, and stores the samples of each as soon as it is complete.

Claims a trial before its first invocation. An attempt that finds the claim of another invokes nothing: it waits for
the first attempt. If that one was lost, it records the runs as runs without a report.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from statemachine.execution_store import ExecutionStore, Measured
from statemachine.identifiers import target_key
from statemachine.measuring.lane_groups import lane_count, lane_groups
from statemachine.measuring.timed_invoker import MARGIN_S, make_invoker
from statemachine.services import Services
from tuner.aws.measure.invoke import InvocationTarget, Invoker
from tuner.aws.measure.scheduling import AwsScheduler, TargetLanes
from tuner.model import FunctionError, Invocation, Outcome, Sample, Trial

ALL_LANES = "all"
POLL_S = 2.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of the handler: its request id, and its remaining time.

    Attributes:
        token: request id of the handler.
        remaining_s: seconds until the handler ends.
        sleep: waits.
    """

    token: str
    remaining_s: Callable[[], float]
    sleep: Callable[[float], None] = time.sleep


def measure_trials(store: ExecutionStore, trials: Sequence[Trial], *, services: Services, attempt: Attempt) -> None:
    """Measure trials in parallel, and store the samples of each as soon as it is complete.

    Raises:
        BackendError: the tool cannot invoke the function. The samples so far are stored.
    """
    own = [trial for trial in trials if store.claim(trial.id, ALL_LANES, attempt.token)]
    if own:
        _measure(store, own, make_invoker(store.execution, services, remaining_s=attempt.remaining_s))
    for trial in trials:
        if trial not in own:
            _wait(store, trial, attempt)


def _measure(store: ExecutionStore, trials: Sequence[Trial], invoker: Invoker) -> None:
    found: dict[Trial, list[Sample]] = {trial: [] for trial in trials}
    trial_of = {trial.id: trial for trial in trials}

    def keep(trial: Trial) -> None:
        notices = (invoker.logs.problem,) if invoker.logs and invoker.logs.problem else ()
        if samples := found.pop(trial):
            store.add_measured(trial.id, ALL_LANES, Measured(tuple(samples), notices))

    try:
        for sample in _run(store, trials, invoker):
            trial = trial_of[sample.trial_id]
            found[trial].append(sample)
            if len(found[trial]) == lane_count(trial, store.execution):
                keep(trial)
    finally:
        for trial in list(found):  # an error in the middle must lose no sample
            keep(trial)


def _run(store: ExecutionStore, trials: Sequence[Trial], invoker: Invoker) -> Iterator[Sample]:
    execution, payloads, targets = store.execution, store.payloads(), store.targets()
    lanes = []
    for trial in trials:
        for group in lane_groups(trial, execution, payloads):
            target = targets[target_key(*group.key)]
            assert isinstance(target, InvocationTarget), "the Publisher returns only what can be invoked"
            lanes.append(TargetLanes(trial, target, group.payloads))
    scheduler = AwsScheduler(
        invoker,
        payloads,
        execution.concurrency,
        execution.settings.sleep_between_runs_ms / 1000,
        random.Random(execution.settings.seed * 1_000_003 + trials[0].id),
    )
    return scheduler.run(lanes, threading.Event(), lambda: None)


def _wait(store: ExecutionStore, trial: Trial, attempt: Attempt) -> None:
    """Wait for the attempt that claimed the trial. When it is lost, store a sample that says so.

    Its invocations may have run and cost money, so they are not repeated.
    """
    timeout_s = store.execution.identity.timeout_s or 0.0
    pause_s = store.execution.settings.sleep_between_runs_ms / 1000
    longest_s = trial.runs_per_environment * (timeout_s + pause_s) + MARGIN_S
    waited = 0.0
    while not store.has_measured(trial.id, ALL_LANES):
        if waited > longest_s or attempt.remaining_s() < MARGIN_S:
            store.add_measured(trial.id, ALL_LANES, Measured((_lost(trial),)))
            return
        attempt.sleep(POLL_S)
        waited += POLL_S


def _lost(trial: Trial) -> Sample:
    error = FunctionError("ExecutorLost", "The handler that invoked the function ended before it stored its samples.")
    runs: Sequence[Invocation] = [Invocation(Outcome.NO_REPORT, error=error)] * trial.invocations
    return Sample(trial.id, trial.configuration, tuple(runs))
