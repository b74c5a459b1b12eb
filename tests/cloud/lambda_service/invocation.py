"""Invoke: which version runs, whether there is room for it, and what the caller and the log get.

Runs nothing itself: a `Runtime` does (real workers, or a simulated function).
"""

from __future__ import annotations

import base64
import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from tests.cloud.errors import AwsError, Reply
from tests.cloud.lambda_service import errors
from tests.cloud.lambda_service.api import Request, operation
from tests.cloud.lambda_service.functions import Function, Version
from tests.cloud.lambda_service.names import LATEST

MAX_REQUEST_BYTES = 6_291_456
"""Payload of a synchronous invocation (Lambda quotas: 6 MB)."""
MAX_EVENT_BYTES = 1_048_576
"""Payload of an asynchronous invocation (Lambda quotas: 1 MB)."""
TAIL_BYTES = 4096
"""How much of the log `LogType: Tail` brings back."""
ASYNC_ATTEMPTS = 3
"""An asynchronous invocation that fails is tried twice more."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a runtime did: `log` is what goes to CloudWatch, in the function's log format."""

    payload: bytes
    function_error: str | None
    log: bytes
    stream: str
    """Log stream of the execution environment."""


class Runtime(Protocol):
    """Something that runs a version of a function."""

    def run(self, function: Function, version: Version, event: bytes, request_id: str, qualified_arn: str) -> Run:
        """Run one invocation to its end."""
        ...


@operation("Invoke")
def invoke(request: Request) -> Reply:
    """Check, take a place, run; the lock of the store is not held while the code runs."""
    name, event = request.name(), request.call.body
    kind = request.parameters.get("InvocationType", "RequestResponse")
    _check_size(event, kind)
    with request.store.lock:
        function = request.function()
        version = _chosen(function, name.qualifier)
        if version.pending:
            raise errors.pending()
        if version.failure and version.number != LATEST:
            raise errors.pending("Failed")
        _check_json(event)
    if kind == "DryRun":
        return 204, _headers(request, version), b""
    if kind == "Event":
        _run_later(request, function, version, event or b"{}")
        return 202, _headers(request, version), b""
    with _place(request, function):
        run = request.service.run(function, version, event or b"{}", request.call.request_id, name.qualified_arn)
    headers = _headers(request, version)
    if run.function_error:
        headers["X-Amz-Function-Error"] = run.function_error
    if request.parameters.get("LogType") == "Tail":
        headers["X-Amz-Log-Result"] = base64.b64encode(run.log[-TAIL_BYTES:]).decode()
    return 200, headers, run.payload


def _headers(request: Request, version: Version) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "x-amzn-RequestId": request.call.request_id,
        "X-Amz-Executed-Version": version.number,
    }


def _check_size(event: bytes, kind: str) -> None:
    if kind != "Event" and len(event) > MAX_REQUEST_BYTES:
        text = f"Request must be smaller than {MAX_REQUEST_BYTES} bytes for the InvokeFunction operation"
        raise AwsError("RequestEntityTooLargeException", text, status=413)
    if kind == "Event" and len(event) > MAX_EVENT_BYTES:
        text = f"{len(event)} byte payload is too large for the Event invocation type (limit {MAX_EVENT_BYTES} bytes)"
        raise AwsError("RequestEntityTooLargeException", text, status=413)


def _check_json(event: bytes) -> None:
    try:
        json.loads(event or b"{}")
    except ValueError as exc:
        text = f"Could not parse request body into json: Could not parse payload into json: {exc}"
        raise AwsError("InvalidRequestContentException", text, status=400) from None


def _chosen(function: Function, qualifier: str | None) -> Version:
    """The version that runs; an alias with weights draws."""
    version = function.resolve(qualifier)
    alias = function.aliases.get(qualifier or "")
    if alias and alias.weights:
        numbers = [alias.version, *alias.weights]
        first = 1.0 - sum(alias.weights.values())
        version = function.versions[random.choices(numbers, [first, *alias.weights.values()])[0]]
    return version.effective


@contextmanager
def _place(request: Request, function: Function) -> Iterator[None]:
    """One of the places for invocations at once: the function's reserved ones, or the account's others.

    Raises:
        AwsError: TooManyRequestsException with its Reason.
    """
    store, settings, name = request.store, request.service.settings, function.name.name
    with store.lock:
        if function.reserved is not None:
            full = store.running.get(name, 0) >= function.reserved
            reason = "ReservedFunctionConcurrentInvocationLimitExceeded"
        else:
            reserved = {f.name.name: f.reserved for f in store.functions.values() if f.reserved is not None}
            busy = sum(count for key, count in store.running.items() if key not in reserved)
            full = busy >= settings.concurrency - sum(reserved.values())
            reason = "ConcurrentInvocationLimitExceeded"
        if full:
            raise errors.throttled(reason, settings.retry_after_seconds)
        store.running[name] = store.running.get(name, 0) + 1
    try:
        yield
    finally:
        with store.lock:
            store.running[name] -= 1


def _run_later(request: Request, function: Function, version: Version, event: bytes) -> None:
    config = function.event_invoke.get(request.name().qualifier or "", {})
    attempts = 1 + config.get("MaximumRetryAttempts", ASYNC_ATTEMPTS - 1)
    arn = request.name().qualified_arn

    def work() -> None:
        for attempt in range(attempts):
            if attempt:
                time.sleep(request.service.settings.async_retry_seconds)
            run = request.service.run(function, version, event, request.call.request_id, arn)
            if not run.function_error:
                return

    threading.Thread(target=work, daemon=True).start()


def stream_name(function: str, version: Version, environment: str) -> str:
    """Name of an environment's log stream: date, version, and an id; the function in a group that is not its own."""
    own = version.configuration["LoggingConfig"]["LogGroup"] == f"/aws/lambda/{function}"
    return f"{datetime.now(UTC):%Y/%m/%d}/{'' if own else function}[{version.number}]{environment}"
