"""Reads the REPORT that Lambda writes at the end of an invocation, as text or JSON.

Anchors on the request id and scans from the end, so that a function's own output,
however alike, is not taken for it. A report that is cut or absent is None, never zero.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from tuner.model import FunctionError, Outcome

_FIELD = re.compile(
    r"(?:^|(?<=\s))(Billed Restore Duration|Billed Duration|Init Duration|Restore Duration|Duration"
    r"|Max Memory Used|Memory Size|Status|Error Type|XRAY TraceId|SegmentId|Sampled): ?"
)
_NUMBER = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|MB)(?=\s|$)")

_OUT_OF_MEMORY_TYPES = frozenset({"Runtime.OutOfMemory", "java.lang.OutOfMemoryError", "MemoryError"})
_KILLED = re.compile(r"signal: killed|exit status 137")
_TIMED_OUT = re.compile(r"Task timed out after \d")
_PLATFORM_ERROR = re.compile(r"(Runtime|Extension|Sandbox)\.|Unhandled$|$")
"""Error types of the platform (or none at all), as opposed to what the function itself raises."""
_NEARLY_FULL = 0.98
"""Peak over memory size from which a platform error counts as out of memory: 126 of 128 MB."""


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
        text: log text, in any logging format; may begin and end in the middle of a line.
        request_id: id of the invocation.

    Returns:
        The last complete report of that request, or None.
    """
    *whole_lines, rest = text.split("\n")
    for line, whole in ((rest, False), *((line, True) for line in reversed(whole_lines))):
        if request_id not in line:
            continue
        report = _parse_text(line, request_id, whole=whole) or _parse_json(line, request_id)
        if report is not None:
            return report
    return None


def classify(report: ReportLine | None, error: FunctionError | None) -> Outcome:
    """Tell how an invocation ended from its report and from the error that it returned.

    Out of memory is told by the error type, by a runtime that was killed, by any error at
    a peak that reached the memory size, or by the platform's own error just under it.
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
    if _fullness(report) >= (_NEARLY_FULL if by_platform else 1):
        return Outcome.OUT_OF_MEMORY
    return Outcome.ERROR


def _fullness(report: ReportLine | None) -> float:
    """Peak memory over memory size; 0 where either is not known."""
    if report is None or not report.memory_size_mb:
        return 0.0
    return (report.max_memory_used_mb or 0) / report.memory_size_mb


def _parse_text(line: str, request_id: str, *, whole: bool) -> ReportLine | None:
    prefix = f"REPORT RequestId: {request_id}"
    if not line.startswith(prefix) or line[len(prefix) : len(prefix) + 1].strip():
        return None
    rest = line[len(prefix) :]
    tokens = list(_FIELD.finditer(rest))
    ends = [token.start() for token in tokens[1:]] + [len(rest)]
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


def _parse_json(line: str, request_id: str) -> ReportLine | None:
    for event in _json_objects(line):
        record = event.get("record")
        if event.get("type") != "platform.report" or not isinstance(record, dict):
            continue
        metrics = record.get("metrics")
        if record.get("requestId") != request_id or not isinstance(metrics, dict):
            continue
        if not _is_number(metrics.get("durationMs")):
            continue
        return _report(request_id, metrics, _first_word(record.get("status")), _first_word(record.get("errorType")))
    return None


def _json_objects(line: str) -> Iterator[Mapping[str, Any]]:
    """Objects of a line that may carry other text before or between them."""
    decoder = json.JSONDecoder()
    start = line.find("{")
    while start >= 0:
        try:
            value, end = decoder.raw_decode(line, start)
        except (ValueError, RecursionError):
            end = start + 1
        else:
            if isinstance(value, dict):
                yield value
        start = line.find("{", end)


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
