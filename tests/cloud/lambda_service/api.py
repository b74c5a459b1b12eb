"""The operations of the Lambda API: a table from names to functions of a request.

Each takes a `Request` and returns what the response carries; the rules live with the
functions (`functions.py`), their documents (`documents.py`) and invocations (`invocation.py`).
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

from tests.cloud.errors import AwsError, Reply
from tests.cloud.lambda_service import errors
from tests.cloud.lambda_service.functions import Function, FunctionStore
from tests.cloud.lambda_service.names import FunctionName, parse
from tests.cloud.wire import Call

if TYPE_CHECKING:
    from tests.cloud.lambda_service.service import LambdaService

Document = dict[str, Any]


@dataclass(slots=True)
class Request:
    """One call of the Lambda API with the store of its account and region."""

    service: LambdaService
    store: FunctionStore
    call: Call

    @property
    def parameters(self) -> Document:
        """The members of the request in the API's spelling."""
        return self.call.parameters

    def name(self) -> FunctionName:
        """The function that is meant, with its qualifier."""
        text, qualifier = self.parameters["FunctionName"], self.parameters.get("Qualifier")
        return parse(text, region=self.store.region, account=self.store.account, qualifier=qualifier)

    def function(self) -> Function:
        """The function that is meant; its qualifier may be anything."""
        return self.store.get(self.name())

    def latest_only(self) -> Function:
        """The function, refusing a qualifier: versions cannot be changed.

        Raises:
            AwsError: InvalidParameterValueException.
        """
        name = self.name()
        if name.qualifier not in (None, "$LATEST"):
            raise errors.invalid("Current operation does not support versions other than $LATEST")
        return self.store.get(name)

    def page(self, items: list[Document], key: str, *, default: int = 50) -> Document:
        """`items` from Marker on, at most MaxItems of them."""
        start = int(self.parameters.get("Marker") or 0)
        size = min(int(self.parameters.get("MaxItems") or default), default)
        document: Document = {key: items[start : start + size]}
        if start + size < len(items):
            document["NextMarker"] = str(start + size)
        return document


Operation = Callable[[Request], "Document | Reply | None"]
OPERATIONS: dict[str, tuple[Operation, int]] = {}
"""What is implemented: operation name to its function and the status of its success."""


def operation(name: str, status: int = 200) -> Callable[[Operation], Operation]:
    """Register an operation of the API."""

    def register(function: Operation) -> Operation:
        OPERATIONS[name] = (function, status)
        return function

    return register


class RateLimit:
    """At most so many control-plane requests in any second."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def take(self, rate: float | None) -> None:
        """Count a request.

        Raises:
            AwsError: TooManyRequestsException, reason CallerRateLimitExceeded.
        """
        if rate is None:
            return
        now = monotonic()
        while self._times and self._times[0] <= now - 1:
            self._times.popleft()
        if len(self._times) >= rate:
            raise errors.throttled("CallerRateLimitExceeded", None, "Rate exceeded")
        self._times.append(now)


def respond(request: Request) -> Reply:
    """Perform the operation of a request.

    Raises:
        AwsError: what AWS would refuse, and NotImplemented for what the stand-in does not have.
    """
    name = request.call.operation
    if name not in OPERATIONS:
        raise AwsError("NotImplemented", f"The local stand-in has no lambda:{name}", status=501)
    function, status = OPERATIONS[name]
    result = function(request)
    if isinstance(result, tuple):
        return result
    body = b"" if result is None else json.dumps(result).encode()
    return status, {"Content-Type": "application/json", "x-amzn-RequestId": request.call.request_id}, body
