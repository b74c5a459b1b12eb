"""Fleets: the list of functions to tune, the summary of what their executions found, and the names on the wire.

Pure: reads texts and documents, ranks savings, lists failures with their causes. The names of the list's
fields are those of an execution's input; a CSV's columns are the same names, dotted where they nest.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuner.aws.api.executions import readable_cause
from tuner.documents.input import input_faults
from tuner.errors import Fault, InputError

MAX_CONCURRENCY = 1_000
MAX_FUNCTIONS = 10_000
DEFAULT_CONCURRENCY = 5
DEFAULT_TOLERATED_PERCENT = 20.0
FIELDS = ("list", "defaults", "concurrency", "toleratedFailurePercentage")
ITEMS, OUTCOMES = "items.json", "outcomes"
"""Names in a fleet's folder: the inputs, and an object for what became of each."""
_LISTS = ("powerValues", "allowedExceptions", "architectures")
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FleetInput:
    """What a fleet's execution is asked for.

    Attributes:
        address: of the list, `s3://bucket/key`.
        defaults: input fields of every function that does not name them itself.
        concurrency: executions at once.
        tolerated_percent: share of executions that may fail before no more are started.
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
        faults.append(Fault("$.concurrency", f"{concurrency!r} is no such number", f"use 1 to {MAX_CONCURRENCY}"))
    if isinstance(tolerated, bool) or not isinstance(tolerated, (int, float)) or not 0 <= tolerated <= 100:
        faults.append(Fault("$.toleratedFailurePercentage", f"{tolerated!r} is no percentage", "use 0 to 100"))
    if faults:
        raise InputError(faults)
    return FleetInput(str(address), defaults, concurrency, float(tolerated))


def read_list(text: str, fleet: FleetInput) -> list[Document]:
    """The inputs of all functions of a list, with the fleet's defaults filled in.

    Raises:
        InputError: every fault of every entry at once; nothing has been started.
    """
    entries = _csv_entries(text) if fleet.address.endswith(".csv") else _json_entries(text)
    if not 1 <= len(entries) <= MAX_FUNCTIONS:
        raise InputError.single("$.list", f"holds {len(entries):,} functions", f"use 1 to {MAX_FUNCTIONS:,}")
    inputs = [{**fleet.defaults, **entry} if isinstance(entry, Mapping) else entry for entry in entries]
    faults = [
        Fault(f"$.list[{index}]{fault.path.removeprefix('$')}", fault.problem, fault.remedy)
        for index, item in enumerate(inputs)
        for fault in input_faults(item)
    ]
    faults.extend(_repeated(inputs))
    if faults:
        raise InputError(faults)
    return inputs


def encode_begun(fleet: FleetInput, bucket: str, folder: str) -> Document:
    """The state after the list was read: where the Map finds its items, and where it puts what it finds."""
    return {
        "bucket": bucket,
        "folder": folder,
        "items": f"{folder}/{ITEMS}",
        "outcomes": f"{folder}/{OUTCOMES}",
        "results": f"{folder}/map",
        "concurrency": fleet.concurrency,
        "toleratedFailurePercentage": fleet.tolerated_percent,
    }


def encode_output(summary: Mapping[str, Any], summary_address: str, report_address: str) -> Document:
    """The output of a fleet: the figures of its summary, and where that is."""
    return {
        "functions": summary["functions"],
        "tuned": summary["tuned"],
        "failed": summary["failed"],
        "notStarted": len(summary["notStarted"]),
        "savingPerMonth": summary["savingPerMonth"],
        "savingPerMonthInterval": summary["savingPerMonthInterval"],
        "summary": summary_address,
        "report": report_address,
    }


def summarize(inputs: Sequence[Mapping[str, Any]], outcomes: Mapping[int, Mapping[str, Any]]) -> Document:
    """The summary of a fleet: savings ranked, failures with causes, and what was never begun.

    Args:
        inputs: of all functions, as they were started.
        outcomes: by index; with the `output` of an execution, or its `error`.
    """
    tuned = [_tuned(inputs[index], found["output"]) for index, found in sorted(outcomes.items()) if "output" in found]
    failed = [
        _failed(inputs[index], found["error"]) for index, found in sorted(outcomes.items()) if "output" not in found
    ]
    return {
        "functions": len(inputs),
        "tuned": len(tuned),
        "failed": len(failed),
        "notStarted": [str(item["lambdaARN"]) for index, item in enumerate(inputs) if index not in outcomes],
        **_proved(tuned),
        "cost": sum(item["cost"] for item in tuned),
        "currency": next((item["currency"] for item in tuned), "USD"),
        "savings": sorted(tuned, key=_rank),
        "failures": failed,
    }


def _csv_entries(text: str) -> list[Any]:
    entries: list[Any] = []
    for row in csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))):
        entry: Document = {}
        for name, cell in row.items():
            # A row that is longer than the execution has its rest under the name None.
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
    """A cell as JSON where it is JSON; lists may be written with commas, semicolons or spaces."""
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
    """Functions that are named twice: two executions cannot be at work on one function."""
    seen: dict[str, int] = {}
    for index, item in enumerate(inputs):
        name = str(item.get("lambdaARN")) if isinstance(item, Mapping) else ""
        if name and name in seen:
            yield Fault(f"$.list[{index}].lambdaARN", f"{name} is entry {seen[name]} too", "name each function once")
        seen.setdefault(name, index)


def _proved(tuned: Iterable[Mapping[str, Any]]) -> Document:
    """What can be saved in a month: the savings whose whole interval is above zero, and no others.

    Executions err independently of each other, so their errors add up as squares.
    """
    proved = [
        (item["savingPerMonth"], *item["savingPerMonthInterval"])
        for item in tuned
        if item["savingPerMonth"] is not None and item["savingPerMonthInterval"][0] > 0
    ]
    if not proved:
        return {"savingPerMonth": None, "savingPerMonthInterval": None}
    total = math.fsum(mean for mean, _, _ in proved)
    below = math.hypot(*(mean - low for mean, low, _ in proved))
    above = math.hypot(*(high - mean for mean, _, high in proved))
    return {"savingPerMonth": total, "savingPerMonthInterval": [total - below, total + above]}


def _tuned(asked: Mapping[str, Any], output: Mapping[str, Any]) -> Document:
    saving = output.get("saving") or {}
    machine = output["stateMachine"]
    return {
        "function": str(asked["lambdaARN"]),
        "power": output["power"],
        "architecture": output["architecture"],
        "current": output["current"],
        "saving": saving.get("ratio"),
        "interval": saving.get("interval"),
        "savingPerMonth": saving.get("perMonth"),
        "savingPerMonthInterval": saving.get("perMonthInterval"),
        "durationSaving": saving.get("durationRatio"),
        "durationInterval": saving.get("durationInterval"),
        "cost": machine["executionCost"] + machine["lambdaCost"],
        "currency": output["currency"],
        "result": output["result"],
        "report": output.get("report", ""),
    }


def _failed(asked: Mapping[str, Any], error: Mapping[str, Any]) -> Document:
    name, cause = str(error.get("Error", "Unknown")), str(error.get("Cause", ""))
    try:
        execution = json.loads(cause)
    except ValueError:
        execution = {}
    # A failed execution is told as the description of that execution.
    if isinstance(execution, dict) and "Status" in execution:
        name = str(execution.get("Error") or execution["Status"])
        cause = readable_cause(str(execution.get("Cause", "")))
    return {"function": str(asked["lambdaARN"]), "error": name, "cause": cause}


def _rank(item: Mapping[str, Any]) -> tuple[float, float]:
    """Money first, where the traffic is known; then the share saved. What gets dearer comes last."""
    return -(item["savingPerMonth"] or 0.0), -(item["saving"] or 0.0)
