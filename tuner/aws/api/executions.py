"""Starts an execution of a state machine, follows its history, and downloads what it wrote.

Knows Step Functions' names of events and states. It does not know what the state machine does.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tuner.aws.api.errors import NotFoundError, aws_errors
from tuner.aws.api.retry import Retrier
from tuner.aws.api.s3 import Objects, parse_address
from tuner.errors import InputError

RUNNING, SUCCEEDED = "RUNNING", "SUCCEEDED"
POLL_S, LONGEST_POLL_S = 0.5, 3.0
FIRST_EVENTS = 20
"""Events that hold the first few states."""
_MACHINE = re.compile(r"arn:aws[\w-]*:states:(?P<region>[a-z0-9-]+):\d{12}:stateMachine:[^:]+(?::[^:]+)?")


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """One event of a history: its type, its state (or empty), and the number of items of a Map."""

    type: str
    state: str = ""
    items: int = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """How an execution ended.

    Attributes:
        status: SUCCEEDED, FAILED, TIMED_OUT or ABORTED.
        output: the output of a successful execution.
        error, cause: error and cause of a failed one.
    """

    status: str
    output: Mapping[str, Any] | None = None
    error: str = ""
    cause: str = ""


def region_of(state_machine: str) -> str:
    """The region that a state machine's ARN names.

    Raises:
        InputError: it is not the ARN of a state machine.
    """
    found = _MACHINE.fullmatch(state_machine)
    if found is None:
        problem = f"{state_machine!r} is not the ARN of a state machine"
        raise InputError.single("STATE_MACHINE_ARN", problem, "use the stack's output StateMachineARN")
    return found["region"]


@dataclass(slots=True)
class Executions:
    """Step Functions, for one state machine.

    Attributes:
        client: a boto3 `stepfunctions` client without its own retries.
    """

    client: Any
    retry: Retrier = field(default_factory=Retrier)
    sleep: Callable[[float], None] = time.sleep

    def start(self, state_machine: str, name: str, document: Mapping[str, Any]) -> str:
        """Start an execution and return its ARN. A repeated call with the same name returns the first execution.

        Raises:
            InputError: the state machine does not exist.
            AwsError: it cannot be started.
        """

        def call() -> str:
            with aws_errors(f"start an execution of {state_machine}"):
                reply = self.client.start_execution(
                    stateMachineArn=state_machine, name=name, input=json.dumps(document)
                )
            return str(reply["executionArn"])

        try:
            return self.retry.read(call)
        except NotFoundError as exc:
            raise InputError.single(
                "STATE_MACHINE_ARN", exc.message, "check the ARN, the account and --profile"
            ) from exc

    def follow(self, execution: str) -> Iterator[HistoryEvent | None]:
        """The events of an execution as they happen, until it has ended; None each time that the history was read."""
        seen, pause = 0, POLL_S
        while True:
            running = self._status(execution)["status"] == RUNNING
            fresh = self._history(execution)[seen:]
            seen += len(fresh)
            yield from fresh
            yield None
            if not running:
                return
            pause = POLL_S if fresh else min(LONGEST_POLL_S, pause * 1.5)
            self.sleep(pause)

    def outputs(self, execution: str) -> list[dict[str, Any]]:
        """What the first states of an execution gave, as far as they have ended.

        Raises:
            AwsError: the history cannot be read.
        """
        events = self._page(execution, {}, maxResults=FIRST_EVENTS, includeExecutionData=True)["events"]
        ended = (event.get("stateExitedEventDetails", {}) for event in events)
        return [json.loads(details["output"]) for details in ended if details.get("output")]

    def ended(self, execution: str) -> Ended:
        """How an execution ended."""
        reply = self._status(execution)
        output = json.loads(reply["output"]) if reply.get("output") else None
        return Ended(str(reply["status"]), output, str(reply.get("error", "")), str(reply.get("cause", "")))

    def _status(self, execution: str) -> dict[str, Any]:
        def call() -> dict[str, Any]:
            with aws_errors(f"look at the execution {execution}"):
                reply: dict[str, Any] = self.client.describe_execution(executionArn=execution)
            return reply

        return self.retry.read(call)

    def _history(self, execution: str) -> list[HistoryEvent]:
        events: list[HistoryEvent] = []
        token: dict[str, str] = {}
        while True:
            reply = self._page(execution, token)
            events.extend(map(_event, reply["events"]))
            if not reply.get("nextToken"):
                return events
            token = {"nextToken": reply["nextToken"]}

    def _page(self, execution: str, token: Mapping[str, str], **options: Any) -> dict[str, Any]:
        wanted = {"maxResults": 1000, "includeExecutionData": False, **token, **options}

        def call() -> dict[str, Any]:
            with aws_errors(f"read the history of {execution}"):
                reply: dict[str, Any] = self.client.get_execution_history(executionArn=execution, **wanted)
            return reply

        return self.retry.read(call)


def download(client: Any, address: str) -> bytes | None:
    """The object at an `s3://` address; None when it does not exist.

    Raises:
        AwsError: it cannot be read.
    """
    found = parse_address(address, path="output")
    return Objects(client, found.bucket).read(found.key)


def readable_cause(cause: str) -> str:
    """The message of a cause. A failed Lambda function's cause is JSON with a stack, which users do not need."""
    try:
        said = json.loads(cause)
    except ValueError:
        return cause
    return str(said.get("errorMessage", cause)) if isinstance(said, dict) else cause


def _event(raw: Mapping[str, Any]) -> HistoryEvent:
    kind = str(raw["type"])
    if kind.endswith("StateEntered"):
        return HistoryEvent(kind, str(raw["stateEnteredEventDetails"]["name"]))
    if kind == "MapStateStarted":
        return HistoryEvent(kind, items=int(raw["mapStateStartedEventDetails"]["length"]))
    return HistoryEvent(kind)
