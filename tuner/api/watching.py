"""Watches functions that were tuned: reads their logs since then, and tells which became slower.

Invokes nothing and changes nothing. The clock and the source of the logs are arguments.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from tuner.api.advising import log_text, rows_of
from tuner.api.result import Result
from tuner.aws.api.connection import Connection
from tuner.errors import Fault, InputError
from tuner.evidence.known_function import Selection
from tuner.evidence.logs.log_rows import read_log
from tuner.watch.messages import WatchReport
from tuner.watch.watched import DEFAULT_DAYS, DEFAULT_THRESHOLD, WatchedLog, judge
from tuner.watch.weeks import SECONDS_PER_DAY, days_of

DEFAULT_MAX_USD = 0.10


def watch(
    results: Sequence[Result],
    *,
    logs: Mapping[str, str | Path] | None = None,
    threshold: float = DEFAULT_THRESHOLD,
    connection: Connection | None = None,
    days: float = DEFAULT_DAYS,
    max_usd: float = DEFAULT_MAX_USD,
    now: Callable[[], float] = time.time,
) -> list[WatchReport]:
    """Tell which functions became slower since they were tuned.

    Args:
        results: the last result of each function.
        logs: exported logs by name of the function. Functions without one are read in AWS.
        threshold: excess that is accepted, as a fraction.
        connection: region, profile and role for AWS. None: as the AWS configuration says.
        days: how far back logs in AWS are read.
        max_usd: for log queries, all functions together.
        now: seconds since 1970.

    Raises:
        InputError: a log cannot be read, or is of no result.
        AwsError: a function cannot be read.
    """
    files = dict(logs or {})
    names = {result.document["function"]["name"] for result in results}
    faults: list[Fault] = []
    if files.keys() - names:
        unknown, known = ", ".join(sorted(files.keys() - names)), ", ".join(sorted(names))
        faults.append(Fault("logs", f"no result is of {unknown}", f"known are {known}"))
    local = [result for result in results if not result.document["function"]["arn"]]
    if nowhere := {result.document["function"]["name"] for result in local} - files.keys():
        told = f"{', '.join(sorted(nowhere))} was not measured in AWS: there is no log to read"
        faults.append(Fault("results", told, "give its exported log as NAME=FILE with --logs"))
    now_s = now()
    texts = {name: log_text(Path(file), faults) for name, file in files.items()}
    if faults:
        raise InputError(faults)
    own = {name: rows_of(read_log(text).rows, name) for name, text in texts.items()}
    found = {name: WatchedLog(days_of(rows, now_s=now_s)) for name, rows in own.items()}
    found |= _in_aws(sorted(names - files.keys()), connection, days, max_usd, now_s)
    return [_report(result, found, threshold, now_s) for result in results]


def _in_aws(
    names: Sequence[str], connection: Connection | None, days: float, max_usd: float, now_s: float
) -> dict[str, WatchedLog]:
    if not names:
        return {}
    from tuner.aws.evidence.reader import ReadingLimits, changed_s, open_reader

    selection = Selection(tuple(names))
    limits = ReadingLimits(days, max_usd, with_opinions=False)
    with open_reader(connection or Connection(), selection, limits, now_s=now_s, say=lambda _: None) as reader:
        states = list(reader.states(selection))
        found = reader.read_days(states)
        if found.left_out:
            needed = f"reading {', '.join(found.left_out)} may cost more than ${max_usd:g}"
            raise InputError.single("max_usd", needed, "allow more, or give exported logs")
        return {state.name: WatchedLog(found.days.get(state.name, ()), changed_s(state)) for state in states}


def _report(result: Result, logs: Mapping[str, WatchedLog], threshold: float, now_s: float) -> WatchReport:
    from reports.words.snippets import NEXT_LINE, again

    document = result.document
    name, log = document["function"]["name"], logs[document["function"]["name"]]
    since_s = datetime.fromisoformat(document["created_at"]).timestamp()
    command = again(document, same_sizes=False).replace(NEXT_LINE, " ")
    # Days in AWS are those of UTC: a day that has not ended is not read.
    end_s = now_s if log.code_since_s is None else now_s // SECONDS_PER_DAY * SECONDS_PER_DAY
    return judge(name, log, since_s=since_s, threshold=threshold, now_s=end_s, command=command)
