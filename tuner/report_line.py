"""Reads the REPORT that Lambda writes at the end of an invocation, as text or JSON.

Anchors on the request id and scans from the end, so that a function's own output,
however alike, is not taken for it. A report that is cut or absent is None, never zero.
"""

from __future__ import annotations

import json
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
    for line in reversed(text.splitlines()):
        if request_id not in line:
            continue
        report = _parse_text(line, request_id) or _parse_json(line, request_id)
        if report is not None:
            return report
    return None


def classify(report: ReportLine | None, error: FunctionError | None) -> Outcome:
    """Tell how an invocation ended from its report and from the error that it returned.

    Out of memory is told by the error type, by a runtime that was killed, or by an
    error at a peak that reached the memory size.
    """
    status = report.status if report else None
    error_type = (error.type if error else None) or (report.error_type if report else None) or ""
    message = error.message if error else ""
    if status == "timeout" or error_type == "Sandbox.Timedout" or (error and _TIMED_OUT.search(message)):
        return Outcome.TIMEOUT
    if error is None and status not in ("error", "failure"):
        return Outcome.OK if report else Outcome.NO_REPORT
    if error_type in _OUT_OF_MEMORY_TYPES or (error_type == "Runtime.ExitError" and _KILLED.search(message)):
        return Outcome.OUT_OF_MEMORY
    if report and report.memory_size_mb and (report.max_memory_used_mb or 0) >= report.memory_size_mb:
        return Outcome.OUT_OF_MEMORY
    return Outcome.ERROR


def _parse_text(line: str, request_id: str) -> ReportLine | None:
    prefix = f"REPORT RequestId: {request_id}"
    if not line.startswith(prefix) or line[len(prefix) : len(prefix) + 1].strip():
        return None
    rest = line[len(prefix) :]
    tokens = list(_FIELD.finditer(rest))
    ends = [token.start() for token in tokens[1:]] + [len(rest)]
    values = {token[1]: rest[token.end() : end].strip() for token, end in zip(tokens, ends, strict=True)}
    numbers = {name: float(found[1]) for name, value in values.items() if (found := _NUMBER.fullmatch(value))}
    # A line cut in the middle of a number still looks like one: the platform's own has all four.
    if not {"Duration", "Billed Duration", "Memory Size", "Max Memory Used"} <= numbers.keys():
        return None
    return _report(
        request_id,
        {
            "durationMs": numbers["Duration"],
            "billedDurationMs": numbers["Billed Duration"],
            "memorySizeMB": numbers["Memory Size"],
            "maxMemoryUsedMB": numbers["Max Memory Used"],
            "initDurationMs": numbers.get("Init Duration"),
            "restoreDurationMs": numbers.get("Restore Duration"),
            "billedRestoreDurationMs": numbers.get("Billed Restore Duration"),
        },
        values.get("Status"),
        values.get("Error Type"),
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
        status = record.get("status")
        return _report(request_id, metrics, status if status != "success" else None, record.get("errorType"))
    return None


def _json_objects(line: str) -> Iterator[Mapping[str, Any]]:
    """Objects of a line that may carry other text before or between them."""
    decoder = json.JSONDecoder()
    start = line.find("{")
    while start >= 0:
        try:
            value, end = decoder.raw_decode(line, start)
        except ValueError:
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
        status=status,
        error_type=error_type,
    )


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
