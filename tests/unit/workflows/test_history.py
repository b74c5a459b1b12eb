"""Histories of executions tell chances, item counts, failures, times and payloads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tuner.errors import InputError
from tuner.workflows.history import EXECUTIONS, Observed, events_of, read_histories, redacted

INVOKED = {"resourceType": "lambda", "resource": "invoke"}


class Recorder:
    """Writes a history as Step Functions does, with a clock that only moves when told."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.clock_ms = 0.0

    def event(self, kind: str, before: int | None = None, after_ms: float = 0.0, **details: Any) -> int:
        self.clock_ms += after_ms
        number = len(self.events) + 1
        previous = number - 1 if before is None else before
        stamp = self.clock_ms / 1000
        self.events.append({"id": number, "previousEventId": previous, "type": kind, "timestamp": stamp, **details})
        return number

    def enter(self, kind: str, name: str, before: int | None = None, after_ms: float = 0.0) -> int:
        return self.event(f"{kind}StateEntered", before, after_ms, stateEnteredEventDetails={"name": name})

    def leave(self, kind: str, name: str, before: int | None = None, after_ms: float = 0.0) -> int:
        return self.event(f"{kind}StateExited", before, after_ms, stateExitedEventDetails={"name": name})

    def task(self, name: str, ms: float, before: int | None = None, *, failures: int = 0, payload: Any = None) -> int:
        """A task by lambda:invoke: 4 ms before and 1 ms after its function."""
        last = self.enter("Task", name, before, after_ms=8)
        parameters = json.dumps({"FunctionName": f"{name.lower()}-fn", "Payload": payload})
        for attempt in range(failures + 1):
            last = self.event("TaskScheduled", last, taskScheduledEventDetails={**INVOKED, "parameters": parameters})
            last = self.event("TaskStarted", last, 4)
            last = self.event("TaskFailed" if attempt < failures else "TaskSucceeded", last, ms)
        return self.leave("Task", name, last, 1)


def execution(*, slow: bool, items: int = 3, failures: int = 0) -> list[dict[str, Any]]:
    """A task, a choice, two branches, a Map of one task."""
    record = Recorder()
    record.event("ExecutionStarted", 0)
    record.task("A", 100, failures=failures, payload={"n": 1})
    record.enter("Choice", "Slow?", after_ms=8)
    record.leave("Choice", "Slow?")
    if slow:
        record.task("Slow", 500)
    record.enter("Parallel", "P", after_ms=8)
    started = record.event("ParallelStateStarted")
    record.task("L", 50, started)
    last = record.task("R", 70, started)
    record.event("ParallelStateSucceeded", last)
    record.leave("Parallel", "P", last)
    record.enter("Map", "M", after_ms=8)
    opened = record.event("MapStateStarted", mapStateStartedEventDetails={"length": items})
    last = opened
    for index in range(items):
        begun = record.event("MapIterationStarted", opened if index < 2 else last)
        last = record.task("Each", 20, begun, payload=index)
        record.event("MapIterationSucceeded", last)
    record.event("MapStateSucceeded")
    record.leave("Map", "M")
    record.event("ExecutionSucceeded")
    return record.events


def observed() -> Observed:
    return read_histories([execution(slow=True), *[execution(slow=False, items=5, failures=1)] * 3])


def test_chances_are_shares_of_what_followed() -> None:
    chances = observed().figures.chances
    assert chances["Slow?"] == {"Slow": 0.25, "P": 0.75}
    assert chances["A"] == {"Slow?": 1.0}
    assert chances["L"] == chances["R"] == chances["Each"] == chances["M"] == {"": 1.0}
    assert chances["P"] == {"M": 1.0}


def test_item_counts_failures_and_functions_are_those_seen() -> None:
    figures = observed().figures
    assert figures.items == {"M": (3, 5, 5, 5)}
    assert figures.failures["A"] == pytest.approx(3 / 7)
    assert figures.failures["L"] == 0
    assert figures.functions["Each"] == "each-fn"


def test_orchestration_is_what_tasks_take_beside_their_functions() -> None:
    figures = observed().figures
    assert figures.transition_ms == pytest.approx(8)
    assert figures.task_overhead_ms == pytest.approx(5)
    assert observed().times_ms["L"] == pytest.approx([55.0] * 4)


def test_what_branches_do_not_explain_is_that_of_their_state() -> None:
    record = Recorder()
    record.enter("Parallel", "P", 0)
    last = record.task("L", 50, record.event("ParallelStateStarted", after_ms=7))
    record.leave("Parallel", "P", last, after_ms=5)
    record.enter("Pass", "End", after_ms=8)
    assert read_histories([record.events]).figures.overheads_ms == {"P": pytest.approx(7 + 5)}


def test_payloads_are_what_each_function_got() -> None:
    payloads = read_histories([execution(slow=False)]).payloads
    assert payloads["A"] == ({"n": 1},)
    assert payloads["Each"] == (0, 1, 2)


def test_a_task_by_arn_tells_its_input_as_well() -> None:
    record = Recorder()
    record.enter("Task", "A", 0)
    details = {"resource": "arn:aws:lambda:eu-west-1:123456789012:function:render", "input": '{"page": 3}'}
    record.event("LambdaFunctionScheduled", lambdaFunctionScheduledEventDetails=details)
    found = read_histories([record.events])
    assert found.payloads["A"] == ({"page": 3},)
    assert found.figures.functions["A"] == "render"


def test_a_redacted_payload_keeps_its_shape_and_tells_nothing() -> None:
    assert redacted({"name": "Ada", "n": [1, "x"], "ok": True}) == {"name": "···", "n": [1, "·"], "ok": True}


def test_a_distributed_map_has_as_many_items_as_runs() -> None:
    record = Recorder()
    record.enter("Map", "M", 0)
    record.event("MapStateStarted", mapStateStartedEventDetails={"length": 0})
    record.event("MapRunStarted", mapRunStartedEventDetails={"mapRunArn": "arn", EXECUTIONS: 12})
    record.leave("Map", "M")
    assert read_histories([record.events]).figures.items == {"M": (12,)}
    del record.events[2]["mapRunStartedEventDetails"][EXECUTIONS]
    assert read_histories([record.events]).figures.items == {}


def test_executions_of_a_map_are_no_executions_of_the_workflow() -> None:
    record = Recorder()
    record.event("ExecutionStarted", 0, executionStartedEventDetails={"input": '"item"'})
    record.task("Each", 20)
    record.event("ExecutionSucceeded")
    found = read_histories([execution(slow=False)], [record.events])
    assert (found.executions, len(found.total_ms), found.inputs) == (1, 1, ())
    assert len(found.times_ms["Each"]) == 3 + 1


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"events": 3},
        {"events": []},
        None,
        ["x"],
        [{"id": 1}],
        [{"id": "a", "type": "T", "timestamp": 0}],
        [{"id": 1, "type": "T", "timestamp": "noon"}],
        [{"id": 1, "type": "T", "timestamp": 1e300}],
    ],
)
def test_what_is_no_history_is_refused(document: Any) -> None:
    with pytest.raises(InputError, match="get-execution-history"):
        events_of(document, name="history.json")
