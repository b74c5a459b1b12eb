"""The order in which a batch of trials is measured on one machine.

Lanes (one environment each) of all trials are open together and take turns run by run,
so that a machine that slows down slows all of them; never more are busy than there are
slots. Knows nothing of how a run is made.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tuner.local.environment import ExecutionEnvironment
from tuner.model import MB_PER_VCPU, Invocation, Sample, Trial

MAX_OPEN_LANES = 8
MAX_OVERTAKEN = 3
"""How often a lane that needs several cores lets others that fit go first, before cores are kept free for it."""
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
        """Cores that a run may keep busy."""
        return max(1.0, self.trial.configuration.memory_mb / MB_PER_VCPU)

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

    def sample(self) -> Sample:
        """What it measured."""
        return Sample(self.trial.id, self.trial.configuration, tuple(self.done))


def interleave(trials: Sequence[Trial], rng: random.Random) -> list[Trial]:
    """One entry for each lane, in rounds: one lane of every trial in random order, then the next of each."""
    order: list[Trial] = []
    for number in range(max((trial.environments for trial in trials), default=0)):
        turn = [trial for trial in trials if number < trial.environments]
        rng.shuffle(turn)
        order += turn
    return order


class LaneRunner:
    """Makes the runs of lanes in threads.

    Args:
        lanes: in the order in which they are opened.
        run: makes one run of a lane and adds it to `done`; opens its environment.
        slots: cores that runs may keep busy together. One run is always let through.
        open_mb: memory that open lanes may be promised together. One lane is always let through.
    """

    def __init__(self, lanes: Sequence[Lane], run: Callable[[Lane], None], *, slots: int, open_mb: int) -> None:
        self._run = run
        self._slots = slots
        self._open_mb = open_mb
        self._waiting = deque(lanes)
        self._open: deque[Lane] = deque()
        self._busy: set[Lane] = set()
        self._aborted = False
        self._changed = threading.Condition()
        self._failure: Exception | None = None
        self._finished: queue.SimpleQueue[Lane] = queue.SimpleQueue()
        self._left = len(lanes)
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(min(slots, len(lanes)))]

    def samples(self, stop: threading.Event) -> Iterator[Sample]:
        """Samples of lanes as they complete; when `stop` is set or a run raises, those of what is done.

        Raises:
            Exception: what `run` raised, once everything was ended and every sample was given.
        """
        if stop.is_set():
            return
        for thread in self._threads:
            thread.start()
        try:
            while self._left and not self._aborted and not stop.is_set():
                try:
                    finished = self._finished.get(timeout=_STOP_CHECK_S)
                except queue.Empty:
                    continue
                self._left -= 1
                yield finished.sample()
        finally:
            unfinished = self._abort()
        yield from (lane.sample() for lane in unfinished if lane.done)
        if self._failure:
            raise self._failure

    def _abort(self) -> list[Lane]:
        """End all runs at once; the lanes that were cut short, and those that nobody has seen complete."""
        with self._changed:
            self._aborted = True
            for lane in self._busy:
                lane.cut_short()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        unseen = []
        while not self._finished.empty():
            unseen.append(self._finished.get())
        for lane in self._open:
            lane.close()
        return [*unseen, *self._open]

    def _work(self) -> None:
        while (lane := self._take()) is not None:
            try:
                self._run(lane)
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
            while not self._aborted and (self._waiting or self._open or self._busy):
                self._open_more()
                now = time.monotonic()
                if lane := self._next(now):
                    self._open.remove(lane)
                    self._busy.add(lane)
                    return lane
                due = [lane.ready_at - now for lane in self._open if lane.ready_at > now]
                self._changed.wait(min(due, default=None))
            return None

    def _next(self, now: float) -> Lane | None:
        """The lane that has waited longest of those that fit; None while a large one that was overtaken waits."""
        overtaken: list[Lane] = []
        for lane in self._open:
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

    def _give_back(self, lane: Lane) -> None:
        complete = lane.complete
        if complete:
            lane.close()
        with self._changed:
            self._busy.remove(lane)
            if complete:
                self._finished.put(lane)
            else:
                self._open.append(lane)
            self._changed.notify_all()

    def _open_more(self) -> None:
        while self._waiting and (self._promised_mb() == 0 or self._room_for(self._waiting[0])):
            self._open.append(self._waiting.popleft())

    def _room_for(self, lane: Lane) -> bool:
        few = len(self._open) + len(self._busy) < MAX_OPEN_LANES
        return few and self._promised_mb() + lane.trial.configuration.memory_mb <= self._open_mb

    def _promised_mb(self) -> int:
        return sum(lane.trial.configuration.memory_mb for lane in (*self._open, *self._busy))

    def _fits(self, lane: Lane) -> bool:
        return not self._busy or sum(other.cores for other in self._busy) + lane.cores <= self._slots
