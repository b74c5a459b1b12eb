"""The result document as text: JSON that outlives the program, in versions.

Writes it, reads it back, and checks what comes from outside against the published schema in
`tuner/schemas`. Knows nothing of how a result came about, so that reading one loads no numerics.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tuner.documents.validation import find_faults, published_schema
from tuner.errors import Fault, InputError

SCHEMA_VERSION = 1
Document = dict[str, Any]


def dumps(document: Document) -> str:
    """A result document as JSON text; the same document gives the same text."""
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def loads(text: str, *, name: str) -> Document:
    """Read a result document and check it against its schema.

    Args:
        text: JSON text.
        name: what to call the document in an error.

    Raises:
        InputError: not JSON, not a result document, a version from the future, or damaged.
    """
    remedy = "give a result.json that `tuner tune` or the state machine wrote"
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise InputError.single(name, f"is not JSON: {exc}", remedy) from exc
    if not isinstance(document, dict) or "schema_version" not in document:
        raise InputError.single(name, "is not a result document: it has no schema_version", remedy)
    version = document["schema_version"]
    if version != SCHEMA_VERSION:
        problem = f"has schema_version {version!r}; this version of the tool reads {SCHEMA_VERSION}"
        raise InputError.single(name, problem, "upgrade the tool, or tune again")
    faults = find_faults(document, schema()) or tuple(_column_faults(document))
    if faults:
        raise InputError(Fault(f"{name} {fault.path}", fault.problem, fault.remedy) for fault in faults)
    return document


def _column_faults(document: Document) -> Iterator[Fault]:
    """Columns of single runs that differ in length, which a schema cannot tell."""
    for index, measurement in enumerate(document["measurements"]):
        lengths = {name: len(column) for name, column in measurement["data"].items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} {length}" for name, length in lengths.items())
            yield Fault(f"$.measurements[{index}].data", f"has columns of different lengths: {told}", "tune again")


def schema() -> dict[str, Any]:
    """The JSON Schema of the result document."""
    return published_schema(f"result-{SCHEMA_VERSION}")


def function_errors(document: Document) -> str:
    """The function's own errors, as they are, most frequent first."""
    lines: list[str] = []
    seen: set[tuple[str, str]] = set()
    for measurement in document["measurements"]:
        where = f"{measurement['memory_mb']} MB {measurement['architecture']}"
        for error in measurement["errors"]:
            if (error["type"], error["message"]) in seen:
                continue
            seen.add((error["type"], error["message"]))
            lines.append(f"{where}: {error['type']}: {error['message']}")
            lines.extend(line.rstrip("\n") for line in error["stack"])
    return "\n".join(lines)
