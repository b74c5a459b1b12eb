"""Execution environments by spec, reused while warm, with a bound on how many run at once.

Serves concurrent callers as Lambda does: each invocation gets an idle environment of its
spec, or a new one. Knows nothing of what is measured.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict

from tuner.local.host import busy_slots
from tuner.local.limits.governor import Governor
from tuner.local.worker.environment import ExecutionEnvironment
from tuner.local.worker.spec import LocalInvocationResult, WorkerSpec

DEFAULT_MAX_IDLE = 16


class Pool:
    """A context manager; leaving it ends every worker.

    Args:
        max_busy: throttled workers at once; None: cores - 1. Workers of unthrottled specs
            need no slot, since they may wait for others.
        max_idle: environments kept warm; the ones unused for longest are ended first.
    """

    def __init__(self, *, max_busy: int | None = None, max_idle: int = DEFAULT_MAX_IDLE) -> None:
        self._governor = Governor()
        self._slots = threading.BoundedSemaphore(max_busy or busy_slots())
        self._max_idle = max_idle
        self._lock = threading.Condition()
        self._idle: OrderedDict[str, ExecutionEnvironment] = OrderedDict()
        self._busy: set[ExecutionEnvironment] = set()
        self._closed = False

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def busy(self) -> int:
        """How many environments run an invocation now."""
        with self._lock:
            return len(self._busy)

    def invoke(
        self, spec: WorkerSpec, payload: bytes, *, request_id: str = "", arn: str = "", fresh: bool = False
    ) -> LocalInvocationResult:
        """Run the handler once in an idle environment of its spec, or in a new one.

        Args:
            spec: what to run.
            payload: the event as JSON bytes.
            request_id: id to tell the function; empty: a new one.
            arn: ARN by which it was invoked.
            fresh: a new environment, so a cold start.

        Raises:
            BackendError: the interpreter cannot be started, or the pool was closed.
        """
        with self._slots if spec.throttled else contextlib.nullcontext():
            environment = (None if fresh else self._take(spec)) or ExecutionEnvironment(spec, self._governor)
            try:
                with self._lock:
                    self._busy.add(environment)
                    if self._closed:
                        environment.kill()
                return environment.invoke(payload, request_id=request_id, arn=arn)
            finally:
                self._give_back(environment)

    def discard(self, name: str) -> None:
        """End the idle environments of a function: its code or configuration has changed."""
        with self._lock:
            labels = [label for label, idle in self._idle.items() if idle.spec.name == name]
            ended = [self._idle.pop(label) for label in labels]
        for environment in ended:
            environment.close()

    def close(self) -> None:
        """End every worker; running invocations return with an exit error first."""
        with self._lock:
            self._closed = True
            for environment in self._busy:
                environment.kill()
            self._lock.wait_for(lambda: not self._busy)
            idle = list(self._idle.values())
            self._idle.clear()
        for environment in idle:
            environment.close()
        self._governor.close()

    def _take(self, spec: WorkerSpec) -> ExecutionEnvironment | None:
        with self._lock:
            for label in reversed(self._idle):
                if self._idle[label].spec == spec:
                    return self._idle.pop(label)
        return None

    def _give_back(self, environment: ExecutionEnvironment) -> None:
        ended = []
        with self._lock:
            if environment.usable and not self._closed:
                self._idle[environment.label] = environment
            else:
                ended.append(environment)
            if len(self._idle) > self._max_idle:
                ended.append(self._idle.popitem(last=False)[1])
        for one in ended:
            one.close()
        with self._lock:
            self._busy.discard(environment)
            self._lock.notify_all()
