"""Limits how many invocations run at once: lowers the limit when Lambda throttles, and raises it again.

Uses additive increase and multiplicative decrease, as TCP does. It knows nothing about AWS.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

DECREASE = 0.6
HOLD_S = 0.5
"""Throttled calls within this time count once, so that one burst lowers the limit once."""


class ConcurrencyLimiter:
    """Limits how many invocations run at once.

    Args:
        limit: the highest limit.
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
        """How many may run now."""
        return int(self._limit)

    def enter(self, stop: threading.Event) -> bool:
        """Wait until another invocation may run; False when `stop` was set meanwhile."""
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
        """Tell that an invocation has ended, and whether Lambda throttled it."""
        with self._changed:
            self._inside -= 1
            if not throttled:
                self._limit = min(self._most, self._limit + 1 / self._limit)
            elif self._clock() - self._fell_at > HOLD_S:
                self._fell_at = self._clock()
                self._limit = max(1.0, self._limit * DECREASE)
            self._changed.notify()
