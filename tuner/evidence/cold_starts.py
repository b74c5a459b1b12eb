"""Cold starts of a function, by replaying its requests against a pool of environments.

A request takes the idle environment that was freed last, as AWS Lambda does. An environment that is
idle for longer than its life is gone. Knows nothing of logs, prices or time zones.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class IdleLife:
    """How long an environment stays after its last request, in seconds: uniform between two bounds.

    The default is what was measured in 2026: cold 8% after 300 s, 43% after 315, 94% after 345, all from 360.
    """

    shortest_s: float = 300.0
    longest_s: float = 360.0

    def __post_init__(self) -> None:
        if not 0 < self.shortest_s <= self.longest_s:
            raise ValueError(f"idle life {self.shortest_s} to {self.longest_s} s is not a positive range")


@dataclass(frozen=True, slots=True, eq=False)
class Requests:
    """Requests in the order of their start.

    Attributes:
        start_s: seconds since any moment, ascending, shape (R,).
        busy_s: how long each occupies its environment, shape (R,).
    """

    start_s: Floats
    busy_s: Floats

    def __post_init__(self) -> None:
        if self.start_s.shape != self.busy_s.shape:
            raise ValueError(f"{self.start_s.size} starts, but {self.busy_s.size} durations")
        if (np.diff(self.start_s) < 0).any():
            raise ValueError("requests are not in the order of their start")

    @classmethod
    def of(cls, start_s: Floats, busy_s: Floats) -> Requests:
        """Requests in any order."""
        order = np.argsort(start_s, kind="stable")
        return cls(start_s[order], busy_s[order])


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """What the pool answered each request with.

    Attributes:
        cold: requests that had to wait for a new environment, shape (R,).
        provisioned: requests that a provisioned environment served, shape (R,).
    """

    cold: Flags
    provisioned: Flags

    @property
    def cold_share(self) -> float:
        """Share of the requests that were cold; 0 without any."""
        return float(self.cold.mean()) if self.cold.size else 0.0


def replay(
    requests: Requests, idle_life: IdleLife, *, provisioned: int | NDArray[np.int64] = 0, seed: int = 0
) -> Replay:
    """Send requests to a pool that begins empty, beside environments that are always ready.

    Args:
        requests: what arrives.
        idle_life: how long idle environments stay.
        provisioned: environments that are always ready and are taken first; of shape (R,) where a schedule
            changes their number.
        seed: of the idle lives.
    """
    lives = np.random.default_rng(seed).uniform(idle_life.shortest_s, idle_life.longest_s, requests.start_s.size)
    cold = np.zeros(requests.start_s.size, dtype=bool)
    served = np.zeros(requests.start_s.size, dtype=bool)
    counts = np.broadcast_to(provisioned, requests.start_s.shape).tolist()
    ready, pool = _Provisioned(), _Pool()
    for index, (start_s, busy_s) in enumerate(zip(requests.start_s.tolist(), requests.busy_s.tolist(), strict=True)):
        if ready.take(counts[index], start_s, start_s + busy_s):
            served[index] = True
        else:
            cold[index] = not pool.take(start_s, start_s + busy_s, float(lives[index]))
    return Replay(cold, served)


class _Provisioned:
    """Environments that are always ready: a request finds one while fewer than all are busy."""

    def __init__(self) -> None:
        self._busy_until: list[float] = []

    def take(self, count: int, now_s: float, until_s: float) -> bool:
        """Whether one of `count` environments is free; it is then busy until `until_s`."""
        while self._busy_until and self._busy_until[0] <= now_s:
            heapq.heappop(self._busy_until)
        if len(self._busy_until) >= count:
            return False
        heapq.heappush(self._busy_until, until_s)
        return True


class _Pool:
    """On-demand environments: the one that was freed last is taken first."""

    def __init__(self) -> None:
        self._busy: list[tuple[float, float]] = []
        self._idle: list[tuple[float, float]] = []

    def take(self, now_s: float, until_s: float, life_s: float) -> bool:
        """Whether a warm environment was there; it, or a new one, is busy until `until_s` and then idles `life_s`."""
        while self._busy and self._busy[0][0] <= now_s:
            self._idle.append(heapq.heappop(self._busy))
        warm = False
        while self._idle and not warm:
            freed_s, idle_life_s = self._idle.pop()
            warm = now_s - freed_s <= idle_life_s
        heapq.heappush(self._busy, (until_s, life_s))
        return warm
