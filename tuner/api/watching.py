"""Watches functions that were tuned: reads their logs since then, and tells which became slower.

Invokes nothing and changes nothing. The clock and the source of the logs are arguments.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from tuner.api.result import Result
from tuner.aws.api.connection import Connection
from tuner.errors import InputError
from tuner.evidence.known_function import Selection
from tuner.evidence.log_rows import LogRow, read_log
from tuner.watch.decision import LATEST_WEEKS, decide
from tuner.watch.messages import WatchReport
from tuner.watch.weeks import DAYS, SECONDS_PER_DAY, weeks_of

DEFAULT_DAYS = 56.0
"""Eight weeks: two to judge, and six that say what was usual."""


def watch(
    results: Sequence[Result],
    *,
    logs: Mapping[str, str | Path] | None = None,
    threshold: float = 0.1,
    connection: Connection | None = None,
    days: float = DEFAULT_DAYS,
    now: Callable[[], float] = time.time,
) -> list[WatchReport]:
    """Tell which functions became slower since they were tuned.

    Args:
        results: the last result of each function.
        logs: exported logs by name of the function. Functions without one are read in AWS.
        threshold: excess that is accepted, as a fraction.
        connection: region, profile and role for AWS. None: as the AWS configuration says.
        days: how far back logs in AWS are read.
        now: seconds since 1970.

    Raises:
        InputError: a log cannot be read, or is of no result.
        AwsError: a function cannot be read.
    """
    files = dict(logs or {})
    names = {result.document["function"]["name"] for result in results}
    if files.keys() - names:
        unknown, known = ", ".join(sorted(files.keys() - names)), ", ".join(sorted(names))
        raise InputError.single("logs", f"{unknown} is of no result", f"use {known}")
    now_s = now()
    rows: dict[str, tuple[Iterable[LogRow], float | None]] = {
        name: (read_log(_text(Path(file))).rows, None) for name, file in files.items()
    }
    rows |= _in_aws(sorted(names - files.keys()), connection, days, now_s)
    return [_report(result, *rows[result.document["function"]["name"]], threshold, now_s) for result in results]


def _in_aws(
    names: Sequence[str], connection: Connection | None, days: float, now_s: float
) -> dict[str, tuple[Iterable[LogRow], float | None]]:
    """The log of each function, and since when its code is as it is."""
    if not names:
        return {}
    from tuner.aws.evidence.reader import ReadingLimits, open_reader

    selection = Selection(tuple(names))
    limits = ReadingLimits(days, with_opinions=False)
    with open_reader(connection or Connection(), selection, limits, now_s=now_s, say=lambda _: None) as reader:
        return {known.name: (known.rows, known.code_since_s) for known in reader.read_all(selection)}


def _report(
    result: Result, rows: Iterable[LogRow], code_since_s: float | None, threshold: float, now_s: float
) -> WatchReport:
    document = result.document
    since_s = datetime.fromisoformat(document["created_at"]).timestamp()
    memory_mb, weeks = weeks_of(rows, since_s=since_s, now_s=now_s)
    lately_s = now_s - (LATEST_WEEKS + 1) * DAYS * SECONDS_PER_DAY
    decision = decide(weeks, threshold=threshold, released=code_since_s is not None and code_since_s >= lately_s)
    name = document["function"]["name"]
    command = f"tuner tune {document['function']['arn'] or name} --payload @event.json"
    return WatchReport(name, memory_mb, decision, threshold, weeks[-1] if weeks else None, command)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as exc:
        raise InputError.single("logs", f"{path} cannot be read: {exc.strerror}", "give a file of logs") from exc
    except UnicodeDecodeError as exc:
        raise InputError.single("logs", f"{path} is not text in UTF-8", "export it as text or JSON") from exc
