"""Runs a workflow with the chosen sizes on temporary copies, and measures how long its executions take.

Copies of the functions and a copy of the state machine exist for as long as that takes. The user's own
functions and state machine are only read.
"""

from __future__ import annotations

import copy
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from tuner.aws.api.errors import NotFoundError, aws_errors
from tuner.aws.api.executions import SUCCEEDED, Executions
from tuner.aws.api.retry import Retrier
from tuner.aws.workflows.reading import StateMachine, StateMachines
from tuner.errors import BackendError, InputError, LeftBehindError
from tuner.shell_lines import with_command
from tuner.workflows.definition import TaskKind, all_states, nested_machines, task_target
from tuner.workflows.history import read_histories

PREFIX = "tuner-confirm-"
"""Names of temporary state machines begin so."""
WARM_UP = 3
"""Executions that come first and do not count: they start the copies cold."""
AT_ONCE = 6
"""Functions that are copied side by side."""


@dataclass(slots=True)
class TemporaryMachine:
    """Creates a state machine beside the user's, runs it, and deletes it.

    Attributes:
        client: a boto3 `stepfunctions` client without retries of its own.
        machine: the user's state machine.
        retry, sleep: for calls and for waiting.
    """

    client: Any
    machine: StateMachine
    retry: Retrier = field(default_factory=Retrier)
    sleep: Callable[[float], None] = time.sleep

    @contextmanager
    def running(self, definition: Mapping[str, Any]) -> Iterator[str]:
        """The ARN of a copy with another definition, deleted at the end.

        Raises:
            LeftBehindError: it could not be deleted.
        """
        name = f"{temporary_prefix(self.machine.arn)}{secrets.token_hex(4)}"
        with aws_errors("create a temporary state machine"):
            reply = self.client.create_state_machine(
                name=name, definition=json.dumps(definition), roleArn=self.machine.role_arn, type=self.machine.type
            )
        arn = str(reply["stateMachineArn"])
        try:
            yield arn
        finally:
            delete_machine(self.client, arn, self.retry)

    def measure(self, arn: str, inputs: Sequence[Any], stop: threading.Event) -> list[float]:
        """End-to-end times in ms of executions with these inputs, one after the other.

        Raises:
            BackendError: an execution did not succeed.
        """
        executions = Executions(self.client, self.retry, self.sleep)
        times: list[float] = []
        for number, given in enumerate(inputs):
            if stop.is_set():
                break
            started = executions.start(arn, f"{PREFIX}{number}-{secrets.token_hex(4)}", given)
            for _ in executions.follow(started):
                pass
            ended = executions.ended(started)
            if ended.status != SUCCEEDED:
                problem = f"An execution with the chosen sizes ended as {ended.status}: {ended.error} {ended.cause}"
                raise BackendError(problem.strip(), "Nothing was changed. Look at the function that failed.")
            times += read_histories([StateMachines(self.client, self.retry).history(started)]).total_ms
        return times[WARM_UP:]


def temporary_prefix(machine: str) -> str:
    """How the names of the temporary copies of a state machine begin, whoever made them.

    Args:
        machine: ARN of the user's state machine.
    """
    return f"{PREFIX}{hashlib.sha256(machine.encode()).hexdigest()[:12]}-"


def delete_machine(client: Any, arn: str, retry: Retrier) -> None:
    """Delete a temporary state machine; one that is gone already is no error.

    Raises:
        LeftBehindError: it could not be deleted.
    """

    def call() -> None:
        try:
            with aws_errors(f"delete the temporary state machine {arn}"):
                client.delete_state_machine(stateMachineArn=arn)
        except NotFoundError:
            return

    try:
        retry.read(call)
    except BackendError as exc:
        hint = with_command("Then run:", f"aws stepfunctions delete-state-machine --state-machine-arn {arn}")
        raise LeftBehindError(f"A temporary state machine is left. {exc.message}", hint) from exc


def with_functions(
    definition: Mapping[str, Any], arns: Mapping[str, str], functions: Mapping[str, str]
) -> dict[str, Any]:
    """A definition that invokes other functions.

    Args:
        definition: of the user's state machine.
        arns: what to invoke in the place of each function.
        functions: the function of each Task state.

    Raises:
        InputError: a state names its function only when it runs, or the machine runs another one.
    """
    if nested := nested_machines(definition):
        problem = f"runs the state machine {nested[0]}, whose functions stay those in use"
        raise InputError.single("--confirm", problem, "confirm that state machine on its own")
    changed: dict[str, Any] = copy.deepcopy(dict(definition))
    for name, state in all_states(changed):
        target = task_target(state) if state.get("Type") == "Task" else None
        if target is None or target.kind is not TaskKind.FUNCTION:
            continue
        if not target.name:
            problem = f"state {name} names its function only when it runs"
            raise InputError.single("--confirm", problem, "leave out --confirm")
        _point(state, arns[functions[name]])
    return changed


def _point(state: Mapping[str, Any], arn: str) -> None:
    """Let a Task state invoke a function."""
    assert isinstance(state, dict)
    arguments = state.get("Arguments", state.get("Parameters"))
    if isinstance(arguments, dict) and "FunctionName" in arguments:
        arguments["FunctionName"] = arn
    else:
        state["Resource"] = arn


Opened = Callable[[str, Any, ExitStack], str]
"""Makes a copy of a function at a configuration, for as long as the stack is open; returns its ARN."""


def confirm(
    temporary: TemporaryMachine,
    sizes: Mapping[str, Any],
    functions: Mapping[str, str],
    inputs: Sequence[Any],
    open_copy: Opened,
    stop: threading.Event,
) -> list[float]:
    """End-to-end times of executions with the chosen sizes.

    Args:
        temporary: makes and runs the state machine.
        sizes: the configuration of each function.
        functions: the function of each Task state.
        inputs: what to start executions with; the first ones warm the copies up.
        open_copy: makes the copies.
        stop: ends it in order.
    """
    with ExitStack() as resources:
        arns = open_copies(sizes, open_copy, resources)
        definition = with_functions(temporary.machine.definition, arns, functions)
        arn = resources.enter_context(temporary.running(definition))
        return temporary.measure(arn, [*inputs[:WARM_UP], *inputs], stop)


def open_copies(sizes: Mapping[str, Any], open_copy: Opened, resources: ExitStack) -> dict[str, str]:
    """Copies of all functions, made side by side.

    Args:
        sizes: the configuration of each function.
        open_copy: makes one copy.
        resources: removes each that was begun.

    Returns:
        The ARN of each function's copy.
    """
    own = {name: resources.enter_context(ExitStack()) for name in sizes}
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="copy")
    # Comes first at the end, also after an interrupt: a copy that is begun is waited for, and then removed.
    resources.callback(pool.shutdown, cancel_futures=True)
    begun = {name: pool.submit(open_copy, name, size, own[name]) for name, size in sizes.items()}
    return {name: copied.result() for name, copied in begun.items()}
