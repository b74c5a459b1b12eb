"""docs/input.md tells every field of the input, from the schema that checks it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tuner.documents.input import input_schema

DOCUMENT = Path(__file__).parents[3] / "docs" / "input.md"
MARKER = "<!-- generated from tuner/documents/schemas/input-1.json -->\n"


def rows(properties: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """One line of the table for each field, those of objects below them."""
    for name, field in properties.items():
        default = f"`{json.dumps(field['default'])}`" if "default" in field else ""
        yield f"| `{prefix}{name}` | {kind(field)} | {default} | {field['description']} |"
        if "properties" in field:
            yield from rows(field["properties"], f"{prefix}{name}.")


def kind(field: Mapping[str, Any]) -> str:
    """What a value looks like: its type, its choices, its bounds."""
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if "anyOf" in field:
        return " or ".join(kind(option) for option in field["anyOf"])
    if field.get("type") == "array":
        return "list of " + kind(field["items"])
    low, high = field.get("minimum"), field.get("maximum")
    bounds = f", {low} to {high}" if None not in (low, high) else f", from {low}" if low is not None else ""
    return f"{field.get('type', 'any JSON')}{bounds}"


def generated() -> str:
    """The table of all fields."""
    head = ["| field | value | default | what |", "| --- | --- | --- | --- |"]
    return "\n".join([*head, *rows(input_schema()["properties"])]) + "\n"


def test_the_document_holds_every_field_of_the_schema() -> None:
    """Run with UPDATE_GOLDEN=1 to write it anew."""
    head, marker, tail = DOCUMENT.read_text("utf-8").partition(MARKER)
    if os.environ.get("UPDATE_GOLDEN"):
        DOCUMENT.write_text(head + marker + "\n" + generated(), "utf-8")
        return
    assert tail == "\n" + generated()
