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
    pressure_below_mb: int = 0
    """Below this size the CPU time grows `pressure_factor` times: garbage collection, paging."""
    pressure_factor: float = 1.0
    quantum_ms: float = 0.0
    """Below one vCPU a run ends with a period of the CPU share: durations are multiples of this."""
    log_sd: float = 0.0
    """Spread of a run, log-normal with mean 1, beside `noise`."""
    slow_share: float = 0.0
    """Share of the runs that take `slow_factor` times as long."""
    slow_factor: float = 1.0
    error_share: float = 0.0
    """Share of the runs that raise an error."""
    pace: float = 0.0
    """Seconds waited per second simulated."""
    output: Any = "ok"
    log_bytes: int = 0
    """Size of what the handler prints."""
    environments: int = 1
    """Environments that a version gets before warm ones are used again; 0: a new one while all are busy, as in AWS."""
    seed: int = 1

    def warm_ms(self, memory_mb: int, architecture: str = "x86_64") -> float:
        """Duration of a warm run without noise."""
        share = min(memory_mb / MB_PER_VCPU, self.vcpus)
        cpu = self.cpu_ms * (self.arm64_factor if architecture == "arm64" else 1.0)
        cpu *= self.pressure_factor if memory_mb < self.pressure_below_mb else 1.0
        duration = self.wait_ms + cpu / share
        if self.quantum_ms and memory_mb < MB_PER_VCPU:
            return math.ceil(duration / self.quantum_ms) * self.quantum_ms
        return duration

    @property
    def mean_factor(self) -> float:
        """Mean duration of a run over that of a run without noise."""
        return 1.0 + self.slow_share * (self.slow_factor - 1.0)


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
    _idle: dict[str, list[str]] = field(default_factory=dict)
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
            factor = self._factor()
            fails = self._random.random() < model.error_share
        duration = model.warm_ms(memory_mb, architecture) * factor
        error_type, status = ("Exception", None) if fails else self._failure(memory_mb, event)
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
            time.sleep((duration + (model.init_ms if cold else 0.0)) / 1000 * model.pace)
        if not model.environments:
            with self._lock:
                self._idle.setdefault(key, []).append(environment)
        init = model.init_ms if cold and not snapstart else None
        restore = model.init_ms / 2 if cold and snapstart else None
        used = memory_mb if status == "error" else min(model.used_mb, memory_mb)
        billed = math.ceil(duration + (init or 0.0) + (restore or 0.0))
        failed = "Unhandled" if error_type else None
        measured = Measured(duration, billed, memory_mb, used, init, restore, status, error_type)
        return json.dumps(payload).encode(), failed, measured, b"." * model.log_bytes, environment

    def _factor(self) -> float:
        """What noise makes of one run's duration."""
        model = self.model
        factor = max(0.05, self._random.gauss(1.0, model.noise))
        if model.log_sd:
            factor *= math.exp(self._random.gauss(-(model.log_sd**2) / 2, model.log_sd))
        return factor * (model.slow_factor if self._random.random() < model.slow_share else 1.0)

    def _failure(self, memory_mb: int, event: bytes) -> tuple[str | None, str | None]:
        """Type of the error, and the platform's status where the platform ended it."""
        if memory_mb < self.model.out_of_memory_below_mb:
            return "Runtime.OutOfMemory", "error"
        if self.model.fails_on and self.model.fails_on.encode() in event:
            return self.model.fails or "Exception", None
        return (self.model.fails, None) if self.model.fails and not self.model.fails_on else (None, None)

    def _environment(self, key: str) -> tuple[str, bool]:
        if not self.model.environments:
            idle = self._idle.get(key)
            return (idle.pop(), False) if idle else (uuid.uuid4().hex, True)
        known = self._cold.setdefault(key, [])
        if len(known) < self.model.environments:
            known.append(uuid.uuid4().hex)
            return known[-1], True
        return self._random.choice(known), False
