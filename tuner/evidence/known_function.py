"""What AWS says of a function beside its log: configuration, metrics, provisioned concurrency, another tool's opinion.

Plain values and their arithmetic. How they are read is known in `tuner.aws` alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tuner.evidence.function_evidence import DAYS_PER_MONTH, HOURS_PER_WEEK, SECONDS_PER_DAY, Traffic, hour_of_week
from tuner.evidence.logs.log_rows import LogRow
from tuner.evidence.shares import mean_interval
from tuner.model import Configuration, Interval, Notice

HOURS_PER_DAY = 24


@dataclass(frozen=True, slots=True)
class Selection:
    """Functions to read.

    Attributes:
        functions: names or ARNs.
        tag: all functions of the region with this key and value are read as well.
        stack: CloudFormation stack whose functions are read as well.
        everything: whether all functions of the region are read.
    """

    functions: tuple[str, ...] = ()
    tag: tuple[str, str] | None = None
    stack: str | None = None
    everything: bool = False

    def __bool__(self) -> bool:
        """Whether anything is selected."""
        return bool(self.functions or self.tag or self.stack or self.everything)


@dataclass(frozen=True, slots=True)
class Metrics:
    """What CloudWatch counted in the days that were asked for.

    Attributes:
        days: how many they are.
        hourly: invocations of hours, as (begin in seconds since 1970, count). Hours without any are left out.
        errors, throttles: in all these days.
        peak_concurrency: most invocations at once; None: not counted.
        provisioned_utilization: largest share of the provisioned concurrency in use, 0 to 1; None: not counted.
        spillover: invocations that the provisioned concurrency had no room for.
    """

    days: float
    hourly: tuple[tuple[float, float], ...] = ()
    errors: float = 0.0
    throttles: float = 0.0
    peak_concurrency: int | None = None
    provisioned_utilization: float | None = None
    spillover: float = 0.0

    @property
    def invocations(self) -> float:
        """In all these days."""
        return sum(count for _, count in self.hourly)

    def traffic(self) -> Traffic | None:
        """How often the function runs; None: it did not run."""
        if not self.hourly:
            return None
        begin_s = np.array([begin for begin, _ in self.hourly])
        counts = np.array([count for _, count in self.hourly])
        day = ((begin_s.max() - begin_s) // SECONDS_PER_DAY).astype(np.int64)
        daily = mean_interval(np.bincount(day, weights=counts, minlength=max(1, int(self.days))).astype(np.float64))
        by_hour = np.bincount(hour_of_week(begin_s), weights=counts, minlength=HOURS_PER_WEEK)
        busiest = int(by_hour.argmax())
        return Traffic(
            days=self.days,
            per_month=Interval(*(DAYS_PER_MONTH * value for value in (daily.mean, daily.low, daily.high))),
            busiest_hour=busiest,
            busiest_per_hour=float(by_hour[busiest] / max(1.0, self.days / 7)),
            peak_concurrency=self.peak_concurrency or 1,
        )


@dataclass(frozen=True, slots=True)
class OptimizerOpinion:
    """What AWS Compute Optimizer advises.

    Attributes:
        finding: in its own words, such as `NotOptimized`.
        memory_mb: the size that it ranks first; None: it advises no other.
        duration_ms: that it expects there; None: it says nothing.
    """

    finding: str
    memory_mb: int | None = None
    duration_ms: Interval | None = None


@dataclass(frozen=True, slots=True)
class LogAccess:
    """What reading the log has cost, and how far back it went.

    Attributes:
        days: that were read.
        scanned_bytes: that Logs Insights has scanned; 0: it was not asked.
        usd: what it charges for them.
    """

    days: float
    scanned_bytes: float = 0.0
    usd: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class KnownFunction:
    """A function as AWS knows it.

    Attributes:
        name: of the function.
        current: its configuration.
        timeout_s: its timeout.
        runtime: its runtime; None: a container image.
        code_since_s: when its code or its settings changed last, in seconds since 1970.
        versions: whose runs are of the present code: their numbers, or `$LATEST`.
        provisioned: environments of its provisioned concurrency.
        rows: of its log, oldest first.
        metrics: None: they could not be read.
        optimizer: None: Compute Optimizer has no opinion.
        access: to its log.
        notices: what could not be read, and why.
    """

    name: str
    current: Configuration
    timeout_s: float | None = None
    runtime: str | None = None
    code_since_s: float = 0.0
    versions: frozenset[str] = frozenset()
    provisioned: int = 0
    rows: tuple[LogRow, ...] = ()
    metrics: Metrics | None = None
    optimizer: OptimizerOpinion | None = None
    access: LogAccess = field(default_factory=lambda: LogAccess(0.0))
    notices: tuple[Notice, ...] = ()

    @property
    def present_rows(self) -> tuple[LogRow, ...]:
        """The rows of the present code at the present size."""
        return tuple(row for row in self.rows if self._is_present(row))

    def _is_present(self, row: LogRow) -> bool:
        if row.report.memory_size_mb != self.current.memory_mb or row.version not in self.versions:
            return False
        # $LATEST changes in place, a version never does.
        return row.version != "$LATEST" or (row.started_s or 0.0) >= self.code_since_s
