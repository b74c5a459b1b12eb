"""Reads a list of functions to tune, in JSON or CSV.

The fields of the list are those of an execution's input. The columns of a CSV are the same names, with a dot
for a field within another. Pure: reads texts only.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from typing import Any

from tuner.documents.input import input_faults
from tuner.documents.power_tuning import translate
from tuner.documents.strict_json import parse_json
from tuner.documents.validation import not_finite
from tuner.errors import Fault, InputError

MAX_FUNCTIONS = 10_000
_NUMBER = re.compile(r"[0-9]{1,18}")
_LISTS = ("powerValues", "allowedExceptions", "architectures")
Document = dict[str, Any]


def read_fleet_list(text: str, defaults: Mapping[str, Any], *, in_csv: bool) -> list[Document]:
    """Return the inputs of all functions of a list.

    Args:
        text: the list.
        defaults: input fields for every function that does not set them itself.
        in_csv: whether it is CSV; else JSON.

    Raises:
        InputError: every fault of every entry at once.
    """
    entries = _csv_entries(text) if in_csv else _json_entries(text)
    if not 1 <= len(entries) <= MAX_FUNCTIONS:
        raise InputError.single("$.list", f"holds {len(entries):,} functions", f"use 1 to {MAX_FUNCTIONS:,}")
    inputs = [{**defaults, **entry} if isinstance(entry, Mapping) else entry for entry in entries]
    faults = [
        Fault(f"$.list[{index}]{fault.path.removeprefix('$')}", fault.problem, fault.remedy)
        for index, item in enumerate(inputs)
        for fault in _faults(item)
    ]
    faults.extend(_repeated(inputs))
    if faults:
        raise InputError(faults)
    return inputs


def _csv_entries(text: str) -> list[Any]:
    try:
        rows = list(csv.DictReader(text.removeprefix("\ufeff").splitlines(keepends=True)))
    except csv.Error as exc:
        raise InputError.single("$.list", f"is not CSV: {exc}", "correct it, or store a JSON array of inputs") from exc
    entries: list[Any] = []
    for row in rows:
        entry: Document = {}
        for name, cell in row.items():
            # csv puts the cells beyond the header under the name None.
            if name is None or cell is None or not cell.strip():
                continue
            outer, _, inner = name.strip().partition(".")
            value = _cell(outer, cell.strip())
            within = entry.setdefault(outer, {}) if inner else None
            if inner and not isinstance(within, dict):
                problem = f"has the columns {outer} and {name.strip()}"
                raise InputError.single("$.list", problem, "use one of them")
            if isinstance(within, dict):
                within[inner] = value
            else:
                entry[outer] = value
        entries.append(entry)
    return entries


def _cell(name: str, text: str) -> Any:
    """Read a cell: as JSON where it is JSON. Lists may have commas, semicolons or spaces between their values."""
    try:
        value = parse_json(text)
    except ValueError:
        value = text
    if name not in _LISTS or not isinstance(value, (str, int)):
        return value
    parts = [part for part in text.replace(";", ",").replace(" ", ",").split(",") if part]
    if len(parts) == 1 and not isinstance(value, int):
        return [text] if name == "allowedExceptions" else text
    return [int(part) if _NUMBER.fullmatch(part) else part for part in parts]


def _json_entries(text: str) -> list[Any]:
    try:
        entries = parse_json(text)
    except ValueError as exc:
        raise InputError.single("$.list", f"is not JSON: {exc}", "store a JSON array of inputs") from exc
    if not isinstance(entries, list):
        raise InputError.single("$.list", "is not a JSON array", "store a JSON array of inputs")
    return [{"lambdaARN": entry} if isinstance(entry, str) else entry for entry in entries]


def _faults(item: Any) -> Iterable[Fault]:
    """Find what is wrong with an entry. A number that JSON does not have is told once, in a payload too."""
    translated = translate(item)
    found = {fault.path: fault for fault in not_finite(item)}
    told = (*translated.faults, *input_faults(translated.document))
    return (*told, *(fault for path, fault in found.items() if path not in {one.path for one in told}))


def _repeated(inputs: Iterable[Any]) -> Iterable[Fault]:
    """Find functions that the list names twice. Two executions cannot tune one function at the same time."""
    seen: dict[str, int] = {}
    for index, item in enumerate(inputs):
        name = str(item.get("lambdaARN") or "") if isinstance(item, Mapping) else ""
        if name and name in seen:
            yield Fault(
                f"$.list[{index}].lambdaARN", f"{name} is entry {seen[name]} as well", "name each function once"
            )
        seen.setdefault(name, index)
