"""How steady the machine was while it measured: for the reader of a local estimate.

Three independent signs: a fixed piece of work timed again and again, the time that
workers waited for a core they were entitled to, and the spread of the handler's own CPU time.
"""

from __future__ import annotations

import hashlib
import statistics
import threading
import time
from dataclasses import dataclass

from tuner.model import Invocation

_FIXED_WORK = bytes(256 * 1024)
_REPEATS = 4
NOISY_SPREAD = 0.25
"""Spread of the CPU time of fixed work above which the machine is called noisy: no waiting is part of it."""
NOISY_WAIT = 0.35
"""Share of time spent waiting for a core above which the machine is called noisy. Durations leave the waiting out; with
that much of it medians were off by up to 7% (docs/local.md)."""


@dataclass(frozen=True, slots=True)
class HostNoise:
    """What was seen; fractions. None: not enough was measured to tell.

    Attributes:
        speed_spread: 5th to 95th percentile of the CPU time of fixed work, over its median.
        wait_share: part of the time between call and answer that the handlers waited for a core.
        cpu_spread: standard deviation over mean of a handler's CPU time with one payload in one environment,
            the median of all of these.
    """

    speed_spread: float | None
    wait_share: float | None
    cpu_spread: float | None

    @property
    def noisy(self) -> bool:
        """Whether a reader should be warned."""
        return (self.speed_spread or 0.0) > NOISY_SPREAD or (self.wait_share or 0.0) > NOISY_WAIT

    def __str__(self) -> str:
        parts = []
        if self.speed_spread is not None:
            parts.append(f"The CPU time of a fixed piece of work varied by {self.speed_spread:.1%}.")
        if self.cpu_spread is not None:
            parts.append(f"That of the handler varied by {self.cpu_spread:.1%} within an environment.")
        if self.wait_share is not None:
            parts.append(f"Runs waited {self.wait_share:.1%} of their time for a core, which no duration counts.")
        return " ".join(parts) or "Too little was measured to tell how steady the machine was."


class NoiseMeter:
    """Gathers the signs of noise, which lie in the runs; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fixed_work: list[float] = []
        self._cpu: dict[tuple[str, int], list[float]] = {}
        self._ran_ms = self._waited_ms = 0.0

    def saw(self, run: Invocation) -> None:
        """Take in a run: the fixed work before it, and of a warm one its CPU time and its wait for a core."""
        with self._lock:
            if run.fixed_work_ms is not None:
                self._fixed_work.append(run.fixed_work_ms)
            if not run.usable or run.cold or run.duration_ms is None:
                return
            if run.cpu_ms is not None:
                self._cpu.setdefault((run.environment, run.payload), []).append(run.cpu_ms)
            if run.waited_ms is not None:
                self._ran_ms += run.duration_ms
                self._waited_ms += run.waited_ms

    def read(self) -> HostNoise:
        """What was seen so far."""
        with self._lock:
            times = sorted(self._fixed_work)
            spreads = [
                statistics.stdev(runs) / statistics.fmean(runs)
                for runs in self._cpu.values()
                if len(runs) > 1 and statistics.fmean(runs) > 1.0  # clocks of 1 ms work tell nothing
            ]
            return HostNoise(
                speed_spread=_spread(times) if len(times) >= 5 else None,
                wait_share=self._waited_ms / (self._ran_ms + self._waited_ms) if self._ran_ms else None,
                cpu_spread=statistics.median(spreads) if spreads else None,
            )


def fixed_work_ms() -> float:
    """CPU time of this thread for a fixed piece of work, about a millisecond."""
    return round(1000 * min(_timed_work() for _ in range(_REPEATS)), 5)


def _timed_work() -> float:
    start = time.thread_time()
    hashlib.sha256(_FIXED_WORK).digest()
    return time.thread_time() - start


def _spread(ordered: list[float]) -> float:
    low, high = (ordered[round(q * (len(ordered) - 1))] for q in (0.05, 0.95))
    return (high - low) / 2 / statistics.median(ordered)
