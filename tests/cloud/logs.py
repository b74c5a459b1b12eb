"""The log of an invocation as Lambda writes it: START, the function's output, END and REPORT, as text or JSON."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

from tests.cloud.simulated import Measured


def written(measured: Measured, output: bytes, request_id: str, version: str, logging: dict[str, Any]) -> bytes:
    """All lines, in the function's log format and at its system log level."""
    if logging["LogFormat"] == "Text":
        return _text(measured, output, request_id, version)
    if logging.get("SystemLogLevel", "INFO") not in ("INFO", "DEBUG"):
        return output  # platform events are of level INFO
    start = _event("platform.start", {"requestId": request_id, "version": version})
    return start + _ended(output) + _event("platform.report", _record(measured, request_id))


def _text(measured: Measured, output: bytes, request_id: str, version: str) -> bytes:
    fields = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {measured.duration_ms:.2f} ms",
        f"Billed Duration: {measured.billed_ms} ms",
        f"Memory Size: {measured.memory_mb} MB",
        f"Max Memory Used: {measured.used_mb} MB",
    ]
    if measured.init_ms is not None:
        fields.append(f"Init Duration: {measured.init_ms:.2f} ms")
    if measured.restore_ms is not None:
        fields.append(f"Restore Duration: {measured.restore_ms:.2f} ms")
        fields.append(f"Billed Restore Duration: {math.ceil(measured.restore_ms)} ms")
    # The text form gives a status for what the platform ended, not for what the function raised.
    if measured.status:
        fields.append(f"Status: {measured.status}")
    if measured.status == "error":
        fields.append(f"Error Type: {measured.error_type}")
    report = "\t".join(fields) + "\t\n"
    start, end = f"START RequestId: {request_id} Version: {version}\n", f"END RequestId: {request_id}\n"
    return start.encode() + _ended(output) + (end + report).encode()


def _record(measured: Measured, request_id: str) -> dict[str, Any]:
    metrics: dict[str, Any] = {
        "durationMs": round(measured.duration_ms, 3),
        "billedDurationMs": measured.billed_ms,
        "memorySizeMB": measured.memory_mb,
        "maxMemoryUsedMB": measured.used_mb,
    }
    if measured.init_ms is not None:
        metrics["initDurationMs"] = round(measured.init_ms, 3)
    if measured.restore_ms is not None:
        metrics["restoreDurationMs"] = round(measured.restore_ms, 3)
        metrics["billedRestoreDurationMs"] = math.ceil(measured.restore_ms)
    status = measured.status or ("error" if measured.error_type else "success")
    record: dict[str, Any] = {"requestId": request_id, "metrics": metrics, "status": status}
    if measured.error_type:
        record["errorType"] = measured.error_type
    return record


def _event(kind: str, record: dict[str, Any]) -> bytes:
    now = datetime.now(UTC)
    stamp = now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z"
    return (json.dumps({"time": stamp, "type": kind, "record": record}) + "\n").encode()


def _ended(output: bytes) -> bytes:
    return output if not output or output.endswith(b"\n") else output + b"\n"
