"""A definition that breaks the grammar of its language is refused with the field, the value and the remedy."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.workflows.test_definition import INVOKE, invoke, machine
from tuner.errors import InputError
from tuner.workflows.definition import Source
from tuner.workflows.grammar import DEEPEST, grammar_faults


def deep(levels: int) -> dict[str, Any]:
    """Branches inside branches."""
    inner = machine({"S0": {"Type": "Pass", "End": True}})
    for level in range(1, levels):
        inner = machine({f"S{level}": {"Type": "Parallel", "Branches": [inner], "End": True}})
    return inner


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("Task", '$.States.A: "Task" is not an object with a Type'),
        ({}, "$.States.A.Type: is missing"),
        ({"Type": 3}, "$.States.A.Type: 3 is not a type of state"),
        ({"Type": "Task", "End": True}, "$.States.A.Resource: is missing"),
        ({"Type": "Pass", "End": "yes"}, '$.States.A.End: "yes" is not true or false'),
        ({"Type": "Pass", "Next": ["B"]}, '$.States.A.Next: ["B"] is not the name of a state'),
        ({"Type": "Wait", "Seconds": -1, "End": True}, "$.States.A.Seconds: -1 is not a number from 0"),
        ({"Type": "Wait", "Seconds": 1e300, "End": True}, "$.States.A.Seconds: 1e+300 is not a number"),
        ({"Type": "Choice"}, "$.States.A.Choices: is missing"),
        ({"Type": "Choice", "Choices": []}, "$.States.A: has no choices"),
        ({"Type": "Choice", "Choices": [{"Next": 7}]}, "$.States.A.Choices[0].Next: 7 is not the name of a state"),
        (
            {"Type": "Choice", "Choices": [{"Next": "A"}], "End": True},
            "$.States.A.End: is not allowed in a Choice state",
        ),
        ({"Type": "Succeed", "Next": "A"}, "$.States.A.Next: is not allowed in a Succeed state"),
        ({"Type": "Pass", "Next": "A", "End": True}, "$.States.A: has both Next and End"),
        (invoke("a", End=True, Catch=[{}]), "$.States.A.Catch[0].Next: is missing"),
        (invoke("a", End=True, Retry={}), "$.States.A.Retry: {} is not a list of objects"),
        (invoke("a", End=True, Retry=[{"MaxAttempts": "3"}]), '$.States.A.Retry[0].MaxAttempts: "3" is not a number'),
        ({"Type": "Parallel", "Branches": [{}], "End": True}, "$.States.A.Branches[0]: has no States"),
        ({"Type": "Map", "End": True}, "$.States.A.ItemProcessor: null is not an object"),
        ({"Type": "Map", "MaxConcurrency": True, "End": True}, "$.States.A.MaxConcurrency: true is not a number"),
    ],
)
def test_a_field_of_the_wrong_form_is_named(state: Any, told: str) -> None:
    faults = grammar_faults(machine({"A": state}))
    assert any(str(fault).startswith(told) for fault in faults), faults
    assert all(fault.remedy for fault in faults)


def test_every_fault_of_the_form_is_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        Source(machine({"A": {"Type": "Pass"}, "B": {"Type": "Task", "End": True}}, "C"), name="child")
    assert [fault.path for fault in caught.value.faults] == [
        "child.StartAt",
        "child.States.A",
        "child.States.B.Resource",
    ]


def test_a_name_is_that_of_one_state_in_the_whole_machine() -> None:
    branch = machine({"A": {"Type": "Pass", "End": True}})
    faults = grammar_faults(machine({"A": {"Type": "Parallel", "Branches": [branch], "End": True}}))
    assert [str(fault) for fault in faults] == [
        "$.States.A.Branches[0].States.A: has the name of $.States.A (names are unique in a whole state machine)"
    ]


def test_states_that_nothing_leads_to_are_named_with_those_that_do_not_exist() -> None:
    inner = machine({"In": {"Type": "Pass", "End": True}, "Out": {"Type": "Pass", "End": True}})
    states = {
        "A": {"Type": "Parallel", "Branches": [inner], "Next": "B", "Catch": [{"Next": "Caught"}]},
        "B": {"Type": "Choice", "Choices": [{"Next": "Gone"}], "Default": "C"},
        "C": {"Type": "Succeed"},
        "Caught": {"Type": "Fail"},
        "On its own": {"Type": "Pass", "Next": "C"},
    }
    assert [str(fault) for fault in grammar_faults(machine(states))] == [
        "$.States.A.Branches[0].States.Out: is a state that nothing leads to (lead to it, or leave it out)",
        '$.States.B: leads to "Gone", which does not exist (name a state beside it)',
        '$.States["On its own"]: is a state that nothing leads to (lead to it, or leave it out)',
    ]


def test_branches_lie_so_deep_and_no_deeper() -> None:
    assert not grammar_faults(deep(DEEPEST))
    assert "levels deep" in grammar_faults(deep(DEEPEST + 1))[0].problem


def test_expressions_stand_where_the_language_allows_them() -> None:
    inner = machine({"Each": invoke("each")})
    states = {
        "W": {"Type": "Wait", "Seconds": "{% $s %}", "Next": "M"},
        "M": {"Type": "Map", "Items": "{% $i %}", "MaxConcurrency": "{% $c %}", "ItemProcessor": inner, "Next": "A"},
        "A": {"Type": "Task", "Resource": INVOKE, "Arguments": "{% $a %}", "End": True},
    }
    assert not grammar_faults(machine(states))
