"""Retries control-plane calls and limits their rate. The SDK's own retries are off.

Repeats a read as it is. Repeats a write only after a look at whether the first attempt took effect.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from tuner.aws.api.errors import (
    AwsError,
    ConflictError,
    LostReplyError,
    ServiceFaultError,
    StaleError,
    ThrottledError,
    UnreachableError,
)

T = TypeVar("T")

CALLS_PER_SECOND = 10
"""Lambda's control plane accepts about 15 requests per second and account. Other callers need some of them,
and two handlers may follow each other within a second."""


class Pacer:
    """Allows at most `per_second` calls in any second, over all threads. `calls` counts them."""

    def __init__(
        self,
        per_second: int = CALLS_PER_SECOND,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.calls = 0
        self._times: deque[float] = deque(maxlen=per_second)
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait until the next call is allowed."""
        with self._lock:
            if len(self._times) == self._times.maxlen:
                pause = self._times[0] + 1.0 - self._clock()
                if pause > 0:
                    self._sleep(pause)
            self._times.append(self._clock())
            self.calls += 1


@dataclass(slots=True)
class Retrier:
    """Repeats calls with full-jitter exponential back-off.

    Attributes:
        pacer: limits the rate of calls.
        attempts: calls at most, including the first.
        base_s: upper bound of the first pause; it doubles each time.
        cap_s: upper bound of any pause.
    """

    pacer: Pacer = field(default_factory=Pacer)
    attempts: int = 8
    base_s: float = 0.4
    cap_s: float = 10.0
    sleep: Callable[[float], None] = time.sleep
    rng: random.Random = field(default_factory=random.Random)

    def read(self, call: Callable[[], T]) -> T:
        """Repeat a call that changes nothing until AWS answers."""
        return self.write(call, settled=lambda: None)

    def write(self, call: Callable[[], T], *, settled: Callable[[], T | None]) -> T:
        """Make a change exactly once, however often the call has to be made.

        Args:
            call: makes the change.
            settled: finds out whether a call without a clear answer took effect. Returns its result, or None
                when it had no effect and may be repeated. Raises when somebody else made a change.
        """
        failure: AwsError | None = None
        for attempt in range(self.attempts):
            if attempt:
                self.sleep(self.rng.uniform(0, min(self.cap_s, self.base_s * 2**attempt)))
            self.pacer.wait()
            try:
                return call()
            except (ThrottledError, UnreachableError) as exc:
                failure = exc
            except (LostReplyError, ServiceFaultError, StaleError, ConflictError) as exc:
                failure = exc
                if (found := settled()) is not None:
                    return found
        assert failure is not None
        raise failure
