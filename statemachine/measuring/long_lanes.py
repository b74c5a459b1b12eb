"""Measures trials of functions that may run as long as a handler lives, in several passes of the Executor.

Each pass reads what earlier ones stored, and invokes until its time is over. Every run is claimed before it begins.
A run that outlives its pass goes on in Lambda: a later pass finds its report in the logs. So nothing of a payload or
an answer passes through the state, and no run is made twice.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from statemachine.execution import Execution
from statemachine.execution_store import ExecutionStore, Measured
from statemachine.identifiers import target_key
from statemachine.measuring.lane_groups import lane_groups
from statemachine.measuring.timed_invoker import MARGIN_S, make_invoker
from statemachine.messages import ExecutionProgress
from statemachine.services import Services
from tuner.aws.api.logs import LogLookup
from tuner.aws.measure.invoke import InvocationTarget, Invoker, Reply
from tuner.model import FunctionError, Invocation, Outcome, Sample, Trial
from tuner.payloads import Payloads

LATE_REPORT_S = 30.0
"""Seconds after a function's timeout until its report is in the logs."""
POLL_S = 0.5
ROOM_FOR_ANOTHER = 2.0
"""Another run begins in a pass when this many times the longest run so far still fits into it."""
_RAISED = re.compile(
    r"^\[ERROR\] (\w+)(?:: [^\0]{0,2000}?)?\sTraceback \(most recent call last\):"
    r"|\tERROR\tInvoke Error \t.*?\"errorType\":\"(\w+)\"",
    re.MULTILINE,
)
"""How the Python and Node.js runtimes log an exception of the handler."""


@dataclass(frozen=True, slots=True)
class LongLane:
    """The runs of one lane of a trial.

    Attributes:
        name: name of the lane in the store.
        target: what is invoked.
        payloads: indices of the payloads of its runs.
    """

    name: str
    target: InvocationTarget
    payloads: tuple[int, ...]


@dataclass(slots=True)
class Pass:
    """One pass over a trial.

    Attributes:
        trial: what is measured.
        store: the store of the execution.
        services: what handlers are given.
        token: request id of the handler.
        remaining_s: seconds until the handler ends.
    """

    trial: Trial
    store: ExecutionStore
    services: Services
    token: str
    remaining_s: Callable[[], float]
    payloads: Payloads = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.payloads = self.store.payloads()

    def run(self) -> ExecutionProgress:
        """Measure as much as the time allows, and store it. Returns whether the trial is complete."""
        self.store.add_pass(self.trial.id, self.token)
        lanes = list(self._lanes())
        waits = [self._settle(lane) for lane in lanes]
        ready = [lane for lane, wait_s in zip(lanes, waits, strict=True) if wait_s is None and not self._done(lane)]
        if ready:
            self._invoke(ready)
        missing = [lane for lane in lanes if not self._done(lane)]
        if not missing:
            self._finish(lanes)
            return ExecutionProgress(done=True)
        return ExecutionProgress(done=False, pause_s=max((self._settle(lane) or 0.0 for lane in missing), default=0.0))

    def _lanes(self) -> Iterator[LongLane]:
        targets = self.store.targets()
        for group in lane_groups(self.trial, self._execution, self.payloads):
            target = targets[target_key(*group.key)]
            assert isinstance(target, InvocationTarget), "the Publisher returns only what can be invoked"
            for number, payloads in enumerate(group.payloads):
                yield LongLane(f"{group.key[1]:06d}-{number:04d}", target, payloads)

    @property
    def _execution(self) -> Execution:
        return self.store.execution

    def _done(self, lane: LongLane) -> bool:
        return len(self.store.invocations(self.trial.id, lane.name)) == len(lane.payloads)

    def _settle(self, lane: LongLane) -> float | None:
        """Settle a run that an earlier pass began. Returns the seconds until it must have ended; None without one."""
        number = len(self.store.invocations(self.trial.id, lane.name))
        began = self.store.began(self.trial.id, lane.name, number)
        if began is None:
            return None
        timeout_s = self._execution.identity.timeout_s or 0.0
        left_s = began + timeout_s + LATE_REPORT_S - self.services.now().timestamp()
        if left_s > 0:
            return left_s
        payload = lane.payloads[number]
        found = self._logged(lane, began, self.payloads.items[payload].body) or _lost()
        self._record(lane, number, replace(found, payload=payload))
        return None

    def _logged(self, lane: LongLane, began: float, body: bytes) -> Invocation | None:
        """Return the invocation whose report is in the logs of the lane's version, and that no other run has taken."""
        clients = self.services.clients_in(self._execution.identity.region)
        logs, invoker = LogLookup(clients.logs), make_invoker(self._execution, self.services)
        target, stop = lane.target, threading.Event()
        if not target.log_group:
            return None
        for request_id in logs.reported(target.log_group, target.function, target.qualifier, int(began * 1000)):
            if self.store.claim_report(request_id):
                found = logs.find(target.log_group, request_id, int(began * 1000), stop)
                reply = Reply(b"", False, found[0] if found else "", request_id)
                run = invoker.interpret(target, reply, began=began, payload=0, stop=stop)
                if run.outcome is Outcome.OK:
                    run = with_error(
                        run, f"{reply.log}\n{logs.errors(target.log_group, request_id, int(began * 1000))}"
                    )
                return invoker.without_secrets(run, body)
        return None

    def _invoke(self, lanes: Sequence[LongLane]) -> None:
        """Invoke the lanes in parallel until all are complete or the time is over."""
        stop, invoker = threading.Event(), make_invoker(self._execution, self.services, longest_s=self.remaining_s())
        failures: list[Exception] = []
        threads = [
            threading.Thread(target=self._lane, args=(lane, invoker, stop, failures), daemon=True) for lane in lanes
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads) and self.remaining_s() > MARGIN_S:
            threads[0].join(POLL_S)
            threads = [thread for thread in threads if thread.is_alive()]
        stop.set()
        if failures:
            raise failures[0]

    def _lane(self, lane: LongLane, invoker: Invoker, stop: threading.Event, failures: list[Exception]) -> None:
        first, longest_s = len(self.store.invocations(self.trial.id, lane.name)), 0.0
        pause_s = self._execution.settings.sleep_between_runs_ms / 1000
        try:
            for number in range(first, len(lane.payloads)):
                if number > first and self.remaining_s() < ROOM_FOR_ANOTHER * longest_s + pause_s + MARGIN_S:
                    return
                if number and pause_s and stop.wait(pause_s):
                    return
                began = time.monotonic()
                if not self._measure(lane, number, invoker, stop):
                    return
                longest_s = max(longest_s, time.monotonic() - began)
        except Exception as exc:  # noqa: BLE001  the thread that waits raises it
            failures.append(exc)

    def _measure(self, lane: LongLane, number: int, invoker: Invoker, stop: threading.Event) -> bool:
        """Make one run and record it; False when it is another attempt's, or the pass ended first."""
        index = lane.payloads[number]
        began = self.services.now().timestamp()
        if not self.store.begin_run(self.trial.id, lane.name, number, began, self.token):
            return False
        body = self.payloads.items[index].body
        invocation = invoker.measure(lane.target, body, payload=index, stop=stop)
        if invocation is None or stop.is_set():
            return False
        self._record(lane, number, invocation)
        return True

    def _record(self, lane: LongLane, number: int, invocation: Invocation) -> None:
        self.store.add_invocation(self.trial.id, lane.name, number, invocation, self.trial.configuration)

    def _finish(self, lanes: Sequence[LongLane]) -> None:
        for lane in lanes:
            runs = tuple(_labelled(self.store.invocations(self.trial.id, lane.name), lane))
            sample = Sample(self.trial.id, self.trial.configuration, runs)
            self.store.add_measured(self.trial.id, lane.name, Measured((sample,)))


def _labelled(runs: Sequence[Invocation], lane: LongLane) -> Iterator[Invocation]:
    """Add the labels of environments. A lane holds one environment, and every cold start begins another."""
    cold = 0
    for run in runs:
        cold += run.cold
        label = f"{lane.target.function}:{lane.target.qualifier}/{lane.name}.{cold}"
        yield replace(run, environment=label) if run.ran else run


def with_error(invocation: Invocation, log: str) -> Invocation:
    """Add the error that the runtime logged; the answer, which would tell, came to nobody."""
    raised = _RAISED.search(log)
    if not raised:
        return invocation
    error = FunctionError(raised[1] or raised[2], "The handler raised; only its log tells of it.")
    return replace(invocation, outcome=Outcome.ERROR, error=error)


def _lost() -> Invocation:
    error = FunctionError("ReportMissing", "The run outlived the handler that made it, and the logs hold no report.")
    return Invocation(Outcome.NO_REPORT, error=error)
