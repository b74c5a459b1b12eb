"""What handlers are given: clients, the bucket, the time, and the deployment's own settings.

The only place that reads the environment. Also the frame of every handler, which turns errors of the
tool into messages with their remedy.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from statemachine.execution_store import ExecutionStore
from tuner.aws.api.client import LambdaApi
from tuner.aws.api.connection import Connection
from tuner.aws.api.s3 import Objects
from tuner.aws.api.session import Clients, connect
from tuner.errors import TunerError

Handler = Callable[[Mapping[str, Any], Any], Any]


@dataclass(frozen=True, slots=True)
class Deployment:
    """The stack's parameters that bear on an execution.

    Attributes:
        power_values: sizes of an input with `num` and without `powerValues`.
        architectures: of an input that names none.
        budget_usd: ceiling of what an execution may spend; None: no ceiling.
        batch_seconds: how long one handler may measure.
    """

    power_values: tuple[int, ...] = ()
    architectures: str = "current"
    budget_usd: float | None = None
    batch_seconds: int = 900


@dataclass(slots=True)
class Services:
    """What a handler may use."""

    clients: Clients
    bucket: str
    environment: Mapping[str, str] = field(default_factory=dict)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    make_api: Callable[[Any], LambdaApi] = LambdaApi

    @property
    def connection(self) -> Connection:
        """How to reach AWS, for what makes clients of its own."""
        return Connection(region=self.clients.region, endpoint_url=self.clients.endpoint_url)

    @property
    def api(self) -> LambdaApi:
        """Lambda's control plane."""
        return self.make_api(self.clients.control)

    @property
    def objects(self) -> Objects:
        """The bucket of samples, results and reports."""
        return Objects(self.clients.s3, self.bucket)

    def store(self, folder: str) -> ExecutionStore:
        """What an execution has written down."""
        return ExecutionStore(self.objects, folder)

    @property
    def deployment(self) -> Deployment:
        """The stack's parameters."""
        values = self.environment.get("TUNER_POWER_VALUES", "")
        budget = float(self.environment.get("TUNER_BUDGET_USD") or 0)
        return Deployment(
            power_values=tuple(int(value) for value in values.split(",") if value.strip()),
            architectures=self.environment.get("TUNER_ARCHITECTURES") or "current",
            budget_usd=budget or None,
            batch_seconds=int(self.environment.get("TUNER_BATCH_SECONDS") or 900),
        )


@functools.cache
def shared_services() -> Services:
    """The services of this execution environment; made once, so that warm invocations keep their connections."""
    connection = Connection(endpoint_url=os.environ.get("AWS_ENDPOINT_URL"))
    return Services(connect(connection), os.environ["TUNER_BUCKET"], dict(os.environ))


def with_readable_errors(handler: Handler) -> Handler:
    """A handler whose errors say what to do: Lambda shows the class's name and the text."""

    @functools.wraps(handler)
    def readable(event: Mapping[str, Any], context: Any) -> Any:
        try:
            return handler(event, context)
        except TunerError as error:
            error.args = ("\n".join(part for part in (error.message, error.hint) if part),)
            raise

    return readable
