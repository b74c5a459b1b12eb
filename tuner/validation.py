"""Checks documents against a JSON Schema and says every fault in words that help.

The schema decides what is valid; this module turns a validator's findings into
`$.powerValues[2]: 96 is below 128 (use a value from 128 to 10240)`.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tuner.errors import Fault

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

SHOWN_CHARACTERS = 80
"""How much of a wrong value a message shows."""


def find_faults(document: object, schema: Mapping[str, Any]) -> tuple[Fault, ...]:
    """Every fault of a document, each with its JSONPath, the value and the remedy."""
    from jsonschema import Draft202012Validator

    errors = Draft202012Validator(schema).iter_errors(document)
    return tuple(
        fault for error in sorted(errors, key=lambda e: list(map(str, e.absolute_path))) for fault in _faults(error)
    )


def _faults(error: ValidationError) -> Iterator[Fault]:
    path, keyword = error.json_path, str(error.validator)
    value: Any = error.instance
    wanted: Any = error.validator_value
    bounds = error.schema if isinstance(error.schema, dict) else {}
    if keyword == "additionalProperties":
        known = list(bounds.get("properties", {}))
        for name in sorted(set(value) - set(known)):
            near = difflib.get_close_matches(name, known, 1)
            remedy = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            yield Fault(f"{path}.{name}", "unknown field", remedy)
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
        yield Fault(path, f"{_show(value)} is not of type {kinds}", bounds.get("description", ""))
    elif keyword == "anyOf":
        yield from _any_of(error)
    else:
        yield Fault(path, f"{_show(value)} is not valid ({keyword} {wanted})", bounds.get("description", ""))


def _any_of(error: ValidationError) -> Iterator[Fault]:
    """The faults of the alternative that is meant: the one whose type fits."""
    branches: dict[object, list[ValidationError]] = {}
    for child in error.context or ():
        branches.setdefault(child.schema_path[0], []).append(child)
    for children in branches.values():
        if not any(child.validator in ("type", "enum") and not child.path for child in children):
            for child in children:
                yield from _faults(child)
            return
    bounds = error.schema if isinstance(error.schema, dict) else {}
    yield Fault(error.json_path, f"{_show(error.instance)} is not valid", bounds.get("description", ""))


def _range(schema: Mapping[str, Any]) -> str:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is None:
        return f"use a value up to {high}"
    return f"use a value from {low} to {high}" if high is not None else f"use a value from {low}"


def _show(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
