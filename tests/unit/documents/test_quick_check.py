"""What is recognised without a validator is valid under it, and ordinary documents are recognised."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.golden.situations import document_of
from tuner.documents.input import input_schema
from tuner.documents.quick_check import is_time, surely_valid
from tuner.documents.result import schema

NAMES = ("grid", "all-failed")
ODD = [
    None,
    True,
    False,
    0,
    1,
    1.0,
    -1,
    0.5,
    2**70,
    "",
    "x",
    "2026-08-01",
    "x86_64",
    [],
    [1, 1],
    [1, True],
    {},
    {"": 1},
]
INPUT: dict[str, Any] = {"lambdaARN": "orders", "num": 10, "powerValues": [128, 512], "payload": {"n": 1}}


@pytest.mark.parametrize("name", NAMES)
def test_results_of_runs_are_recognised(name: str) -> None:
    assert surely_valid(document_of(name), schema())


def test_ordinary_inputs_are_recognised() -> None:
    assert surely_valid(INPUT, input_schema())


@settings(max_examples=60)
@given(st.data())
def test_a_changed_result_that_is_recognised_is_valid(data: st.DataObject) -> None:
    hold_to_the_validator(changed(data, document_of("all-failed")), schema())


@settings(max_examples=60)
@given(st.data())
def test_a_changed_input_that_is_recognised_is_valid(data: st.DataObject) -> None:
    names = st.sampled_from(sorted(input_schema()["properties"]))
    document = INPUT | {data.draw(names): data.draw(st.sampled_from(ODD))}
    hold_to_the_validator(changed(data, document), input_schema())


@pytest.mark.parametrize(
    ("rules", "value"),
    [
        ({"oneOf": [{"type": "string"}]}, "a keyword that is not known"),
        ({"enum": [1]}, True),
        ({"const": 1}, 1.0),
        ({"uniqueItems": True}, [1, True]),
        ({"uniqueItems": True}, [[], []]),
        ({"$ref": "https://example.com/other"}, 1),
        ({"type": "integer"}, 1.0),
    ],
)
def test_a_doubt_is_left_to_the_validator(rules: dict[str, Any], value: object) -> None:
    assert not surely_valid(value, rules)


@pytest.mark.parametrize("text", ["", "now", "2026-08-01", "2026-08-01T10:00:00"])
def test_a_time_has_a_zone(text: str) -> None:
    assert not is_time(text)
    assert is_time("2026-08-01T10:00:00Z")


def hold_to_the_validator(document: object, rules: Mapping[str, Any]) -> None:
    """Fail where a document is recognised that the validator refuses."""
    assert not surely_valid(document, rules) or Draft202012Validator(rules).is_valid(document)


def changed(data: st.DataObject, document: Any) -> Any:
    """A copy with one of its values left out, replaced or joined by another one."""
    document = copy.deepcopy(document)
    parent, key = data.draw(st.sampled_from(list(places(document))))
    what = data.draw(st.sampled_from(["leave out", "replace", "join"]))
    if what == "leave out":
        del parent[key]
    elif what == "replace":
        parent[key] = data.draw(st.sampled_from(ODD))
    elif isinstance(parent, dict):
        parent["further"] = data.draw(st.sampled_from(ODD))
    else:
        parent.append(data.draw(st.sampled_from(ODD)))
    return document


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every value within a document, as its parent and its key."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])
