"""What CloudWatch knows of the functions that ran here: their log events, read from moto's log groups."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.cloud.wire import Call

_REPORT = re.compile(r"REPORT RequestId: |\"platform\.report\"")
_FAILED = re.compile(r"\tStatus: (?!success)|\"status\": ?\"(?!success)")
_NUMBER = r"[:\s\"]+([\d.]+)"
_FIELDS = {
    "duration_ms": re.compile(rf"(?:\tDuration|durationMs){_NUMBER}"),
    "memory_mb": re.compile(rf"(?:Memory Size|memorySizeMB){_NUMBER}"),
    "used_mb": re.compile(rf"(?:Max Memory Used|maxMemoryUsedMB){_NUMBER}"),
}


@dataclass(frozen=True, slots=True)
class Event:
    """One log event."""

    time_ms: int
    message: str
    stream: str

    @property
    def is_report(self) -> bool:
        return bool(_REPORT.search(self.message))

    @property
    def is_of_the_group(self) -> bool:
        """Whether the function writes it whose group this is: a stream of another one carries its name."""
        return re.fullmatch(r"\d{4}/\d\d/\d\d/[\w-]+\[.*", self.stream) is None

    @property
    def failed(self) -> bool:
        return bool(_FAILED.search(self.message))

    def number(self, name: str) -> float:
        """A field of a report: `duration_ms`, `memory_mb` or `used_mb`."""
        found = _FIELDS[name].search(self.message)
        return float(found[1]) if found else 0.0


def groups(call: Call) -> dict[str, Any]:
    """moto's log groups of the caller's account and region."""
    from moto.logs.models import logs_backends

    found: dict[str, Any] = logs_backends[call.account][call.region].groups
    return found


def events(call: Call, group: str) -> Iterator[Event]:
    """All events of a log group; none where there is no such group."""
    found = groups(call).get(group)
    for name, stream in found.streams.items() if found else ():
        yield from (Event(event.timestamp, event.message, name) for event in stream.events)


def reports(call: Call, function: str) -> list[Event]:
    """The REPORT events of a function, in the order of their time, without those of others in its log group."""
    found = [event for event in events(call, f"/aws/lambda/{function}") if event.is_report and event.is_of_the_group]
    return sorted(found, key=lambda event: event.time_ms)


def write(account: str, region: str, document: dict[str, Any]) -> None:
    """Put events of the past into a group: {group, events: [[time in ms, stream, message], …]}."""
    from moto.logs.models import LogEvent, logs_backends

    backend = logs_backends[account][region]
    group = document["group"]
    if group not in backend.groups:
        backend.create_log_group(group, {})
    for time_ms, stream, message in document["events"]:
        if stream not in backend.groups[group].streams:
            backend.create_log_stream(group, stream)
        entry = LogEvent(time_ms, {"timestamp": time_ms, "message": message})
        backend.groups[group].streams[stream].events.append(entry)
