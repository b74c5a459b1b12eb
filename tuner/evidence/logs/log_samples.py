"""Rows of a log as samples, so that past runs enter the same estimates as trials.

A log stream is one environment. Runs of each memory size make one sample; the newest count where there
are more than an estimate needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from tuner.evidence.logs.log_rows import LogRow
from tuner.model import MAX_MEMORY_MB, MIN_MEMORY_MB, Architecture, Configuration, Invocation, Sample
from tuner.report_line import classify

MOST_RUNS = 150
"""Runs of one memory size that an estimate uses: more of them would not narrow it, and cost time."""


def samples_of(rows: Sequence[LogRow], architecture: Architecture) -> tuple[Sample, ...]:
    """One sample for each memory size that the rows name, smallest first, with its newest runs."""
    by_size: dict[int, list[LogRow]] = {}
    for row in rows:
        size = row.report.memory_size_mb
        if size is not None and MIN_MEMORY_MB <= size <= MAX_MEMORY_MB:
            by_size.setdefault(size, []).append(row)
    return tuple(
        Sample(number, Configuration(size, architecture), tuple(map(invocation_of, found[-MOST_RUNS:])))
        for number, (size, found) in enumerate(sorted(by_size.items()))
    )


def invocation_of(row: LogRow) -> Invocation:
    """The invocation that a row tells of."""
    report = row.report
    return Invocation(
        classify(report, None),
        environment=row.stream,
        duration_ms=report.duration_ms,
        billed_duration_ms=report.billed_duration_ms,
        init_duration_ms=report.init_duration_ms,
        restore_duration_ms=report.restore_duration_ms,
        max_memory_used_mb=report.max_memory_used_mb,
        request_id=report.request_id,
        cpu_ms=row.cpu_ms,
        started_at="" if row.started_s is None else f"{datetime.fromtimestamp(row.started_s, UTC):%Y-%m-%dT%H:%M:%SZ}",
    )
