"""What the rows of a log say of a function: figures with intervals, none of them a guess.

Statistics of what ran. What other sizes would bring is `prediction.py`; what to do about it is `findings.py`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuner.evidence.cold_starts import Requests
from tuner.evidence.logs.log_rows import LogRow
from tuner.evidence.logs.log_samples import invocation_of
from tuner.evidence.provisioned import peak_concurrency
from tuner.evidence.shares import Percentile, mean_interval, percentile, share_interval
from tuner.model import MIN_MEMORY_MB, Architecture, Configuration, Interval, Invocation, Outcome
from tuner.pricing.price_list import PriceList

MEMORY_HEADROOM = 0.9
"""Used memory should stay below this part of the memory size."""
TIMEOUT_MARGIN = 1.5
"""Factor on the slowest runs that a timeout should leave."""
SECONDS_PER_DAY, HOURS_PER_WEEK = 86_400.0, 168
DAYS_PER_MONTH = 30.44
LEAST_DAYS = 2.0
"""Shorter logs do not tell how often a function runs in a month."""
EPOCH_WEEKDAY_HOURS = 72
"""1970-01-01 was a Thursday: 72 hours after the beginning of its week."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """How often a function runs, from the times of its rows (UTC).

    Attributes:
        days: from the first row to the last.
        per_month: invocations a month, with the interval that the days give.
        busiest_hour, busiest_per_hour: hour of the week (0 is Monday 00:00) with the most invocations.
        peak_concurrency: most invocations that ran at once.
    """

    days: float
    per_month: Interval
    busiest_hour: int
    busiest_per_hour: float
    peak_concurrency: int


@dataclass(frozen=True, slots=True)
class FunctionEvidence:
    """What is known of the current size of a function.

    Attributes:
        current: the size of the newest row.
        runs: rows at that size.
        environments: log streams that they are of; None: the log does not say.
        outcomes: how they ended.
        max_memory_used_mb: the largest; None: not reported.
        memory_floor_mb: the smallest size of Lambda that keeps a tenth of the memory free; None: not known.
        cold_start_share, error_share: of the rows, with Wilson's interval. Errors are failures of any kind.
        init_ms: mean of init or restore of cold starts; None: there was none.
        duration_ms: mean of runs that ended well; None: none did.
        p95_ms, p99_ms: of the same runs; few runs bound them from below alone.
        slowest_ms: of the same runs; None: none ended well.
        cpu_ms: mean CPU time of those that count it; None: none does.
        timeout_s: longest run that was cut off; None: none was.
        cost_per_million_usd: mean cost, request included, of all rows.
        init_cost_share, failed_cost_share: part of the cost that init phases and failed runs are.
        other_sizes: rows at other memory sizes, by size.
        traffic: None where the log is too short, or has no times.
    """

    current: Configuration
    runs: int
    environments: int | None
    outcomes: dict[Outcome, int]
    max_memory_used_mb: int | None
    memory_floor_mb: int | None
    cold_start_share: Interval
    error_share: Interval
    init_ms: Interval | None
    duration_ms: Interval | None
    p95_ms: Percentile | None
    p99_ms: Percentile | None
    slowest_ms: float | None
    cpu_ms: float | None
    timeout_s: float | None
    cost_per_million_usd: Interval
    init_cost_share: float
    failed_cost_share: float
    other_sizes: dict[int, int]
    traffic: Traffic | None

    @property
    def timeout_advice_s(self) -> int | None:
        """A timeout with a margin over the slowest run, also over one that was cut off.

        None: too few runs bound the p99, and none was cut off.
        """
        bounded = self.p99_ms is not None and self.p99_ms.high is not None
        slowest_s = (self.slowest_ms or 0.0) / 1000 if bounded or self.timeout_s is not None else None
        return None if slowest_s is None else math.ceil(TIMEOUT_MARGIN * max(slowest_s, self.timeout_s or 0.0))

    @property
    def cold_starts(self) -> int:
        """Rows that were cold starts."""
        return round(self.cold_start_share.mean * self.runs)

    @property
    def good_runs(self) -> int:
        """Rows that ended well."""
        return self.outcomes.get(Outcome.OK, 0)


def gather(
    rows: Sequence[LogRow], architecture: Architecture, prices: PriceList, *, current_mb: int | None = None
) -> FunctionEvidence | None:
    """The evidence of rows in the order of their time; None where no row names the size in use.

    Args:
        rows: of one function.
        architecture: of the function.
        prices: of an invocation.
        current_mb: memory size in use; None: that of the newest row.
    """
    sizes = [row.report.memory_size_mb for row in rows if row.report.memory_size_mb]
    if not sizes or current_mb not in (None, *sizes):
        return None
    current = Configuration(current_mb or sizes[-1], architecture)
    own = [row for row in rows if row.report.memory_size_mb == current.memory_mb]
    runs = [invocation_of(row) for row in own]
    good_ms = _durations([run for run in runs if run.usable])
    cpu_ms = [run.cpu_ms for run in runs if run.usable and run.cpu_ms is not None]
    cut_off = [run.duration_ms or 0.0 for run in runs if run.outcome is Outcome.TIMEOUT]
    starts = np.array([run.start_ms for run in runs if run.start_ms is not None], dtype=np.float64)
    used = [run.max_memory_used_mb for run in runs if run.max_memory_used_mb is not None]
    cost = np.array([prices.invocation_cost(current, run.billed_duration_ms or 0) for run in runs])
    failed = np.array([not run.usable for run in runs])
    return FunctionEvidence(
        current=current,
        runs=len(runs),
        environments=len({row.stream for row in own}) if all(row.stream for row in own) else None,
        outcomes=dict(Counter(run.outcome for run in runs)),
        max_memory_used_mb=max(used) if used else None,
        memory_floor_mb=max(MIN_MEMORY_MB, math.ceil(max(used) / MEMORY_HEADROOM)) if used else None,
        cold_start_share=share_interval(len(starts), len(runs)),
        error_share=share_interval(int(failed.sum()), len(runs)),
        init_ms=mean_interval(starts) if len(starts) else None,
        duration_ms=mean_interval(good_ms) if len(good_ms) else None,
        p95_ms=percentile(good_ms, 0.95) if len(good_ms) else None,
        p99_ms=percentile(good_ms, 0.99) if len(good_ms) else None,
        slowest_ms=float(good_ms.max()) if len(good_ms) else None,
        cpu_ms=float(np.mean(cpu_ms)) if cpu_ms else None,
        timeout_s=max(cut_off) / 1000 if cut_off else None,
        cost_per_million_usd=mean_interval(1e6 * cost),
        init_cost_share=_init_cost(runs, current, prices) / float(cost.sum()),
        failed_cost_share=float(cost[failed].sum() / cost.sum()),
        other_sizes=dict(sorted(Counter(size for size in sizes if size != current.memory_mb).items())),
        traffic=_traffic(rows),
    )


def requests_of(rows: Sequence[LogRow]) -> Requests | None:
    """When the rows began and how long each occupied its environment; None where times are missing."""
    if not rows or any(row.started_s is None for row in rows):
        return None
    start_s = np.array([row.started_s for row in rows], dtype=np.float64)
    reports = [row.report for row in rows]
    waited = np.array([report.init_duration_ms or report.restore_duration_ms or 0.0 for report in reports]) / 1000
    busy_s = np.array([row.report.duration_ms for row in rows]) / 1000 + waited
    return Requests.of(start_s - waited, busy_s)


def hour_of_week(time_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """Hour of the week of times in seconds since 1970 (UTC): 0 is Monday from 00:00."""
    return np.asarray((time_s // 3600 + EPOCH_WEEKDAY_HOURS) % HOURS_PER_WEEK, dtype=np.int64)


def _durations(runs: Sequence[Invocation]) -> NDArray[np.float64]:
    return np.array([run.duration_ms for run in runs], dtype=np.float64)


def _init_cost(runs: Sequence[Invocation], where: Configuration, prices: PriceList) -> float:
    """Money for init phases: what was billed beyond the handler's own time."""
    beyond = sum(max(0.0, (run.billed_duration_ms or 0) - (run.duration_ms or 0.0)) for run in runs if run.cold)
    return beyond * where.memory_mb / 1024 / 1000 * prices.gb_second_usd(where.architecture)


def _traffic(rows: Sequence[LogRow]) -> Traffic | None:
    requests = requests_of(rows)
    if requests is None:
        return None
    start_s = requests.start_s
    days = float(start_s[-1] - start_s[0]) / SECONDS_PER_DAY
    if days < LEAST_DAYS:
        return None
    # Whole days only: the first and the last are cut.
    per_day = np.bincount(((start_s - start_s[0]) // SECONDS_PER_DAY).astype(np.int64))[: int(days)]
    by_hour = np.bincount(hour_of_week(start_s), minlength=HOURS_PER_WEEK)
    weeks = max(1.0, days / 7)
    busiest = int(by_hour.argmax())
    daily = mean_interval(per_day.astype(np.float64))
    month = Interval(*(DAYS_PER_MONTH * value for value in (daily.mean, daily.low, daily.high)))
    return Traffic(days, month, busiest, float(by_hour[busiest] / weeks), peak_concurrency(requests))
