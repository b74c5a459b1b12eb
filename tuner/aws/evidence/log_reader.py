"""Reads the REPORT lines of a function from CloudWatch Logs: by Logs Insights, or by FilterLogEvents.

Logs Insights charges for what it scans, so the window is made shorter until its price fits the money that is left.
FilterLogEvents charges nothing and is slower. Parses nothing: it returns log messages.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tuner.aws.api.errors import AwsError
from tuner.aws.api.function import FunctionState
from tuner.aws.evidence.read_api import ReadApi
from tuner.evidence.logs.exported_logs import LogMessage
from tuner.evidence.logs.log_functions import is_of_a_copy
from tuner.vocabulary import COPY_PREFIX

SECONDS_PER_DAY = 86_400
FIRST_POLL_S, POLL_CAP_S, QUERY_LIMIT_S = 0.5, 3.0, 300.0
"""Pauses between looks at a query, and how long it may run."""
CALLS_PER_SECOND = 4
"""StartQuery and FilterLogEvents take 5 requests a second in the slowest regions (CloudWatch Logs quotas)."""
LEAST_WINDOW_S = 3600
"""A shorter window is not worth a query."""
FIRST_SLICE_S = 3 * 3600
"""FilterLogEvents reads the newest hours first. Every further slice is twice as long."""
REPORTS = ("REPORT RequestId", "platform.report")
"""What a report holds in text and in JSON logs. Groups of every class find it."""


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time, in whole seconds since 1970."""

    begin_s: int
    end_s: int

    @property
    def days(self) -> float:
        """How long it is."""
        return (self.end_s - self.begin_s) / SECONDS_PER_DAY

    def newest(self, share: float) -> Window:
        """The newest part of it; `share` is within 0..1."""
        return Window(self.end_s - math.floor(share * (self.end_s - self.begin_s)), self.end_s)


@dataclass(frozen=True, slots=True)
class LogSource:
    """Where the log of a function is.

    Attributes:
        group: log group.
        function: name of the function. Streams of a group that functions share carry it.
        in_json: whether reports are written as JSON now.
    """

    group: str
    function: str
    in_json: bool = False

    @property
    def shared(self) -> bool:
        """Whether other functions may write to the group."""
        return self.group != f"/aws/lambda/{self.function}"

    def query(self) -> str:
        """The Logs Insights query for the rows of the function."""
        reports = " or ".join(f'@message like "{report}"' for report in REPORTS)
        asked = f"fields @timestamp, @logStream, @message\n| filter {reports}\n| filter {self.own_streams}"
        return f"{asked}\n| sort @timestamp desc"

    @property
    def own_streams(self) -> str:
        """The condition of a Logs Insights query for the streams of the function, without those of its copies.

        It is the same for all functions that share no group, so that one query reads many of them.
        """
        return f'@logStream like "/{self.function}["' if self.shared else f'@logStream not like "/{COPY_PREFIX}"'

    def owns(self, stream: str) -> bool:
        """Whether a log stream is of this function, and of none of its copies."""
        if self.shared:
            return stream.rpartition("/")[2].startswith(f"{self.function}[")
        return not is_of_a_copy(stream)


@dataclass(frozen=True, slots=True)
class LogAnswer:
    """What a log gave.

    Attributes:
        messages: reports, in any order.
        window: that was read.
        scanned_bytes: what Logs Insights charges for.
    """

    messages: tuple[LogMessage, ...]
    window: Window
    scanned_bytes: float = 0.0


@dataclass(slots=True)
class LogReader:
    """Reads logs.

    Attributes:
        api: CloudWatch Logs.
        most_rows: newest rows that are read at most.
        most_calls: pages of FilterLogEvents that are read at most.
    """

    api: ReadApi
    most_rows: int
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    most_calls: int = 100_000

    def group(self, name: str) -> dict[str, Any] | None:
        """What CloudWatch Logs says of a group; None: there is no such group."""
        action = f"read the log group {name}"
        reply = self.api.read(action, "describe_log_groups", logGroupNamePrefix=name)
        return next((dict(found) for found in reply["logGroups"] if found["logGroupName"] == name), None)

    def query(self, group: str, text: str, window: Window) -> tuple[list[dict[str, str]], float]:
        """The rows of a Logs Insights query, and the bytes that it scanned.

        Raises:
            AwsError: it was refused, failed or did not end.
        """
        return self.query_all([group], text, window)

    def query_all(self, groups: list[str], text: str, window: Window) -> tuple[list[dict[str, str]], float]:
        """The rows of a Logs Insights query of up to 50 log groups, and the bytes that it scanned.

        Raises:
            AwsError: it was refused, failed or did not end.
        """
        action = f"query the log group {groups[0]}" if len(groups) == 1 else f"query {len(groups)} log groups"
        begun = self.api.read(action, "start_query", logGroupNames=groups, startTime=window.begin_s,
                           endTime=window.end_s, queryString=text, limit=self.most_rows)  # fmt: skip
        give_up, pause = self.clock() + QUERY_LIMIT_S, FIRST_POLL_S
        while True:
            reply = self.api.read(action, "get_query_results", queryId=begun["queryId"])
            if reply["status"] not in ("Scheduled", "Running"):
                break
            if self.clock() > give_up:
                self.api.read(action, "stop_query", queryId=begun["queryId"])
                raise AwsError(f"{action} took more than {QUERY_LIMIT_S:.0f} s", "Read fewer days, e.g. --days 3")
            self.sleep(pause)
            pause = min(POLL_CAP_S, 1.5 * pause)
        if reply["status"] != "Complete":
            raise AwsError(f"{action} ended as {reply['status']}", "Read fewer days, e.g. --days 3")
        scanned = float(reply.get("statistics", {}).get("bytesScanned", 0.0))
        rows = [_fields(row) for row in reply["results"]]
        if token := reply.get("nextToken"):
            rest = self.api.pages(action, "get_query_results", queryId=begun["queryId"], nextToken=token)
            rows += [_fields(row) for page in rest for row in page["results"]]
        return rows, scanned

    def by_query(self, source: LogSource, window: Window) -> LogAnswer:
        """The newest reports, by Logs Insights."""
        rows, scanned = self.query(source.group, source.query(), window)
        messages = (LogMessage(r["@message"], r.get("@timestamp"), r.get("@logStream", "")) for r in rows)
        return LogAnswer(tuple(m for m in messages if source.owns(m.stream)), window, scanned)

    def by_filter(self, source: LogSource, window: Window, *, first_slice_s: int = FIRST_SLICE_S) -> LogAnswer:
        """The newest reports, by FilterLogEvents: slice by slice back in time, until there are enough."""
        messages: list[LogMessage] = []
        end_s, length_s, calls = window.end_s, first_slice_s, 0
        while end_s > window.begin_s and len(messages) < self.most_rows and calls < self.most_calls:
            begin_s = max(window.begin_s, end_s - length_s)
            for page in self._pages(source, begin_s, end_s):
                calls += 1
                messages += page
                if len(messages) >= self.most_rows or calls >= self.most_calls:
                    break
            end_s, length_s = begin_s, 2 * length_s
        return LogAnswer(tuple(messages), Window(end_s, window.end_s))

    def _pages(self, source: LogSource, begin_s: int, end_s: int) -> Iterator[list[LogMessage]]:
        pages = self.api.pages(
            f"read the log group {source.group}",
            "filter_log_events",
            logGroupName=source.group,
            filterPattern=f'"{REPORTS[source.in_json]}"',
            startTime=1000 * begin_s,
            endTime=1000 * end_s - 1,
        )
        for page in pages:
            events = (event for event in page.get("events", []) if source.owns(event["logStreamName"]))
            yield [LogMessage(event["message"], event["timestamp"], event["logStreamName"]) for event in events]


def source_of(state: FunctionState) -> LogSource:
    """Where the log of a function is."""
    logging = state.raw.get("LoggingConfig") or {}
    return LogSource(state.log_group, state.name, in_json=logging.get("LogFormat") == "JSON")


def _fields(row: list[dict[str, str]]) -> dict[str, str]:
    return {entry["field"]: entry.get("value", "") for entry in row}
