"""Reads the REPORT of every invocation in exported logs, whatever tool exported them.

Understands lines in text and in JSON format, also with a time and a log stream before them (`aws logs tail`,
`sam logs`). Which text of an export is a message is told by `exported_logs`. Reads text, not files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from tuner.evidence.logs.exported_logs import LogMessage, as_json, messages_of
from tuner.evidence.logs.log_functions import function_of, is_of_a_copy
from tuner.model import MAX_MEMORY_MB, MIN_MEMORY_MB
from tuner.report_line import ReportLine, parse_log

_TEXT_REPORT = re.compile(r"REPORT RequestId: (\S+)")
_JSON_REPORT = re.compile(r'"requestId"\s*:\s*"([^"]+)"')
_JSON_KIND = '"platform.report"'
_STREAM = re.compile(r"\S*\[(?P<version>\$LATEST|\d+)\]\w+")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,6})?(?:Z|[+-]\d\d:?\d\d)?")
_USUAL = re.compile(
    r"REPORT RequestId: (\S{1,128})\tDuration: (\d+\.\d+) ms\tBilled Duration: (\d+) ms\tMemory Size: (\d+) MB\t"
    r"Max Memory Used: (\d+) MB\t?(?:Init Duration: (\d+\.\d+) ms\t?)?\s*"
)
"""A report without status, restore and trace, which most are: read at once, since logs have 100,000 of them."""
_LONGEST_PREFIX = 1024
"""Characters before a report that may tell its time and its stream: a search in a whole long line takes for ever."""
_LONGEST_MS = 24 * 3_600_000.0
"""No run of Lambda is as long."""
_MILLISECONDS = 1000.0
_LATEST_S = 253_402_300_800.0
"""Seconds since 1970 of the year 10000, the first that no calendar here knows."""


@dataclass(frozen=True, slots=True)
class LogRow:
    """One invocation as the log tells it.

    Attributes:
        report: its report.
        ended_s: when the report was written, in seconds since 1970 (UTC); None: the log does not say.
        stream: log stream, which is one execution environment; empty: the log does not say.
        version: of the function; empty: the log does not say.
        cpu_ms: CPU time of the handler, where Lambda Insights has counted it.
        function: its name; empty: neither the log stream nor the log group says.
    """

    report: ReportLine
    ended_s: float | None = None
    stream: str = ""
    version: str = ""
    cpu_ms: float | None = None
    function: str = ""

    @property
    def started_s(self) -> float | None:
        """When the handler began."""
        return None if self.ended_s is None else self.ended_s - self.report.duration_ms / _MILLISECONDS


@dataclass(frozen=True, slots=True)
class LogRows:
    """The invocations of a log.

    Attributes:
        rows: in the order of their time where it is known, else in that of the log.
        duplicates: reports that were there more than once, and count once.
        unread: lines that look like a report and could not be read.
        test_calls: reports of copies that runs of this tool measured, which are no rows.
    """

    rows: tuple[LogRow, ...]
    duplicates: int = 0
    unread: int = 0
    test_calls: int = 0


def read_log(*texts: str) -> LogRows:
    """Every report of a log, without those of copies that runs of this tool measured.

    Args:
        texts: parts of the log. Each is lines, a CSV file, one JSON document, or one JSON document in each line.
    """
    return read_messages(message for text in texts for message in messages_of(text))


def read_messages(messages: Iterable[LogMessage]) -> LogRows:
    """Every report among log messages, without those of copies that runs of this tool measured."""
    found: dict[tuple[object, ...], LogRow] = {}
    duplicates = unread = test_calls = 0
    for message in messages:
        if not _looks_like_a_report(message.text):
            continue
        row = _row(message)
        if row is None:
            unread += 1
            continue
        if is_of_a_copy(row.stream):
            test_calls += 1
            continue
        # A retry has the request id of the first attempt, but neither its time nor its duration.
        identity = (row.report.request_id, row.report.duration_ms, row.report.billed_duration_ms, row.ended_s)
        duplicates += identity in found
        found.setdefault(identity, row)
    rows = sorted(found.values(), key=lambda row: row.ended_s or 0.0)
    return LogRows(tuple(rows), duplicates, unread, test_calls)


def _looks_like_a_report(line: str) -> bool:
    return ("REPORT RequestId: " in line and "INIT_REPORT" not in line) or _JSON_KIND in line


def _row(message: LogMessage) -> LogRow | None:
    line = message.text
    in_json = _JSON_KIND in line
    anchor = (_JSON_REPORT if in_json else _TEXT_REPORT).search(line)
    if anchor is None:
        return None
    body = line[line.find("{") :] if in_json else line[anchor.start() :]
    report = _usual_report(body) or parse_log(f"{body}\n", anchor[1])
    if report is None or not _is_of_lambda(report):
        return None
    before = (line[: line.find("{")] if in_json else line[: anchor.start()])[-_LONGEST_PREFIX:]
    stream = message.stream or _first(_STREAM, before)
    version = _STREAM.fullmatch(stream)
    time = message.time or _first(_TIME, before) or (_time_of(body) if in_json else None)
    own_version = version["version"] if version else ""
    return LogRow(report, seconds_of(time), stream, own_version, function=function_of(stream, message.group))


def _is_of_lambda(report: ReportLine) -> bool:
    """Whether Lambda has such a memory size, and runs as short."""
    size = report.memory_size_mb
    within = not size or MIN_MEMORY_MB <= size <= MAX_MEMORY_MB
    times = (report.duration_ms, report.billed_duration_ms, report.init_duration_ms, report.restore_duration_ms)
    return within and all((time or 0) <= _LONGEST_MS for time in times)


def _usual_report(line: str) -> ReportLine | None:
    """The report of a usual line; None: `parse_log` reads it."""
    found = _USUAL.fullmatch(line)
    if found is None:
        return None
    request_id, duration, billed, size, used, init = found.groups()
    return ReportLine(
        request_id, float(duration), int(billed), int(size), int(used), None if init is None else float(init)
    )


def seconds_of(time: object) -> float | None:
    """Seconds since 1970 of a time from then on: ISO 8601 (UTC where it names no zone) or milliseconds since 1970."""
    if isinstance(time, bool):
        return None
    try:
        if isinstance(time, (int, float)) or (isinstance(time, str) and time.isdecimal()):
            seconds = float(time) / _MILLISECONDS
            return seconds if 0 <= seconds < _LATEST_S else None
        if not isinstance(time, str):
            return None
        parsed = datetime.fromisoformat(time.replace(",", "."))
        seconds = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
        return seconds if 0 <= seconds < _LATEST_S else None
    except (ValueError, OverflowError):
        return None


def _time_of(body: str) -> str:
    event = as_json(body)
    return str(event.get("time", "")) if isinstance(event, Mapping) else ""


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[0] if found else ""
