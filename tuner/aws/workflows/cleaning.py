"""Undoes what a killed confirmation of a workflow left: its temporary state machines, and copies of its functions."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace

from tuner.aws.api.connection import Connection
from tuner.aws.api.executions import region_of
from tuner.aws.api.retry import Retrier
from tuner.aws.api.session import connect
from tuner.aws.changes.cleanup import clean
from tuner.aws.workflows.confirming import delete_machine, temporary_prefix
from tuner.aws.workflows.reading import StateMachines
from tuner.workflows.definition import TaskKind, all_states, task_target


def clean_workflow(
    machine: str, connection: Connection, environment: Mapping[str, str], *, dry_run: bool = False
) -> list[str]:
    """Undo everything that killed runs left of a state machine and of its functions.

    Args:
        machine: ARN of the user's state machine, which is only read.
        connection: how to reach AWS.
        environment: names the folder of the journals.
        dry_run: only say what would be undone.

    Returns:
        What was (or would be) undone, in words.

    Raises:
        InputError: there is no such state machine.
        LeftBehindError: something could not be undone.
    """
    connection = replace(connection, region=region_of(machine))
    said: list[str] = []
    with closing(connect(connection)) as clients:
        machines = StateMachines(clients.states)
        definition = machines.describe(machine).definition
        for left in machines.named(temporary_prefix(machine)):
            if not dry_run:
                delete_machine(clients.states, left, Retrier())
            said.append(f"{'would' if dry_run else 'done:'} delete the temporary state machine {left}")
    targets = [task_target(state) for _, state in all_states(definition) if state.get("Type") == "Task"]
    functions = dict.fromkeys(t.name for t in targets if t.kind is TaskKind.FUNCTION and t.name)
    return said + [line for name in functions for line in clean(name, connection, environment, dry_run=dry_run)]
