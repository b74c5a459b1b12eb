"""The names on the wire between the state machine and its handlers, and no other module knows them.

The input of an execution is `tuner.documents.input`; its output is `statemachine.output`; the messages of a fleet
are in `statemachine.fleet.request`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from tuner.model import Architecture, Configuration, Trial

Document = dict[str, Any]


class NextState(StrEnum):
    """What the state machine does after a plan."""

    PLAN = "plan"
    ROUND = "round"
    PUBLISH = "publish"
    MEASURE = "measure"
    MEASURE_LONG = "measureLong"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class ExecutionStart:
    """The event of the Initializer: the input, and the identity of the execution."""

    input: Any
    execution: str
    started_at: str
    state_machine: str


@dataclass(frozen=True, slots=True)
class ExecutionProgress:
    """How far a trial has come that takes several passes of the Executor.

    Attributes:
        done: whether it is complete.
        pause_s: seconds until the next pass can make progress.
    """

    done: bool
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class EndedExecution:
    """An execution that failed, was aborted or timed out: its ARN, and its start time as Step Functions writes it."""

    execution: str
    started_at: str


def decode_ended(event: Mapping[str, Any]) -> EndedExecution | None:
    """Read an event of EventBridge about an execution that ended; None for a message of the state machine."""
    detail = event.get("detail")
    if not isinstance(detail, Mapping):
        return None
    started = datetime.fromtimestamp(int(detail["startDate"]) / 1000, UTC)
    return EndedExecution(str(detail["executionArn"]), started.isoformat(timespec="milliseconds"))


def decode_start(event: Mapping[str, Any]) -> ExecutionStart:
    """Read the Initializer's event."""
    return ExecutionStart(event["input"], event["execution"], event["startedAt"], event["stateMachine"])


def encode_begun(folder: str, progress: str = "") -> Document:
    """Return the state after the Initializer: all that handlers need to find the store.

    Args:
        folder: folder of the execution.
        progress: address of the document that tells how far the search is, for those who follow it.
    """
    return {"study": {"folder": folder, **({"progress": progress} if progress else {})}}


def decode_folder(event: Mapping[str, Any]) -> str:
    """Read the folder of the execution that an event belongs to."""
    return str(event["study"]["folder"])


def encode_plan(
    step: NextState, trials: Iterable[Trial] = (), *, at_once: int = 1, likely: Iterable[Configuration] = ()
) -> Document:
    """Return what happens next.

    Args:
        step: the next state.
        trials: items of the Map, or what the Measurer measures.
        at_once: how many items run in parallel.
        likely: what later rounds probably measure.
    """
    plan: Document = {"next": step.value, "items": [_encode_trial(trial) for trial in trials], "atOnce": at_once}
    if step is NextState.ROUND:
        plan["likely"] = [[found.memory_mb, found.architecture.value] for found in likely]
    return plan


def decode_next(plan: Mapping[str, Any]) -> NextState:
    """Read what a plan says happens next."""
    return NextState(plan["next"])


def decode_trials(event: Mapping[str, Any]) -> tuple[Trial, ...]:
    """Read the trials of the plan that the Publisher or the Measurer gets."""
    return tuple(map(_decode_trial, event["plan"]["items"]))


def decode_likely(event: Mapping[str, Any]) -> tuple[Configuration, ...]:
    """Read what later rounds probably measure."""
    return tuple(Configuration(memory, Architecture(name)) for memory, name in event["plan"]["likely"])


def decode_trial(event: Mapping[str, Any]) -> Trial:
    """Read the trial that the Executor gets."""
    return _decode_trial(event["trial"])


def encode_progress(progress: ExecutionProgress) -> Document:
    """Return the progress of a trial. The state machine waits, then calls the Executor again."""
    return {"done": progress.done, "pauseSeconds": math.ceil(progress.pause_s)}


def decode_errors(event: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Read names and causes of the failures in order: what ended the measuring, then why the Cleaner failed."""
    errors = [event[name] for name in ("error", "cleaning") if name in event]
    return [(str(error.get("Error", "Unknown")), str(error.get("Cause", ""))) for error in errors]


def encode_analyzed(folder: str, output: Mapping[str, Any] | None, *, optimize: bool) -> Document:
    """Return the state after the Analyzer when there is a recommendation."""
    return {**encode_begun(folder), "output": output, "optimize": optimize}


def decode_choice(event: Mapping[str, Any]) -> Configuration:
    """Read the configuration that the Optimizer applies: the one that the output names."""
    output = event["output"]
    return Configuration(output["power"], Architecture(output["architecture"]))


def encode_failed(folder: str, error: str, cause: str) -> Document:
    """Return the state after the Analyzer when the execution must fail."""
    return {**encode_begun(folder), "error": {"Error": error, "Cause": cause}, "optimize": False}


def _encode_trial(trial: Trial) -> Document:
    return {
        "id": trial.id,
        "memory": trial.configuration.memory_mb,
        "architecture": trial.configuration.architecture.value,
        "environments": trial.environments,
        "runs": trial.runs_per_environment,
        "fresh": trial.fresh,
    }


def _decode_trial(document: Mapping[str, Any]) -> Trial:
    return Trial(
        document["id"],
        Configuration(document["memory"], Architecture(document["architecture"])),
        document["environments"],
        document["runs"],
        document["fresh"],
    )
