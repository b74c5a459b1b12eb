"""Checks documents against a JSON Schema and says every fault in words that help.

The schema decides what is valid; this module turns a validator's findings into
`$.powerValues[2]: 96 is below 128 (use a value from 128 to 10240)`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from functools import cache
from pkgutil import get_data
from typing import TYPE_CHECKING, Any

from tuner.documents.quick_check import is_time, surely_valid
from tuner.errors import Fault

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
        return tuple(_not_finite(document))
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(schema, format_checker=_formats())
    errors = sorted(validator.iter_errors(document), key=lambda e: list(map(str, e.absolute_path)))
    # What several rules say of one value is said once, and so are fields that are missing together.
    found = dict.fromkeys(fault for error in errors for fault in _faults(error))
    return (*found, *_not_finite(document))


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


def _not_finite(document: object) -> Iterator[Fault]:
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
    remedy = bounds.get("description", advice)
    if keyword == "additionalProperties":
        import difflib

        known = list(bounds.get("properties", {}))
        for name in sorted(set(value) - set(known)):
            near = difflib.get_close_matches(name, known, 1)
            instead = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            yield Fault(f"{path}.{name}", "unknown field", instead)
    elif keyword == "required":
        missing = [name for name in wanted if name not in value]
        yield Fault(
            f"{path}.{missing[0]}" if len(missing) == 1 else path, "is missing: " + ", ".join(missing), "add it"
        )
    elif keyword in ("minimum", "exclusiveMinimum"):
        word = "is below" if keyword == "minimum" else "is not above"
        yield Fault(path, f"{_show(value)} {word} {wanted}", _range(bounds))
    elif keyword in ("maximum", "exclusiveMaximum"):
        word = "is above" if keyword == "maximum" else "is not below"
        yield Fault(path, f"{_show(value)} {word} {wanted}", _range(bounds))
    elif keyword == "enum":
        yield Fault(path, f"{_show(value)} is not known", "use one of " + ", ".join(map(str, wanted)))
    elif keyword == "type":
        kinds = wanted if isinstance(wanted, str) else " or ".join(wanted)
        yield Fault(path, f"{_show(value)} is not of type {kinds}", remedy)
    elif keyword == "anyOf":
        yield from _any_of(error)
    else:
        yield Fault(path, f"{_show(value)} is not valid ({keyword} {wanted})", remedy)


def _any_of(error: ValidationError) -> Iterator[Fault]:
    """The faults of the alternative that is meant: the one whose type fits."""
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
    yield Fault(error.json_path, f"{_show(error.instance)} is not valid", advice)


def _range(schema: Mapping[str, Any]) -> str:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is None:
        return f"use a value up to {high}"
    return f"use a value from {low} to {high}" if high is not None else f"use a value from {low}"


def _show(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
