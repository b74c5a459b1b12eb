"""Checks the graph of a state machine as CreateStateMachine does: transitions have targets, states are reached."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.cloud.iam import Permission

Definition = dict[str, Any]


def faults(definition: Definition, path: str = "") -> list[str]:
    """What AWS would refuse about the graph, with the place; empty: nothing."""
    states = definition.get("States", {})
    found = []
    start = definition.get("StartAt")
    if start not in states:
        found.append(f"MISSING_TRANSITION_TARGET: Missing 'Next' target: {start} at {path}/StartAt")
    for name, state in states.items():
        place = f"{path}/States/{name}"
        for field, target in _transitions(state):
            if target not in states:
                found.append(f"MISSING_TRANSITION_TARGET: Missing 'Next' target: {target} at {place}{field}")
        if _must_continue(state):
            found.append(f"SCHEMA_VALIDATION_FAILED: The field 'Next' or 'End' is required at {place}")
        for field, inner in _inner(state):
            found += faults(inner, f"{place}{field}")
    unreached = set(states) - _reached(states, start)
    found += [
        f'MISSING_TRANSITION_TARGET: State "{name}" is not reachable at {path}/States/{name}'
        for name in sorted(unreached)
    ]
    return found


def waiting_permissions(definition: str, region: str, account: str) -> Iterator[Permission]:
    """What the role must be allowed when a machine is created that waits for executions."""
    if "states:startExecution.sync" in definition:
        rule = f"arn:aws:events:{region}:{account}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"
        for action in ("PutTargets", "PutRule", "DescribeRule"):
            yield Permission(f"events:{action}", rule)


def starting_permissions(definition: str, arn: str) -> Iterator[Permission]:
    """What the role must be allowed when an execution comes to a distributed Map, whose children are executions."""
    if "DISTRIBUTED" in definition:
        yield Permission("states:StartExecution", arn)


def for_parser(text: str) -> str:
    """The definition in the form that moto's grammar reads: percentages as decimals."""
    if "ToleratedFailurePercentage" not in text:
        return text
    return json.dumps(_with_decimals(json.loads(text)))


def _with_decimals(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_decimals(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: float(item) if key == "ToleratedFailurePercentage" else _with_decimals(item) for key, item in value.items()
    }


def _transitions(state: Definition) -> Iterator[tuple[str, str]]:
    """Every name of a state that this one may go to, with the field that says so."""
    if "Next" in state:
        yield "/Next", state["Next"]
    if "Default" in state:
        yield "/Default", state["Default"]
    for number, choice in enumerate(state.get("Choices", [])):
        yield f"/Choices[{number}]/Next", choice.get("Next")
    for number, catcher in enumerate(state.get("Catch", [])):
        yield f"/Catch[{number}]/Next", catcher.get("Next")


def _must_continue(state: Definition) -> bool:
    return state.get("Type") not in ("Choice", "Succeed", "Fail") and "Next" not in state and not state.get("End")


def _inner(state: Definition) -> Iterator[tuple[str, Definition]]:
    """The machines inside a Map or a Parallel."""
    for field in ("ItemProcessor", "Iterator"):
        if field in state:
            yield f"/{field}", state[field]
    for number, branch in enumerate(state.get("Branches", [])):
        yield f"/Branches[{number}]", branch


def _reached(states: dict[str, Definition], start: str | None) -> set[str]:
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in states and name not in reached:
            reached.add(name)
            waiting += [target for _, target in _transitions(states[name])]
    return reached
