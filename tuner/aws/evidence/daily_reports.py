"""Reads what the logs of many functions say day by day, with one Logs Insights query for up to 50 of them.

CloudWatch sums up the reports, so a function with millions of runs takes a few rows a day. A query charges for what it
scans: log groups that the money does not pay for are left out, the largest first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tuner.aws.evidence.log_reader import LogReader, LogSource, Window
from tuner.pricing.services import logs_query_usd
from tuner.watch.weeks import SECONDS_PER_DAY, Day

Group = Mapping[str, Any]
GROUPS_PER_QUERY = 50
"""Log groups that StartQuery takes at most (CloudWatch Logs quotas, 2026-11)."""
_READABLE = ("STANDARD", "INFREQUENT_ACCESS")
"""Classes of log groups that Logs Insights can read."""
_DAY = "bin(1d)"
_QUERY = f"""fields @memorySize / 1000000 as text_mb, @maxMemoryUsed / 1000000 as text_used_mb
| fields coalesce(@duration, record.metrics.durationMs) as duration_ms
| fields coalesce(text_mb, record.metrics.memorySizeMB) as size_mb
| fields coalesce(text_used_mb, record.metrics.maxMemoryUsedMB) as used_mb
| fields strcontains(@message, "Init Duration:") + strcontains(@message, "initDurationMs") as cold
| filter @type = "REPORT" or type = "platform.report"
| filter {{own}}
| stats count(*) as runs, pct(duration_ms, 50) as median_ms, max(used_mb) as most_mb by {_DAY}, @log, size_mb, cold"""
"""Reports in text and in JSON. `cold` is 1 for runs with an initialization, whose duration is counted apart."""


@dataclass(frozen=True, slots=True)
class DailyReports:
    """What the logs say.

    Attributes:
        days: of each function, by its name.
        usd: price of the queries.
        left_out: functions whose log the money did not pay for.
    """

    days: dict[str, tuple[Day, ...]]
    usd: float
    left_out: tuple[str, ...] = ()


def read_daily_reports(
    reader: LogReader, sources: Sequence[LogSource], window: Window, *, max_usd: float
) -> DailyReports:
    """Read the days of functions.

    Args:
        reader: of CloudWatch Logs.
        sources: the log of each function.
        window: that is read, from midnight to midnight UTC.
        max_usd: for all queries together.

    Raises:
        AwsError: a query was refused or failed.
    """
    found = {source: reader.group(source.group) for source in sources}
    groups = {source: group for source, group in found.items() if group is not None and _class_of(group) in _READABLE}
    affordable, left_out = _affordable(groups, max_usd)
    days: dict[str, tuple[Day, ...]] = {}
    scanned = 0.0
    for batch in _batches(affordable, groups):
        names = {source.group: source.function for source in batch}
        rows, scanned_bytes = reader.query_all(list(names), _query(batch), window)
        scanned += scanned_bytes
        for group, function in names.items():
            days[function] = _days([row for row in rows if row["@log"].partition(":")[2] == group])
    return DailyReports(days, logs_query_usd(scanned), tuple(source.function for source in left_out))


def _class_of(group: Group) -> str:
    return str(group.get("logGroupClass", _READABLE[0]))


def _affordable(groups: Mapping[LogSource, Group], max_usd: float) -> tuple[list[LogSource], list[LogSource]]:
    """The smallest log groups, as many as the money pays for, and the others."""
    paid: list[LogSource] = []
    left_usd = max_usd
    in_order = sorted(groups, key=lambda source: _stored_bytes(groups[source]))
    for source in in_order:
        left_usd -= logs_query_usd(_stored_bytes(groups[source]))
        if left_usd < 0:
            break
        paid.append(source)
    return paid, in_order[len(paid) :]


def _stored_bytes(group: Group) -> float:
    return float(group.get("storedBytes", 0))


def _batches(sources: Sequence[LogSource], groups: Mapping[LogSource, Group]) -> Iterator[tuple[LogSource, ...]]:
    """Sources of one query each: of one class. A log group that functions share is asked for each of them."""
    for kind in _READABLE:
        own = [source for source in sources if not source.shared and _class_of(groups[source]) == kind]
        yield from (tuple(own[first : first + GROUPS_PER_QUERY]) for first in range(0, len(own), GROUPS_PER_QUERY))
    yield from ((source,) for source in sources if source.shared)


def _query(batch: Sequence[LogSource]) -> str:
    return _QUERY.format(own=batch[0].own_streams)


def _days(rows: Sequence[dict[str, str]]) -> tuple[Day, ...]:
    """The days of one function. Runs with and without an initialization are rows of their own."""
    pairs: dict[tuple[str, int], dict[bool, dict[str, str]]] = {}
    for row in rows:
        if row.get("size_mb"):
            pairs.setdefault((row[_DAY], round(float(row["size_mb"]))), {})[float(row["cold"]) > 0] = row
    return tuple(
        _day(*key, warm=found.get(False, {}), cold=found.get(True, {})) for key, found in sorted(pairs.items())
    )


def _day(day: str, memory_mb: int, *, warm: dict[str, str], cold: dict[str, str]) -> Day:
    used = [round(float(row["most_mb"])) for row in (warm, cold) if row.get("most_mb")]
    return Day(
        datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp(),
        memory_mb,
        warm_runs=round(float(warm.get("runs", 0))),
        median_ms=float(warm["median_ms"]) if warm.get("median_ms") else None,
        cold_runs=round(float(cold.get("runs", 0))),
        max_memory_used_mb=max(used, default=None),
    )


def whole_days(now_s: float, days: float) -> Window:
    """The whole days in UTC before now."""
    end_s = int(now_s // SECONDS_PER_DAY * SECONDS_PER_DAY)
    return Window(end_s - int(days) * int(SECONDS_PER_DAY), end_s)
