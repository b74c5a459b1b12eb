"""Reads the input of a fleet and its list of functions, and holds the names on the wire between its handlers.

Pure: reads texts and documents only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuner.documents.fleet_list import read_fleet_list
from tuner.errors import Fault, InputError

MAX_CONCURRENCY = 1_000
DEFAULT_CONCURRENCY = 5
DEFAULT_TOLERATED_PERCENT = 20.0
FIELDS = ("list", "defaults", "concurrency", "toleratedFailurePercentage")
OF_STEP_FUNCTIONS = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"
"""What a parent adds to the input of an execution that it starts, so that the console shows both as one."""
ITEMS, OUTCOMES = "items.json", "outcomes"
"""Names in a fleet's folder: the inputs, and one object for the outcome of each."""
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
        if name not in (*FIELDS, OF_STEP_FUNCTIONS)
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
    return read_fleet_list(text, fleet.defaults, in_csv=fleet.address.endswith(".csv"))


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
