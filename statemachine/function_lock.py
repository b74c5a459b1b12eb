"""Lets one execution at a time tune a function, by a lock object in the bucket that names its holder.

A holder that no longer runs (aborted, timed out) left something behind. Whoever finds its lock undoes that first.
Runs of the command line take no lock: their markers on the function tell of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from tuner.aws.api.errors import AnotherRunError, AwsError, NotFoundError, aws_errors
from tuner.aws.api.s3 import Objects
from tuner.shell_lines import with_command

RUNNING = "RUNNING"
GONE = "ExecutionDoesNotExist"
ATTEMPTS = 5
"""How often a lock is tried that its holder, or the Cleaner of its holder, releases meanwhile."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock: the ARN of the execution, its run, its folder, and the ARN of its function."""

    execution: str
    run: str
    folder: str
    function: str


@dataclass(slots=True)
class FunctionLock:
    """The lock of one function.

    Attributes:
        objects: the bucket.
        function: ARN of the function, without a qualifier.
        is_running: whether an execution still runs, by its ARN.
    """

    objects: Objects
    function: str
    is_running: Callable[[str], bool]

    def take(self, me: Holder, undo: Callable[[Holder], None]) -> Holder | None:
        """Take the lock. Taking it twice does no harm.

        Args:
            me: the new holder.
            undo: undoes what a holder that no longer runs left behind.

        Returns:
            The earlier holder whose remains were undone, if any.

        Raises:
            AnotherRunError: an execution that runs holds the lock; the message names it.
        """
        swept: Holder | None = None
        for _ in range(ATTEMPTS):
            if self.objects.create(self._key, encode_holder(me)):
                return swept
            try:
                content, tag = self.objects.read_tagged(self._key)
            except NotFoundError:
                continue  # its holder released it at this moment
            holder = decode_holder(content)
            if holder.execution == me.execution:
                return swept
            if self.is_running(holder.execution):
                raise self._refusal(holder)
            undo(holder)
            swept = holder
            if self.objects.replace(self._key, encode_holder(me), tag):
                return swept
        raise AnotherRunError(
            f"Other executions take and release the lock of {self.function} all the time", "Start this one again."
        )

    def release(self, execution: str) -> None:
        """Release the lock if this execution holds it."""
        try:
            content, tag = self.objects.read_tagged(self._key)
        except NotFoundError:
            return
        if decode_holder(content).execution == execution:
            self.objects.delete(self._key, tag)

    @property
    def _key(self) -> str:
        return f"locks/{self.function.replace(':', '/')}.json"

    def _refusal(self, holder: Holder) -> AnotherRunError:
        return AnotherRunError(
            f"Execution {holder.execution} tunes {self.function} now",
            with_command(
                "Wait until it ends, or stop it:",
                f"aws stepfunctions stop-execution --execution-arn {holder.execution}",
            ),
        )


def is_running(states: Any, execution: str) -> bool:
    """Ask Step Functions whether an execution runs. An execution that it has forgotten does not.

    Args:
        states: a boto3 `stepfunctions` client.
        execution: ARN of the execution.
    """
    try:
        with aws_errors(f"look at the execution {execution}"):
            status = states.describe_execution(executionArn=execution)["status"]
    except AwsError as exc:
        if exc.code == GONE:
            return False
        raise
    return bool(status == RUNNING)


def encode_holder(holder: Holder) -> bytes:
    """Return a holder as JSON."""
    return json.dumps(asdict(holder)).encode()


def decode_holder(content: bytes) -> Holder:
    """Read a holder from JSON."""
    return Holder(**json.loads(content))
