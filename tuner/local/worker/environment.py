"""One execution environment: a worker process that is started, invoked again and again, frozen between, and ended.

What happens to the function (errors, timeouts, memory, a killed worker) is in the result. Only the loss of the helper
process that limits workers raises.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from math import inf
from pathlib import Path

from tuner.errors import BackendError
from tuner.local.limits.cpu import PERIOD_S
from tuner.local.limits.governor import CANNOT_START, Governor, Use, WorkerStart
from tuner.local.limits.memory import MB
from tuner.local.worker.log import InvocationFacts, compose
from tuner.local.worker.output import Output
from tuner.local.worker.runtime_api import Answer, RuntimeApi, RuntimeEvent
from tuner.local.worker.runtimes import LOOPS, command_at
from tuner.local.worker.spec import MAX_RESPONSE_BYTES, LocalInvocationResult, WorkerSpec
from tuner.model import FunctionError

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL")
_LEFT_OUT = ("TMPDIR", "TEMP", "TMP")
"""Variables of the shell that a worker does not get: it has a /tmp of its own."""
_SEARCHED = frozenset({"PYTHONPATH", "NODE_PATH"})
"""Variables of the shell with folders in which modules are looked for."""
_EXIT_WAIT_S = 2.0
_SHORTEST_MS = 0.01
_LEAST_LOSS_S, _LONGEST_WAIT_S = 0.001, 0.05
"""Loss of time that puts a timeout off, and for how long, where a wait for a core may be under way."""


@dataclass(frozen=True, slots=True)
class _Ending:
    """How an invocation ended: with an answer of the worker, or with the platform's verdict."""

    duration_ms: float
    payload: bytes
    error: FunctionError | None = None
    status: str | None = None
    cpu_ms: float | None = None
    init_duration_ms: float | None = None
    waited_ms: float = 0.0


class ExecutionEnvironment:
    """A worker process for one spec.

    The worker is started at once. `load`, or the first invocation, waits for its init phase. Not for several threads at
    a time, but for `kill`.

    Args:
        spec: what to run.
        governor: what starts and limits it; must outlive it.
        copy: gets all output of the function; None: only the end of it is kept.

    Raises:
        BackendError: the program cannot be started, or the governor is gone.
    """

    def __init__(self, spec: WorkerSpec, governor: Governor, *, copy: Callable[[bytes], object] | None = None) -> None:
        self.spec = spec
        self.label = time.strftime("%Y/%m/%d/", time.gmtime()) + f"[{spec.version}]{uuid.uuid4().hex}"
        self._governor = governor
        self._lock = threading.Lock()
        self._loaded = self._invoked = self._closed = self._spent = False
        self._status: int | None = None
        self._init_ms: float | None = None
        self._use = Use(0, out_of_memory=False, owed_s=0.0, lost_s=0.0, cpu_s=0.0)
        self._arn = spec.arn or f"arn:aws:lambda:{spec.region}:000000000000:function:{spec.name}"
        if not shutil.which(spec.command[0], path=dict(spec.environment).get("PATH")):
            raise BackendError(f"cannot start {spec.command[0]}", "install it, or put it into PATH")
        with ExitStack() as resources:
            try:
                self._output = resources.enter_context(contextlib.closing(Output(copy)))
                self._api = RuntimeApi(max_response_bytes=MAX_RESPONSE_BYTES, alive=self._alive)
                resources.callback(self._api.close)
                self._status_fd, status_write_fd = os.pipe()
                resources.callback(os.close, self._status_fd)
                os.set_blocking(self._status_fd, False)
                folder = "" if governor.isolates else resources.enter_context(_own_tmp())
            except OSError as exc:
                raise BackendError(f"cannot start a worker for {spec.name}: {exc}", CANNOT_START) from exc
            try:
                self.pid = governor.start(self._wanted(folder), self._output.write_fd, status_write_fd)
            finally:
                self._output.let_go()
                os.close(status_write_fd)
            self._began = time.monotonic()
            resources.callback(self._end_worker)
            self._api.watch(self._output.fileno(), self._drain)
            self._api.watch(self._status_fd, self._read_status)
            self._resources = resources.pop_all()

    def __enter__(self) -> ExecutionEnvironment:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def usable(self) -> bool:
        """Whether it can serve another invocation. If not, close it and start a new one."""
        return not self._spent and self._alive()

    def load(self) -> FunctionError | None:
        """Wait for the init phase, for `init_limit_s` at most. The CPU is not limited meanwhile, as in Lambda.

        Returns:
            The error of a handler that could not be loaded. The first invocation will give it too.
        """
        if not self._loaded:
            self._loaded = True
            delayed_ms = self._api.delayed_ms
            took_ms: float | None
            try:
                self._spent = not self._api.wait(self._loading_ended, deadline=self._began + self.spec.init_limit_s)
                took_ms = (self._api.happened_at - self._began) * 1000 - (self._api.delayed_ms - delayed_ms)
            except TimeoutError:
                took_ms = None  # it goes on within the first invocation
            self._spent = self._spent or (not self._api.ready and self._loading_ended())
            self._use = self._governor.end(self.pid)
            limit_ms = self.spec.init_limit_s * 1000
            self._init_ms = limit_ms if took_ms is None else max(_SHORTEST_MS, took_ms - self._use.lost_s * 1000)
        return _error_of(self._api.init_error) if self._api.init_error else None

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
        began = time.monotonic()
        ending = self._run(payload or b"{}", request_id, arn or self._arn, cold)
        wall_ms = (time.monotonic() - began) * 1000
        facts = InvocationFacts(
            request_id=request_id,
            version=self.spec.version,
            duration_ms=ending.duration_ms,
            init_duration_ms=ending.init_duration_ms,
            memory_size_mb=self.spec.memory_mb,
            max_memory_used_mb=min(-(-self._use.peak_bytes // MB), self.spec.memory_mb),
            status=ending.status,
            error_type=ending.error.type if ending.error else None,
        )
        written = self._output.take()
        return LocalInvocationResult(
            request_id=request_id,
            environment=self.label,
            payload=ending.payload,
            error=ending.error,
            log=compose(written, before, facts, self.spec.log_format),
            output=before + written,
            duration_ms=facts.duration_ms,
            billed_duration_ms=facts.billed_duration_ms,
            init_duration_ms=facts.init_duration_ms,
            max_memory_used_mb=facts.max_memory_used_mb,
            cpu_ms=ending.cpu_ms,
            wall_ms=wall_ms,
            waited_ms=ending.waited_ms,
        )

    def kill(self) -> None:
        """End the worker at once, from any thread; a running invocation returns with an exit error."""
        with self._lock:
            if not self._closed:
                self._spent = True
                with contextlib.suppress(BackendError):  # the governor is gone, and the worker with it
                    self._governor.kill(self.pid)

    def close(self) -> None:
        """End the worker and everything that it started."""
        with self._lock:
            if self._closed:
                return
            self._closed = self._spent = True
            self._resources.close()

    def _end_worker(self) -> None:
        try:
            self._governor.remove(self.pid)
        except BackendError:  # the governor is gone, and its keepers with it
            deadline = time.monotonic() + _EXIT_WAIT_S
            with contextlib.suppress(OSError):
                while time.monotonic() < deadline:  # until the group is gone
                    os.killpg(self.pid, signal.SIGKILL)
                    time.sleep(0.002)

    def _wanted(self, folder: str) -> WorkerStart:
        spec, variables = self.spec, {**self._variables(), **({"TMPDIR": folder} if folder else {})}
        return WorkerStart(
            command=command_at(spec.command, spec.memory_mb, variables),
            variables=variables,
            # A loop of this project goes there itself, so that its interpreter starts beside no module of the function.
            folder=str(spec.code_dir if spec.provided else LOOPS),
            code=tuple(map(str, (spec.code_dir, *spec.folders_above))),
            share=spec.cpu_share if spec.throttled else None,
            limit_bytes=spec.memory_limit_bytes,
            freezes=spec.throttled,
            tmp_mb=spec.tmp_mb,
        )

    def _variables(self) -> Mapping[str, str]:
        """Environment variables (developer guide, "Defined runtime environment variables")."""
        spec = self.spec
        if spec.inherit_environment:
            passed_on = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT}
            for name in _SEARCHED.intersection(passed_on):
                passed_on[name] = _from_here(passed_on[name])
        else:
            passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return {
            **passed_on,
            "TZ": ":UTC",
            "LAMBDA_TASK_ROOT": str(spec.code_dir),
            "LAMBDA_RUNTIME_DIR": str(LOOPS),
            "_HANDLER": spec.handler,
            # A runtime that the function brings itself is not told (developer guide).
            **({"AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}"} if not spec.provided else {}),
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
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
        }

    def _run(self, payload: bytes, request_id: str, arn: str, cold: bool) -> _Ending:
        spec, delayed_ms = self.spec, self._api.delayed_ms
        init_ms = self._init_ms if cold else None
        trace_id = f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)};Parent={secrets.token_hex(8)};Sampled=0"
        self._api.give(RuntimeEvent(request_id, payload, int((time.time() + spec.timeout_s) * 1000), arn, trace_id))
        began = time.monotonic()
        self._governor.begin(self.pid, began)
        timed_out = self._wait_for_end(began, delayed_ms)
        wall_ms = (self._api.happened_at - began) * 1000
        self._use = use = self._governor.end(self.pid)
        waited_ms = use.lost_s * 1000 + self._api.delayed_ms - delayed_ms
        took_ms = max(self._shortest_ms(use.cpu_s * 1000), wall_ms - waited_ms)
        if use.out_of_memory:
            return self._verdict(request_id, "Runtime.OutOfMemory", "signal: killed", took_ms, init_ms, waited_ms)
        if timed_out:
            return self._timeout(request_id, init_ms, waited_ms)
        answer = self._api.answer or self._api.init_error
        if answer is None:
            return self._verdict(request_id, "Runtime.ExitError", self._exit_reason(), took_ms, init_ms, waited_ms)
        self._spent = self._spent or not self._api.ready
        # An exact limiter would have stopped the worker earlier, and so have let it end later.
        if use.owed_s:
            time.sleep(use.owed_s)
        payload, error = _read(answer)
        return _Ending(took_ms + use.owed_s * 1000, payload, error, None, use.cpu_s * 1000, init_ms, waited_ms)

    def _wait_for_end(self, began: float, delayed_ms: float) -> bool:
        """Wait until the invocation is over, or its timeout; whether it timed out.

        The timeout is of the worker's own time: what it waited for a core does not count. Of a wait the kernel tells
        when it is over, so that a worker that has waited gets a moment more, and one that waits now gets another.
        """
        ends_at, last = began + self.spec.timeout_s, False
        while True:
            try:
                self._spent = not self._api.wait(self._ended, deadline=ends_at) or self._spent
            except TimeoutError:
                lost_s, waits = self._governor.lost(self.pid)
                lost_s += (self._api.delayed_ms - delayed_ms) / 1000
                now = time.monotonic()
                left_s = self.spec.timeout_s - (now - began - lost_s)
                if left_s < _LEAST_LOSS_S and not waits and (last or lost_s < _LEAST_LOSS_S):
                    return True
                last = left_s < _LEAST_LOSS_S
                ends_at = now + (_LONGEST_WAIT_S if last else left_s)
            else:
                return False

    def _shortest_ms(self, cpu_ms: float) -> float:
        """Least time in which so much CPU time can be had: quotas come at the start of their periods."""
        share = self.spec.cpu_share if self.spec.throttled else inf
        return max(_SHORTEST_MS, cpu_ms / max(1.0, share), cpu_ms / share - PERIOD_S * 1000)

    def _ended(self) -> bool:
        """Whether the invocation is over: answered, and the next one asked for; or nobody is there to answer."""
        api = self._api
        over = api.answer is not None and (api.ready or api.answer.body_bytes > MAX_RESPONSE_BYTES)
        return over or api.init_error is not None or self._status is not None

    def _loading_ended(self) -> bool:
        return self._api.ready or self._api.init_error is not None or self._status is not None

    def _timeout(self, request_id: str, init_ms: float | None, waited_ms: float) -> _Ending:
        self.kill()
        message = f"RequestId: {request_id} Error: Task timed out after {self.spec.timeout_s:.2f} seconds"
        payload, error = _document("Sandbox.Timedout", message)
        return _Ending(self.spec.timeout_s * 1000, payload, error, "timeout", None, init_ms, waited_ms)

    def _verdict(
        self, request_id: str, kind: str, reason: str, took_ms: float, init_ms: float | None, waited_ms: float
    ) -> _Ending:
        self.kill()
        cause = f"Runtime exited with error: {reason}" if reason else "Runtime exited without providing a reason"
        payload, error = _document(kind, f"RequestId: {request_id} Error: {cause}")
        return _Ending(took_ms, payload, error, "error", None, init_ms, waited_ms)

    def _exit_reason(self) -> str:
        """How the worker ended, in Lambda's words; empty for an exit with status 0."""
        status = self._status
        if status is None or status < 0:
            number = -status if status else signal.SIGKILL
            return f"signal: {(signal.strsignal(number) or str(number)).lower()}"
        return f"exit status {status}" if status else ""

    def _drain(self) -> None:
        if not self._output.drain():
            self._api.unwatch(self._output.fileno())

    def _read_status(self) -> None:
        """Take in how the worker ended; an end without a status means that everything was killed."""
        with contextlib.suppress(BlockingIOError):
            told = os.read(self._status_fd, 16)
            if self._status is None:
                self._status = int(told or -signal.SIGKILL)
            self._api.unwatch(self._status_fd)

    def _alive(self) -> bool:
        self._governor.check()
        if not self._closed and self._status is None:
            self._read_status()
        return not self._closed and self._status is None


def _own_tmp() -> tempfile.TemporaryDirectory[str]:
    """A folder in place of /tmp, where a host gives no worker its own. What cannot be removed is no reason to fail."""
    return tempfile.TemporaryDirectory(ignore_cleanup_errors=True)


def _from_here(paths: str) -> str:
    """A list of folders, seen from the current one: a worker starts in another. Empty entries stay."""
    return os.pathsep.join(entry and str(Path(entry).absolute()) for entry in paths.split(os.pathsep))


def error_of(document: bytes, kind: str = "") -> FunctionError:
    """Read an error document as Lambda's runtimes send it; what is none is told as it is."""
    try:
        fields = json.loads(document)
    except (ValueError, RecursionError):  # nested too deeply
        fields = None
    if not isinstance(fields, dict):
        return FunctionError(kind or "Unknown", document.decode("utf-8", "replace"))
    stack = fields.get("stackTrace") or fields.get("trace") or ()
    lines = tuple(map(str, stack)) if isinstance(stack, list) else (str(stack),) if stack else ()
    return FunctionError(str(fields.get("errorType", kind)), str(fields.get("errorMessage", "")), lines)


def _error_of(answer: Answer) -> FunctionError:
    return error_of(answer.body, answer.error_type)


def _read(answer: Answer) -> tuple[bytes, FunctionError | None]:
    """Response and error of an answer."""
    if answer.body_bytes > MAX_RESPONSE_BYTES:
        message = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."
        return _document("Function.ResponseSizeTooLarge", message)
    return answer.body, _error_of(answer) if answer.is_error else None


def _document(kind: str, message: str) -> tuple[bytes, FunctionError]:
    payload = json.dumps({"errorType": kind, "errorMessage": message}).encode()
    return payload, FunctionError(kind, message)
