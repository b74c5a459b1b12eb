"""Executor: measures one trial and writes it down before it returns.

Work is claimed before the first invocation. An attempt that finds it claimed invokes nothing: it
waits for the first one, and if that was lost, writes down that its runs gave no report.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from statemachine.contract import Document, Work, decode_folder, decode_lane, decode_work
from statemachine.ids import place_key
from statemachine.invoking import MARGIN_S, make_invoker
from statemachine.lane import advance
from statemachine.pieces import pieces
from statemachine.record import Measured, Record
from statemachine.wiring import Wiring, framed, wire
from tuner.aws.measure.invoke import Invoker, Place
from tuner.aws.measure.scheduling import LaneRunner, Wave
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


@framed
def handler(event: Mapping[str, Any], context: Any) -> Document:
    """Measure a trial, or record a run that the state machine itself has made."""
    work = decode_work(event)
    if work.lane is not None:
        return advance(decode_lane(event), wire())
    attempt = Attempt(context.aws_request_id, lambda: context.get_remaining_time_in_millis() / 1000)
    return execute(decode_folder(event), work, wiring=wire(), attempt=attempt)


def execute(folder: str, work: Work, *, wiring: Wiring, attempt: Attempt) -> Document:
    """Measure a trial. What it returns is empty: nothing of the samples passes through the state.

    Raises:
        BackendError: an invocation could not be made at all; what was measured is written.
    """
    record, trial = wiring.record(folder), work.trial
    if not record.claim(trial.id, ALL_LANES, attempt.token):
        _wait(record, trial, attempt)
        return {}
    invoker = make_invoker(record.header, wiring.clients, remaining_s=attempt.remaining_s)
    samples: list[Sample] = []
    try:
        for sample in _run(record, trial, invoker):
            samples.append(sample)  # noqa: PERF402  kept one by one, so that an error in the middle loses none
    finally:
        notices = (invoker.logs.problem,) if invoker.logs and invoker.logs.problem else ()
        if samples:
            record.add_measured(trial.id, ALL_LANES, Measured(tuple(samples), notices))
    return {}


def _run(record: Record, trial: Trial, invoker: Invoker) -> Iterator[Sample]:
    header, payloads, places = record.header, record.payloads(), record.places()
    waves = []
    for piece in pieces(trial, header, payloads):
        place = places[place_key(*piece.key)]
        assert isinstance(place, Place), "the Publisher hands out what can be invoked"
        waves.append(Wave(trial, place, piece.payloads))
    runner = LaneRunner(
        invoker,
        payloads,
        header.concurrency,
        header.settings.sleep_between_runs_ms / 1000,
        random.Random(header.settings.seed * 1_000_003 + trial.id),
    )
    return runner.run(waves, threading.Event(), lambda: None)


def _wait(record: Record, trial: Trial, attempt: Attempt) -> None:
    """Wait for the attempt that claimed the trial; when it is lost, say so in a sample.

    Its invocations were or may have been made and paid for: they are not repeated.
    """
    timeout_s = record.header.identity.timeout_s or 0.0
    pause_s = record.header.settings.sleep_between_runs_ms / 1000
    longest_s = trial.runs_per_environment * (timeout_s + pause_s) + MARGIN_S
    waited = 0.0
    while not record.has_measured(trial.id, ALL_LANES):
        if waited > longest_s or attempt.remaining_s() < MARGIN_S:
            record.add_measured(trial.id, ALL_LANES, Measured((_lost(trial),)))
            return
        attempt.sleep(POLL_S)
        waited += POLL_S


def _lost(trial: Trial) -> Sample:
    error = FunctionError("ExecutorLost", "The handler that invoked the function was lost with what it measured.")
    runs: Sequence[Invocation] = [Invocation(Outcome.NO_REPORT, error=error)] * trial.invocations
    return Sample(trial.id, trial.configuration, tuple(runs))
