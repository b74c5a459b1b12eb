"""Makes calls that change nothing, of any service, each with a named action, a rate limit and retries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tuner.aws.api.errors import aws_errors
from tuner.aws.api.retry import Retrier


@dataclass(frozen=True, slots=True)
class ReadApi:
    """The reads of one service.

    Attributes:
        client: a boto3 client without its own retries.
        retry: the only retry layer.
    """

    client: Any
    retry: Retrier

    def read(self, action: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """Make a call, with retries. `action` names it in errors."""

        def once() -> dict[str, Any]:
            with aws_errors(action):
                reply: dict[str, Any] = getattr(self.client, operation)(**arguments)
            return reply

        return self.retry.read(once)

    def pages(
        self, action: str, operation: str, *, following: str = "nextToken", **arguments: Any
    ) -> Iterator[dict[str, Any]]:
        """The replies of all pages. A page may be empty without being the last one.

        Args:
            action: names the call in errors.
            operation: of the client.
            following: the field that leads to the next page.
            arguments: of the call.
        """
        while True:
            reply = self.read(action, operation, **arguments)
            yield reply
            if not reply.get(following):
                return
            arguments[following] = reply[following]
