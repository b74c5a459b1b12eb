"""Definitions in the Amazon States Language become flows, or one message that says what to give."""

from __future__ import annotations

from typing import Any

import pytest

from tuner.errors import InputError
from tuner.workflows.definition import Source, nested_machines, read_definition, strangers
from tuner.workflows.figures import Figures, read_figures
from tuner.workflows.flow import (
    Flow,
    Map,
    Parallel,
    Pause,
    Retry,
    Task,
    form_of_flow,
    functions_of,
    invocations_of,
    transitions_of,
)
from tuner.workflows.tradeoffs.forms import evaluate

RENDER = "arn:aws:lambda:eu-west-1:123456789012:function:render"
INVOKE = "arn:aws:states:::lambda:invoke"
State = dict[str, Any]


def machine(states: dict[str, State], start: str | None = None) -> dict[str, Any]:
    return {"StartAt": start or next(iter(states)), "States": states}


def invoke(function: str, **more: Any) -> State:
    return {"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": function}, **(more or {"End": True})}


def read(states: dict[str, State], **figures: Any) -> Flow:
    return read_definition(Source(machine(states), Figures(**figures))).flow


def faults_of(states: dict[str, State], **figures: Any) -> str:
    with pytest.raises(InputError) as caught:
        read(states, **figures)
    return caught.value.message


@pytest.mark.parametrize(
    "task",
    [
        {"Resource": RENDER},
        {"Resource": f"{RENDER}:live"},
        {"Resource": "${render}"},
        {"Resource": "${render}:live"},
        {"Resource": "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${render}"},
        {"Resource": "arn:${AWS::Partition}:states:::lambda:invoke", "Parameters": {"FunctionName": "${render}"}},
        {"Resource": INVOKE, "Parameters": {"FunctionName": "render"}},
        {"Resource": INVOKE, "Parameters": {"FunctionName": f"{RENDER}:$LATEST"}},
        {"Resource": INVOKE, "Arguments": {"FunctionName": "render", "Payload": "{% $states.input %}"}},
        {"Resource": INVOKE, "Parameters": {"FunctionName": "123456789012:function:render"}},
        {"Resource": INVOKE, "Parameters": {"FunctionName": "render:live"}},
        {"Resource": "arn:aws:states:::aws-sdk:lambda:invoke", "Parameters": {"FunctionName": "render"}},
    ],
)
def test_every_way_to_invoke_a_function_names_it(task: State) -> None:
    assert functions_of(read({"A": {"Type": "Task", **task, "End": True}})) == ("render",)


def test_a_function_that_is_named_by_an_expression_is_taken_from_the_figures() -> None:
    states = {"A": {"Type": "Task", "Resource": INVOKE, "Arguments": {"FunctionName": "{% $f %}"}, "End": True}}
    assert '--function "A=FUNCTION"' in faults_of(states)
    assert functions_of(read(states, functions={"A": "render"})) == ("render",)


def test_a_wait_that_a_template_leaves_open_is_asked_for() -> None:
    assert '--duration "A=10s"' in faults_of({"A": {"Type": "Wait", "Seconds": "${pause}", "End": True}})


def test_a_choice_takes_its_chances_from_the_figures() -> None:
    states: dict[str, State] = {
        "Big?": {"Type": "Choice", "Choices": [{"Next": "Slow"}, {"Next": "Quick"}], "Default": "Quick"},
        "Slow": invoke("slow", Next="Done"),
        "Quick": invoke("quick", Next="Done"),
        "Done": {"Type": "Succeed"},
    }
    assert '--chance "Big?:Slow=0.5,Quick=0.5"' in faults_of(states)
    flow = read(states, chances={"Big?": {"Slow": 0.2, "Quick": 0.8}})
    assert invocations_of(flow) == pytest.approx({"slow": 0.2, "quick": 0.8})
    assert transitions_of(flow) == pytest.approx(3.0)
    assert "does not lead to Other" in faults_of(states, chances={"Big?": {"Other": 1.0}})


def test_a_map_runs_its_items_in_rounds() -> None:
    inner = machine({"Each": invoke("each")})
    states: dict[str, State] = {"M": {"Type": "Map", "MaxConcurrency": 5, "ItemProcessor": inner, "End": True}}
    assert '--items "M=10"' in faults_of(states)
    work = read(states, items={"M": (12,)}).steps[0].work
    assert isinstance(work, Map)
    assert (work.mean_items, work.mean_rounds) == (12, 3)


@pytest.mark.parametrize(
    ("mode", "most", "concurrency"), [("INLINE", 0, 40), ("INLINE", 100, 40), ("DISTRIBUTED", 0, None)]
)
def test_a_map_without_a_concurrency_runs_what_its_mode_allows(mode: str, most: int, concurrency: int | None) -> None:
    inner = {"ProcessorConfig": {"Mode": mode}, **machine({"Each": invoke("each")})}
    states = {"M": {"Type": "Map", "MaxConcurrency": most, "ItemProcessor": inner, "Items": [1, 2], "End": True}}
    work = read(states).steps[0].work
    assert isinstance(work, Map)
    assert (work.concurrency, work.item_counts) == (concurrency, (2,))


def test_branches_waits_and_passes_become_steps() -> None:
    branches = [machine({"L": invoke("left")}), machine({"W": {"Type": "Wait", "Seconds": 2, "End": True}})]
    states: dict[str, State] = {
        "P": {"Type": "Parallel", "Branches": branches, "Next": "N"},
        "N": {"Type": "Pass", "End": True},
    }
    work = read(states).steps[0].work
    assert isinstance(work, Parallel)
    assert [branch.steps[0].work for branch in work.branches] == [Task("left"), Pause(2000.0)]


def test_a_wait_whose_time_is_an_expression_needs_a_figure() -> None:
    states: dict[str, State] = {"W": {"Type": "Wait", "SecondsPath": "$.s", "Next": "A"}, "A": invoke("a")}
    assert '--duration "W=10s"' in faults_of(states)
    assert read(states, durations_ms={"W": 300.0}).steps[0].work == Pause(300.0)


def test_retries_count_as_often_as_attempts_failed() -> None:
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 3}]
    states = {"A": invoke("a", End=True, Retry=retry)}
    assert read(states, failures={"A": 0.1}).steps[0].retry == Retry(0.1, (1000.0, 3000.0))
    told = read_definition(Source(machine(states))).notices
    assert [notice.code for notice in told] == ["failures_not_known"]


def test_errors_that_are_caught_happen_as_often_as_seen() -> None:
    states: dict[str, State] = {
        "A": invoke("a", Next="B", Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Undo"}]),
        "B": invoke("b"),
        "Undo": invoke("undo"),
    }
    assert invocations_of(read(states))["undo"] == 0
    assert invocations_of(read(states, chances={"A": {"B": 0.9, "Undo": 0.1}}))["undo"] == pytest.approx(0.1)


def test_a_nested_state_machine_is_read_as_part_of_the_workflow() -> None:
    parent = machine(
        {
            "Run": {
                "Type": "Task",
                "Resource": "arn:aws:states:::states:startExecution.sync:2",
                "Parameters": {"StateMachineArn": "arn:aws:states:eu-west-1:123456789012:stateMachine:child"},
                "End": True,
            }
        }
    )
    assert nested_machines(parent) == ("arn:aws:states:eu-west-1:123456789012:stateMachine:child",)
    child = Source(machine({"A": invoke("a")}))
    assert functions_of(read_definition(Source(parent), {"child": child}).flow) == ("a",)
    with pytest.raises(InputError, match="--nested"):
        read_definition(Source(parent))


def test_a_machine_that_runs_itself_ends_in_one_message() -> None:
    arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:self"
    run = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "End": True}
    states: dict[str, State] = {"Run": {**run, "Parameters": {"StateMachineArn": arn}}}
    with pytest.raises(InputError, match="runs a state machine that it is part of"):
        read_definition(Source(machine(states)), {arn: Source(machine(states))})
    known = Figures(durations_ms={"Run": 5.0})
    flow = read_definition(Source(machine(states), known), {arn: Source(machine(states), known)}).flow
    assert evaluate(form_of_flow(flow), {}) == pytest.approx(5.0 + 8.0)


def test_an_alias_that_is_invoked_is_told() -> None:
    states = {"A": invoke("render:live"), "B": invoke("render:$LATEST")}
    told = read_definition(Source(machine({"A": {**states["A"], "End": False, "Next": "B"}, "B": states["B"]}))).notices
    assert [notice.message for notice in told] == ["A invokes render:live; --apply changes $LATEST alone."]


def test_of_several_retriers_the_one_with_the_most_attempts_counts() -> None:
    retry = [{"ErrorEquals": ["Fatal"], "MaxAttempts": 0}, {"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]
    states = {"A": invoke("a", End=True, Retry=retry)}
    assert read(states, failures={"A": 0.1}).steps[0].retry == Retry(0.1, (1000.0,))


def test_figures_by_hand_that_no_state_uses_are_named() -> None:
    states: dict[str, State] = {"Check": invoke("a", Next="W"), "W": {"Type": "Wait", "Seconds": 1, "End": True}}
    figures = Figures(
        items={"Chekc": (3,)}, durations_ms={"Check": 5.0, "W": 7.0}, failures={"W": 0.1}, chances={"W": {"": 1.0}}
    )
    assert sorted(map(str, strangers(figures, [machine(states)]))) == [
        "state Check: takes the time of what is inside it, or of its function (leave its figure out)",
        "state Chekc: is not in the workflow (did you mean Check?)",
        "state W: has one way only (leave its figure out)",
        "state W: is never tried again: it has no Retry (leave its figure out)",
    ]


def test_a_loop_ends_in_one_message_that_says_what_to_give() -> None:
    states: dict[str, State] = {
        "Wait": {"Type": "Wait", "Seconds": 5, "Next": "Check"},
        "Check": invoke("check", Next="Ready?"),
        "Ready?": {"Type": "Choice", "Choices": [{"Next": "Done"}], "Default": "Wait"},
        "Done": {"Type": "Succeed"},
    }
    message = faults_of(states, chances={"Ready?": {"Done": 0.5, "Wait": 0.5}})
    assert "is a loop" in message
    assert "state machine of its own" in message


def test_what_a_template_fills_in_may_be_no_function() -> None:
    states: dict[str, State] = {
        "Save": {"Type": "Task", "Resource": "${PutItem}", "Next": "Check"},
        "Check": {"Type": "Task", "Resource": "${CheckArn}", "End": True},
    }
    flow = read(states, durations_ms={"Save": 20})
    assert [step.work for step in flow.steps] == [Pause(20.0), Task("CheckArn")]


def test_every_fault_is_named_at_once() -> None:
    states: dict[str, State] = {
        "A": {"Type": "Teleport", "Next": "M"},
        "M": {"Type": "Map", "ItemProcessor": machine({"Each": invoke("each")}), "Next": "W"},
        "W": {"Type": "Wait", "TimestampPath": "$.t", "End": True},
    }
    message = faults_of(states)
    assert "unknown type 'Teleport'" in message
    assert "--items" in message
    assert "--duration" in message


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ({}, "has no States"),
        (machine({"A": invoke("a")}, "B"), '"B" is no state'),
        (machine({"A": invoke("a", Next="Gone")}), 'leads to "Gone", which does not exist'),
        (machine({"A": {"Type": "Pass"}}), "has neither Next nor End"),
    ],
)
def test_a_definition_that_is_broken_is_refused_in_words(definition: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_definition(Source(definition))


def test_figures_come_from_a_file_and_those_by_hand_win() -> None:
    found = read_figures({"items": {"M": 12, "N": [1, 2]}, "chances": {"C": {"A": 1}}, "transition_ms": 8}, name="f")
    assert found.items == {"M": (12,), "N": (1, 2)}
    assert found.overridden_by(Figures(items={"M": (3,)})).items == {"M": (3,), "N": (1, 2)}
    assert found.overridden_by(Figures(items={"M": (3,)})).transition_ms == 8


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"unknown": 1},
        {"chances": {"C": {"A": 0.4}}},
        {"items": {"M": -1}},
        {"failures": {"A": 2}},
        {"items": 3},
        {"items": {"M": 2.5}},
        {"items": {"M": []}},
        {"items": {"M": 10**400}},
        {"transition_ms": True},
        {"durations_ms": {"W": 1e300}},
        {"functions": {"A": []}},
        {"chances": {"C": []}},
    ],
)
def test_figures_that_make_no_sense_are_refused(document: Any) -> None:
    with pytest.raises(InputError):
        read_figures(document, name="figures.json")


@pytest.mark.parametrize("resource", ["glue:startJobRun.sync", "batch:submitJob.sync", "ecs:runTask.sync:2"])
def test_the_time_of_a_job_that_is_waited_for_is_asked_for(resource: str) -> None:
    job = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "End": True}
    definition = {"StartAt": "Job", "States": {"Job": job}}
    with pytest.raises(InputError, match=r'--duration "Job=20s"'):
        read_definition(Source(definition))
    known = Figures(durations_ms={"Job": 60_000.0})
    assert read_definition(Source(definition, known)).flow.steps[0].work == Pause(60_000.0)
