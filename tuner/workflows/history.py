"""What recorded executions tell: chances, item counts, failures, times between states, and what each function got.

Reads documents of GetExecutionHistory, whole or page by page. Refuses to know how they were fetched.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import Any

from tuner.errors import Fault, InputError
from tuner.workflows.definition import function_name
from tuner.workflows.figures import MOST_ITEMS, Figures

Event = Mapping[str, Any]
EXECUTIONS = "executions"
"""Member of the details of a MapRunStarted event that whoever reads the histories adds: how many runs the Map had."""
MOST_FAULTS = 5
"""Damaged events that a message names."""
LATEST_S = 253_402_300_800.0
"""The year 10000, in seconds since 1970."""
_SUCCEEDED = ("LambdaFunctionSucceeded", "TaskSucceeded")
_STARTED = ("LambdaFunctionStarted", "TaskStarted")
_FAILED = ("LambdaFunctionFailed", "LambdaFunctionTimedOut", "TaskFailed", "TaskTimedOut")


@dataclass(slots=True)
class _Seen:
    """Counts over all executions, by the name of a state."""

    next: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    items: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    attempts: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    times_ms: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    functions: dict[str, str] = field(default_factory=dict)
    payloads: defaultdict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    between_ms: list[float] = field(default_factory=list)
    around_ms: list[float] = field(default_factory=list)
    containers_ms: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    total_ms: list[float] = field(default_factory=list)
    inputs: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Observed:
    """What executions showed.

    Attributes:
        executions: how many.
        figures: chances, item counts, failures, times.
        times_ms: for each state, how long it took each time.
        payloads: for each state, what its function got, as JSON values.
        total_ms: end-to-end time of the executions that succeeded.
        inputs: what the executions were started with, as JSON values.
    """

    executions: int
    figures: Figures
    times_ms: Mapping[str, tuple[float, ...]]
    payloads: Mapping[str, tuple[Any, ...]]
    total_ms: tuple[float, ...]
    inputs: tuple[Any, ...] = ()


def read_histories(histories: Iterable[Sequence[Event]], children: Iterable[Sequence[Event]] = ()) -> Observed:
    """What executions showed.

    Args:
        histories: for each execution its events, ascending.
        children: the same of the executions that distributed Maps started for their items.
    """
    seen = _Seen()
    count = 0
    for events in histories:
        count += 1
        _read_execution(events, seen)
        _read_ends(events, seen)
    for events in children:
        _read_execution(events, seen)
    transition_ms = max(0.0, median(seen.between_ms)) if seen.between_ms else 0.0
    figures = Figures(
        chances={name: _shares(counts) for name, counts in seen.next.items()},
        items={name: tuple(counts) for name, counts in seen.items.items() if counts},
        failures={name: min(1.0, seen.failures[name] / attempts) for name, attempts in seen.attempts.items()},
        durations_ms={name: max(0.0, sum(times) / len(times)) for name, times in seen.times_ms.items()},
        functions=seen.functions,
        # The way to the first state inside counts as that state's own.
        overheads_ms={name: max(0.0, median(times) - transition_ms) for name, times in seen.containers_ms.items()},
        task_overhead_ms=max(0.0, median(seen.around_ms)) if seen.around_ms else None,
        transition_ms=transition_ms if seen.between_ms else None,
    )
    return Observed(
        count,
        figures,
        {name: tuple(times) for name, times in seen.times_ms.items()},
        {name: tuple(payloads) for name, payloads in seen.payloads.items()},
        tuple(seen.total_ms),
        tuple(seen.inputs),
    )


def events_of(document: Any, *, name: str) -> list[Event]:
    """The events in a document of GetExecutionHistory.

    Raises:
        InputError: it is none, or an event has no usable id, type or time.
    """
    events = document.get("events") if isinstance(document, Mapping) else document
    remedy = "give the answer of: aws stepfunctions get-execution-history --execution-arn …"
    if not isinstance(events, list) or not events:
        raise InputError.single(name, "has no events of an execution", remedy)
    faults = [
        Fault(f"{name}: events[{number}]", problem, remedy)
        for number, event in enumerate(events)
        if (problem := _problem(event))
    ]
    if faults:
        raise InputError(faults[:MOST_FAULTS])
    return sorted(events, key=lambda event: int(event["id"]))


def _problem(event: Any) -> str:
    """What keeps an event from being read; empty: nothing."""
    if not isinstance(event, Mapping):
        return "is not an object"
    if not isinstance(event.get("type"), str):
        return "has no type"
    if not all(isinstance(n, int) and n >= 0 for n in (event.get("id"), event.get("previousEventId", 0))):
        return "has no id, or one that is not a whole number"
    try:
        stamp = _seconds(event.get("timestamp"))
    except (ValueError, OverflowError):
        return f"has no time: {str(event.get('timestamp'))[:40]}"
    return "" if 0 <= stamp <= LATEST_S else f"has a time that no execution has: {stamp:g}"


def redacted(payload: Any) -> Any:
    """A payload of the same shape and size that tells nothing: texts become dots, numbers stay."""
    if isinstance(payload, Mapping):
        return {key: redacted(value) for key, value in payload.items()}
    if isinstance(payload, list):
        return [redacted(value) for value in payload]
    return "·" * len(payload) if isinstance(payload, str) else payload


def _read_execution(events: Sequence[Event], seen: _Seen) -> None:
    by_id = {int(event["id"]): event for event in events}
    inside: dict[int, int | None] = {}
    """For each event, the one in which the innermost state around it was entered."""
    outer: dict[int, int | None] = {}
    """For each entry of a state, that of the state around it."""
    spans: dict[int, tuple[Event, Event]] = {}
    """For each entry of a state, the first entry and the last exit inside it."""
    for event in events:
        kind, number = str(event["type"]), int(event["id"])
        before = int(event.get("previousEventId", 0))
        around = inside.get(before)
        if kind.endswith("StateEntered"):
            inside[number], outer[number] = number, around
            if around is not None:
                spans.setdefault(around, (event, event))
            _read_transition(event, by_id, seen)
        elif kind.endswith("StateExited"):
            inside[number] = holder = outer.get(around or 0)
            _read_exit(event, by_id, around, seen)
            if around is not None:
                _read_span(by_id[around], event, spans.pop(around, None), seen)
            if holder is not None and around is not None:
                first, _ = spans.get(holder, (by_id[around], event))
                spans[holder] = (first, event)
        else:
            inside[number] = around
            if around is not None:
                _read_inside(event, _name(by_id[around]), seen)
    _read_last(events, seen)


def _read_transition(event: Event, by_id: Mapping[int, Event], seen: _Seen) -> None:
    before = by_id.get(int(event.get("previousEventId", 0)))
    if before is not None and str(before["type"]).endswith("StateExited"):
        seen.next[_exit_name(before)][_name(event)] += 1
        seen.between_ms.append(_between(before, event))


def _read_exit(event: Event, by_id: Mapping[int, Event], state: int | None, seen: _Seen) -> None:
    name = _exit_name(event)
    entry = by_id.get(state or 0)
    if entry is None or _name(entry) != name:
        return
    seen.times_ms[name].append(_between(entry, event))
    before = by_id.get(int(event.get("previousEventId", 0)))
    if before is not None and str(before["type"]) in _SUCCEEDED:
        started = _started(before, by_id)
        if started is not None:
            seen.around_ms.append(_between(entry, event) - _between(started, before))


def _read_span(entry: Event, exit_: Event, span: tuple[Event, Event] | None, seen: _Seen) -> None:
    """What a Parallel or a Map takes beside what is inside it."""
    if span is not None:
        seen.containers_ms[_name(entry)].append(_between(entry, exit_) - _between(*span))


def _read_inside(event: Event, name: str, seen: _Seen) -> None:
    kind = str(event["type"])
    if kind in _STARTED:
        seen.attempts[name] += 1
    elif kind in _FAILED:
        seen.failures[name] += 1
    elif kind == "MapStateStarted":
        seen.items[name] += _whole(_details(event, "mapStateStarted").get("length"))
    elif kind == "MapRunStarted":
        _count_runs(_details(event, "mapRunStarted").get(EXECUTIONS), seen.items[name])
    elif kind == "LambdaFunctionScheduled":
        details = _details(event, "lambdaFunctionScheduled")
        seen.functions[name] = function_name(details.get("resource", ""))
        _keep(seen.payloads[name], details.get("input"))
    elif kind == "TaskScheduled" and _details(event, "taskScheduled").get("resourceType") == "lambda":
        parameters = _json(_details(event, "taskScheduled").get("parameters"))
        if isinstance(parameters, Mapping):
            seen.functions[name] = function_name(parameters.get("FunctionName", ""))
            seen.payloads[name].append(parameters.get("Payload", {}))


def _count_runs(runs: Any, counts: list[int]) -> None:
    """Runs of a distributed Map count: it may batch its items, or read them elsewhere, which its events tell as 0."""
    if counts and (_whole(runs) or not counts[-1]):
        counts.pop()
    counts += _whole(runs)


def _whole(count: Any) -> list[int]:
    is_count = isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= MOST_ITEMS
    return [count] if is_count else []


def _read_ends(events: Sequence[Event], seen: _Seen) -> None:
    """The input of an execution, and its time from the beginning to the end."""
    if events and str(events[0]["type"]) == "ExecutionStarted":
        _keep(seen.inputs, _details(events[0], "executionStarted").get("input"))
    if events and str(events[-1]["type"]) == "ExecutionSucceeded":
        seen.total_ms.append(_between(events[0], events[-1]))


def _read_last(events: Sequence[Event], seen: _Seen) -> None:
    """States after which no other one follows."""
    following = {int(event.get("previousEventId", 0)): event for event in events}
    for event in events:
        if str(event["type"]).endswith("StateExited"):
            after = following.get(int(event["id"]))
            if after is None or not str(after["type"]).endswith("StateEntered"):
                seen.next[_exit_name(event)][""] += 1


def _started(event: Event, by_id: Mapping[int, Event]) -> Event | None:
    before: Event | None = event
    while before is not None and str(before["type"]) not in _STARTED:
        if str(before["type"]).endswith("StateEntered"):
            return None
        before = by_id.get(int(before.get("previousEventId", 0)))
    return before


def _keep(payloads: list[Any], text: Any) -> None:
    if text is not None:
        payloads.append(_json(text))


def _json(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _shares(counts: Mapping[str, int]) -> dict[str, float]:
    total = sum(counts.values())
    return {name: count / total for name, count in counts.items()}


def _details(event: Event, of: str) -> Mapping[str, Any]:
    found = event.get(f"{of}EventDetails")
    return found if isinstance(found, Mapping) else {}


def _name(event: Event) -> str:
    return str(_details(event, "stateEntered").get("name", ""))


def _exit_name(event: Event) -> str:
    return str(_details(event, "stateExited").get("name", ""))


def _between(earlier: Event, later: Event) -> float:
    return 1000 * (_seconds(later["timestamp"]) - _seconds(earlier["timestamp"]))


def _seconds(stamp: Any) -> float:
    if isinstance(stamp, datetime):
        return stamp.timestamp()
    if isinstance(stamp, (int, float)):
        return float(stamp)
    return datetime.fromisoformat(str(stamp).replace("Z", "+00:00")).timestamp()
