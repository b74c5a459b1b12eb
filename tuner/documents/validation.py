"""Checks documents against a JSON Schema and says every fault in words that help.

The schema decides what is valid; this module turns a validator's findings into
`$.powerValues[2]: 96 is below 128 (use a value from 128 to 10240)`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pkgutil import get_data
from typing import TYPE_CHECKING, Any

from tuner.documents.quick_check import is_time, surely_valid
from tuner.errors import Fault
from tuner.plain_text import shortened

if TYPE_CHECKING:
    from jsonschema import FormatChecker
    from jsonschema.exceptions import ValidationError

SHOWN_CHARACTERS = 80
"""How much of a wrong value a message shows."""


@cache
def published_schema(name: str) -> dict[str, Any]:
    """A JSON Schema of `tuner/schemas`, by its name and version, such as `result-1`."""
    schema: dict[str, Any] = json.loads(get_data("tuner.documents", f"schemas/{name}.json") or b"")
    return schema


def find_faults(document: object, schema: Mapping[str, Any]) -> tuple[Fault, ...]:
    """Every fault of a document, each with its JSONPath, the value and the remedy."""
    if surely_valid(document, schema):
        return tuple(not_finite(document))
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(schema, format_checker=_formats())
    errors = sorted(validator.iter_errors(document), key=lambda e: list(map(str, e.absolute_path)))
    # What several rules say of one value is said once, and so are fields that are missing together.
    found = dict.fromkeys(fault for error in errors for fault in _faults(error))
    # That a number is none is said instead of what it would be, with the remedy of its rule.
    remedies = {fault.path: fault.remedy for fault in found}
    none = {fault.path: replace(fault, remedy=remedies.get(fault.path, fault.remedy)) for fault in not_finite(document)}
    return (*(fault for fault in found if fault.path not in none), *none.values())


@cache
def _formats() -> FormatChecker:
    """Checks times, which jsonschema by itself does only where a further package is installed."""
    from jsonschema import FormatChecker

    checker = FormatChecker(formats=())

    @checker.checks("date-time")
    def holds_a_time(value: object) -> bool:
        return not isinstance(value, str) or is_time(value)

    return checker


def as_number(text: str) -> Any:
    """The number that a text holds; the text itself when it holds none, for the schema to judge."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def not_finite(document: object) -> Iterator[Fault]:
    """Numbers that JSON does not have, although Python reads them: no bound of a schema catches NaN."""
    waiting = [("$", document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, float) and not math.isfinite(value):
            yield Fault(path, f"{value} is not a finite number", "use a number")
        elif isinstance(value, Mapping):
            waiting.extend((f"{path}.{name}", item) for name, item in value.items())
        elif isinstance(value, (list, tuple)):
            waiting.extend((f"{path}[{index}]", item) for index, item in enumerate(value))


def _faults(error: ValidationError, advice: str = "") -> Iterator[Fault]:
    """The faults behind an error; `advice` is the remedy where the schema at hand has no description."""
    path, keyword = error.json_path, str(error.validator)
    value: Any = error.instance
    wanted: Any = error.validator_value
    bounds = error.schema if isinstance(error.schema, dict) else {}
    if keyword == "additionalProperties":
        known = list(bounds.get("properties", {}))
        for name in sorted(set(value) - set(known)):
            near = _near(name, known)
            instead = f"did you mean {near}?" if near else f"known are {', '.join(known)}"
            yield Fault(f"{path}.{name}", "unknown field", instead)
    elif keyword == "required":
        missing = [name for name in wanted if name not in value]
        if len(missing) == 1:
            yield Fault(f"{path}.{missing[0]}", "is missing", "add it")
        else:
            yield Fault(path, "is missing: " + ", ".join(missing), "add them")
    elif keyword == "anyOf":
        yield from _any_of(error)
    else:
        told = bounds.get("description", advice).partition(" Default: ")[0]
        yield Fault(path, *_problem(keyword, value, wanted, bounds, told))


def _problem(keyword: str, value: Any, wanted: Any, bounds: Mapping[str, Any], told: str) -> tuple[str, str]:
    """What is wrong with one value, and the remedy. `told` is what the schema says of the field."""
    shown = _show(value)
    match keyword:
        case "minimum" | "exclusiveMinimum":
            word = "is below" if keyword == "minimum" else "is not above"
            return f"{shown} {word} {wanted}", f"use a value {limits(bounds)}"
        case "maximum" | "exclusiveMaximum":
            word = "is above" if keyword == "maximum" else "is not below"
            return f"{shown} {word} {wanted}", f"use a value {limits(bounds)}"
        case "enum":
            near, known = _near(value, wanted), ", ".join(map(str, wanted))
            return f"{shown} is not known", f"did you mean {near}? known are {known}" if near else f"use one of {known}"
        case "const":
            return f"{shown} is not {_show(wanted)}", f"use {_show(wanted)}"
        case "type":
            kinds = [wanted] if isinstance(wanted, str) else wanted
            return f"{shown} is not {' or '.join(map(_KINDS.__getitem__, kinds))}", _wanted(kinds, bounds, told)
        case "minLength" | "minItems" if not value:
            return f"{shown} is empty", told or "give a value"
        case "minLength" | "minItems":
            return f"{shown} is too short", _with(f"use at least {wanted} {_PARTS[keyword]}", told)
        case "maxLength" | "maxItems":
            return f"{shown} is too long", _with(f"use at most {wanted} {_PARTS[keyword]}", told)
        case "uniqueItems":
            return f"{shown} names something twice", "name each once"
        case "format":
            return f"{shown} is not a time with its zone", _with("write it as 2026-09-01T10:00:00Z", told)
        case "pattern":
            return f"{shown} cannot be read", told or f"use a text that matches {wanted}"
        case _:
            return f"{shown} is not what is wanted", told or "see the schema"


_KINDS = {
    "object": "an object with fields",
    "array": "a list",
    "string": "a text",
    "boolean": "true or false",
    "null": "null",
    "integer": "a whole number",
    "number": "a number",
}
"""Types of JSON in words."""
_PARTS = {"minLength": "characters", "maxLength": "characters", "minItems": "items", "maxItems": "items"}


def _wanted(kinds: Sequence[str], bounds: Mapping[str, Any], told: str) -> str:
    """The remedy of a value that is of another kind."""
    named = " or ".join(map(_KINDS.__getitem__, kinds))
    allowed = limits(bounds)
    return f"use {named} {allowed}" if allowed else _with(f"use {named}", told)


def _with(remedy: str, told: str) -> str:
    """A remedy with what the schema says of the field."""
    return f"{remedy}: {told}" if told else remedy


def _near(value: object, known: Iterable[object]) -> str:
    """The known name that comes nearest; empty: none does."""
    import difflib

    names = list(map(str, known))
    return next(iter(difflib.get_close_matches(value, names, 1)), "") if isinstance(value, str) else ""


def _any_of(error: ValidationError) -> Iterator[Fault]:
    """The faults of the alternative that is meant: the one whose type fits, or that knows names."""
    bounds = error.schema if isinstance(error.schema, dict) else {}
    advice = bounds.get("description", "")
    branches: dict[object, list[ValidationError]] = {}
    for child in error.context or ():
        branches.setdefault(child.schema_path[0], []).append(child)
    for children in branches.values():
        if not any(child.validator in ("type", "enum") and not child.path for child in children):
            for child in children:
                yield from _faults(child, advice)
            return
    named = next((child for child in error.context or () if child.validator == "enum" and not child.path), None)
    if named is not None and isinstance(error.instance, str):
        yield from _faults(named, advice)
    else:
        yield Fault(error.json_path, f"{_show(error.instance)} is not what is wanted", advice)


def limits(schema: Mapping[str, Any], tell: Callable[[float], str] = str) -> str:
    """The numbers that are allowed: `from 1 to 9`, `of at least 1`, `above 0 and below 1`; empty: all.

    `tell` writes one of them.
    """
    words = {
        "minimum": "from {}",
        "exclusiveMinimum": "above {}",
        "maximum": "up to {}",
        "exclusiveMaximum": "below {}",
    }
    if not schema.keys() & {"maximum", "exclusiveMaximum"}:
        words["minimum"] = "of at least {}"
    told = " and ".join(word.format(tell(schema[bound])) for bound, word in words.items() if bound in schema)
    return told.replace(" and up to ", " to ") if "minimum" in schema else told


def keeps_limits(value: float, schema: Mapping[str, Any]) -> bool:
    """Whether a number is finite, and within the bounds of its schema."""
    low, above = schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf)
    high, below = schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf)
    return math.isfinite(value) and bool(low <= value <= high and above < value < below)


def _show(value: object) -> str:
    return shortened(json.dumps(value, ensure_ascii=False, default=str), SHOWN_CHARACTERS)
