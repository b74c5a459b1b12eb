"""What a worker is to run, and what one invocation of it gave back.

Plain values between whoever wants a handler run (the local backend, a stand-in for
AWS in tests) and the execution environments.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tuner.model import MB_PER_VCPU, FunctionError

MAX_RESPONSE_BYTES = 6_291_556
"""Largest response of a synchronous invocation: 6 MB and the envelope (message of Function.ResponseSizeTooLarge)."""
TMP_MB = 512
"""Ephemeral storage unless more is asked for (Lambda quotas, 2026-09)."""
INIT_LIMIT_S = 10.0
"""Time that Lambda gives the init phase before it goes on within the first invocation (developer guide, 2026-09)."""


class LogFormat(StrEnum):
    """Form of the platform's log lines, spelt as the Lambda API spells it."""

    TEXT = "Text"
    JSON = "JSON"


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """A function version at one configuration: workers with equal specs are interchangeable.

    Attributes:
        name: function name.
        handler: as Lambda spells it, `module.function` (`app.handler`, `src/index.handler`).
        runtime: identifier of the runtime in the Lambda API, e.g. "python3.12".
        provided: whether the function brings its runtime itself.
        command: what starts a worker: a runtime's loop, or any program that speaks to it.
        code_dir: directory of the unpacked code (LAMBDA_TASK_ROOT).
        memory_mb: memory size; gives the CPU share and the memory limit.
        timeout_s: timeout of one invocation.
        init_limit_s: how long the init phase may take before it goes on within the first invocation.
        version: function version.
        region: AWS_REGION of the worker.
        arn: ARN that the context object tells, unless the invocation brings its own.
        environment: the function's environment variables.
        inherit_environment: whether the worker also sees the variables of this process.
        log_format: form of START, END and REPORT.
        tmp_mb: size of /tmp (ephemeral storage).
        throttled: False lifts the CPU share and the freeze between invocations; the memory limit stays.
        folders_above: folders above `code_dir` whose files the code needs as well.
    """

    name: str
    handler: str
    runtime: str
    command: tuple[str, ...]
    code_dir: Path
    memory_mb: int
    timeout_s: float = 3.0
    init_limit_s: float = INIT_LIMIT_S
    version: str = "$LATEST"
    region: str = "us-east-1"
    arn: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    inherit_environment: bool = False
    log_format: LogFormat = LogFormat.TEXT
    throttled: bool = True
    provided: bool = False
    tmp_mb: int = TMP_MB
    folders_above: tuple[Path, ...] = ()

    @property
    def cpu_share(self) -> float:
        """Share of CPU in vCPUs, as Lambda allots it by memory."""
        return self.memory_mb / MB_PER_VCPU

    @property
    def memory_limit_bytes(self) -> int:
        """Resident memory above which the worker is out of memory."""
        return self.memory_mb * 1024 * 1024


@dataclass(frozen=True, slots=True)
class LocalInvocationResult:
    """What one invocation gave back.

    Attributes:
        request_id: the invocation's id.
        environment: label of the execution environment (its log stream).
        payload: response body, or the error document.
        error: the function's error, where there is one.
        log: START, the function's output, END and REPORT.
        output: end of what the function wrote to stdout and stderr, in the init phase too when it was cold.
        duration_ms: handler time.
        billed_duration_ms: duration, and init where it was cold, in whole ms.
        init_duration_ms: init phase; None: warm.
        max_memory_used_mb: peak of the worker's processes.
        cpu_ms: CPU time of the handler; None where the worker did not live to tell.
        wall_ms: what the caller waited, without the init phase.
        waited_ms: time that the worker was let run but had no core; it is not part of the duration.
    """

    request_id: str
    environment: str
    payload: bytes
    error: FunctionError | None
    log: bytes
    output: bytes
    duration_ms: float
    billed_duration_ms: int
    init_duration_ms: float | None
    max_memory_used_mb: int
    cpu_ms: float | None
    wall_ms: float
    waited_ms: float = 0.0

    @property
    def function_error(self) -> str | None:
        """The `FunctionError` of the Invoke API: "Unhandled", or None."""
        return "Unhandled" if self.error else None
