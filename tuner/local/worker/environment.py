"""One execution environment: a worker process that is started, invoked again and again, frozen between, and ended.

What happens to the function (errors, timeouts, memory, a killed worker) is in the result;
only the loss of the helper that limits workers raises.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from tuner.errors import BackendError
from tuner.local.limits.governor import CANNOT_START, Governor, Use
from tuner.local.limits.memory import MB
from tuner.local.limits.processes import waited_for_core_ms
from tuner.local.worker.channel import Channel, Message, WorkerGone
from tuner.local.worker.log import Facts, OutputFile, compose
from tuner.local.worker.runtimes import LOOPS
from tuner.local.worker.spec import MAX_RESPONSE_BYTES, LocalInvocationResult, WorkerSpec
from tuner.model import FunctionError

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
_EXIT_WAIT_S = 0.5


@dataclass(frozen=True, slots=True)
class _Ending:
    """How an invocation ended: with an answer of the worker, or with the platform's verdict."""

    duration_ms: float
    payload: bytes
    error: FunctionError | None = None
    status: str | None = None
    cpu_ms: float | None = None
    init_duration_ms: float | None = None


class ExecutionEnvironment:
    """A worker process for one spec.

    The worker is started at once; its init phase is waited for by `load`, or by the first
    invocation. Not for several threads at a time, but for `kill`.

    Args:
        spec: what to run.
        governor: what limits it; must outlive it.

    Raises:
        BackendError: the interpreter cannot be started, or the governor is gone.
    """

    def __init__(self, spec: WorkerSpec, governor: Governor) -> None:
        self.spec = spec
        self.label = time.strftime("%Y/%m/%d/", time.gmtime()) + f"[{spec.version}]{uuid.uuid4().hex}"
        self._governor = governor
        self._lock = threading.Lock()
        self._loaded = self._invoked = self._closed = self._spent = self._ready = False
        self._init_error: FunctionError | None = None
        self._init_ms: float | None = None
        self._use = Use(0, out_of_memory=False, owed_s=0.0)
        with ExitStack() as resources:
            try:
                self._output = resources.enter_context(contextlib.closing(OutputFile()))
                self._channel = resources.enter_context(contextlib.closing(Channel(self._alive)))
                self._began = time.monotonic()
                self._process = self._spawn()
            except OSError as exc:
                raise BackendError(f"cannot start a worker for {spec.name}: {exc}", CANNOT_START) from exc
            resources.callback(self._end_worker)
            share = spec.cpu_share if spec.throttled else None
            governor.add(self.pid, share=share, limit_bytes=spec.memory_limit_bytes, freezes=spec.throttled)
            self._resources = resources.pop_all()

    def __enter__(self) -> ExecutionEnvironment:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Pid of the worker, which leads a session and a process group of its own."""
        return self._process.pid

    @property
    def usable(self) -> bool:
        """Whether it can serve another invocation; if not, close it and start a new one."""
        return not self._spent and self._alive()

    def load(self) -> FunctionError | None:
        """Wait for the init phase, for `init_limit_s` at most; the CPU is not limited meanwhile, as in Lambda.

        Returns:
            The error of a handler that could not be loaded. The first invocation will give it too.
        """
        if not self._loaded:
            self._loaded = True
            try:
                self._take_ready(self._channel.receive(deadline=self._began + self.spec.init_limit_s))
                self._init_ms = (time.monotonic() - self._began) * 1000
            except TimeoutError:
                self._init_ms = self.spec.init_limit_s * 1000  # it goes on within the first invocation
            except WorkerGone:
                self._spent = True  # the first invocation tells how it ended
            self._use = self._governor.end(self.pid)
        return self._init_error

    def invoke(self, payload: bytes, *, request_id: str = "", arn: str = "") -> LocalInvocationResult:
        """Run the handler once.

        Args:
            payload: the event as JSON bytes; empty means `{}`.
            request_id: id to tell the function; empty: a new one.
            arn: ARN by which it was invoked; empty: that of the spec.
        """
        self.load()
        request_id = request_id or str(uuid.uuid4())
        cold, self._invoked = not self._invoked, True
        before = self._output.take() if cold else b""
        waited_before = waited_for_core_ms(self.pid)
        began = time.monotonic()
        ending = self._run(payload, request_id, arn or self.spec.arn or self._default_arn(), cold)
        wall_ms = (time.monotonic() - began) * 1000
        waited = waited_for_core_ms(self.pid)
        facts = Facts(
            request_id=request_id,
            version=self.spec.version,
            duration_ms=ending.duration_ms,
            init_duration_ms=ending.init_duration_ms,
            memory_size_mb=self.spec.memory_mb,
            max_memory_used_mb=min(-(-self._use.peak_bytes // MB), self.spec.memory_mb),
            status=ending.status,
            error_type=ending.error.type if ending.error else None,
        )
        return LocalInvocationResult(
            request_id=request_id,
            environment=self.label,
            payload=ending.payload,
            error=ending.error,
            log=compose(self._output.take(), before, facts, self.spec.log_format),
            duration_ms=facts.duration_ms,
            billed_duration_ms=facts.billed_duration_ms,
            init_duration_ms=facts.init_duration_ms,
            max_memory_used_mb=facts.max_memory_used_mb,
            cpu_ms=ending.cpu_ms,
            wall_ms=wall_ms,
            waited_ms=waited - waited_before if waited is not None and waited_before is not None else None,
        )

    def kill(self) -> None:
        """End the worker at once, from any thread; a running invocation returns with an exit error."""
        with self._lock:
            if not self._closed:
                self._spent = True
                with contextlib.suppress(BackendError):  # the governor is gone: closing kills what is left
                    self._governor.kill(self.pid)

    def close(self) -> None:
        """End the worker and everything that it started."""
        with self._lock:
            if self._closed:
                return
            self._closed = self._spent = True
            self._resources.close()

    def _end_worker(self) -> None:
        with contextlib.suppress(BackendError):  # the governor may be gone
            self._governor.remove(self.pid)
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def _spawn(self) -> subprocess.Popen[bytes]:
        settings = {
            "readFd": self._channel.worker_reads,
            "writeFd": self._channel.worker_writes,
            "responseLimit": MAX_RESPONSE_BYTES,
            "moduleFile": self.spec.module_file,
        }
        try:
            return subprocess.Popen(
                self.spec.command,
                env={**self._environment(), "_TUNER_WORKER": json.dumps(settings)},
                stdin=subprocess.DEVNULL,
                stdout=self._output.fileno(),
                stderr=self._output.fileno(),
                pass_fds=(self._channel.worker_reads, self._channel.worker_writes),
                start_new_session=True,
            )
        except (FileNotFoundError, PermissionError) as exc:
            raise BackendError(
                f"cannot start {self.spec.command[0]}: {exc}", "install it, or put it into PATH"
            ) from exc
        finally:
            self._channel.started()

    def _environment(self) -> Mapping[str, str]:
        spec = self.spec
        passed_on = (
            os.environ if spec.inherit_environment else {k: os.environ[k] for k in _PASSED_ON if k in os.environ}
        )
        return {
            **passed_on,
            "TZ": ":UTC",
            "LAMBDA_TASK_ROOT": str(spec.code_dir),
            "LAMBDA_RUNTIME_DIR": str(LOOPS),
            "_HANDLER": spec.handler,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_FUNCTION_NAME": spec.name,
            "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{spec.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": self.label,
            "AWS_LAMBDA_LOG_FORMAT": str(spec.log_format),
            "AWS_REGION": spec.region,
            "AWS_DEFAULT_REGION": spec.region,
            **dict(spec.environment),
        }

    def _take_ready(self, message: Message) -> None:
        self._ready = True
        if message.head["error"]:
            self._init_error = error_of(message.body)
            self._spent = True

    def _run(self, payload: bytes, request_id: str, arn: str, cold: bool) -> _Ending:
        spec, began = self.spec, time.monotonic()
        deadline = began + spec.timeout_s
        head = {"id": request_id, "arn": arn, "deadlineMs": (time.time() + spec.timeout_s) * 1000}
        init_ms = self._init_ms if cold else None
        late = not self._ready  # the rest of the init phase is part of this invocation
        self._governor.begin(self.pid)
        try:
            if late:
                self._take_ready(self._channel.receive(deadline=deadline))
            self._channel.send(head, payload, deadline=deadline)
            answer: Message | None = self._channel.receive(deadline=deadline)
            timed_out = False
        except (TimeoutError, WorkerGone) as end:
            answer, timed_out = None, isinstance(end, TimeoutError)
        took_ms = (time.monotonic() - began) * 1000
        self._use = self._governor.end(self.pid)
        if self._use.out_of_memory:
            return self._verdict(request_id, "Runtime.OutOfMemory", "signal: killed", took_ms, init_ms)
        if timed_out:
            return self._timeout(request_id, init_ms)
        if answer is None:
            return self._verdict(request_id, "Runtime.ExitError", self._exit_reason(), took_ms, init_ms)
        self._spent = self._spent or bool(answer.head.get("exits"))
        error = error_of(answer.body) if answer.head["error"] else None
        # An exact limiter would have stopped the worker earlier, and so have let it end later.
        if self._use.owed_s:
            time.sleep(self._use.owed_s)
        duration_ms = (took_ms if late else answer.head["durationMs"]) + self._use.owed_s * 1000
        return _Ending(duration_ms, answer.body, error, None, answer.head["cpuMs"], init_ms)

    def _timeout(self, request_id: str, init_ms: float | None) -> _Ending:
        self.kill()
        message = f"RequestId: {request_id} Error: Task timed out after {self.spec.timeout_s:.2f} seconds"
        payload, error = _document("Sandbox.Timedout", message)
        return _Ending(self.spec.timeout_s * 1000, payload, error, "timeout", None, init_ms)

    def _verdict(self, request_id: str, kind: str, reason: str, took_ms: float, init_ms: float | None) -> _Ending:
        self.kill()
        cause = f"Runtime exited with error: {reason}" if reason else "Runtime exited without providing a reason"
        payload, error = _document(kind, f"RequestId: {request_id} Error: {cause}")
        return _Ending(took_ms, payload, error, "error", None, init_ms)

    def _exit_reason(self) -> str:
        """How the worker ended, in Lambda's words; empty for an exit with status 0."""
        deadline = time.monotonic() + _EXIT_WAIT_S
        while (status := self._exit_status()) is None and time.monotonic() < deadline:
            time.sleep(0.001)
        if status is None:
            status = -signal.SIGKILL  # it closed its pipe and stays: it will be killed
        if status < 0:
            return f"signal: {(signal.strsignal(-status) or str(-status)).lower()}"
        return f"exit status {status}" if status else ""

    def _alive(self) -> bool:
        self._governor.check()
        return not self._closed and self._exit_status() is None

    def _exit_status(self) -> int | None:
        """Exit status of the worker, negative for a signal; None while it lives.

        Leaves it a zombie where it can: its pid stays taken until the governor has let go of it.
        """
        if not hasattr(os, "waitid"):  # macOS before Python 3.13
            return self._process.poll()
        end = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if end is None:
            return None
        return end.si_status if end.si_code == os.CLD_EXITED else -end.si_status

    def _default_arn(self) -> str:
        return f"arn:aws:lambda:{self.spec.region}:000000000000:function:{self.spec.name}"


def error_of(document: bytes) -> FunctionError:
    """Read an error document as Lambda's runtimes return it."""
    fields = json.loads(document)
    stack = fields.get("stackTrace") or fields.get("trace") or ()
    return FunctionError(str(fields["errorType"]), str(fields["errorMessage"]), tuple(map(str, stack)))


def _document(kind: str, message: str) -> tuple[bytes, FunctionError]:
    payload = json.dumps({"errorType": kind, "errorMessage": message}).encode()
    return payload, FunctionError(kind, message)
