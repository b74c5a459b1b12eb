"""Runs the lanes of trials on published versions, interleaved and in parallel.

A wave is as many lanes as run side by side on one version, so that each has an environment of
its own. Knows how to schedule and how to stop; not how versions come about.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from tuner.aws.measure.invoke import Invoker, Place
from tuner.model import Invocation, Sample, Trial
from tuner.payloads import Payloads

WATCH_EVERY_S = 5.0
"""How often it is looked whether the function was deployed meanwhile."""
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Wave:
    """Lanes of a trial that run side by side on one version.

    Attributes:
        trial: what asked for it.
        place: what is invoked.
        payloads: for each lane the indices of the payloads of its runs, one after the other.
        first: number of its first lane within the trial.
    """

    trial: Trial
    place: Place
    payloads: tuple[tuple[int, ...], ...]
    first: int = 0


def split_lanes(
    trial: Trial, payloads: Payloads, *, width: int, seed: int, cold: bool
) -> list[tuple[tuple[int, ...], ...]]:
    """The lanes of a trial, in parts that can run side by side.

    Lanes beyond the concurrency would find the environments of others warm: each part needs a
    version of its own.

    Args:
        trial: what was asked for.
        payloads: drawn from by weight.
        width: lanes at once.
        seed: of the study.
        cold: whether each run is to be cold, and so a lane of its own.

    Returns:
        Parts of lanes; a lane is the indices of the payloads of its runs.
    """
    lanes, runs = (trial.invocations, 1) if cold else (trial.environments, trial.runs_per_environment)
    schedule = payloads.schedule(lanes * runs, seed=seed, trial=trial.id)
    indices = [schedule[start : start + runs] for start in range(0, lanes * runs, runs)]
    return [tuple(indices[start : start + width]) for start in range(0, lanes, width)]


@dataclass(slots=True)
class _Lane:
    wave: Wave
    number: int
    done: list[Invocation] = field(default_factory=list)
    failure: Exception | None = None


class _Environments:
    """Which environment a lane holds, as far as cold starts tell."""

    def __init__(self) -> None:
        self._held: dict[int, str] = {}
        self._left: dict[str, list[str]] = {}
        self._count = 0
        self._lock = threading.Lock()

    def label(self, lane: _Lane, *, cold: bool) -> str:
        """The label of the environment that has run an invocation of a lane."""
        where = f"{lane.wave.place.function}:{lane.wave.place.qualifier}"
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
        """A lane has ended: others may find its environment warm."""
        with self._lock:
            if label := self._held.pop(id(lane), None):
                self._left.setdefault(label.rpartition("/")[0], []).append(label)


@dataclass(slots=True)
class LaneRunner:
    """Runs waves; lives as long as the backend, for environments outlive a batch.

    Attributes:
        invoker: makes the calls.
        payloads: what to send.
        concurrency: lanes at once.
        pause_s: between the runs of a lane.
        rng: order of the waves.
    """

    invoker: Invoker
    payloads: Payloads
    concurrency: int
    pause_s: float
    rng: random.Random
    clock: Callable[[], float] = time.monotonic
    _environments: _Environments = field(default_factory=_Environments)

    def run(self, waves: Sequence[Wave], stop: threading.Event, watch: Callable[[], object]) -> Iterator[Sample]:
        """Run waves in random order, as many lanes at once as allowed.

        Args:
            waves: what to run.
            stop: ends it at once: what is complete is yielded, what is under way is left alone.
            watch: called every few seconds; what it raises ends the run, after the lanes
                under way have ended and their samples were yielded.

        Yields:
            A sample for each lane.

        Raises:
            BackendError: an invocation could not be made at all.
        """
        waiting = list(waves)
        self.rng.shuffle(waiting)
        finished: queue.SimpleQueue[_Lane] = queue.SimpleQueue()
        running: list[_Lane] = []
        halt: Exception | None = None
        watched = self.clock()
        while (waiting and halt is None) or running:
            if stop.is_set():
                break
            while waiting and halt is None and self._fits(waiting[0], running):
                running.extend(self._start(waiting.pop(0), finished, stop))
            if halt is None and self.clock() - watched > WATCH_EVERY_S:
                halt, watched = _failure_of(watch), self.clock()
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

    def _fits(self, wave: Wave, running: Sequence[_Lane]) -> bool:
        return not running or len(running) + len(wave.payloads) <= self.concurrency

    def _start(self, wave: Wave, finished: queue.SimpleQueue[_Lane], stop: threading.Event) -> list[_Lane]:
        lanes = [_Lane(wave, number) for number in range(len(wave.payloads))]
        for lane in lanes:
            # A daemon: an invocation under way must not keep an interrupted program from ending.
            threading.Thread(target=self._lane, args=(lane, finished, stop), daemon=True).start()
        return lanes

    def _lane(self, lane: _Lane, finished: queue.SimpleQueue[_Lane], stop: threading.Event) -> None:
        try:
            for run, payload in enumerate(lane.wave.payloads[lane.number]):
                if run and self.pause_s and stop.wait(self.pause_s):
                    break
                body = self.payloads.items[payload].body
                invocation = self.invoker.measure(lane.wave.place, body, payload=payload, stop=stop)
                if invocation is None:
                    break
                lane.done.append(self._labelled(lane, invocation))
        except Exception as exc:  # noqa: BLE001  handed to the thread that asked, which raises it
            lane.failure = exc
        self._environments.leave(lane)
        finished.put(lane)

    def _labelled(self, lane: _Lane, invocation: Invocation) -> Invocation:
        """The invocation with the label of its environment: the log stream, else one that is told apart here.

        Lambda's reply does not say which environment ran it. Lanes run side by side, so that
        each holds one; every cold start begins another; a lane that begins warm has found
        one that an earlier lane has left.
        """
        if invocation.environment or not invocation.ran:
            return invocation
        return replace(invocation, environment=self._environments.label(lane, cold=invocation.cold))


def _finished(finished: queue.SimpleQueue[_Lane]) -> Iterator[_Lane]:
    """Lanes that have ended; waits a little for the first."""
    try:
        yield finished.get(timeout=POLL_S)
        while True:
            yield finished.get_nowait()
    except queue.Empty:
        return


def _failure_of(watch: Callable[[], object]) -> Exception | None:
    try:
        watch()
    except Exception as exc:  # noqa: BLE001  raised by the caller when the lanes have ended
        return exc
    return None


def _sample(lane: _Lane) -> Sample:
    trial = lane.wave.trial
    return Sample(trial.id, trial.configuration, tuple(lane.done), lane.wave.first + lane.number)
