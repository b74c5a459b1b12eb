"""How many invocations may be under way: backs off when Lambda throttles, and recovers.

Additive increase and multiplicative decrease, as TCP does it. Knows nothing of AWS.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

DECREASE = 0.6
HOLD_S = 0.5
"""Throttles that arrive together are one sign: the limit falls once within this time."""


class Gate:
    """Bounds how many invocations are under way at once.

    Args:
        limit: the most that there may ever be.
    """

    def __init__(self, limit: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = limit
        self._limit = float(limit)
        self._inside = 0
        self._clock = clock
        self._fell_at = float("-inf")
        self._changed = threading.Condition()

    @property
    def limit(self) -> int:
        """How many may be under way now."""
        return int(self._limit)

    def enter(self, stop: threading.Event) -> bool:
        """Wait for a free place; False when `stop` was set meanwhile."""
        with self._changed:
            while self._inside >= self.limit:
                if stop.is_set():
                    return False
                self._changed.wait(0.2)
            if stop.is_set():
                return False
            self._inside += 1
            return True

    def leave(self, *, throttled: bool) -> None:
        """Give the place back, and say whether Lambda had refused it."""
        with self._changed:
            self._inside -= 1
            if not throttled:
                self._limit = min(self._most, self._limit + 1 / self._limit)
            elif self._clock() - self._fell_at > HOLD_S:
                self._fell_at = self._clock()
                self._limit = max(1.0, self._limit * DECREASE)
            self._changed.notify()
