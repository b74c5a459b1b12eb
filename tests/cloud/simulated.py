"""Functions that are a formula: no process, no waiting, true logs. For tests of everything around an invocation.

A model gives the handler's time over the memory size, and where it fails; drawn from a seed.
"""

from __future__ import annotations

import json
import math
import random
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

MB_PER_VCPU = 1769


@dataclass(slots=True)
class Model:
    """A function's behaviour. Times are in ms, sizes in MB."""

    cpu_ms: float = 100.0
    """CPU time of the handler: takes memory/1769 times as long below one vCPU."""
    wait_ms: float = 5.0
    """Time that memory does not change."""
    vcpus: float = 1.0
    """How many vCPUs the handler can use."""
    noise: float = 0.01
    """Standard deviation of a run, relative."""
    init_ms: float = 120.0
    arm64_factor: float = 0.95
    """CPU time on arm64 over that on x86_64."""
    used_mb: int = 60
    fails: str = ""
    """Every run raises this error type."""
    fails_on: str = ""
    """Runs whose event contains this text raise `fails` (or Exception)."""
    out_of_memory_below_mb: int = 0
    pace: float = 0.0
    """Seconds waited per second simulated."""
    output: Any = "ok"
    log_bytes: int = 0
    """Size of what the handler prints."""
    environments: int = 1
    """How many environments a version gets before warm ones are used again."""
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run was, before it is written down as a log."""

    duration_ms: float
    billed_ms: int
    memory_mb: int
    used_mb: int
    init_ms: float | None
    restore_ms: float | None
    status: str | None
    error_type: str | None


@dataclass(slots=True)
class SimulatedFunction:
    """The environments of a function's versions, and its random numbers."""

    model: Model
    _random: random.Random = field(init=False)
    _cold: dict[str, list[str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._random = random.Random(self.model.seed)

    def run(
        self,
        key: str,
        memory_mb: int,
        architecture: str,
        timeout_s: float,
        event: bytes,
        request_id: str,
        *,
        snapstart: bool,
    ) -> tuple[bytes, str | None, Measured, bytes, str]:
        """One run: payload, function error, its figures, what it printed, and its environment."""
        model = self.model
        with self._lock:
            environment, cold = self._environment(key)
            factor = max(0.05, self._random.gauss(1.0, model.noise))
        share = min(memory_mb / MB_PER_VCPU, model.vcpus)
        cpu = model.cpu_ms * (model.arm64_factor if architecture == "arm64" else 1.0)
        duration = (model.wait_ms + cpu / share) * factor
        error_type, status = self._failure(memory_mb, event)
        payload: Any = model.output
        if duration > timeout_s * 1000:
            duration, status, error_type = timeout_s * 1000, "timeout", "Sandbox.Timedout"
            text = f"RequestId: {request_id} Error: Task timed out after {timeout_s:.2f} seconds"
            payload = {"errorType": "Sandbox.Timedout", "errorMessage": text}
        elif error_type == "Runtime.OutOfMemory":
            text = f"RequestId: {request_id} Error: Runtime exited with error: signal: killed"
            payload = {"errorType": error_type, "errorMessage": text}
        elif error_type:
            payload = {"errorType": error_type, "errorMessage": "simulated", "requestId": request_id, "stackTrace": []}
        if model.pace:
            time.sleep(duration / 1000 * model.pace)
        init = model.init_ms if cold and not snapstart else None
        restore = model.init_ms / 2 if cold and snapstart else None
        used = memory_mb if status == "error" else min(model.used_mb, memory_mb)
        billed = math.ceil(duration + (init or 0.0) + (restore or 0.0))
        failed = "Unhandled" if error_type else None
        measured = Measured(duration, billed, memory_mb, used, init, restore, status, error_type)
        return json.dumps(payload).encode(), failed, measured, b"." * model.log_bytes, environment

    def _failure(self, memory_mb: int, event: bytes) -> tuple[str | None, str | None]:
        """Type of the error, and the platform's status where the platform ended it."""
        if memory_mb < self.model.out_of_memory_below_mb:
            return "Runtime.OutOfMemory", "error"
        if self.model.fails_on and self.model.fails_on.encode() in event:
            return self.model.fails or "Exception", None
        return (self.model.fails, None) if self.model.fails and not self.model.fails_on else (None, None)

    def _environment(self, key: str) -> tuple[str, bool]:
        known = self._cold.setdefault(key, [])
        if len(known) < self.model.environments:
            known.append(uuid.uuid4().hex)
            return known[-1], True
        return self._random.choice(known), False
