"""Every configuration as CSV (RFC 4180): raw numbers, one row each, ready for a spreadsheet.

Text from outside is kept from being read as a formula.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from reports.words.escape import csv_cell
from reports.words.rows import Key, ReportRow, Result, key, rows

INTERVALS = ("duration_ms", "p95_ms", "cost_usd", "init_duration_ms")
COUNTS = ("runs", "environments", "cold_starts", "max_memory_used_mb")
FLAGS = ("recommended", "current", "frontier", "candidate", "measured")


def render(result: Result) -> str:
    """The table of all configurations, smallest memory first, with a header."""
    outcomes: dict[Key, Mapping[str, object]] = {key(m): m["outcomes"] for m in result["measurements"]}
    kinds = sorted({kind for counts in outcomes.values() for kind in counts})
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    ends = [f"{name}_{end}" for name in INTERVALS for end in ("mean", "low", "high")]
    writer.writerow(["memory_mb", "architecture", *FLAGS, *ends, *COUNTS, *kinds, "reason"])
    for row in rows(result):
        found = outcomes.get(row.key, {})
        writer.writerow([*_cells(row), *(found.get(kind, 0) for kind in kinds), csv_cell(row.reason)])
    return out.getvalue()


def _cells(row: ReportRow) -> Iterator[Any]:
    yield from row.key
    yield from (str(getattr(row, name)).lower() for name in FLAGS)
    for name in INTERVALS:
        interval: Mapping[str, Any] | None = getattr(row, name)
        yield from ("", "", "") if interval is None else (interval["mean"], interval["low"], interval["high"])
    yield from ("" if getattr(row, name) is None else getattr(row, name) for name in COUNTS)
