"""Reads the input of a fleet and its list of functions, and holds the names on the wire between its handlers.

The fields of the list are those of an execution's input. The columns of a CSV are the same names, with a dot
for a field within another. Pure: reads texts and documents only.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tuner.documents.input import input_faults
from tuner.documents.power_tuning import translate
from tuner.errors import Fault, InputError

MAX_CONCURRENCY = 1_000
MAX_FUNCTIONS = 10_000
DEFAULT_CONCURRENCY = 5
DEFAULT_TOLERATED_PERCENT = 20.0
FIELDS = ("list", "defaults", "concurrency", "toleratedFailurePercentage")
ITEMS, OUTCOMES = "items.json", "outcomes"
"""Names in a fleet's folder: the inputs, and one object for the outcome of each."""
_LISTS = ("powerValues", "allowedExceptions", "architectures")
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FleetInput:
    """The request of a fleet's execution.

    Attributes:
        address: address of the list, `s3://bucket/key`.
        defaults: input fields for every function that does not set them itself.
        concurrency: executions at once.
        tolerated_percent: percentage of executions that may fail before the fleet starts no more.
    """

    address: str
    defaults: Mapping[str, Any]
    concurrency: int
    tolerated_percent: float


def decode_fleet(document: Any) -> FleetInput:
    """Read the input of a fleet.

    Raises:
        InputError: every fault at once.
    """
    if not isinstance(document, Mapping):
        raise InputError.single("$", "is not a JSON object", 'use {"list": "s3://bucket/functions.csv"}')
    faults = [
        Fault(f"$.{name}", "is not a known field", f"use {', '.join(FIELDS)}")
        for name in document
        if name not in FIELDS
    ]
    address, defaults = document.get("list"), document.get("defaults", {})
    concurrency = document.get("concurrency", DEFAULT_CONCURRENCY)
    tolerated = document.get("toleratedFailurePercentage", DEFAULT_TOLERATED_PERCENT)
    if not isinstance(address, str) or not address.endswith((".json", ".csv")):
        faults.append(
            Fault("$.list", f"{address!r} is not the address of a list", "use s3://bucket/functions.json or .csv")
        )
    if not isinstance(defaults, Mapping):
        faults.append(Fault("$.defaults", "is not a JSON object", "give input fields, such as strategy"))
    if isinstance(concurrency, bool) or not isinstance(concurrency, int) or not 1 <= concurrency <= MAX_CONCURRENCY:
        faults.append(
            Fault("$.concurrency", f"{concurrency!r} is not a whole number in range", f"use 1 to {MAX_CONCURRENCY}")
        )
    if isinstance(tolerated, bool) or not isinstance(tolerated, (int, float)) or not 0 <= tolerated <= 100:
        faults.append(Fault("$.toleratedFailurePercentage", f"{tolerated!r} is not a percentage", "use 0 to 100"))
    if faults:
        raise InputError(faults)
    return FleetInput(str(address), defaults, concurrency, float(tolerated))


def read_list(text: str, fleet: FleetInput) -> list[Document]:
    """Return the inputs of all functions of a list, with the fleet's defaults.

    Raises:
        InputError: every fault of every entry at once.
    """
    entries = _csv_entries(text) if fleet.address.endswith(".csv") else _json_entries(text)
    if not 1 <= len(entries) <= MAX_FUNCTIONS:
        raise InputError.single("$.list", f"holds {len(entries):,} functions", f"use 1 to {MAX_FUNCTIONS:,}")
    inputs = [{**fleet.defaults, **entry} if isinstance(entry, Mapping) else entry for entry in entries]
    faults = [
        Fault(f"$.list[{index}]{fault.path.removeprefix('$')}", fault.problem, fault.remedy)
        for index, item in enumerate(inputs)
        for fault in (*translate(item).faults, *input_faults(translate(item).document))
    ]
    faults.extend(_repeated(inputs))
    if faults:
        raise InputError(faults)
    return inputs


def encode_fleet(fleet: FleetInput, bucket: str, folder: str) -> Document:
    """Return the state after the list was read: where the Map finds its items, and where it writes outcomes."""
    return {
        "bucket": bucket,
        "folder": folder,
        "items": f"{folder}/{ITEMS}",
        "outcomes": f"{folder}/{OUTCOMES}",
        "results": f"{folder}/map",
        "concurrency": fleet.concurrency,
        "toleratedFailurePercentage": fleet.tolerated_percent,
    }


def _csv_entries(text: str) -> list[Any]:
    entries: list[Any] = []
    for row in csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))):
        entry: Document = {}
        for name, cell in row.items():
            # csv puts the cells beyond the header under the name None.
            if name is None or cell is None or not cell.strip():
                continue
            outer, _, inner = name.strip().partition(".")
            value = _cell(outer, cell.strip())
            if inner:
                entry.setdefault(outer, {})[inner] = value
            else:
                entry[outer] = value
        entries.append(entry)
    return entries


def _cell(name: str, text: str) -> Any:
    """Read a cell: as JSON where it is JSON. Lists may have commas, semicolons or spaces between their values."""
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    if name not in _LISTS or not isinstance(value, (str, int)):
        return value
    parts = [part for part in text.replace(";", ",").replace(" ", ",").split(",") if part]
    if len(parts) == 1 and not isinstance(value, int):
        return [text] if name == "allowedExceptions" else text
    return [int(part) if part.isdigit() else part for part in parts]


def _json_entries(text: str) -> list[Any]:
    try:
        entries = json.loads(text)
    except ValueError as exc:
        raise InputError.single("$.list", f"is not JSON: {exc}", "store a JSON array of inputs") from exc
    if not isinstance(entries, list):
        raise InputError.single("$.list", "is not a JSON array", "store a JSON array of inputs")
    return [{"lambdaARN": entry} if isinstance(entry, str) else entry for entry in entries]


def _repeated(inputs: Iterable[Any]) -> Iterable[Fault]:
    """Find functions that the list names twice. Two executions cannot tune one function at the same time."""
    seen: dict[str, int] = {}
    for index, item in enumerate(inputs):
        name = str(item.get("lambdaARN")) if isinstance(item, Mapping) else ""
        if name and name in seen:
            yield Fault(
                f"$.list[{index}].lambdaARN", f"{name} is entry {seen[name]} as well", "name each function once"
            )
        seen.setdefault(name, index)
