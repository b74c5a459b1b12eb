"""Logs with known contents, in every form in which they are exported."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

BEGIN_S = datetime(2026, 11, 2, tzinfo=UTC).timestamp()
"""A Monday at midnight."""


@dataclass(frozen=True, slots=True)
class Run:
    """One invocation of a log."""

    id: str
    ms: float = 100.0
    after_s: float = 0.0
    stream: str = "2026/11/02/[$LATEST]a1"
    memory_mb: int = 512
    used_mb: int = 80
    init_ms: float | None = None
    status: str = ""

    @property
    def billed_ms(self) -> int:
        return -int(-(self.ms + (self.init_ms or 0.0)) // 1)

    @property
    def time(self) -> str:
        return datetime.fromtimestamp(BEGIN_S + self.after_s, UTC).isoformat(timespec="milliseconds")

    def text(self) -> str:
        """The REPORT line of the text format."""
        init = "" if self.init_ms is None else f"Init Duration: {self.init_ms:.2f} ms\t"
        status = f"Status: {self.status}\t" if self.status else ""
        return (
            f"REPORT RequestId: {self.id}\tDuration: {self.ms:.2f} ms\tBilled Duration: {self.billed_ms} ms\t"
            f"Memory Size: {self.memory_mb} MB\tMax Memory Used: {self.used_mb} MB\t{init}{status}"
        )

    def event(self) -> dict[str, Any]:
        """The event of the JSON format."""
        metrics = {
            "durationMs": self.ms,
            "billedDurationMs": self.billed_ms,
            "memorySizeMB": self.memory_mb,
            "maxMemoryUsedMB": self.used_mb,
        }
        if self.init_ms is not None:
            metrics["initDurationMs"] = self.init_ms
        record = {"requestId": self.id, "metrics": metrics, "status": self.status or "success"}
        return {"time": self.time, "type": "platform.report", "record": record}


def plain(runs: list[Run]) -> str:
    """The log itself, with the lines around each report."""
    return "\n".join(f"START RequestId: {r.id}\nhello\nEND RequestId: {r.id}\n{r.text()}" for r in runs) + "\n"


def tailed(runs: list[Run]) -> str:
    """What `aws logs tail` prints."""
    return "\n".join(f"{r.time} {r.stream} {r.text()}" for r in runs)


def sam(runs: list[Run]) -> str:
    """What `sam logs` prints."""
    return "\n".join(f"{r.stream} {r.time} {r.text()}" for r in runs)


def json_lines(runs: list[Run]) -> str:
    """The log in JSON format, mixed with the text of an extension."""
    return "\n".join(line for r in runs for line in ("EXTENSION Name: x", json.dumps(r.event())))


def filtered(runs: list[Run]) -> str:
    """What `aws logs filter-log-events` prints."""
    events = [
        {"timestamp": round(1000 * (BEGIN_S + r.after_s)), "logStreamName": r.stream, "message": r.text()} for r in runs
    ]
    return json.dumps({"events": events}, indent=4)


def queried(runs: list[Run]) -> str:
    """What `aws logs get-query-results` prints."""
    rows = [
        [
            {"field": "@timestamp", "value": r.time.replace("T", " ").removesuffix("+00:00")},
            {"field": "@logStream", "value": r.stream},
            {"field": "@message", "value": r.text()},
        ]
        for r in runs
    ]
    return json.dumps({"status": "Complete", "results": rows}, indent=4)


def events(runs: list[Run]) -> str:
    """One event in each line, as `jq -c .events[]` writes them."""
    return "\n".join(json.dumps(event) for event in json.loads(filtered(runs))["events"])


def live(runs: list[Run], account: str = "123456789012") -> str:
    """What `aws logs start-live-tail` prints: each event with its log group, here that of the request id's function."""
    return "\n".join(
        json.dumps(
            {
                "logGroupIdentifier": f"{account}:/aws/lambda/{r.id.partition('-')[0]}",
                "logStreamName": r.stream,
                "timestamp": round(1000 * (BEGIN_S + r.after_s)),
                "message": r.text(),
            }
        )
        for r in runs
    )


def subscription(runs: list[Run]) -> str:
    """What a subscription delivers."""
    found = [{"id": r.id, "timestamp": round(1000 * (BEGIN_S + r.after_s)), "message": r.text()} for r in runs]
    return json.dumps({"messageType": "DATA_MESSAGE", "logStream": runs[0].stream, "logEvents": found})


def subscriptions(runs: list[Run]) -> str:
    """Several deliveries, one in each line."""
    return "\n".join(subscription([run]) for run in runs)


def csv_of_text(runs: list[Run]) -> str:
    """What the console of Logs Insights exports."""
    return _table(["@timestamp", "@message", "@logStream"], [[_local(r), r.text() + "\n", r.stream] for r in runs])


def csv_of_json(runs: list[Run]) -> str:
    """The same of a log in JSON format."""
    return _table(["@timestamp", "@message"], [[_local(r), json.dumps(r.event())] for r in runs])


def csv_of_console(runs: list[Run]) -> str:
    """What the page of a log stream exports."""
    return _table(["timestamp", "message"], [[str(round(1000 * (BEGIN_S + r.after_s))), r.text()] for r in runs])


def _local(run: Run) -> str:
    return run.time.replace("T", " ").removesuffix("+00:00")


def _table(columns: list[str], rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([columns, *rows])
    return text.getvalue()
