"""Faults are told all at once, each with its path, the value and what to do."""

from __future__ import annotations

from typing import Any

import pytest

from tuner.documents.validation import find_faults

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "size"],
    "properties": {
        "name": {"type": "string", "description": "Its name.", "minLength": 2},
        "size": {"type": "integer", "description": "Its size.", "minimum": 1, "maximum": 9},
        "share": {"type": "number", "description": "A share.", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "least": {"type": "number", "description": "At least.", "minimum": 0},
        "most": {"type": "number", "description": "At most.", "maximum": 5},
        "kind": {"enum": ["one", "other"], "description": "Its kind."},
        "either": {
            "description": "Sizes, or `all`.",
            "anyOf": [
                {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "integer", "minimum": 1}},
                {"type": "string", "pattern": "^all$"},
            ],
        },
        "choice": {
            "description": "One or several colours.",
            "anyOf": [{"enum": ["red", "blue"]}, {"type": "array", "items": {"enum": ["red", "blue"]}}],
        },
        "when": {"type": "string", "format": "date-time", "description": "UTC."},
        "free": {"description": "Anything."},
    },
}
GOOD: dict[str, Any] = {"name": "ab", "size": 5}


def faults_of(**changes: Any) -> list[str]:
    return [str(fault) for fault in find_faults({**GOOD, **changes}, SCHEMA)]


def test_a_valid_document_has_no_fault() -> None:
    assert find_faults(GOOD, SCHEMA) == ()
    assert faults_of(when="2026-09-01T10:00:00Z") == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"size": 0}, "$.size: 0 is below 1 (use a value from 1 to 9)"),
        ({"size": 10}, "$.size: 10 is above 9 (use a value from 1 to 9)"),
        ({"size": 1.5}, "$.size: 1.5 is not a whole number (use a whole number from 1 to 9)"),
        ({"size": True}, "$.size: true is not a whole number (use a whole number from 1 to 9)"),
        ({"share": 0}, "$.share: 0 is not above 0 (use a value above 0 and below 1)"),
        ({"share": 1}, "$.share: 1 is not below 1 (use a value above 0 and below 1)"),
        ({"least": -1}, "$.least: -1 is below 0 (use a value of at least 0)"),
        ({"most": 6}, "$.most: 6 is above 5 (use a value up to 5)"),
        ({"kind": "another"}, '$.kind: "another" is not known (did you mean other? known are one, other)'),
        ({"kind": "zzzzz"}, '$.kind: "zzzzz" is not known (use one of one, other)'),
        ({"name": 5}, "$.name: 5 is not a text (use a text: Its name.)"),
        ({"name": ""}, '$.name: "" is empty (Its name.)'),
        ({"either": []}, "$.either: [] is empty (Sizes, or `all`.)"),
        ({"either": [1, 1]}, "$.either: [1, 1] names something twice (name each once)"),
        ({"choice": "rde"}, '$.choice: "rde" is not known (did you mean red? known are red, blue)'),
        ({"choice": 7}, "$.choice: 7 is not what is wanted (One or several colours.)"),
        ({"nam": 1}, "$.nam: unknown field (did you mean name?)"),
        (
            {"zzz": 1},
            "$.zzz: unknown field (known are name, size, share, least, most, kind, either, choice, when, free)",
        ),
        ({"name": "a"}, '$.name: "a" is too short (use at least 2 characters: Its name.)'),
        ({"either": "some"}, '$.either: "some" cannot be read (Sizes, or `all`.)'),
        ({"either": [3, 0]}, "$.either[1]: 0 is below 1 (use a value of at least 1)"),
        ({"either": 7}, "$.either: 7 is not what is wanted (Sizes, or `all`.)"),
        (
            {"when": "yesterday"},
            '$.when: "yesterday" is not a time with its zone (write it as 2026-09-01T10:00:00Z: UTC.)',
        ),
        ({"share": float("nan")}, "$.share: nan is not a finite number (use a number)"),
        ({"free": [{"a": float("inf")}]}, "$.free[0].a: inf is not a finite number (use a number)"),
    ],
)
def test_a_fault_says_where_what_and_what_to_do(changes: dict[str, Any], expected: str) -> None:
    assert faults_of(**changes) == [expected]


def test_all_faults_are_told_at_once_and_each_once() -> None:
    found = find_faults({"either": [0, "x", -1], "kind": 1, "extra": 2}, SCHEMA)
    paths = ["$", "$.either[0]", "$.either[1]", "$.either[2]", "$.extra", "$.kind"]
    assert sorted(fault.path for fault in found) == paths
    assert "is missing: name, size" in [fault.problem for fault in found]
    assert len(set(found)) == len(found)


def test_one_missing_field_is_named_by_its_path() -> None:
    assert [str(fault) for fault in find_faults({"name": "ab"}, SCHEMA)] == ["$.size: is missing (add it)"]


def test_a_long_value_is_shown_in_part() -> None:
    (fault,) = faults_of(kind="x" * 10_000)
    assert len(fault) < 200
    assert "… (9,922 more characters)" in fault


@pytest.mark.parametrize("document", [None, 3, "text", [], True])
def test_what_is_no_object_is_one_fault(document: object) -> None:
    (fault,) = find_faults(document, SCHEMA)
    assert fault.path == "$"
    assert "object" in fault.problem


def test_a_document_nested_without_end_is_walked() -> None:
    deep: Any = 1
    for _ in range(50_000):
        deep = [deep]
    assert find_faults({**GOOD, "free": deep}, SCHEMA) == ()
