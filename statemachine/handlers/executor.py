"""Executor: measures one trial and writes it down before it returns.

MapItem is claimed before the first invocation. An attempt that finds it claimed invokes nothing: it
waits for the first one, and if that was lost, writes down that its runs gave no report.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from statemachine.direct_lanes import advance
from statemachine.execution_store import ExecutionStore, Measured
from statemachine.identifiers import target_key
from statemachine.lane_groups import lane_groups
from statemachine.messages import Document, MapItem, decode_folder, decode_lane, decode_map_item
from statemachine.services import Services, shared_services, with_readable_errors
from statemachine.timed_invoker import MARGIN_S, make_invoker
from tuner.aws.measure.invoke import InvocationTarget, Invoker
from tuner.aws.measure.scheduling import AwsScheduler, TargetLanes
from tuner.model import FunctionError, Invocation, Outcome, Sample, Trial

ALL_LANES = "all"
POLL_S = 2.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of the handler: its own id, and how much time it has.

    Attributes:
        token: id of the request.
        remaining_s: seconds until the handler is ended.
        sleep: waits.
    """

    token: str
    remaining_s: Callable[[], float]
    sleep: Callable[[float], None] = time.sleep


@with_readable_errors
def handler(event: Mapping[str, Any], context: Any) -> Document:
    """Measure a trial, or store a run that the state machine itself has made."""
    work = decode_map_item(event)
    if work.lane is not None:
        return advance(decode_lane(event), shared_services())
    attempt = Attempt(context.aws_request_id, lambda: context.get_remaining_time_in_millis() / 1000)
    return execute(decode_folder(event), work, services=shared_services(), attempt=attempt)


def execute(folder: str, work: MapItem, *, services: Services, attempt: Attempt) -> Document:
    """Measure a trial. What it returns is empty: nothing of the samples passes through the state.

    Raises:
        BackendError: an invocation could not be made at all; what was measured is written.
    """
    store, trial = services.store(folder), work.trial
    if not store.claim(trial.id, ALL_LANES, attempt.token):
        _wait(store, trial, attempt)
        return {}
    invoker = make_invoker(store.execution, services.clients, remaining_s=attempt.remaining_s)
    samples: list[Sample] = []
    try:
        for sample in _run(store, trial, invoker):
            samples.append(sample)  # noqa: PERF402  kept one by one, so that an error in the middle loses none
    finally:
        notices = (invoker.logs.problem,) if invoker.logs and invoker.logs.problem else ()
        if samples:
            store.add_measured(trial.id, ALL_LANES, Measured(tuple(samples), notices))
    return {}


def _run(store: ExecutionStore, trial: Trial, invoker: Invoker) -> Iterator[Sample]:
    execution, payloads, places = store.execution, store.payloads(), store.places()
    waves = []
    for group in lane_groups(trial, execution, payloads):
        place = places[target_key(*group.key)]
        assert isinstance(place, InvocationTarget), "the Publisher hands out what can be invoked"
        waves.append(TargetLanes(trial, place, group.payloads))
    runner = AwsScheduler(
        invoker,
        payloads,
        execution.concurrency,
        execution.settings.sleep_between_runs_ms / 1000,
        random.Random(execution.settings.seed * 1_000_003 + trial.id),
    )
    return runner.run(waves, threading.Event(), lambda: None)


def _wait(store: ExecutionStore, trial: Trial, attempt: Attempt) -> None:
    """Wait for the attempt that claimed the trial; when it is lost, say so in a sample.

    Its invocations were or may have been made and paid for: they are not repeated.
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
    error = FunctionError("ExecutorLost", "The handler that invoked the function was lost with what it measured.")
    runs: Sequence[Invocation] = [Invocation(Outcome.NO_REPORT, error=error)] * trial.invocations
    return Sample(trial.id, trial.configuration, tuple(runs))
