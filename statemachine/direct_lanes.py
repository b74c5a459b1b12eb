"""Measures lanes of functions that may run longer than a handler can wait. The state machine invokes them.

The Executor runs between two invocations: it records the last one, and returns the next payload.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from dataclasses import replace

from statemachine.execution_store import ExecutionStore, Measured
from statemachine.lane_groups import lane_groups
from statemachine.messages import Document, LaneState, encode_lane, encode_lane_done
from statemachine.services import Services
from statemachine.timed_invoker import make_invoker
from tuner.aws.measure.invoke import InvocationTarget, Reply
from tuner.model import FunctionError, Invocation, Outcome, Sample
from tuner.payloads import without_payload

_REQUEST_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NEVER_RAN = "Lambda.TooManyRequestsException"
_OF_THE_SERVICE = ("Lambda.", "States.")
"""Errors that Step Functions names itself; any other name is the function's own error type."""


def advance(lane: LaneState, services: Services) -> Document:
    """Record the last run, and return the next one or the end of the lane."""
    store = services.store(lane.folder)
    payloads, number = _payloads(lane, store), 0
    if lane.run is not None:
        store.add_invocation(
            lane.item.trial.id,
            _name(lane),
            lane.run,
            _labelled(_read(lane, store, payloads[lane.run], services), lane, store),
            lane.item.trial.configuration,
        )
        number = lane.run + 1
    if number >= len(payloads):
        _finish(lane, store)
        return encode_lane_done()
    body = store.payloads().items[payloads[number]].body
    prepared = make_invoker(store.execution, services.clients).prepare(body, threading.Event())
    pause_s = -(-store.execution.settings.sleep_between_runs_ms // 1000) if number else 0
    began = services.now().timestamp() + pause_s
    following = replace(lane, run=number, began=began, sent=json.loads(prepared), reply=None, failure=None)
    return encode_lane(following, pause_s=pause_s)


def _finish(lane: LaneState, store: ExecutionStore) -> None:
    trial, name = lane.item.trial, _name(lane)
    sample = Sample(trial.id, trial.configuration, store.invocations(trial.id, name))
    store.add_measured(trial.id, name, Measured((sample,)))


def _read(lane: LaneState, store: ExecutionStore, payload: int, services: Services) -> Invocation:
    """Return the invocation that the state machine's reply or failure describes."""
    target = store.targets()[lane.item.key]
    assert isinstance(target, InvocationTarget), "the Publisher hands out what can be invoked"
    reply = _reply(lane)
    if isinstance(reply, Invocation):
        return replace(reply, payload=payload)
    invoker = make_invoker(store.execution, services.clients)
    invocation = invoker.interpret(target, reply, began=lane.began, payload=payload, stop=threading.Event())
    if invocation.error and store.execution.settings.disable_payload_logs:
        given, sent = store.payloads().items[payload].body, json.dumps(lane.sent, separators=(",", ":")).encode()
        return replace(invocation, error=without_payload(invocation.error, given, sent))
    return invocation


def _reply(lane: LaneState) -> Reply | Invocation:
    """Return Lambda's reply in the form of its API, or an invocation without a report when there is none."""
    if lane.reply is not None:
        log = base64.b64decode(lane.reply[0]).decode("utf-8", "replace")
        return Reply(b"", False, log, lane.reply[1])
    error, cause = lane.failure or ("States.Unknown", "")
    if error == _NEVER_RAN:
        return Invocation(Outcome.THROTTLED, error=FunctionError(error, cause))
    if error.startswith(_OF_THE_SERVICE) and error != "Lambda.Unknown":
        return Invocation(Outcome.NO_REPORT, error=FunctionError(error, cause))
    found = _REQUEST_ID.search(cause)
    return Reply(cause.encode(), True, "", found[0] if found else "")


def _labelled(invocation: Invocation, lane: LaneState, store: ExecutionStore) -> Invocation:
    """Add the label of the environment. A lane holds one environment, and every cold start begins another."""
    if not invocation.ran:
        return invocation
    before = store.invocations(lane.item.trial.id, _name(lane))
    cold = sum(run.cold for run in before[: lane.run]) + invocation.cold
    return replace(invocation, environment=f"{lane.item.function}/{lane.item.lane}.{cold}")


def _payloads(lane: LaneState, store: ExecutionStore) -> tuple[int, ...]:
    """Return the indices of the payloads of the lane's runs."""
    assert lane.item.lane is not None, "only lanes are advanced"
    cut = lane_groups(lane.item.trial, store.execution, store.payloads())
    return [indices for group in cut for indices in group.payloads][lane.item.lane]


def _name(lane: LaneState) -> str:
    return f"lane-{lane.item.lane:04d}"
