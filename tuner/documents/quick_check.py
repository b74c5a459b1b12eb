"""Recognises most valid documents without a validator, whose import takes longer than a report.

It is sound and not complete: it answers yes only where a validator finds no fault, and no where it is not sure.
It does not know what a fault is; `tuner.documents.validation` asks a validator about all that it does not recognise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

Check = Callable[[Any, Any, Mapping[str, Any], Mapping[str, Any]], bool]
"""Whether a value keeps a keyword: the value, what the keyword says, its schema and the whole schema."""

NOTES: Final = frozenset({"$schema", "$id", "$defs", "title", "description", "default", "examples"})
"""Keywords that allow every value."""
TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
}


def surely_valid(document: object, schema: Mapping[str, Any]) -> bool:
    """Whether a document keeps its schema (JSON Schema 2020-12) without doubt."""
    return _keeps(document, schema, schema)


def is_time(text: str) -> bool:
    """Whether a text is a time with its zone, as the format `date-time` asks for."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _keeps(value: Any, schema: Mapping[str, Any] | bool, root: Mapping[str, Any]) -> bool:
    """Whether a value keeps every keyword of a schema. One that is not known leaves a doubt."""
    if isinstance(schema, bool):
        return schema
    for keyword, wanted in schema.items():
        check = _CHECKS.get(keyword)
        if check is None:
            if keyword not in NOTES:
                return False
        elif not check(value, wanted, schema, root):
            return False
    return True


def _type(value: Any, wanted: Any, _schema: Mapping[str, Any], _root: Mapping[str, Any]) -> bool:
    return TYPES[wanted](value) if isinstance(wanted, str) else any(TYPES[kind](value) for kind in wanted)


def _reference(value: Any, wanted: Any, _schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    start, _, name = wanted.rpartition("/")
    return start == "#/$defs" and name in root["$defs"] and _keeps(value, root["$defs"][name], root)


def _properties(value: Any, wanted: Any, _schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    if not isinstance(value, dict):
        return True
    return all(_keeps(value[name], schema, root) for name, schema in wanted.items() if name in value)


def _additional(value: Any, wanted: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    if not isinstance(value, dict):
        return True
    known = schema.get("properties", {})
    return all(_keeps(item, wanted, root) for name, item in value.items() if name not in known)


def _names(value: Any, wanted: Any, _schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    return not isinstance(value, dict) or all(_keeps(name, wanted, root) for name in value)


def _items(value: Any, wanted: Any, _schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    return not isinstance(value, list) or all(_keeps(item, wanted, root) for item in value)


def _any_of(value: Any, wanted: Any, _schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    return any(_keeps(value, schema, root) for schema in wanted)


def _one_of_these(value: Any, wanted: Any, _schema: Mapping[str, Any], _root: Mapping[str, Any]) -> bool:
    """Only texts, whole numbers and nothing are told apart here: 1, 1.0 and true are equal to Python."""
    return type(value) in (str, int, type(None)) and any(type(one) is type(value) and one == value for one in wanted)


def _unique(value: Any, wanted: Any, _schema: Mapping[str, Any], _root: Mapping[str, Any]) -> bool:
    if not wanted or not isinstance(value, list):
        return True
    kinds = {type(item) for item in value}
    return kinds in ({str}, {int}, set()) and len(set(value)) == len(value)


def _of(kind: str, keeps: Callable[[Any, Any], bool]) -> Check:
    """A check of values of one type, which others keep."""
    return lambda value, wanted, _schema, _root: not TYPES[kind](value) or keeps(value, wanted)


_CHECKS: Final[Mapping[str, Check]] = {
    "type": _type,
    "$ref": _reference,
    "properties": _properties,
    "additionalProperties": _additional,
    "propertyNames": _names,
    "items": _items,
    "anyOf": _any_of,
    "enum": _one_of_these,
    "const": lambda value, wanted, schema, root: _one_of_these(value, [wanted], schema, root),
    "uniqueItems": _unique,
    "required": _of("object", lambda value, wanted: all(name in value for name in wanted)),
    "minimum": _of("number", lambda value, wanted: value >= wanted),
    "maximum": _of("number", lambda value, wanted: value <= wanted),
    "exclusiveMinimum": _of("number", lambda value, wanted: value > wanted),
    "exclusiveMaximum": _of("number", lambda value, wanted: value < wanted),
    "minLength": _of("string", lambda value, wanted: len(value) >= wanted),
    "maxLength": _of("string", lambda value, wanted: len(value) <= wanted),
    "minItems": _of("array", lambda value, wanted: len(value) >= wanted),
    "maxItems": _of("array", lambda value, wanted: len(value) <= wanted),
    "minProperties": _of("object", lambda value, wanted: len(value) >= wanted),
    "pattern": _of("string", lambda value, wanted: re.search(wanted, value) is not None),
    "format": _of("string", lambda value, wanted: wanted == "date-time" and is_time(value)),
}
