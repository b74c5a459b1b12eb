"""Reads damaged workflows: each is refused in words, or gives a flow with finite times, or figures that can be used."""

from __future__ import annotations

import json
import math
import random
from typing import Any

from tests.attack.mutations import damaged_json
from tests.unit.workflows.test_history import execution
from tuner.documents.strict_json import parse_strictly
from tuner.errors import InputError
from tuner.workflows.definition import Reading, Source, read_definition, strangers
from tuner.workflows.figures import read_figures
from tuner.workflows.flow import form_of_flow, functions_of, invocations_of
from tuner.workflows.history import events_of, read_histories
from tuner.workflows.tradeoffs.forms import evaluate

FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:orders:live"
INVOKE = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "orders"}}
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:child"


def _machine(**states: Any) -> dict[str, Any]:
    return {"StartAt": next(iter(states)), "States": states}


CHILD = _machine(Child={**INVOKE, "End": True})
ITEMS = {
    "Type": "Map",
    "MaxConcurrency": 2,
    "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, **_machine(Each={**INVOKE, "End": True})},
    "End": True,
}
DEFINITION = _machine(
    First={
        **INVOKE,
        "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 2.0}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Last"}],
        "Next": "Both",
    },
    Both={
        "Type": "Parallel",
        "Branches": [_machine(Direct={"Type": "Task", "Resource": FUNCTION, "End": True}), _machine(Items=ITEMS)],
        "Next": "Which?",
    },
    **{"Which?": {"Type": "Choice", "Choices": [{"Next": "Pause"}, {"Next": "Run"}], "Default": "Pause"}},
    Pause={"Type": "Wait", "Seconds": 1, "Next": "Run"},
    Run={
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": MACHINE},
        "Next": "Answer",
    },
    Answer={"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Next": "Last"},
    Last={"Type": "Succeed"},
)
FIGURES = {
    "chances": {"First": {"Both": 0.9, "Last": 0.1}, "Which?": {"Pause": 0.2, "Run": 0.8}},
    "items": {"Items": [3, 4]},
    "failures": {"First": 0.1},
    "durations_ms": {"Answer": 100},
    "overheads_ms": {"First": 2},
    "task_overhead_ms": 15,
}


def fuzz_workflow(rng: random.Random) -> None:
    """A workflow is refused in words, or every function of it is named and its time is finite."""
    documents = {"workflow": DEFINITION, "figures": FIGURES, "child": CHILD}
    damaged = rng.choice(tuple(documents))
    try:
        value = parse_strictly(damaged_json(rng, documents[damaged]).decode("utf-8", "replace"))
    except ValueError:
        return
    try:
        reading = _read({**documents, damaged: value})
    except InputError as error:
        assert all(fault.path and fault.problem and fault.remedy for fault in error.faults), error.message
        return
    functions = functions_of(reading.flow)
    assert set(functions) == set(reading.functions.values())
    assert all(0 <= count < math.inf for count in invocations_of(reading.flow).values())
    assert 0 <= evaluate(form_of_flow(reading.flow), dict.fromkeys(functions, 100.0)) < math.inf


def _read(documents: dict[str, Any]) -> Reading:
    figures = read_figures(documents["figures"], name="figures")
    source = Source(documents["workflow"], figures)
    child = Source(documents["child"], figures, "child")
    strangers(figures, [source.definition, child.definition])
    return read_definition(source, {"child": child})


def fuzz_history(rng: random.Random) -> None:
    """A history is refused with its name, or gives figures that the reader of figures takes."""
    text = damaged_json(rng, {"events": execution(slow=rng.random() < 0.5)}).decode("utf-8", "replace")
    try:
        events = events_of(parse_strictly(text), name="history.json")
    except InputError as error:
        assert "history.json" in error.message
        return
    except ValueError:
        return
    found = read_histories([events]).figures
    document = {"items": {name: list(counts) for name, counts in found.items.items()}, "failures": found.failures}
    read_figures(json.loads(json.dumps({**document, "overheads_ms": found.overheads_ms})), name="figures")
