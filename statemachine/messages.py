"""The names on the wire between the state machine and its handlers, and no other module knows them.

The input of an execution is `tuner.documents.input`; its output is `statemachine.output`; the messages of a fleet
are in `statemachine.fleet_list`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tuner.model import Architecture, Configuration, Trial

Document = dict[str, Any]


class NextStep(StrEnum):
    """What the state machine does after a plan."""

    PUBLISH = "publish"
    MEASURE = "measure"
    MEASURE_DIRECTLY = "measureDirectly"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Start:
    """The event of the Initializer: the input, and the identity of the execution."""

    input: Any
    execution: str
    started_at: str
    state_machine: str


@dataclass(frozen=True, slots=True)
class MapItem:
    """One item of a Map: a trial, or one lane of it that the state machine itself invokes.

    Attributes:
        trial: what to measure.
        lane: number of the lane; None for all lanes.
        function: ARN of the version that the state machine invokes; empty when the handler invokes.
        key: key of the invocation target in the store.
    """

    trial: Trial
    lane: int | None = None
    function: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class LaneState:
    """How far a lane has come that the state machine itself invokes.

    Attributes:
        folder: folder of the execution.
        item: which lane.
        run: number of the run that was invoked; None before the first.
        began: when it was invoked, Unix seconds.
        sent: what it was invoked with.
        reply: log tail (base64) and request id, when the function returned.
        failure: error name and cause, when it did not.
    """

    folder: str
    item: MapItem
    run: int | None = None
    began: float = 0.0
    sent: Any = None
    reply: tuple[str, str] | None = None
    failure: tuple[str, str] | None = None


def decode_start(event: Mapping[str, Any]) -> Start:
    """Read the Initializer's event."""
    return Start(event["input"], event["execution"], event["startedAt"], event["stateMachine"])


def encode_begun(folder: str) -> Document:
    """Return the state after the Initializer: all that handlers need to find the store."""
    return {"study": {"folder": folder}}


def decode_folder(event: Mapping[str, Any]) -> str:
    """Read the folder of the execution that an event belongs to."""
    return str(event["study"]["folder"])


def encode_plan(step: NextStep, items: Iterable[MapItem] = (), *, at_once: int = 1) -> Document:
    """Return what happens next, with the items of the Map and how many of them run in parallel."""
    return {"next": step.value, "items": [_encode_map_item(item) for item in items], "atOnce": at_once}


def decode_trials(event: Mapping[str, Any]) -> tuple[Trial, ...]:
    """Read the trials of the plan that the Publisher gets."""
    return tuple(_decode_map_item(item).trial for item in event["plan"]["items"])


def decode_map_item(event: Mapping[str, Any]) -> MapItem:
    """Read the item that the Executor gets."""
    return _decode_map_item(event["trial"])


def decode_lane(event: Mapping[str, Any]) -> LaneState:
    """Read the state of a lane that the state machine itself invokes."""
    reply, failure = event.get("reply"), event.get("failure")
    return LaneState(
        folder=decode_folder(event),
        item=decode_map_item(event),
        run=event.get("run"),
        began=event.get("began", 0.0),
        sent=event.get("payload"),
        reply=(reply["log"] or "", reply["requestId"]) if reply else None,
        failure=(failure["Error"], failure.get("Cause", "")) if failure else None,
    )


def encode_lane(lane: LaneState, *, pause_s: int) -> Document:
    """Return the state of a lane with its next run. The state machine waits, then invokes with `payload`."""
    return {
        "study": {"folder": lane.folder},
        "trial": _encode_map_item(lane.item),
        "run": lane.run,
        "began": lane.began,
        "payload": lane.sent,
        "pauseSeconds": pause_s,
        "done": False,
    }


def encode_lane_done() -> Document:
    """Return the state of a lane that has nothing more to run."""
    return {"done": True}


def decode_errors(event: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Read names and causes of the failures in order: what ended the measuring, then why the Cleaner failed."""
    errors = [event[name] for name in ("error", "cleaning") if name in event]
    return [(str(error.get("Error", "Unknown")), str(error.get("Cause", ""))) for error in errors]


def encode_analyzed(folder: str, output: Mapping[str, Any] | None, *, optimize: bool) -> Document:
    """Return the state after the Analyzer when there is a recommendation."""
    return {**encode_begun(folder), "output": output, "optimize": optimize}


def encode_failed(folder: str, error: str, cause: str) -> Document:
    """Return the state after the Analyzer when the execution must fail."""
    return {**encode_begun(folder), "error": {"Error": error, "Cause": cause}, "optimize": False}


def _encode_map_item(item: MapItem) -> Document:
    trial = item.trial
    document: Document = {
        "id": trial.id,
        "memory": trial.configuration.memory_mb,
        "architecture": trial.configuration.architecture.value,
        "environments": trial.environments,
        "runs": trial.runs_per_environment,
        "fresh": trial.fresh,
    }
    if item.lane is not None:
        document |= {"lane": item.lane, "function": item.function, "key": item.key}
    return document


def _decode_map_item(document: Mapping[str, Any]) -> MapItem:
    trial = Trial(
        document["id"],
        Configuration(document["memory"], Architecture(document["architecture"])),
        document["environments"],
        document["runs"],
        document["fresh"],
    )
    return MapItem(trial, document.get("lane"), document.get("function", ""), document.get("key", ""))
