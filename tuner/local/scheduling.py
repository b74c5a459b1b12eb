"""The order in which a batch of trials is measured on one machine.

Lanes (one environment each) of all trials are open together and take turns run by run,
so that a machine that slows down slows all of them. Small sizes run side by side as far as
their CPU shares fit into the slots. Knows nothing of how a run is made.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tuner.local.worker.environment import ExecutionEnvironment
from tuner.model import MB_PER_VCPU, Invocation, Sample, Trial

MAX_OPEN_LANES = 8
MAX_OVERTAKEN = 3
"""How often a lane that needs several cores lets others that fit go first, before cores are kept free for it."""
TELL_EVERY_S = 10.0
"""How often samples are given of lanes that are not complete: no more is lost when the tuner is killed."""
_STOP_CHECK_S = 0.05


@dataclass(slots=True, eq=False)
class Lane:
    """One environment of a trial: its runs, made one after the other.

    Attributes:
        trial: what it is part of.
        payloads: index of the payload of each run; as many as there are runs.
        done: what was measured.
        ready_at: monotonic time before which the next run must not start.
        overtaken: how many runs of others went first since its last one, for want of cores.
    """

    trial: Trial
    payloads: Sequence[int]
    done: list[Invocation] = field(default_factory=list)
    ready_at: float = 0.0
    overtaken: int = 0
    _told: int = 0
    _environment: ExecutionEnvironment | None = None
    _helper: ExecutionEnvironment | None = None
    _cut: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def complete(self) -> bool:
        """Whether all its runs were made."""
        return len(self.done) == len(self.payloads)

    @property
    def cores(self) -> float:
        """Cores that a run may keep busy: its CPU share."""
        return self.trial.configuration.memory_mb / MB_PER_VCPU

    @property
    def cut(self) -> bool:
        """Whether it was told to end at once; a run that failed since then tells nothing."""
        return self._cut

    def environment(self, start: Callable[[], ExecutionEnvironment]) -> ExecutionEnvironment:
        """The environment that it holds open, or a new one."""
        if self._environment is None:
            self._environment = start()
        with self._lock:
            if self._cut:
                self._environment.kill()
        return self._environment

    @contextmanager
    def waiting_for(self, helper: ExecutionEnvironment) -> Iterator[None]:
        """While a run waits for another environment (a processor), that one is ended too when the lane is cut short."""
        with self._lock:
            self._helper = helper
            if self._cut:
                helper.kill()
        try:
            yield
        finally:
            with self._lock:
                self._helper = None

    def cut_short(self) -> None:
        """End its run at once, from any thread."""
        with self._lock:
            self._cut = True
            for environment in (self._environment, self._helper):
                if environment:
                    environment.kill()

    def close(self) -> None:
        """End its environment."""
        with self._lock:
            environment, self._environment = self._environment, None
        if environment:
            environment.close()

    @property
    def untold(self) -> int:
        """How many of its runs are in no sample yet."""
        return len(self.done) - self._told

    def sample(self) -> Sample:
        """What it measured since its last sample."""
        new = self.done[self._told :]
        self._told += len(new)
        return Sample(self.trial.id, self.trial.configuration, tuple(new))


def interleave(trials: Sequence[Trial], rng: random.Random) -> list[Trial]:
    """One entry for each lane, in rounds: one lane of every trial in random order, then the next of each."""
    order: list[Trial] = []
    for number in range(max((trial.environments for trial in trials), default=0)):
        turn = [trial for trial in trials if number < trial.environments]
        rng.shuffle(turn)
        order += turn
    return order


class Turns:
    """Which lane makes the next run: lanes take turns as far as memory and cores allow. For one thread at a time.

    Args:
        lanes: in the order in which they are opened.
        slots: cores that runs may keep busy together. One run is always let through.
        open_mb: memory that open lanes may be promised together. One lane is always let through.
    """

    def __init__(self, lanes: Sequence[Lane], *, slots: int, open_mb: int) -> None:
        self._slots = slots
        self._open_mb = open_mb
        self._waiting = deque(lanes)
        self._idle: deque[Lane] = deque()
        self.busy: set[Lane] = set()

    @property
    def over(self) -> bool:
        """Whether no lane has a run left."""
        return not (self._waiting or self._idle or self.busy)

    @property
    def open(self) -> tuple[Lane, ...]:
        """Lanes that have begun and are not complete."""
        return (*self._idle, *self.busy)

    def take(self, now: float) -> Lane | None:
        """The lane that makes a run at a monotonic time, busy from then on; None: none may."""
        while self._waiting and (not self.open or self._room_for(self._waiting[0])):
            self._idle.append(self._waiting.popleft())
        lane = self._next(now)
        if lane:
            self._idle.remove(lane)
            self.busy.add(lane)
        return lane

    def give_back(self, lane: Lane) -> None:
        """A run of a lane is over; it waits for its next turn."""
        self.busy.remove(lane)
        if not lane.complete:
            self._idle.append(lane)

    def pause(self, now: float) -> float | None:
        """Seconds until a lane may be ready that is not yet; None: there is none."""
        return min((lane.ready_at - now for lane in self._idle if lane.ready_at > now), default=None)

    def _next(self, now: float) -> Lane | None:
        """The lane that has waited longest of those that fit; None while a large one that was overtaken waits."""
        overtaken: list[Lane] = []
        for lane in self._idle:
            if lane.ready_at > now:
                continue
            if self._fits(lane):
                lane.overtaken = 0
                for other in overtaken:
                    other.overtaken += 1
                return lane
            if lane.overtaken >= MAX_OVERTAKEN:
                return None
            overtaken.append(lane)
        return None

    def _room_for(self, lane: Lane) -> bool:
        promised_mb = sum(other.trial.configuration.memory_mb for other in self.open)
        few = len(self.open) < MAX_OPEN_LANES
        return few and promised_mb + lane.trial.configuration.memory_mb <= self._open_mb

    def _fits(self, lane: Lane) -> bool:
        return not self.busy or sum(other.cores for other in self.busy) + lane.cores <= self._slots


class LocalScheduler:
    """Makes the runs of lanes in threads.

    Args:
        lanes: in the order in which they are opened.
        run: makes one run of a lane and adds it to `done`; opens its environment.
        slots, open_mb: cores and memory that lanes share; see `Turns`.
        at_once: how many runs may be under way together.
        tell_every_s: how often samples are given of lanes that are not complete.
    """

    def __init__(
        self,
        lanes: Sequence[Lane],
        run: Callable[[Lane], None],
        *,
        slots: int,
        at_once: int,
        open_mb: int,
        tell_every_s: float = TELL_EVERY_S,
    ) -> None:
        self._run = run
        self._tell_every_s = tell_every_s
        self._turns = Turns(lanes, slots=slots, open_mb=open_mb)
        self._aborted = False
        self._changed = threading.Condition()
        self._failure: Exception | None = None
        self._told_at = 0.0
        self._samples: queue.SimpleQueue[Sample] = queue.SimpleQueue()
        self._left = len(lanes)
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(min(at_once, len(lanes)))]

    def samples(self, stop: threading.Event) -> Iterator[Sample]:
        """Samples of lanes as they complete, and now and then before; those of what is done when it ends early.

        It does when `stop` is set, and when a run raises.

        Raises:
            Exception: what `run` raised, once everything was ended and every sample was given.
        """
        if stop.is_set():
            return
        for thread in self._threads:
            thread.start()
        self._told_at = time.monotonic()
        try:
            while self._left and not self._aborted and not stop.is_set():
                with suppress(queue.Empty):
                    yield self._samples.get(timeout=_STOP_CHECK_S)
                if time.monotonic() - self._told_at >= self._tell_every_s:
                    self._tell()
        finally:
            rest = self._abort()
        yield from rest
        if self._failure:
            raise self._failure

    def _abort(self) -> list[Sample]:
        """End all runs at once; the samples that nobody has seen, and those of lanes that were cut short."""
        with self._changed:
            self._aborted = True
            for lane in self._turns.busy:
                lane.cut_short()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        for lane in self._turns.open:
            lane.close()
        self._tell()
        return [self._samples.get() for _ in range(self._samples.qsize())]

    def _tell(self) -> None:
        """Give samples of what no sample has told yet."""
        self._told_at = time.monotonic()
        with self._changed:
            for lane in self._turns.open:
                if lane.untold:
                    self._samples.put(lane.sample())

    def _work(self) -> None:
        while (lane := self._take()) is not None:
            try:
                try:
                    self._run(lane)
                finally:
                    if lane.complete:
                        lane.close()
            except Exception as exc:  # noqa: BLE001  (raised again in the caller's thread)
                self._fail(lane, exc)
            self._give_back(lane)

    def _fail(self, lane: Lane, failure: Exception) -> None:
        with self._changed:
            if not lane.cut and not self._failure:
                self._failure = failure
            self._aborted = True

    def _take(self) -> Lane | None:
        """The next lane to make a run of; None when none is left."""
        with self._changed:
            while not (self._aborted or self._turns.over):
                now = time.monotonic()
                if lane := self._turns.take(now):
                    return lane
                self._changed.wait(self._turns.pause(now))
            return None

    def _give_back(self, lane: Lane) -> None:
        with self._changed:
            self._turns.give_back(lane)
            if lane.complete:
                if lane.untold:
                    self._samples.put(lane.sample())
                self._left -= 1
            self._changed.notify_all()
