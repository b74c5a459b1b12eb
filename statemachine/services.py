"""What every handler is given: AWS clients, the bucket, the time, and the stack's parameters.

The only module that reads the environment. It also wraps each handler, so that an error of the tool
reaches the execution as a message with its remedy.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from statemachine.deployment import Deployment, read_deployment
from statemachine.execution_store import ExecutionStore
from tuner.aws.api.client import LambdaApi
from tuner.aws.api.connection import Connection
from tuner.aws.api.s3 import Objects
from tuner.aws.api.session import Clients, connect
from tuner.errors import TunerError

Handler = Callable[[Mapping[str, Any], Any], Any]


@dataclass(slots=True)
class Services:
    """What a handler may use.

    Attributes:
        clients: AWS clients of the state machine's region.
        bucket: bucket of samples, results and reports.
        environment: environment variables of the handler.
        now: the time.
        make_api: wraps a boto3 `lambda` client.
    """

    clients: Clients
    bucket: str
    environment: Mapping[str, str] = field(default_factory=dict)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    make_api: Callable[[Any], LambdaApi] = LambdaApi

    @property
    def connection(self) -> Connection:
        """How to reach AWS, for code that makes its own clients."""
        return Connection(region=self.clients.region, endpoint_url=self.clients.endpoint_url)

    @property
    def api(self) -> LambdaApi:
        """Lambda's control plane."""
        return self.make_api(self.clients.control)

    @property
    def objects(self) -> Objects:
        """The bucket."""
        return Objects(self.clients.s3, self.bucket)

    def store(self, folder: str) -> ExecutionStore:
        """Return the store of an execution by its folder."""
        return ExecutionStore(self.objects, folder)

    @property
    def deployment(self) -> Deployment:
        """The stack's parameters."""
        return read_deployment(self.environment)


@functools.cache
def shared_services() -> Services:
    """Return the services of this Lambda environment. They are made once, so warm invocations reuse connections."""
    connection = Connection(endpoint_url=os.environ.get("AWS_ENDPOINT_URL"))
    return Services(connect(connection), os.environ["TUNER_BUCKET"], dict(os.environ))


def with_readable_errors(handler: Handler) -> Handler:
    """Wrap a handler so that Lambda reports an error of the tool by its class, its message and its remedy."""

    @functools.wraps(handler)
    def wrapped(event: Mapping[str, Any], context: Any) -> Any:
        try:
            return handler(event, context)
        except TunerError as error:
            error.args = ("\n".join(part for part in (error.message, error.hint) if part),)
            raise

    return wrapped
