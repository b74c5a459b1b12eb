"""Sums up the log of a function week by week, at the memory size it has now.

A day counts by its median, so that a few slow runs move nothing. It judges nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from tuner.evidence.log_rows import LogRow

SECONDS_PER_DAY = 86_400.0
DAYS = 7
"""Days of a week: traffic repeats with it, so weeks compare like with like."""
FEWEST_RUNS = 20
"""Warm runs that a day needs: below, its median says more about chance than about the day."""
FEWEST_DAYS = 3
"""Days with enough runs that a week needs."""


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


def weeks_of(rows: Iterable[LogRow], *, since_s: float, now_s: float) -> tuple[int | None, tuple[Week, ...]]:
    """The memory size in use, and the whole weeks that end now, oldest first.

    Weeks with too few days are left out, and so are runs at other sizes.

    Args:
        rows: of the log, with their times.
        since_s: runs before this time are left out, e.g. those before the last tuning.
        now_s: end of the last week.
    """
    timed = sorted(
        ((row.ended_s, row) for row in rows if row.ended_s is not None and since_s <= row.ended_s < now_s),
        key=lambda pair: pair[0],
    )
    size = timed[-1][1].report.memory_size_mb if timed else None
    weeks: dict[int, list[tuple[float, LogRow]]] = {}
    for ended_s, row in timed:
        if row.report.memory_size_mb == size:
            weeks.setdefault(int((now_s - ended_s) // (DAYS * SECONDS_PER_DAY)), []).append((ended_s, row))
    whole = int((now_s - since_s) // (DAYS * SECONDS_PER_DAY))
    found = [_week(rows_, now_s, back) for back, rows_ in sorted(weeks.items(), reverse=True) if back < whole]
    return size, tuple(week for week in found if len(week.log_medians) >= FEWEST_DAYS)


def _week(rows: Sequence[tuple[float, LogRow]], now_s: float, back: int) -> Week:
    days: dict[int, list[float]] = {}
    for ended_s, row in rows:
        if row.report.init_duration_ms is None and row.report.duration_ms > 0:
            days.setdefault(int((now_s - ended_s) // SECONDS_PER_DAY), []).append(row.report.duration_ms)
    used = [row.report.max_memory_used_mb for _, row in rows if row.report.max_memory_used_mb is not None]
    return Week(
        begin_s=now_s - (back + 1) * DAYS * SECONDS_PER_DAY,
        log_medians=tuple(math.log(median(runs)) for _, runs in sorted(days.items()) if len(runs) >= FEWEST_RUNS),
        runs=len(rows),
        cold_runs=sum(row.report.init_duration_ms is not None for _, row in rows),
        max_memory_used_mb=max(used, default=None),
    )
