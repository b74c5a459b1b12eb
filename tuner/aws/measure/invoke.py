"""Invokes a version of a function and reads its report.

Repeats a throttled call, because it never ran. Never repeats a call that may have run. A failure of the
function is an outcome; only a failure that every call would meet is an error.
"""

from __future__ import annotations

import base64
import json
import random
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from tuner.aws.api.errors import (
    AwsError,
    ConflictError,
    LostReplyError,
    ServiceFaultError,
    ThrottledError,
    UnreachableError,
    aws_errors,
)
from tuner.aws.api.logs import LogLookup
from tuner.aws.measure.concurrency import ConcurrencyLimiter
from tuner.errors import BackendError
from tuner.model import Configuration, FunctionError, Invocation, Outcome
from tuner.payloads import without_payload, without_values
from tuner.pricing.price_list import snapstart_restore_usd
from tuner.redaction import Redaction
from tuner.report_line import ReportLine, classify, last_request_id, parse_log

ATTEMPTS = 12
"""Calls of a throttled invocation at most. With the pauses below they take about a minute."""
BASE_PAUSE_S, CAP_PAUSE_S = 0.1, 10.0
_NOT_READY = {"ResourceNotReadyException", "CodeArtifactUserPendingException", "SnapStartNotReadyException"}
_PAID_RESTORES = ("python", "dotnet")
"""AWS charges SnapStart restores of these runtimes; Java's are free (Lambda pricing, 2026-09)."""

_ARN_REGION = re.compile(r"arn:aws[\w-]*:lambda:([a-z0-9-]+):")


@dataclass(frozen=True, slots=True)
class InvocationTarget:
    """What an invocation calls: a version of the function or of a copy.

    Attributes:
        function: name of the function or copy.
        qualifier: version number.
        configuration: configuration of that version.
        runtime: the runtime, which decides whether AWS charges restores.
        log_group: the log group with its reports; empty when nothing can be found there.
        reports: whether the platform writes reports. If not, only the function can have written one.
        storage_usd_per_s: price of the ephemeral storage above what is free.
    """

    function: str
    qualifier: str
    configuration: Configuration
    runtime: str = ""
    log_group: str = ""
    storage_usd_per_s: float = 0.0
    reports: bool = True


@dataclass(frozen=True, slots=True)
class Reply:
    """Lambda's reply: body, whether the function failed, log tail, request id."""

    body: bytes
    failed: bool
    log: str
    request_id: str


@dataclass(slots=True)
class Invoker:
    """Invokes. Safe to use from several threads.

    Attributes:
        client: a boto3 `lambda` client without retries.
        limiter: limits the invocations that run at once.
        logs: finds reports that the log tail lacks; None: nothing looks for them.
        allowed: error types that count as normal runs.
        pre_processor, post_processor: functions called before and after each invocation.
        emulated: whether an emulator of AWS answers, whose logs may use other request ids than its replies.
        hide_payload: remove the payload from errors of the function and the processors.
        hide_variables: gives what takes the values of the function's environment variables out of its errors.
        attempts: calls of a throttled invocation at most.
        base_pause_s: upper bound of the first pause between calls; it doubles each time.
        client_in: gives a client of another region, for processors there; None: all are in the client's own region.
    """

    client: Any
    limiter: ConcurrencyLimiter
    logs: LogLookup | None = None
    allowed: frozenset[str] = frozenset()
    pre_processor: str | None = None
    post_processor: str | None = None
    now: Callable[[], float] = time.time
    rng: random.Random = field(default_factory=random.Random)
    emulated: bool = False
    hide_payload: bool = False
    hide_variables: Callable[[], Redaction] = lambda: Redaction.of(())
    attempts: int = ATTEMPTS
    base_pause_s: float = BASE_PAUSE_S
    client_in: Callable[[str], Any] | None = None

    def measure(
        self, target: InvocationTarget, body: bytes, *, payload: int, stop: threading.Event
    ) -> Invocation | None:
        """Invoke once, with the processors. Returns None when `stop` was set before the function ran.

        Raises:
            BackendError: a permission or the version is missing, or a processor failed.
        """
        given, body = body, self.prepare(body, stop)
        began = self.now()
        started_at = _iso(began)
        try:
            reply = self._call(target.function, target.qualifier, body, stop)
        except ThrottledError as exc:
            cause = FunctionError(exc.code, f"{exc.message} {exc.hint}")
            return Invocation(Outcome.THROTTLED, error=cause, payload=payload, started_at=started_at)
        except (LostReplyError, ServiceFaultError) as exc:
            cause = FunctionError(exc.code, exc.message)
            return Invocation(Outcome.NO_REPORT, error=cause, payload=payload, started_at=started_at)
        if reply is None:
            return None
        invocation = self.interpret(target, reply, began=began, payload=payload, stop=stop)
        if self.post_processor and (not reply.failed or invocation.allowed):
            self._processed(self.post_processor, reply.body, stop, given, body)
        return self.without_secrets(invocation, given, body)

    def without_secrets(self, invocation: Invocation, *bodies: bytes) -> Invocation:
        """The invocation whose error says nothing of environment variables, and of payloads where they are hidden.

        Args:
            invocation: as its reply or its log tells it.
            bodies: the payload as it was given, and as it was sent.
        """
        if invocation.error is None:
            return invocation
        error = without_values(invocation.error, self.hide_variables())
        return replace(invocation, error=without_payload(error, *bodies) if self.hide_payload else error)

    def prepare(self, body: bytes, stop: threading.Event) -> bytes:
        """The payload that the pre-processor returns, also when it is null. Without one, the payload itself.

        Raises:
            BackendError: the processor failed.
        """
        return (self._processed(self.pre_processor, body, stop) or body) if self.pre_processor else body

    def interpret(
        self, target: InvocationTarget, reply: Reply, *, began: float, payload: int, stop: threading.Event
    ) -> Invocation:
        """The invocation that a reply describes. The state machine hands in replies of its own calls.

        Args:
            target: what was invoked.
            reply: Lambda's reply.
            began: when the invocation began, in Unix seconds.
            payload: index of the payload.
            stop: ends the wait for a report in the logs.
        """
        report, stream = self._report(target, reply, began, stop)
        error = _function_error(reply) if reply.failed else None
        allowed = error is not None and error.type in self.allowed  # also a timeout, or at the limit of the memory
        return Invocation(
            Outcome.ERROR if allowed else classify(report, error),
            environment=stream,
            duration_ms=report.duration_ms if report else None,
            billed_duration_ms=report.billed_duration_ms if report else None,
            init_duration_ms=report.init_duration_ms if report else None,
            restore_duration_ms=report.restore_duration_ms if report else None,
            max_memory_used_mb=report.max_memory_used_mb if report else None,
            allowed=allowed,
            error=error,
            request_id=reply.request_id,
            payload=payload,
            started_at=_iso(began),
            extra_cost_usd=_extra_cost(target, report),
        )

    def _report(
        self, target: InvocationTarget, reply: Reply, began: float, stop: threading.Event
    ) -> tuple[ReportLine | None, str]:
        if not target.reports:
            return None, ""  # only the function itself can have written a report
        report = parse_log(reply.log, self._id_in_log(reply))
        if report is None and self.logs is not None and target.log_group:
            found = self.logs.find(target.log_group, reply.request_id, int(began * 1000), stop)
            if found is not None:
                return parse_log(found[0], reply.request_id), found[1]
        return report, ""

    def _id_in_log(self, reply: Reply) -> str:
        """The request id in the log of a reply. Only an emulator may use another one than its reply has."""
        if self.emulated and reply.request_id not in reply.log:
            return last_request_id(reply.log) or reply.request_id
        return reply.request_id

    def _processed(self, arn: str, body: bytes, stop: threading.Event, *payloads: bytes) -> bytes:
        """The output of a processor; empty once `stop` was set. Its error may quote the payloads."""
        reply = self._call(arn, None, body, stop, client=self._client_of(arn))
        if reply is None:
            return b""
        if reply.failed:
            error = _function_error(reply)
            if self.hide_payload:
                error = without_payload(error, body, *payloads)
            raise BackendError(
                f"The processor {arn} failed: {error.type}: {error.message}", "Fix the processor, then run again."
            )
        return reply.body

    def _client_of(self, processor: str) -> Any:
        """The client of a processor's region."""
        found = _ARN_REGION.match(processor)
        return self.client_in(found[1]) if found and self.client_in else self.client

    def _call(
        self, function: str, qualifier: str | None, body: bytes, stop: threading.Event, *, client: Any = None
    ) -> Reply | None:
        """Invoke until the function has run or may have run. Returns None when `stop` was set first.

        Raises:
            ThrottledError: no concurrency was free after all retries.
            LostReplyError, ServiceFaultError: the function may have run.
            AwsError: every other call would fail too.
        """
        for attempt in range(self.attempts):
            if not self.limiter.enter(stop):
                return None
            throttled = False
            try:
                return self._once(client or self.client, function, qualifier, body)
            except (ThrottledError, UnreachableError, ConflictError) as exc:
                throttled = isinstance(exc, ThrottledError)
                failure: AwsError = exc
            except AwsError as exc:
                if exc.code not in _NOT_READY:
                    raise
                failure = exc
            finally:
                self.limiter.leave(throttled=throttled)
            longest = min(CAP_PAUSE_S, self.base_pause_s * 2**attempt)
            pause = max(self.rng.uniform(longest / 2, longest), min(CAP_PAUSE_S, failure.retry_after_s))
            if attempt + 1 < self.attempts and stop.wait(pause):
                return None
        raise failure

    def _once(self, client: Any, function: str, qualifier: str | None, body: bytes) -> Reply:
        arguments = {"Qualifier": qualifier} if qualifier else {}
        with aws_errors(f"invoke {function}{f':{qualifier}' if qualifier else ''}"):
            reply = client.invoke(FunctionName=function, Payload=body, LogType="Tail", **arguments)
            answer = reply["Payload"].read()
        tail = base64.b64decode(reply.get("LogResult") or "").decode("utf-8", "replace")
        request_id = str(reply["ResponseMetadata"].get("RequestId", ""))
        return Reply(answer, bool(reply.get("FunctionError")), tail, request_id)


def _iso(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def _function_error(reply: Reply) -> FunctionError:
    """The error that the function returned."""
    try:
        said = json.loads(reply.body)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        return FunctionError("Unhandled", reply.body.decode("utf-8", "replace"))
    stack = said.get("stackTrace") or said.get("trace") or ()
    lines = stack.splitlines() if isinstance(stack, str) else [str(line) for line in stack]
    return FunctionError(
        str(said.get("errorType") or _type_from(said)), str(said.get("errorMessage") or ""), tuple(lines)
    )


def _type_from(said: dict[str, Any]) -> str:
    """The error type where the runtime gives none. A timeout is visible in the message only."""
    return "Sandbox.Timedout" if "Task timed out after" in str(said.get("errorMessage")) else "Unhandled"


def _extra_cost(target: InvocationTarget, report: ReportLine | None) -> float:
    """Cost beside duration and request: ephemeral storage, and restores where AWS charges them."""
    if report is None:
        return 0.0
    storage = target.storage_usd_per_s * (report.billed_duration_ms or 0) / 1000
    restored = report.restore_duration_ms is not None and target.runtime.startswith(_PAID_RESTORES)
    return storage + (snapstart_restore_usd(target.configuration.memory_mb) if restored else 0.0)
