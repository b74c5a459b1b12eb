"""Measures trials within one handler, and stores their samples in one object, soon after a trial is complete.

Claims a trial before its first invocation. An attempt that finds the claim of another invokes nothing: it waits for
the first attempt. If that one was lost, it records the runs as runs without a report.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from statemachine.execution_store import ALL_LANES, ExecutionStore, Measured
from statemachine.identifiers import target_key
from statemachine.measuring.lane_groups import fits_one_handler, lane_count, lane_groups
from statemachine.measuring.timed_invoker import MARGIN_S, make_invoker
from statemachine.services import Services
from tuner.aws.measure.invoke import InvocationTarget, Invoker
from tuner.aws.measure.scheduling import AwsScheduler, TargetLanes
from tuner.model import FunctionError, Invocation, Outcome, Sample, Trial

WHOLE_ROUND = "round"
POLL_S = 2.0
LATE_S = 5.0
"""A trial that ended waits so long for the others of its round: a write for each would cost more than short runs."""


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
    """Measure trials in parallel, and store the samples of each soon after it is complete.

    Raises:
        BackendError: the tool cannot invoke the function. The samples so far are stored.
    """
    own = _claimed(store, trials, attempt)
    if own:
        _measure(store, own, make_invoker(store.execution, services, remaining_s=attempt.remaining_s))
    for trial in trials:
        if trial not in own:
            _wait(store, trial, attempt)


def _claimed(store: ExecutionStore, trials: Sequence[Trial], attempt: Attempt) -> list[Trial]:
    """Claim trials before their first invocation, and return those that no other attempt has claimed.

    One claim serves a round that one handler always measures as a whole: also where only some of its trials are left.
    """
    asked = next((one.trials for one in store.rounds() if trials[0] in one.trials), ())
    if asked and fits_one_handler(asked, store.execution):
        return list(trials) if store.claim(asked[0].id, WHOLE_ROUND, attempt.token) else []
    return [trial for trial in trials if store.claim(trial.id, ALL_LANES, attempt.token)]


def _measure(store: ExecutionStore, trials: Sequence[Trial], invoker: Invoker) -> None:
    def write(samples: Sequence[Sample]) -> None:
        notices = (invoker.logs.problem,) if invoker.logs and invoker.logs.problem else ()
        store.add_measured(trials[0].id, ALL_LANES, Measured(tuple(samples), notices))

    keeper = SampleKeeper(write, {trial.id: lane_count(trial, store.execution) for trial in trials})
    try:
        for sample in _run(store, trials, invoker):
            keeper.add(sample)
    finally:
        keeper.close()  # an error in the middle must lose no sample


@dataclass(slots=True)
class SampleKeeper:
    """Stores the samples of a round in one object. Trials that ended wait for the others for a few seconds at most.

    Attributes:
        write: writes the object anew.
        lanes: how many samples each trial has.
        late_s: how long a trial that ended waits.
    """

    write: Callable[[Sequence[Sample]], None]
    lanes: Mapping[int, int]
    late_s: float = LATE_S
    _found: list[Sample] = field(default_factory=list, init=False)
    _stored: int = field(default=0, init=False)
    _closed: bool = field(default=False, init=False)
    _timer: threading.Timer | None = field(default=None, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def add(self, sample: Sample) -> None:
        """Take in a sample; its trial is stored soon after its last one."""
        with self._lock:
            self._found.append(sample)
            if self._timer is None and len(self._complete()) > self._stored:
                self._timer = threading.Timer(self.late_s, self._write_complete)
                self._timer.daemon = True
                self._timer.start()

    def close(self) -> None:
        """Store what is left, incomplete trials too."""
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            self._closed = True
            if len(self._found) > self._stored:
                self.write(self._found)

    def _write_complete(self) -> None:
        with self._lock:
            self._timer = None
            complete = self._complete()
            if not self._closed and len(complete) > self._stored:
                self.write(complete)
                self._stored = len(complete)

    def _complete(self) -> list[Sample]:
        ended = Counter(sample.trial_id for sample in self._found)
        return [sample for sample in self._found if ended[sample.trial_id] == self.lanes[sample.trial_id]]


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
    while not store.has_measured(trial.id):
        if waited > longest_s or attempt.remaining_s() < MARGIN_S:
            store.add_measured(trial.id, ALL_LANES, Measured((_lost(trial),)))
            return
        attempt.sleep(POLL_S)
        waited += POLL_S


def _lost(trial: Trial) -> Sample:
    error = FunctionError("ExecutorLost", "The handler that invoked the function ended before it stored its samples.")
    runs: Sequence[Invocation] = [Invocation(Outcome.NO_REPORT, error=error)] * trial.invocations
    return Sample(trial.id, trial.configuration, tuple(runs))
