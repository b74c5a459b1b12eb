"""Reads the REPORT that Lambda writes at the end of an invocation, as text or JSON.

Looks only for reports of one request id, from the end of the log, because the platform writes after the function.
A report that is cut or absent is None, never zero. No text makes it raise, and its time is linear in the text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from tuner.model import FunctionError, Outcome

_FIELD = re.compile(
    r"(?:^|(?<=\s))(Billed Restore Duration|Billed Duration|Init Duration|Restore Duration|Duration"
    r"|Max Memory Used|Memory Size|Status|Error Type|XRAY TraceId|SegmentId|Sampled): ?"
)
_NUMBER = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|MB)(?=\s|$)")
_TEXT_ANCHOR, _END_ANCHOR, _JSON_ANCHOR = "REPORT RequestId: ", "END RequestId: ", '"platform.report"'
_LONGEST_REPORT, _LONGEST_ID = 4096, 128
"""Characters of a report and of a request id at most. Lambda's reports have less than 1,000."""
_MOST_CANDIDATES, _MOST_BRACES = 64, 16
"""Possible reports in a log, and braces before one of them, that are tried at most: a log tail has 4 KiB."""

_OUT_OF_MEMORY_TYPES = frozenset({"Runtime.OutOfMemory", "java.lang.OutOfMemoryError", "MemoryError"})
_KILLED = re.compile(r"signal: killed|exit status 137")
_TIMED_OUT = re.compile(r"Task timed out after \d")
_PLATFORM_ERROR = re.compile(r"(Runtime|Extension|Sandbox)\.|Unhandled$|$")
"""Error types of the platform (or none at all), as opposed to what the function itself raises."""
_NEARLY_FULL = 0.98
"""Peak over memory size from which a platform error counts as out of memory: 126 of 128 MB."""
_ABORTED, _HEAP_FULL = re.compile(r"signal: aborted"), 0.9
"""How Node.js ends when its heap is full, and the share of the memory size that Lambda lets old objects have."""


@dataclass(frozen=True, slots=True)
class ReportLine:
    """What Lambda reported of one invocation; None where a field was not there."""

    request_id: str
    duration_ms: float
    billed_duration_ms: int | None = None
    memory_size_mb: int | None = None
    max_memory_used_mb: int | None = None
    init_duration_ms: float | None = None
    restore_duration_ms: float | None = None
    billed_restore_duration_ms: int | None = None
    status: str | None = None
    error_type: str | None = None


def parse_log(text: str, request_id: str) -> ReportLine | None:
    """Find the report of a request in a log or in the tail of one.

    Args:
        text: log text in any logging format. It may begin and end in the middle of a line.
        request_id: id of the invocation; no report has an empty one.

    Returns:
        The last complete report of that request, or None.
    """
    if not request_id:
        return None
    anchors = (f"{_TEXT_ANCHOR}{request_id}", _JSON_ANCHOR)
    for position, anchor in _from_the_end(text, anchors):
        if anchor is _JSON_ANCHOR:
            report = _parse_json(text, position, request_id)
        else:
            report = _parse_text(text, position, request_id)
        if report is not None:
            return report
    return None


def last_request_id(text: str) -> str:
    """The request id of the invocation that the platform ended last in a log; empty when there is none."""
    for position, anchor in _from_the_end(text, (_END_ANCHOR, _JSON_ANCHOR)):
        if anchor is _JSON_ANCHOR:
            ids = [str(record.get("requestId", "")) for record in _json_records(text, position)]
        else:
            start = position + len(_END_ANCHOR)
            ids = text[start : start + _LONGEST_ID].split()[:1] if _starts_line(text, position) else []
        if found := next(filter(None, ids), ""):
            return found
    return ""


def classify(report: ReportLine | None, error: FunctionError | None) -> Outcome:
    """Tell how an invocation ended from its report and from the error that it returned.

    Out of memory is told by the error type, by a runtime that was killed, by any error at
    a peak that reached the memory size, or by the platform's own error just under it. Node.js
    ends by itself a little earlier, at the limit that Lambda gives its heap.
    """
    status = report.status if report else None
    types = {error.type if error else "", (report.error_type if report else None) or ""} - {""}
    message = error.message if error else ""
    by_platform = all(_PLATFORM_ERROR.match(kind) for kind in types)
    if status == "timeout" or "Sandbox.Timedout" in types or (by_platform and _TIMED_OUT.search(message)):
        return Outcome.TIMEOUT
    if error is None and status not in ("error", "failure"):
        return Outcome.OK if report else Outcome.NO_REPORT
    if types & _OUT_OF_MEMORY_TYPES or (by_platform and _KILLED.search(message)):
        return Outcome.OUT_OF_MEMORY
    if by_platform and (_fullness(report) >= _NEARLY_FULL or ended_at_full_heap(report, message)):
        return Outcome.OUT_OF_MEMORY
    return Outcome.OUT_OF_MEMORY if _fullness(report) >= 1 else Outcome.ERROR


def ended_at_full_heap(report: ReportLine | None, message: str) -> bool:
    """Whether Node.js ended by itself at the limit of its heap, by the platform's message on how it ended."""
    return bool(_ABORTED.search(message)) and _fullness(report) >= _HEAP_FULL


def _fullness(report: ReportLine | None) -> float:
    """Peak memory over memory size; 0 where either is not known."""
    if report is None or not report.memory_size_mb:
        return 0.0
    return (report.max_memory_used_mb or 0) / report.memory_size_mb


def _from_the_end(text: str, anchors: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Positions of the last anchors in a text, last first. More of them than a log can have are not looked at."""
    positions = {anchor: text.rfind(anchor) for anchor in anchors}
    for _ in range(_MOST_CANDIDATES):
        anchor = max(positions, key=lambda name: positions[name])
        if (position := positions[anchor]) < 0:
            return
        yield position, anchor
        positions[anchor] = text.rfind(anchor, 0, position)


def _starts_line(text: str, position: int) -> bool:
    return position == 0 or text[position - 1] == "\n"


def _parse_text(text: str, position: int, request_id: str) -> ReportLine | None:
    start = position + len(_TEXT_ANCHOR) + len(request_id)
    newline = text.find("\n", start, start + _LONGEST_REPORT)
    rest = text[start : newline if newline >= 0 else start + _LONGEST_REPORT]
    whole = newline >= 0
    if not _starts_line(text, position) or rest[:1].strip():
        return None
    tokens = list(_FIELD.finditer(rest))
    ends = [token.start() for token in tokens[1:]] + [len(rest)] if tokens else []
    values: dict[str, str] = {}
    for token, end in zip(tokens, ends, strict=True):
        values.setdefault(token[1], rest[token.end() : end].strip())
    numbers = {name: float(found[1]) for name, value in values.items() if (found := _NUMBER.match(value))}
    # A line cut in the middle of a number still looks like one: only what a newline ends may lack the memory.
    needed = {"Duration", "Billed Duration"} | (set() if whole else {"Memory Size", "Max Memory Used"})
    if not needed <= numbers.keys() or not all(map(math.isfinite, numbers.values())):
        return None
    return _report(
        request_id,
        {
            "durationMs": numbers["Duration"],
            "billedDurationMs": numbers["Billed Duration"],
            "memorySizeMB": numbers.get("Memory Size"),
            "maxMemoryUsedMB": numbers.get("Max Memory Used"),
            "initDurationMs": numbers.get("Init Duration"),
            "restoreDurationMs": numbers.get("Restore Duration"),
            "billedRestoreDurationMs": numbers.get("Billed Restore Duration"),
        },
        _first_word(values.get("Status")),
        _first_word(values.get("Error Type")),
    )


def _parse_json(text: str, position: int, request_id: str) -> ReportLine | None:
    for record in _json_records(text, position):
        metrics = record.get("metrics")
        if record.get("requestId") != request_id or not isinstance(metrics, dict):
            continue
        if _is_number(metrics.get("durationMs")):
            return _report(request_id, metrics, _first_word(record.get("status")), _first_word(record.get("errorType")))
    return None


def _json_records(text: str, position: int) -> Iterator[Mapping[str, Any]]:
    """The record of the `platform.report` event around a position, in a line that may carry other text too.

    An event inside another object does not count: a function may log one.
    """
    earliest = max(text.rfind("\n", 0, position) + 1, position - _LONGEST_REPORT)
    window = text[earliest : position + _LONGEST_REPORT]
    for start in _braces(window, position - earliest):
        event, _ = _decoded(window, start)
        if isinstance(event, dict) and event.get("type") == "platform.report":
            record = event.get("record")
            if isinstance(record, dict):
                yield record


def _braces(window: str, position: int) -> Iterator[int]:
    """Where the object around a position may begin: outermost first, and the nearest brace where many are broken."""
    start = window.find("{", 0, position)
    for _ in range(_MOST_BRACES):
        if start < 0:
            return
        _, end = _decoded(window, start)
        if end > position:
            yield start
            return
        start = window.find("{", end, position)
    if start >= 0:
        yield window.rfind("{", 0, position)


def _decoded(window: str, start: int) -> tuple[Any, int]:
    """The JSON value that begins at a position, and its end; None and the next position where none does."""
    try:
        return json.JSONDecoder().raw_decode(window, start)
    except (ValueError, RecursionError):
        return None, start + 1


def _report(request_id: str, metrics: Mapping[str, Any], status: str | None, error_type: str | None) -> ReportLine:
    def whole(name: str) -> int | None:
        value = metrics.get(name)
        return round(value) if _is_number(value) else None

    def decimal(name: str) -> float | None:
        value = metrics.get(name)
        return float(value) if _is_number(value) else None

    return ReportLine(
        request_id=request_id,
        duration_ms=float(metrics["durationMs"]),
        billed_duration_ms=whole("billedDurationMs"),
        memory_size_mb=whole("memorySizeMB"),
        max_memory_used_mb=whole("maxMemoryUsedMB"),
        init_duration_ms=decimal("initDurationMs"),
        restore_duration_ms=decimal("restoreDurationMs"),
        billed_restore_duration_ms=whole("billedRestoreDurationMs"),
        status=status if status != "success" else None,
        error_type=error_type,
    )


def _first_word(value: object) -> str | None:
    words = value.split() if isinstance(value, str) else []
    return words[0] if words else None


def _is_number(value: object) -> TypeGuard[float]:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value) and value >= 0
    except OverflowError:  # a whole number beyond every float
        return False
