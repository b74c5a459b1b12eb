"""What every handler is given: AWS clients, the bucket, the time, and the stack's parameters.

The only module that reads the environment. It also wraps each handler, so that an error of the tool
reaches the execution as a message with its remedy.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from statemachine.deployment import Deployment, read_deployment
from statemachine.execution_store import ExecutionStore
from statemachine.function_lock import Holder, decode_holder, encode_holder
from tuner.aws.api.client import LambdaApi
from tuner.aws.api.connection import Connection
from tuner.aws.api.s3 import Objects
from tuner.aws.api.session import Clients, connect
from tuner.errors import TunerError

Handler = Callable[[Mapping[str, Any], Any], Any]
NEVER_BEGUN = b"null"
"""What stands for the holder of a run whose execution was over before its Initializer began anything."""


@dataclass(slots=True)
class Services:
    """What a handler may use.

    Attributes:
        clients: AWS clients of the state machine's region.
        bucket: bucket of samples, results and reports.
        environment: environment variables of the handler.
        now: the time.
        make_api: wraps a boto3 `lambda` client.
        log: writes a line to the handler's log.
    """

    clients: Clients
    bucket: str
    environment: Mapping[str, str] = field(default_factory=dict)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    make_api: Callable[[Any], LambdaApi] = LambdaApi
    log: Callable[[str], None] = lambda line: _to_stdout(line)
    _elsewhere: dict[str, Clients] = field(default_factory=dict, repr=False)
    _apis: dict[str, LambdaApi] = field(default_factory=dict, repr=False)

    @property
    def connection(self) -> Connection:
        """How to reach AWS, for code that makes its own clients."""
        return Connection(region=self.clients.region, endpoint_url=self.clients.endpoint_url)

    def clients_in(self, region: str | None) -> Clients:
        """Return the clients of a function's region; None for the state machine's own."""
        if region is None or region == self.clients.region:
            return self.clients
        if region not in self._elsewhere:
            self._elsewhere[region] = connect(self.connection, region=region)
        return self._elsewhere[region]

    def api_in(self, region: str | None) -> LambdaApi:
        """Return Lambda's control plane in a function's region: one, so that its pace holds over all that use it."""
        clients = self.clients_in(region)
        if clients.region not in self._apis:
            self._apis[clients.region] = self.make_api(clients.control)
        return self._apis[clients.region]

    @property
    def objects(self) -> Objects:
        """The bucket."""
        return Objects(self.clients.s3, self.bucket)

    def store(self, folder: str) -> ExecutionStore:
        """Return the store of an execution by its folder."""
        return ExecutionStore(self.objects, folder)

    def remember(self, holder: Holder) -> bool:
        """Store which execution a run belongs to, for a Cleaner that knows the execution alone.

        Returns whether the run may begin: not when a Cleaner has found that its execution is over.
        """
        key = _begun_key(holder.run)
        return self.objects.create(key, encode_holder(holder)) or self.objects.read(key) != NEVER_BEGUN

    def begun(self, run: str) -> Holder | None:
        """Return the execution of a run that is over; None when it began nothing. From now on it cannot begin."""
        key = _begun_key(run)
        if self.objects.create(key, NEVER_BEGUN):
            return None
        content = self.objects.read(key)
        return None if content in (None, NEVER_BEGUN) else decode_holder(content)

    @property
    def deployment(self) -> Deployment:
        """The stack's parameters."""
        return read_deployment(self.environment)


def _to_stdout(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _begun_key(run: str) -> str:
    return f"begun/{run}.json"


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
