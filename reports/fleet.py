"""The page of a fleet, and its lines on a terminal: what can be saved where, and what could not be tuned.

The same summary gives the same bytes. One file, no request to anywhere, readable without JavaScript.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote, urlencode

from reports.html import STYLES, page_of
from reports.words.escape import csv_cell
from reports.words.lines import short_name, table
from reports.words.numbers import configuration, memory, money, money_range, percent_range
from tuner.plain_numbers import plural

MONTHS = 12
PAGE = "fleet.html"
_S3_ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.+)")
_OTHER_PARTITIONS = ("cn-", "us-gov-", "us-iso")
CSV_COLUMNS = (
    "function", "region", "power", "architecture", "saving", "durationSaving", "savingPerMonth", "confidence", "cost",
    "currency", "report",
)  # fmt: skip


def render(summary: Mapping[str, Any], *, folder: str = "") -> str:
    """The page of a fleet's summary (`tuner.documents.fleet_summary.build_summary`).

    Args:
        summary: what was found.
        folder: where the page will lie. Reports below it become links, and reports in S3 those of its console.
    """
    values = {
        **_WORDS,
        "title": f"{plural(summary['tuned'], 'function')} tuned",
        "summary": summary,
        "year": summary["savingPerMonth"] and summary["savingPerMonth"] * MONTHS,
        "rows": [{**item, "link": _link(item, folder)} for item in summary["savings"]],
        "csv_link": "data:text/csv;charset=utf-8," + quote(render_csv(summary)),
        "made": " · ".join(filter(None, [(summary["createdAt"] or "")[:10], ", ".join(_regions(summary))])),
    }
    return page_of(PAGE, STYLES, (), values)


def render_text(summary: Mapping[str, Any], *, page: str, width: int) -> str:
    """What was found, a line a function, for a terminal of so many columns; and where the page is."""
    rows = [(short_name(item["function"]), _found(item)) for item in summary["savings"]]
    rows += ((short_name(item["function"]), f"not tuned: {item['cause']}") for item in summary["failures"])
    return "\n".join([*table([("function", "result"), *rows], width), f"\nPage    {page}"])


def render_csv(summary: Mapping[str, Any]) -> str:
    """What was found as CSV (RFC 4180): raw numbers, one row for each tuned function."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    ends = [f"{name}_{end}" for name in ("saving", "durationSaving", "savingPerMonth") for end in ("low", "high")]
    writer.writerow([*CSV_COLUMNS, "currentPower", "currentArchitecture", *ends])
    for item in summary["savings"]:
        current = item["current"] or {}
        intervals = (item["interval"], item["durationInterval"], item["savingPerMonthInterval"])
        cells = [
            *(item[name] for name in CSV_COLUMNS),
            *(current.get(name) for name in ("power", "architecture")),
            *(end for interval in intervals for end in interval or (None, None)),
        ]
        writer.writerow([csv_cell(cell) if isinstance(cell, str) else cell for cell in cells])
    return out.getvalue()


def _regions(summary: Mapping[str, Any]) -> list[str]:
    return sorted({item["region"] for item in summary["savings"] if item["region"]})


def _link(item: Mapping[str, Any], folder: str) -> str:
    """The address of a row's report from a page in a folder; empty: it is neither below it nor in S3."""
    path = PurePath(item["report"])
    if folder and path.is_relative_to(folder):
        return quote(path.relative_to(folder).as_posix())
    return _console_link(item["report"], item["region"])


def _console_link(report: str, region: str | None) -> str:
    """The page of the S3 console that opens a report; empty: it is not in S3, or in a partition of another console."""
    found = _S3_ADDRESS.fullmatch(report)
    if found is None or not region or region.startswith(_OTHER_PARTITIONS):
        return ""
    bucket, key = found.groups()
    return f"https://{region}.console.aws.amazon.com/s3/object/{bucket}?{urlencode({'region': region, 'prefix': key})}"


def _found(item: Mapping[str, Any]) -> str:
    """A recommendation, and what it saves where its interval tells that."""
    chosen, current = f"{item['power']:,} MB {item['architecture']}", item["current"]
    if current and (current["power"], current["architecture"]) == (item["power"], item["architecture"]):
        return f"{chosen}, as now"
    if item["saving"] is None:
        return chosen
    low, high = item["interval"]
    if low <= 0 <= high:
        return f"{chosen}, {-low:.0%} more expensive to {high:.0%} cheaper"
    if high < 0:
        return f"{chosen}, {-item['saving']:.0%} ({-high:.0%} to {-low:.0%}) more expensive"
    return f"{chosen}, {item['saving']:.0%} ({low:.0%} to {high:.0%}) cheaper"


def _percent(ratio: float) -> str:
    return f"{100 * ratio:.0f}%"


def _clear(interval: Sequence[float]) -> bool:
    """Whether an interval tells better from worse."""
    low, high = interval
    return not low <= 0 <= high


def _spread(interval: Sequence[float], currency: str) -> str:
    low, high = interval
    return money_range(low, high, currency)


def _size(item: Mapping[str, Any]) -> str:
    """A configuration: `512 MB on arm64`."""
    return f"{memory(item['power'])} on {item['architecture']}"


def _uncompared(item: Mapping[str, Any]) -> str:
    """Why a function has no saving."""
    current = item["current"]
    if current is None:
        return "the configuration in use is not known"
    if (current["power"], current["architecture"]) == (item["power"], item["architecture"]):
        return "is what it has now"
    in_use = configuration({"memory_mb": current["power"], "architecture": current["architecture"]})
    return f"not compared: {in_use}, in use now, failed or was not measured"


_WORDS = {
    "money": money,
    "spread": _spread,
    "percent": _percent,
    "percent_range": percent_range,
    "clear": _clear,
    "size": _size,
    "uncompared": _uncompared,
}
