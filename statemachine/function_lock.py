"""One execution per function: a lock in the bucket that names its holder.

A holder that no longer runs (aborted, timed out) has left something behind: whoever finds its lock
undoes that first. Runs of the command line are found by their markers on the function instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from tuner.aws.api.errors import AnotherRunError, AwsError, aws_errors
from tuner.aws.api.s3 import Objects

RUNNING = "RUNNING"
GONE = "ExecutionDoesNotExist"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock: the execution, its run and its folder."""

    execution: str
    run: str
    folder: str


@dataclass(slots=True)
class Lock:
    """The lock of one function.

    Attributes:
        objects: the bucket.
        function: ARN of the function, without qualifier.
        is_running: whether an execution still runs.
    """

    objects: Objects
    function: str
    is_running: Callable[[str], bool]

    def take(self, me: Holder, undo: Callable[[Holder], None]) -> Holder | None:
        """Take the lock.

        Args:
            me: who takes it; taking it twice is no harm.
            undo: undoes what a holder that no longer runs has left.

        Returns:
            Whose left-overs were undone, if any.

        Raises:
            AnotherRunError: an execution that runs holds it; the message names it.
        """
        if self.objects.create(self._key, _encode(me)):
            return None
        content, tag = self.objects.read_tagged(self._key)
        holder = _decode(content)
        if holder.execution == me.execution:
            return None
        if self.is_running(holder.execution):
            raise self._refusal(holder)
        undo(holder)
        if not self.objects.replace(self._key, _encode(me), tag):
            raise self._refusal(_decode(self.objects.read_tagged(self._key)[0]))
        return holder

    def release(self, execution: str) -> None:
        """Give the lock back, if this execution holds it."""
        content = self.objects.read(self._key)
        if content is not None and _decode(content).execution == execution:
            self.objects.delete(self._key)

    @property
    def _key(self) -> str:
        return f"locks/{self.function.replace(':', '/')}.json"

    def _refusal(self, holder: Holder) -> AnotherRunError:
        return AnotherRunError(
            f"Execution {holder.execution} is at work on {self.function}",
            "Wait until it has ended, or stop it: aws stepfunctions stop-execution --execution-arn " + holder.execution,
        )


def is_running(states: Any, execution: str) -> bool:
    """Whether an execution runs, asked of Step Functions; one that is forgotten does not."""
    try:
        with aws_errors(f"look at the execution {execution}"):
            status = states.describe_execution(executionArn=execution)["status"]
    except AwsError as exc:
        if exc.code == GONE:
            return False
        raise
    return bool(status == RUNNING)


def _encode(holder: Holder) -> bytes:
    return json.dumps(asdict(holder)).encode()


def _decode(content: bytes) -> Holder:
    return Holder(**json.loads(content))
