"""The names on the wire: what the state machine hands to its handlers, and the output of an execution.

The only place where these names exist; a fleet's are in `statemachine.fleet`. The input of an execution is
`tuner.documents.input`, which the command line reads too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuner.documents.visualization import VISUALIZATION_PAGE, PlottedFunction, visualization_url
from tuner.model import Architecture, Configuration, Trial

Document = dict[str, Any]

MAX_WARNINGS, MAX_WARNING_CHARACTERS = 20, 500
"""The output repeats the result's warnings within these bounds: the state is limited, the result is not."""


@dataclass(frozen=True, slots=True)
class Start:
    """What the Initializer gets: the input, and which execution it is."""

    input: Any
    execution: str
    started_at: str
    state_machine: str


@dataclass(frozen=True, slots=True)
class MapItem:
    """One item of a Map: a trial, or one lane of it that the state machine itself invokes.

    Attributes:
        trial: what to measure.
        lane: number of the lane; None: all lanes.
        function: what the state machine invokes: the ARN of a version; empty when the handler invokes.
        key: name of the place in the store.
    """

    trial: Trial
    lane: int | None = None
    function: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class LaneState:
    """Where a lane is that the state machine itself invokes.

    Attributes:
        folder: of the execution.
        work: which lane.
        run: number of the run that was invoked; None before the first.
        began: when it was invoked, Unix seconds.
        sent: what it was invoked with.
        reply: log tail (base64) and request id, when the function returned.
        failure: error name and cause, when it did not.
    """

    folder: str
    work: MapItem
    run: int | None = None
    began: float = 0.0
    sent: Any = None
    reply: tuple[str, str] | None = None
    failure: tuple[str, str] | None = None


def decode_start(event: Mapping[str, Any]) -> Start:
    """The Initializer's event."""
    return Start(event["input"], event["execution"], event["startedAt"], event["stateMachine"])


def encode_begun(folder: str) -> Document:
    """The state after the Initializer: all that handlers need to find the store."""
    return {"study": {"folder": folder}}


def decode_folder(event: Mapping[str, Any]) -> str:
    """The folder of the execution that an event belongs to."""
    return str(event["study"]["folder"])


def encode_plan(step: str, work: Iterable[MapItem] = (), *, at_once: int = 1) -> Document:
    """What is done next: `publish`, `measure`, `measureDirectly` or `done`, with the items of the Map."""
    return {"next": step, "items": [_encode_map_item(item) for item in work], "atOnce": at_once}


def decode_trials(event: Mapping[str, Any]) -> tuple[Trial, ...]:
    """The trials of the plan that the Publisher gets."""
    return tuple(_decode_map_item(item).trial for item in event["plan"]["items"])


def decode_map_item(event: Mapping[str, Any]) -> MapItem:
    """The item that the Executor gets."""
    return _decode_map_item(event["trial"])


def decode_lane(event: Mapping[str, Any]) -> LaneState:
    """The state of a lane that the state machine itself invokes."""
    reply, failure = event.get("reply"), event.get("failure")
    return LaneState(
        folder=decode_folder(event),
        work=decode_map_item(event),
        run=event.get("run"),
        began=event.get("began", 0.0),
        sent=event.get("payload"),
        reply=(reply["log"] or "", reply["requestId"]) if reply else None,
        failure=(failure["Error"], failure.get("Cause", "")) if failure else None,
    )


def encode_lane(lane: LaneState, *, pause_s: int) -> Document:
    """The state of a lane with its next run: the state machine waits, then invokes with what is to be sent."""
    return {
        "study": {"folder": lane.folder},
        "trial": _encode_map_item(lane.work),
        "run": lane.run,
        "began": lane.began,
        "payload": lane.sent,
        "pauseSeconds": pause_s,
        "done": False,
    }


def encode_lane_done() -> Document:
    """The state of a lane that has nothing more to run."""
    return {"done": True}


def decode_errors(event: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and causes of what went wrong, in order: what ended the measuring, and why the Cleaner failed."""
    errors = [event[name] for name in ("error", "cleaning") if name in event]
    return [(str(error.get("Error", "Unknown")), str(error.get("Cause", ""))) for error in errors]


def encode_analyzed(folder: str, output: Document | None, *, optimize: bool) -> Document:
    """The state after the Analyzer, when there is a recommendation."""
    return {**encode_begun(folder), "output": output, "optimize": optimize}


def encode_failed(folder: str, error: str, cause: str) -> Document:
    """The state after the Analyzer, when the execution is to fail."""
    return {**encode_begun(folder), "error": {"Error": error, "Cause": cause}, "optimize": False}


def encode_output(
    result: Mapping[str, Any],
    *,
    execution_cost_usd: float,
    result_address: str,
    include_stats: bool,
    visualization_page: str = VISUALIZATION_PAGE,
) -> Document:
    """The output of an execution: the peer's fields, then ours.

    The state machine adds `report`, the Reporter's answer, or `reportFailure`.

    Args:
        result: a result document with a recommendation.
        execution_cost_usd: what the state machine's transitions cost.
        result_address: where the result is in S3.
        include_stats: whether to give the averages of every size.
        visualization_page: page that the visualization's address leads to.
    """
    chosen = result["recommendation"]
    measured = [m for m in result["measurements"] if m["duration_ms"] is not None and m["cost_usd"] is not None]
    at_choice = next((m for m in measured if _place(m) == _place(chosen)), None)
    # With `num` the peer's own statistic, so that what reads these fields reads what it always did.
    if result["request"]["sampler"] == "grid" and at_choice is not None:
        figures, statistic = at_choice, "trimmed_mean"
    else:
        figures, statistic = chosen, "mean"
    output: Document = {
        "power": chosen["memory_mb"],
        "cost": figures["cost_usd"][statistic],
        "duration": figures["duration_ms"][statistic],
        "stateMachine": {
            "executionCost": execution_cost_usd,
            "lambdaCost": result["tuning"]["cost_usd"],
            "visualization": _visualization(result, measured, visualization_page),
        },
    }
    if include_stats:
        output["stats"] = [
            {
                "value": m["memory_mb"],
                "averagePrice": m["cost_usd"]["trimmed_mean"],
                "averageDuration": m["duration_ms"]["trimmed_mean"],
                "architecture": m["architecture"],
            }
            for m in measured
        ]
    return output | {
        "architecture": chosen["architecture"],
        "strategy": chosen["strategy"],
        "reason": chosen["reason"],
        "expectedRegret": chosen["expected_regret"],
        "intervals": {"cost": _interval(chosen["cost_usd"]), "duration": _interval(chosen["duration_ms"])},
        "curveChoice": _curve_choice(result["curve_choice"]),
        "current": _in_use(result["current"]),
        "saving": _saving(result["saving"]),
        "currency": result["prices"]["currency"],
        "stoppedBy": result["stopped_by"],
        "invocations": result["tuning"]["invocations"],
        "warnings": [
            {"code": warning["code"], "message": warning["message"][:MAX_WARNING_CHARACTERS]}
            for warning in result["warnings"][:MAX_WARNINGS]
        ],
        "result": result_address,
    }


def _visualization(result: Mapping[str, Any], measured: Sequence[Mapping[str, Any]], page: str) -> str:
    """One curve, or two when both architectures were measured."""
    names = list(dict.fromkeys(m["architecture"] for m in measured))
    series = []
    for name in sorted(names, reverse=True)[:2]:
        points = [m for m in measured if m["architecture"] == name]
        series.append(
            PlottedFunction(
                [m["memory_mb"] for m in points],
                [m["duration_ms"]["trimmed_mean"] for m in points],
                [m["cost_usd"]["trimmed_mean"] for m in points],
                f"{result['function']['name']} {name}",
            )
        )
    return visualization_url(*series, page=page) if series else ""


def _place(document: Mapping[str, Any]) -> tuple[Any, Any]:
    return document["memory_mb"], document["architecture"]


def _interval(estimate: Mapping[str, Any]) -> list[float]:
    return [estimate["low"], estimate["high"]]


def _curve_choice(choice: Mapping[str, Any] | None) -> Document | None:
    if choice is None:
        return None
    return {
        "power": choice["memory_mb"],
        "architecture": choice["architecture"],
        "cost": choice["cost_usd"]["mean"],
        "duration": choice["duration_ms"]["mean"],
        "expectedRegret": choice["expected_regret"],
    }


def _in_use(current: Mapping[str, Any] | None) -> Document | None:
    return None if current is None else {"power": current["memory_mb"], "architecture": current["architecture"]}


def _saving(saving: Mapping[str, Any] | None) -> Document | None:
    if saving is None:
        return None
    month = saving["per_month_usd"]
    return {
        "ratio": saving["ratio"]["mean"],
        "interval": _interval(saving["ratio"]),
        "durationRatio": saving["duration_ratio"]["mean"],
        "durationInterval": _interval(saving["duration_ratio"]),
        "perMonth": None if month is None else month["mean"],
        "perMonthInterval": None if month is None else _interval(month),
    }


def _encode_map_item(work: MapItem) -> Document:
    trial = work.trial
    document: Document = {
        "id": trial.id,
        "memory": trial.configuration.memory_mb,
        "architecture": trial.configuration.architecture.value,
        "environments": trial.environments,
        "runs": trial.runs_per_environment,
        "fresh": trial.fresh,
    }
    if work.lane is not None:
        document |= {"lane": work.lane, "function": work.function, "key": work.key}
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
