"""Runs the lanes of trials in parallel and in random order.

Decides when each lane starts and how a run stops. It does not know how invocation targets are created.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from tuner.aws.measure.invoke import InvocationTarget, Invoker
from tuner.model import Invocation, Sample, Trial
from tuner.payloads import Payloads

CHECK_EVERY_S = 5.0
"""How often the scheduler checks whether somebody has deployed the function."""
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class TargetLanes:
    """Lanes of one trial that run at the same time on one invocation target, so that each starts cold.

    Attributes:
        trial: the trial.
        target: what the lanes invoke.
        payloads: for each lane the payload indices of its runs, in order.
        first: number of the first lane within the trial.
    """

    trial: Trial
    target: InvocationTarget
    payloads: tuple[tuple[int, ...], ...]
    first: int = 0


def group_lanes(
    trial: Trial, payloads: Payloads, *, width: int, seed: int, cold: bool
) -> list[tuple[tuple[int, ...], ...]]:
    """The lanes of a trial in groups of at most `width`.

    A lane that starts after another one has ended would find its environment warm. Each group therefore needs
    an invocation target of its own.

    Args:
        trial: the trial.
        payloads: what to draw from, by weight.
        width: lanes that run at once.
        seed: the seed of the study.
        cold: whether each run must be cold and so is a lane of its own.

    Returns:
        Groups of lanes. A lane is the payload indices of its runs.
    """
    lanes, runs = (trial.invocations, 1) if cold else (trial.environments, trial.runs_per_environment)
    schedule = payloads.schedule(lanes * runs, seed=seed, trial=trial.id)
    indices = [schedule[start : start + runs] for start in range(0, lanes * runs, runs)]
    return [tuple(indices[start : start + width]) for start in range(0, lanes, width)]


@dataclass(slots=True)
class _Lane:
    group: TargetLanes
    number: int
    done: list[Invocation] = field(default_factory=list)
    failure: Exception | None = None


class _Environments:
    """Which environment each lane uses, as far as cold starts show it."""

    def __init__(self) -> None:
        self._held: dict[int, str] = {}
        self._left: dict[str, list[str]] = {}
        self._count = 0
        self._lock = threading.Lock()

    def label(self, lane: _Lane, *, cold: bool) -> str:
        """The label of the environment that ran an invocation of a lane."""
        where = f"{lane.group.target.function}:{lane.group.target.qualifier}"
        with self._lock:
            if cold or id(lane) not in self._held:
                left = self._left.get(where)
                if not cold and left:
                    self._held[id(lane)] = left.pop()
                else:
                    self._count += 1
                    self._held[id(lane)] = f"{where}/{self._count}"
            return self._held[id(lane)]

    def leave(self, lane: _Lane) -> None:
        """Tell that a lane has ended. A later lane may find its environment warm."""
        with self._lock:
            if label := self._held.pop(id(lane), None):
                self._left.setdefault(label.rpartition("/")[0], []).append(label)


@dataclass(slots=True)
class AwsScheduler:
    """Runs lane groups. One instance serves all batches, because environments outlive a batch.

    Attributes:
        invoker: makes the calls.
        payloads: what to send.
        concurrency: lanes that run at once.
        pause_s: pause between the runs of a lane.
        rng: draws the order of the groups.
    """

    invoker: Invoker
    payloads: Payloads
    concurrency: int
    pause_s: float
    rng: random.Random
    clock: Callable[[], float] = time.monotonic
    _environments: _Environments = field(default_factory=_Environments)

    def run(
        self, groups: Sequence[TargetLanes], stop: threading.Event, check: Callable[[], object]
    ) -> Iterator[Sample]:
        """Run groups in random order, with as many lanes at once as allowed.

        Args:
            groups: the lanes to run.
            stop: ends the run at once. Complete runs are yielded; running invocations are abandoned.
            check: called every few seconds. An error that it raises ends the run after the running lanes
                have ended and their samples were yielded.

        Yields:
            A sample for each lane.

        Raises:
            BackendError: Lambda cannot be invoked.
        """
        waiting = list(groups)
        self.rng.shuffle(waiting)
        finished: queue.SimpleQueue[_Lane] = queue.SimpleQueue()
        running: list[_Lane] = []
        halt: Exception | None = None
        checked = self.clock()
        while (waiting and halt is None) or running:
            if stop.is_set():
                break
            while waiting and halt is None and self._fits(waiting[0], running):
                running.extend(self._start(waiting.pop(0), finished, stop))
            if halt is None and self.clock() - checked > CHECK_EVERY_S:
                halt, checked = _failure_of(check), self.clock()
            for lane in _finished(finished):
                running.remove(lane)
                halt = halt or lane.failure
                if lane.done:
                    yield _sample(lane)
        for lane in running:
            if lane.done:
                yield _sample(lane)
        if halt is not None:
            raise halt

    def _fits(self, group: TargetLanes, running: Sequence[_Lane]) -> bool:
        return not running or len(running) + len(group.payloads) <= self.concurrency

    def _start(self, group: TargetLanes, finished: queue.SimpleQueue[_Lane], stop: threading.Event) -> list[_Lane]:
        lanes = [_Lane(group, number) for number in range(len(group.payloads))]
        for lane in lanes:
            # A daemon thread, so that a running invocation cannot keep an interrupted program alive.
            threading.Thread(target=self._lane, args=(lane, finished, stop), daemon=True).start()
        return lanes

    def _lane(self, lane: _Lane, finished: queue.SimpleQueue[_Lane], stop: threading.Event) -> None:
        try:
            for run, payload in enumerate(lane.group.payloads[lane.number]):
                if run and self.pause_s and stop.wait(self.pause_s):
                    break
                body = self.payloads.items[payload].body
                invocation = self.invoker.measure(lane.group.target, body, payload=payload, stop=stop)
                if invocation is None:
                    break
                lane.done.append(self._labelled(lane, invocation))
        except Exception as exc:  # noqa: BLE001  the calling thread raises it
            lane.failure = exc
        self._environments.leave(lane)
        finished.put(lane)

    def _labelled(self, lane: _Lane, invocation: Invocation) -> Invocation:
        """The invocation with the label of its environment: its log stream, else a label that is derived here.

        Lambda's reply does not name the environment. Lanes run at the same time, so each uses its own. A cold
        start begins a new one. A lane that starts warm has found one that an earlier lane left.
        """
        if invocation.environment or not invocation.ran:
            return invocation
        return replace(invocation, environment=self._environments.label(lane, cold=invocation.cold))


def _finished(finished: queue.SimpleQueue[_Lane]) -> Iterator[_Lane]:
    """Lanes that have ended; waits a short time for the first."""
    try:
        yield finished.get(timeout=POLL_S)
        while True:
            yield finished.get_nowait()
    except queue.Empty:
        return


def _failure_of(check: Callable[[], object]) -> Exception | None:
    try:
        check()
    except Exception as exc:  # noqa: BLE001  the caller raises it when the lanes have ended
        return exc
    return None


def _sample(lane: _Lane) -> Sample:
    trial = lane.group.trial
    return Sample(trial.id, trial.configuration, tuple(lane.done), lane.group.first + lane.number)
