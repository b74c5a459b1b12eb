"""Faults on purpose: refuse, throttle, delay, break, cut off or repeat a call, or stop the world at it.

A fault names the calls it is for (service, operation, caller, a parameter), counts them, and
strikes at the n-th. What a fault does to a call is in `server.py`; here is which and what AWS would say.
"""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from tests.cloud.errors import AwsError
from tests.cloud.iam import needed
from tests.cloud.lambda_service import errors
from tests.cloud.policies import denied
from tests.cloud.wire import Call


class Kind(StrEnum):
    """What happens to the call."""

    DENY = "deny"
    """Refused for want of permission; nothing is done."""
    THROTTLE = "throttle"
    """Refused for too many requests; nothing is done."""
    SERVER_ERROR = "server_error"
    """A 500 of the service; nothing is done."""
    ERROR = "error"
    """Refused with `code`, `message` and `status`; nothing is done."""
    DELAY = "delay"
    """Done after `seconds`."""
    LOSE_REQUEST = "lose_request"
    """The connection ends; nothing is done."""
    LOSE_REPLY = "lose_reply"
    """Done, then the connection ends without an answer."""
    ERROR_AFTER = "error_after"
    """Done, then answered with a 500."""
    TWICE = "twice"
    """Done twice, as a repeated request would; the second answer is sent."""
    KILL_CLIENT = "kill_client"
    """Done, then the process that sent it gets SIGKILL."""
    HOOK = "hook"
    """The test's callback runs before the call is done."""
    HOOK_AFTER = "hook_after"
    """The test's callback runs after the call is done, before the answer."""


@dataclass(slots=True)
class Fault:
    """A fault and the calls it is for; `operation` and `service` may use * and ?."""

    kind: Kind
    operation: str = "*"
    service: str = "*"
    caller: str = "user"
    """Whose calls count: user, function, states, stacks, or * for all."""
    nth: int = 1
    """The first matching call that it strikes."""
    times: int | None = 1
    """How many calls it strikes; None: all from then on."""
    where: dict[str, Any] = field(default_factory=dict)
    """Parameters that the call must have."""
    seconds: float = 0.0
    code: str = ""
    message: str = ""
    status: int = 400
    callback: str = ""
    """Address that a hook calls."""
    seen: int = 0

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Fault:
        """Read what `to_json` wrote."""
        return cls(**{**document, "kind": Kind(document["kind"])})

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def matches(self, call: Call) -> bool:
        """Whether the call is one of those that it counts."""
        return (
            fnmatchcase(call.operation, self.operation)
            and fnmatchcase(call.service, self.service)
            and fnmatchcase(call.caller, self.caller)
            and all(call.parameters.get(key) == value for key, value in self.where.items())
        )

    def strikes(self, call: Call) -> bool:
        """Count a call, and say whether the fault is for it."""
        if not self.matches(call):
            return False
        self.seen += 1
        return self.seen >= self.nth and (self.times is None or self.seen < self.nth + self.times)


class FaultPlan:
    """The faults that are set."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Set another fault."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """No faults any more."""
        with self._lock:
            self._faults.clear()

    def for_call(self, call: Call) -> list[Fault]:
        """The faults that strike this call."""
        with self._lock:
            return [fault for fault in self._faults if fault.strikes(call)]


def refusal(fault: Fault, call: Call) -> AwsError | None:
    """The error that the fault answers with in place of doing the call; None: the call is done."""
    match fault.kind:
        case Kind.DENY:
            return denied(call, needed(call)[0])
        case Kind.THROTTLE:
            return throttled(call)
        case Kind.SERVER_ERROR:
            return server_error(call)
        case Kind.ERROR:
            return AwsError(fault.code, fault.message, status=fault.status)
        case _:
            return None


def throttled(call: Call) -> AwsError:
    """The service's words for too many requests."""
    if call.service == "lambda":
        reason = "ConcurrentInvocationLimitExceeded" if call.operation == "Invoke" else "CallerRateLimitExceeded"
        return errors.throttled(reason, 1 if call.operation == "Invoke" else None)
    if call.service == "s3":
        return AwsError("SlowDown", "Please reduce your request rate.", status=503)
    code = "Throttling" if call.protocol == "query" else "ThrottlingException"
    return AwsError(code, "Rate exceeded", status=400)


def server_error(call: Call) -> AwsError:
    """The service's words for a fault of its own."""
    if call.service == "lambda":
        return AwsError("ServiceException", "An error occurred and the request cannot be processed.", status=500)
    if call.service == "s3":
        return AwsError("InternalError", "We encountered an internal error. Please try again.", status=500)
    code = "InternalFailure" if call.protocol == "query" else "InternalServerError"
    return AwsError(code, "The request processing has failed because of an unknown error.", status=500)
