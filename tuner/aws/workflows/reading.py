"""Reads a state machine: its definition, those that it runs, and the histories of its recent executions.

Changes nothing. Fetches the inputs of states only where the caller needs payloads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tuner.aws.api.errors import NotFoundError, aws_errors
from tuner.aws.api.retry import Retrier
from tuner.errors import InputError
from tuner.workflows.history import EXECUTIONS as RUNS

EXECUTIONS = 20
"""Recent executions that are read."""
CHILDREN = 5
"""Executions of a distributed Map that are read for each of its runs."""
_PAGE = 1000

Events = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class RecordedExecutions:
    """Histories of executions, and of some that their distributed Maps started for items."""

    executions: list[Events]
    children: list[Events]


@dataclass(frozen=True, slots=True)
class StateMachine:
    """A state machine as Step Functions describes it."""

    arn: str
    name: str
    definition: Mapping[str, Any]
    role_arn: str
    type: str


@dataclass(slots=True)
class StateMachines:
    """Step Functions, read-only.

    Attributes:
        client: a boto3 `stepfunctions` client without retries of its own.
        retry: repeats calls that failed for no reason of ours.
    """

    client: Any
    retry: Retrier = field(default_factory=Retrier)

    def describe(self, arn: str) -> StateMachine:
        """A state machine.

        Raises:
            InputError: there is none.
            AwsError: it cannot be read.
        """
        try:
            reply = self._read(f"describe the state machine {arn}", "describe_state_machine", stateMachineArn=arn)
        except NotFoundError as exc:
            raise InputError.single("STATE_MACHINE", exc.message, "check the ARN, the account and --profile") from exc
        definition = json.loads(reply["definition"])
        return StateMachine(arn, str(reply["name"]), definition, str(reply["roleArn"]), str(reply["type"]))

    def recorded(self, arn: str, *, most: int = EXECUTIONS) -> RecordedExecutions:
        """Recent executions that succeeded, and executions of their distributed Maps."""
        executions: list[Events] = []
        children: list[Events] = []
        for execution in self._executions(most, stateMachineArn=arn):
            events = self.history(execution)
            executions.append(events)
            for event in events:
                if event["type"] == "MapRunStarted":
                    children += self._children(event["mapRunStartedEventDetails"])
        return RecordedExecutions(executions, children)

    def named(self, prefix: str) -> list[str]:
        """The ARNs of all state machines whose names begin with a prefix."""
        pages = self._pages("list the state machines", "list_state_machines", maxResults=_PAGE)
        machines = (machine for page in pages for machine in page["stateMachines"])
        return [str(machine["stateMachineArn"]) for machine in machines if machine["name"].startswith(prefix)]

    def history(self, execution: str) -> Events:
        """All events of an execution, with the inputs of its states."""
        pages = self._pages(
            f"read the history of {execution}",
            "get_execution_history",
            executionArn=execution,
            maxResults=_PAGE,
            includeExecutionData=True,
        )
        return [event for page in pages for event in page["events"]]

    def _children(self, run: dict[str, Any]) -> Iterator[Events]:
        """The histories of a few executions of a run of a Map. Adds to the run how many it had."""
        arn = run["mapRunArn"]
        described = self._read("describe the run of a Map", "describe_map_run", mapRunArn=arn)
        run[RUNS] = int(described["executionCounts"]["total"])
        yield from map(self.history, self._executions(CHILDREN, mapRunArn=arn))

    def _executions(self, most: int, **of: str) -> list[str]:
        found: list[str] = []
        for page in self._pages("list executions", "list_executions", statusFilter="SUCCEEDED", maxResults=most, **of):
            found += [str(execution["executionArn"]) for execution in page["executions"]]
            if len(found) >= most:
                break
        return found[:most]

    def _pages(self, action: str, operation: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        token: dict[str, str] = {}
        while True:
            page = self._read(action, operation, **arguments, **token)
            yield page
            if not page.get("nextToken"):
                return
            token = {"nextToken": page["nextToken"]}

    def _read(self, action: str, operation: str, **arguments: Any) -> dict[str, Any]:
        def call() -> dict[str, Any]:
            with aws_errors(action):
                reply: dict[str, Any] = getattr(self.client, operation)(**arguments)
            return reply

        read: Callable[[Callable[[], dict[str, Any]]], dict[str, Any]] = self.retry.read
        return read(call)
