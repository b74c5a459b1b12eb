"""The typed views of the documents say the same as their published schemas, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, Required, Union, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from tuner.comparison.question import Metric
from tuner.comparison.verdicts import Verdict
from tuner.documents import result
from tuner.documents.comparison import ComparisonDocument, MetricText, VerdictText, comparison_schema
from tuner.documents.input import InputDocument, input_schema
from tuner.documents.result import ResultDocument
from tuner.documents.samples import InvocationDocument
from tuner.model import Architecture, BackendKind, Invocation, Outcome, SamplerName, StopReason, StrategyName

VIEWS = {
    "result": (ResultDocument, result.schema()),
    "comparison": (ComparisonDocument, comparison_schema()),
    "input": (InputDocument, input_schema()),
}
OPEN: Mapping[str, type[StrEnum]] = {"$.strategy": StrategyName, "$.sampler": SamplerName}
"""Kinds that grow by a class and an entry: the input's schema lists them, and views take any."""
PRIMITIVES: Mapping[str, Any] = {"string": str, "integer": int, "number": float, "boolean": bool, "null": NoneType}


def disagreements(view: Any, schema: Any, root: Mapping[str, Any], path: str = "$") -> Iterator[str]:
    """Every place where a view and a schema do not say the same."""
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    branches = list(alternatives(schema))
    options = list(options_of(view))
    if branches == [{}] or branches == [{"description": schema.get("description")}]:
        if view is not Any:
            yield f"{path}: {view} for anything"
        return
    if len(branches) != len(options):
        yield f"{path}: {options} for {branches}"
        return
    for branch, option in zip(branches, options, strict=True):
        yield from differences_of_one(option, branch, root, path)


def alternatives(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The types that a schema allows, null last, each as a schema of its own."""
    if "enum" in schema:
        found: list[Mapping[str, Any]] = [{"enum": [value for value in schema["enum"] if value is not None]}]
        found += [{"type": "null"}] if None in schema["enum"] else []
    elif "anyOf" in schema:
        found = list(schema["anyOf"])
    else:
        kinds = schema.get("type")
        found = [{**schema, "type": kind} for kind in kinds] if isinstance(kinds, list) else [schema]
    yield from sorted(found, key=lambda branch: branch.get("type") == "null")


def options_of(view: Any) -> Iterator[Any]:
    """The members of a union, None last."""
    members = get_args(view) if get_origin(view) in (Union, UnionType) else (view,)
    yield from sorted(members, key=lambda member: member is NoneType)


def differences_of_one(view: Any, schema: Mapping[str, Any], root: Mapping[str, Any], path: str) -> Iterator[str]:
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    kind = schema.get("type")
    if path in OPEN:
        if view is not str or schema["enum"] != [member.value for member in OPEN[path]]:
            yield f"{path}: {view} for {schema}"
    elif "const" in schema or "enum" in schema:
        allowed = schema["enum"] if "enum" in schema else [schema["const"]]
        if get_origin(view) is not Literal or list(get_args(view)) != allowed:
            yield f"{path}: {view} for {allowed}"
    elif kind == "array":
        if get_origin(view) is not list:
            yield f"{path}: {view} for an array"
        else:
            yield from disagreements(get_args(view)[0], schema["items"], root, f"{path}[]")
    elif kind == "object" and is_typeddict(view):
        yield from differences_of_fields(view, schema, root, path)
    elif kind == "object":
        if get_origin(view) is not Mapping or schema.get("additionalProperties") is False:
            yield f"{path}: {view} for an object"
    elif PRIMITIVES.get(str(kind)) is not view:
        yield f"{path}: {view} for {kind}"


def differences_of_fields(view: Any, schema: Mapping[str, Any], root: Mapping[str, Any], path: str) -> Iterator[str]:
    hints = get_type_hints(view, include_extras=True)
    known = schema["properties"]
    if schema.get("additionalProperties") is not False:
        yield f"{path}: an open object has a closed view"
    for name in hints.keys() ^ known.keys():
        yield f"{path}.{name}: is in the {'view' if name in hints else 'schema'} alone"
    for name in hints.keys() & known.keys():
        hint, required = hints[name], view.__total__
        if get_origin(hint) in (Required, NotRequired):
            required = get_origin(hint) is Required
            (hint,) = get_args(hint)
        if required is not (name in schema.get("required", ())):
            yield f"{path}.{name}: required in one of them alone"
        yield from disagreements(hint, known[name], root, f"{path}.{name}")


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_a_view_and_its_schema_agree_field_by_field(name: str) -> None:
    view, schema = VIEWS[name]
    assert list(disagreements(view, schema, schema)) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"properties": {"name": {"type": "integer"}}}, "$.name: <class 'str'> for integer"),
        ({"required": ["name"]}, "$.version: required in one of them alone"),
        ({"properties": {"name": {"type": "string"}}}, "$.version: is in the view alone"),
        ({"properties": {"name": {"type": ["string", "null"]}}}, "$.name: "),
        ({"additionalProperties": True}, "$: an open object has a closed view"),
    ],
)
def test_the_comparison_of_views_and_schemas_finds_what_differs(changed: dict[str, Any], said: str) -> None:
    schema = {**result.schema()["properties"]["tool"], **changed}
    assert any(said in found for found in disagreements(result.ToolDocument, schema, {}))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (result.ArchitectureText, Architecture),
        (result.BackendText, BackendKind),
        (result.OutcomeText, Outcome),
        (result.StopText, StopReason),
        (MetricText, Metric),
        (VerdictText, Verdict),
    ],
)
def test_the_texts_of_a_kind_are_those_of_its_enum(text: Any, kind: type[StrEnum]) -> None:
    assert set(get_args(text)) == {member.value for member in kind}


def test_a_line_of_samples_has_the_fields_of_an_invocation() -> None:
    assert set(get_type_hints(InvocationDocument)) == {field.name for field in fields(Invocation)}
