"""Writes the platform's lines of an invocation's log as Lambda writes them: START, END, REPORT.

What is written here is read again by `tuner.report_line`, so that local runs take the
same way as those in AWS.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime

from tuner.local.worker.spec import LogFormat


@dataclass(frozen=True, slots=True)
class InvocationFacts:
    """What REPORT tells of one invocation. `status`: None, "timeout" or "error"."""

    request_id: str
    version: str
    duration_ms: float
    init_duration_ms: float | None
    memory_size_mb: int
    max_memory_used_mb: int
    status: str | None = None
    error_type: str | None = None

    @property
    def billed_duration_ms(self) -> int:
        """Whole ms of duration and init together: both are paid since 2025-08-01."""
        exact = round(self.duration_ms, 2) + round(self.init_duration_ms or 0.0, 2)
        return max(1, math.ceil(exact - 1e-6))


def compose(output: bytes, init_output: bytes, facts: InvocationFacts, form: LogFormat) -> bytes:
    """The whole log of an invocation: the platform's lines around the function's output."""
    write = _text if form is LogFormat.TEXT else _json
    start, end = write(facts)
    separator = b"" if not output or output.endswith(b"\n") else b"\n"
    return init_output + start + output + separator + end


def _text(facts: InvocationFacts) -> tuple[bytes, bytes]:
    fields = [
        f"REPORT RequestId: {facts.request_id}",
        f"Duration: {facts.duration_ms:.2f} ms",
        f"Billed Duration: {facts.billed_duration_ms} ms",
        f"Memory Size: {facts.memory_size_mb} MB",
        f"Max Memory Used: {facts.max_memory_used_mb} MB",
    ]
    if facts.init_duration_ms is not None:
        fields.append(f"Init Duration: {facts.init_duration_ms:.2f} ms")
    # The text form gives a status for what the platform ended, not for what the function raised.
    if facts.status:
        fields.append(f"Status: {facts.status}")
    if facts.status == "error":
        fields.append(f"Error Type: {facts.error_type}")
    start = f"START RequestId: {facts.request_id} Version: {facts.version}\n"
    report = "\t".join(fields) + "\t\n"
    return start.encode(), f"END RequestId: {facts.request_id}\n{report}".encode()


def _json(facts: InvocationFacts) -> tuple[bytes, bytes]:
    metrics: dict[str, float] = {
        "durationMs": round(facts.duration_ms, 3),
        "billedDurationMs": facts.billed_duration_ms,
        "memorySizeMB": facts.memory_size_mb,
        "maxMemoryUsedMB": facts.max_memory_used_mb,
    }
    if facts.init_duration_ms is not None:
        metrics["initDurationMs"] = round(facts.init_duration_ms, 3)
    record: dict[str, object] = {"requestId": facts.request_id, "metrics": metrics, "status": facts.status or "success"}
    if facts.error_type:
        record |= {"status": facts.status or "error", "errorType": facts.error_type}
    start = _event("platform.start", {"requestId": facts.request_id, "version": facts.version})
    return start, _event("platform.report", record)


def _event(kind: str, record: dict[str, object]) -> bytes:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"time": now, "type": kind, "record": record}).encode() + b"\n"
