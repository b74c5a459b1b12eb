"""Executor: measures one trial and writes it down before it returns.

Work is claimed before the first invocation. An attempt that finds it claimed invokes nothing: it
waits for the first one, and if that was lost, writes down that its runs gave no report.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from statemachine.contract import Document, Work, decode_folder, decode_lane, decode_work
from statemachine.handlers.lane import advance
from statemachine.pieces import pieces
from statemachine.record import Header, Measured, Record, place_key
from statemachine.wiring import Wiring, framed, wire
from tuner.aws.gate import Gate
from tuner.aws.invoke import Invoker, Place
from tuner.aws.lanes import LaneRunner, Wave
from tuner.aws.logs import LogLookup
from tuner.model import FunctionError, Invocation, Outcome, Sample, Trial

ALL_LANES = "all"
MARGIN_S = 20.0
"""Left at the end of a batch for a late reply and the record."""
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
    logs = LogLookup(wiring.clients.logs)
    samples: list[Sample] = []
    try:
        for sample in _run(record, trial, logs, wiring, attempt):
            samples.append(sample)  # noqa: PERF402  kept one by one, so that an error in the middle loses none
    finally:
        notices = (logs.problem,) if logs.problem else ()
        if samples:
            record.add_measured(trial.id, ALL_LANES, Measured(tuple(samples), notices))
    return {}


def _run(record: Record, trial: Trial, logs: LogLookup, wiring: Wiring, attempt: Attempt) -> Any:
    header, payloads, places = record.header, record.payloads(), record.places()
    waves = []
    for piece in pieces(trial, header, payloads):
        place = places[place_key(*piece.key)]
        assert isinstance(place, Place), "the Publisher hands out what can be invoked"
        waves.append(Wave(trial, place, piece.payloads))
    runner = LaneRunner(
        _invoker(header, logs, wiring, attempt),
        payloads,
        header.concurrency,
        header.settings.sleep_between_runs_ms / 1000,
        random.Random(header.settings.seed * 1_000_003 + trial.id),
    )
    return runner.run(waves, threading.Event(), lambda: None)


def _invoker(header: Header, logs: LogLookup, wiring: Wiring, attempt: Attempt) -> TimedInvoker:
    settings, timeout_s = header.settings, header.identity.timeout_s or 0.0
    return TimedInvoker(
        wiring.clients.invoker(timeout_s=timeout_s, concurrency=header.concurrency),
        Gate(header.concurrency),
        logs,
        frozenset(settings.allowed_exceptions),
        settings.pre_processor,
        settings.post_processor,
        hide_payload=settings.disable_payload_logs,
        enough_time=lambda: attempt.remaining_s() > timeout_s + MARGIN_S,
    )


@dataclass(slots=True)
class TimedInvoker(Invoker):
    """An invoker that begins nothing that might not end in time. The study asks for the rest again."""

    enough_time: Callable[[], bool] = lambda: True

    def measure(self, place: Place, body: bytes, *, payload: int, stop: threading.Event) -> Invocation | None:
        """Invoke once; None when the time does not suffice for the longest that it may take."""
        if not self.enough_time():
            return None
        # Explicit: a slotted dataclass is made anew, and super() would look for the old class.
        return Invoker.measure(self, place, body, payload=payload, stop=stop)


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
