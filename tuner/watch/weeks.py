"""Sums up what a function's log says day by day and week by week, at the memory size it has now.

A day counts by the median of its warm runs, so that a few slow runs move nothing. It judges nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from tuner.evidence.logs.log_rows import LogRow

SECONDS_PER_DAY = 86_400.0
DAYS = 7
"""Days of a week: traffic repeats with it, so weeks compare like with like."""
FEWEST_RUNS = 20
"""Warm runs that a day needs: below, its median says more about chance than about the day."""
FEWEST_DAYS = 3
"""Days with enough runs that a week needs."""


@dataclass(frozen=True, slots=True)
class Day:
    """The runs of a function at one memory size on one day.

    Attributes:
        begin_s: its begin, in seconds since 1970.
        memory_mb: the memory size.
        warm_runs: runs without an initialization.
        median_ms: median duration of the warm runs; None: there are none.
        cold_runs: runs with an initialization.
        max_memory_used_mb: the most that a run used; None: no report says it.
    """

    begin_s: float
    memory_mb: int
    warm_runs: int
    median_ms: float | None = None
    cold_runs: int = 0
    max_memory_used_mb: int | None = None


@dataclass(frozen=True, slots=True)
class Week:
    """One week of a function.

    Attributes:
        begin_s: its begin, in seconds since 1970.
        log_medians: natural logarithm of each day's median duration in ms, for days with enough runs.
        runs: of the whole week.
        cold_runs: those of them with an initialization.
        max_memory_used_mb: the most that a run used; None: no report says it.
    """

    begin_s: float
    log_medians: tuple[float, ...]
    runs: int = 0
    cold_runs: int = 0
    max_memory_used_mb: int | None = None


def days_of(rows: Iterable[LogRow], *, now_s: float) -> tuple[Day, ...]:
    """Sum up log rows by day, counted back from now, and by memory size. Rows without a time are left out."""
    groups: dict[tuple[int, int], list[LogRow]] = {}
    for row in rows:
        if row.ended_s is not None and row.ended_s < now_s and row.report.memory_size_mb is not None:
            back = int((now_s - row.ended_s) // SECONDS_PER_DAY)
            groups.setdefault((-back, row.report.memory_size_mb), []).append(row)
    return tuple(
        _day(found, now_s + (day - 1) * SECONDS_PER_DAY, memory_mb)
        for (day, memory_mb), found in sorted(groups.items())
    )


def weeks_of(days: Sequence[Day], *, since_s: float, now_s: float) -> tuple[int | None, tuple[Week, ...]]:
    """The memory size in use, and the whole weeks that end now, oldest first.

    The size in use is that with most runs on the last day. Other sizes are left out, and weeks with too few days.

    Args:
        days: of the function's log.
        since_s: days before this time are left out, e.g. those before the last tuning.
        now_s: end of the last week.
    """
    counted = [day for day in days if since_s <= day.begin_s < now_s]
    newest = max(counted, key=lambda day: (day.begin_s, day.warm_runs + day.cold_runs), default=None)
    if newest is None:
        return None, ()
    weeks: dict[int, list[Day]] = {}
    for day in counted:
        if day.memory_mb == newest.memory_mb:
            weeks.setdefault(_weeks_back(day, now_s), []).append(day)
    whole = (now_s - since_s) // (DAYS * SECONDS_PER_DAY)
    found = [_week(days_, now_s, back) for back, days_ in sorted(weeks.items(), reverse=True) if back < whole]
    return newest.memory_mb, tuple(week for week in found if len(week.log_medians) >= FEWEST_DAYS)


def _weeks_back(day: Day, now_s: float) -> int:
    middle_s = day.begin_s + SECONDS_PER_DAY / 2
    return int((now_s - middle_s) // (DAYS * SECONDS_PER_DAY))


def _day(rows: Sequence[LogRow], begin_s: float, memory_mb: int) -> Day:
    reports = [row.report for row in rows]
    warm_ms = [report.duration_ms for report in reports if report.init_duration_ms is None and report.duration_ms > 0]
    used = [report.max_memory_used_mb for report in reports if report.max_memory_used_mb is not None]
    return Day(
        begin_s,
        memory_mb,
        warm_runs=len(warm_ms),
        median_ms=median(warm_ms) if warm_ms else None,
        cold_runs=sum(report.init_duration_ms is not None for report in reports),
        max_memory_used_mb=max(used, default=None),
    )


def _week(days: Sequence[Day], now_s: float, back: int) -> Week:
    used = [day.max_memory_used_mb for day in days if day.max_memory_used_mb is not None]
    return Week(
        begin_s=now_s - (back + 1) * DAYS * SECONDS_PER_DAY,
        log_medians=tuple(
            math.log(day.median_ms)
            for day in sorted(days, key=lambda day: day.begin_s)
            if day.median_ms and day.warm_runs >= FEWEST_RUNS
        ),
        runs=sum(day.warm_runs + day.cold_runs for day in days),
        cold_runs=sum(day.cold_runs for day in days),
        max_memory_used_mb=max(used, default=None),
    )
