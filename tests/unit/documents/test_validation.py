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
                {"type": "array", "items": {"type": "integer", "minimum": 1}},
                {"type": "string", "pattern": "^all$"},
            ],
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
        ({"size": 1.5}, "$.size: 1.5 is not of type integer (Its size.)"),
        ({"size": True}, "$.size: true is not of type integer (Its size.)"),
        ({"share": 0}, "$.share: 0 is not above 0 (use a value from 0 to 1)"),
        ({"share": 1}, "$.share: 1 is not below 1 (use a value from 0 to 1)"),
        ({"least": -1}, "$.least: -1 is below 0 (use a value from 0)"),
        ({"most": 6}, "$.most: 6 is above 5 (use a value up to 5)"),
        ({"kind": "another"}, '$.kind: "another" is not known (use one of one, other)'),
        ({"nam": 1}, "$.nam: unknown field (did you mean name?)"),
        ({"zzz": 1}, "$.zzz: unknown field (known are name, size, share, least, most, kind, either, when, free)"),
        ({"name": "a"}, '$.name: "a" is not valid (minLength 2) (Its name.)'),
        ({"either": "some"}, '$.either: "some" is not valid (pattern ^all$) (Sizes, or `all`.)'),
        ({"either": [3, 0]}, "$.either[1]: 0 is below 1 (use a value from 1)"),
        ({"either": 7}, "$.either: 7 is not valid (Sizes, or `all`.)"),
        ({"when": "yesterday"}, '$.when: "yesterday" is not valid (format date-time) (UTC.)'),
        ({"when": "2026-09-01T10:00:00"}, '$.when: "2026-09-01T10:00:00" is not valid (format date-time) (UTC.)'),
        ({"share": float("nan")}, "$.share: nan is not a finite number (use a number)"),
        ({"free": [{"a": float("inf")}]}, "$.free[0].a: inf is not a finite number (use a number)"),
    ],
)
def test_a_fault_says_where_what_and_what_to_do(changes: dict[str, Any], expected: str) -> None:
    assert faults_of(**changes) == [expected]


def test_all_faults_are_told_at_once_and_each_once() -> None:
    found = find_faults({"either": [0, "x", 0], "kind": 1, "extra": 2}, SCHEMA)
    paths = ["$", "$.either[0]", "$.either[1]", "$.either[2]", "$.extra", "$.kind"]
    assert sorted(fault.path for fault in found) == paths
    assert "is missing: name, size" in [fault.problem for fault in found]
    assert len(set(found)) == len(found)


def test_one_missing_field_is_named_by_its_path() -> None:
    assert [str(fault) for fault in find_faults({"name": "ab"}, SCHEMA)] == ["$.size: is missing: size (add it)"]


def test_a_long_value_is_shown_in_part() -> None:
    (fault,) = faults_of(kind="x" * 10_000)
    assert len(fault) < 200


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
