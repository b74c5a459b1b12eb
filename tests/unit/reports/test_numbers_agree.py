"""Every number that a form shows is one of the document, by the rounding rule of its unit."""

from __future__ import annotations

import csv as reader
import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from reports import csv, html, markdown, terminal
from reports.words.numbers import (
    count,
    memory,
    milliseconds,
    milliseconds_range,
    money,
    money_range,
    number,
    per_million,
    percent,
    percent_range,
    seconds,
)
from tests.unit.reports.results import NAMES, result

NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?")
MONTHS = 12
CONSTANTS = {"95", "99", "0", "1", "10", "2", "256"}
"""Numbers that are words: 95% intervals, p95, p99, bounds 0 and 1, --fail-above 10%, SHA-256, CloudFormation's 2."""


class Text(HTMLParser):
    """The text of a page, without scripts, styles, charts' axes and snippets."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("script", "style", "svg", "pre", "code")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style", "svg", "pre", "code")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def numbers_in(value: Any) -> Iterator[float]:
    """Every number of a document, wherever it is."""
    if isinstance(value, dict):
        for item in value.values():
            yield from numbers_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from numbers_in(item)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield float(value)


def texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from texts_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_in(item)
    elif isinstance(value, str):
        yield value


def intervals_in(value: Any) -> Iterator[tuple[float, float]]:
    """Both ends of every interval of a document, wherever it is."""
    if isinstance(value, dict):
        if isinstance(value.get("low"), (int, float)) and isinstance(value.get("high"), (int, float)):
            yield value["low"], value["high"]
        for item in value.values():
            yield from intervals_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from intervals_in(item)


def ranges_told(document: dict[str, Any]) -> Iterator[str]:
    """Every way in which an interval of the document may be written."""
    currency, month = document["prices"]["currency"], document["request"]["invocations_per_month"] or 0
    for low, high in set(intervals_in(document)):
        if low >= 0:
            yield milliseconds_range(low, high)
        for factor in (1.0, 1e6, month, MONTHS):
            yield money_range(low * factor, high * factor, currency)
            yield money_range(-high * factor, -low * factor, currency)
        for first, last in ((low, high), (1 - high, 1 - low), (-high, -low), (high - 1, low - 1), (low - 1, high - 1)):
            yield percent_range(first, last)


def derived(document: dict[str, Any]) -> Iterator[float]:
    """What forms may compute: money over a month and a year, differences, shares of runs, sums of runs."""
    month = document["request"]["invocations_per_month"] or 0
    for point in [*document["curve"], *document["measurements"], document["recommendation"], document["current"]]:
        cost = point and point["cost_usd"]
        yield from (cost[end] * month for end in ("mean", "low", "high") if cost)
    saved = document["saving"]
    if saved:
        yield from (saved["per_month_usd"][end] * MONTHS for end in ("mean", "low", "high") if saved["per_month_usd"])
        yield from (1 - saved[name][end] for name in ("ratio", "duration_ratio") for end in ("mean", "low", "high"))
    zone, bargain = document["plateau"], document["bargain"]
    if zone:
        yield zone["duration_at_low_ms"] / zone["duration_at_high_ms"]
    if bargain:
        yield from (bargain["cost_ratio"] - 1, 1 - bargain["cost_ratio"], bargain["duration_ratio"] - 1)
        yield 1 / bargain["duration_ratio"]
    measured = [m for m in document["measurements"] if m["runs"]]
    yield float(len(measured))
    yield float(sum(m["runs"] for m in measured))
    yield float(sum(m["cold_starts"] for m in measured))
    yield float(sum(m["runs"] - m["cold_starts"] for m in measured))
    yield float(sum(m["environments"] for m in measured))
    for m in document["measurements"]:
        failed = sum(m["outcomes"][name] for name in ("error", "timeout", "out_of_memory"))
        yield from (float(failed), failed / m["runs"] if m["runs"] else 0.0)
        if document["recommendation"] and m["max_memory_used_mb"]:
            yield 1 - m["max_memory_used_mb"] / document["recommendation"]["memory_mb"]
    for m in measured:
        yield from rank_values(m)
    yield from map(float, range(len(measured)))
    yield from (float(len(document[name])) for name in ("curve", "measurements", "excluded", "warnings"))
    yield float(len(document["request"]["memory_sizes_mb"]))
    yield float(len(document["measurements"]) - sum(m["duration_ms"] is not None for m in document["measurements"]))


def rank_values(measurement: dict[str, Any]) -> Iterator[float]:
    """Median, 95th percentile and longest of the warm runs, and of what callers wait for cold ones."""
    data = measurement["data"]
    runs = zip(data["usable"], data["cold"], data["duration_ms"], data["init_duration_ms"], strict=True)
    usable = [(cold, duration, init or 0.0) for ok, cold, duration, init in runs if ok and duration is not None]
    for values in ([d for c, d, _ in usable if not c], [d + i for c, d, i in usable if c]):
        if values:
            yield from (*np.quantile(values, (0.5, 0.95)).tolist(), max(values))


def allowed(document: dict[str, Any]) -> set[str]:
    """Every way in which a number of the document may be written."""
    currency = document["prices"]["currency"]
    found = set(CONSTANTS)
    for value in {*numbers_in(document), *derived(document)}:
        size = abs(value)
        told = [milliseconds(size), number(size), seconds(size), percent(size), money(size, currency), count(size)]
        told += [per_million(size, currency), f"{size:.1f}", f"{size:.10f}".rstrip("0"), f"{size:,.0f}", f"{size:.0f}"]
        told += [memory(int(size)), percent(size).removesuffix("%"), f"{size:g}"]
        for text in told:
            found.update(NUMBER.findall(text))
    for text in ranges_told(document):
        found.update(NUMBER.findall(text))
    return found


def shown(form: str, document: dict[str, Any]) -> set[str]:
    """The numbers that a form shows, without those of foreign and composed texts of the document."""
    form = " ".join(form.split()).replace(document["tool"]["version"], " ")
    for text in sorted((t for t in texts_in(document) if len(t) > 6 and NUMBER.search(t)), key=len, reverse=True):
        form = form.replace(text, " ")
    form = re.sub(r"x86_64|arm64|\S*[0-9a-f]{12,}\S*|\S*\d{4}-\d\d-\d\d\S*(?: [\d:]+)?", " ", form)
    return set(NUMBER.findall(form))


def page_text(document: dict[str, Any]) -> str:
    page = Text()
    page.feed(html.render(document))
    return " ".join(" ".join(page.parts).split())


@pytest.mark.parametrize("name", [name for name in NAMES if "hostile" not in name])
def test_every_number_shown_is_one_of_the_document(name: str) -> None:
    document = result(name)
    known = allowed(document)
    forms = {
        "terminal": terminal.render(document),
        "markdown": re.sub(r"```.*?```", " ", markdown.render(document), flags=re.DOTALL),
        "page": page_text(document),
    }
    assert {form: found for form, text in forms.items() if (found := shown(text, document) - known)} == {}


@pytest.mark.parametrize("name", NAMES)
def test_headline_pair_table_and_document_show_one_figure_for_one_thing(name: str) -> None:
    document = result(name)
    recommended = document["recommendation"]
    if recommended is None:
        return
    price = per_million(recommended["cost_usd"]["mean"], document["prices"]["currency"])
    time = milliseconds(recommended["duration_ms"]["mean"])
    assert page_text(document).count(price) >= 3, "pair, strategies and table"
    for form in (page_text(document), terminal.render(document), markdown.render(document)):
        assert time in form
        assert price in form
    row = next(row for row in reader.DictReader(io.StringIO(csv.render(document))) if row["recommended"] == "true")
    assert float(row["cost_usd_mean"]) == recommended["cost_usd"]["mean"]


class Rows(HTMLParser):
    """The cells of the table of all configurations, under the names of their columns; intervals are left out."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._within = self._note = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs).get("class") or ""
        self._within = (tag == "table" and "sortable" in names) or self._within
        self._note = self._within and tag in ("span", "small")
        if self._within and tag == "tr":
            self.rows.append([])
        elif self._within and tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._within &= tag != "table"
        self._note &= tag not in ("span", "small")

    def handle_data(self, data: str) -> None:
        if self._within and not self._note and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()


def page_rows(document: dict[str, Any]) -> list[dict[str, str]]:
    page = Rows()
    page.feed(html.render(document))
    header, *rows = page.rows
    return [dict(zip([name.lower() for name in header], row, strict=True)) for row in rows]


def markdown_rows(document: dict[str, Any]) -> list[dict[str, str]]:
    lines = [line.strip("| ").split(" | ") for line in markdown.render(document).splitlines() if line.startswith("| ")]
    header = next(cells for cells in lines if cells[0] == "memory")
    return [dict(zip(header, cells, strict=False)) for cells in lines if cells[0].endswith(" MB")]


def terminal_rows(document: dict[str, Any]) -> list[dict[str, str]]:
    row = re.compile(r"([\d,]+ MB) +(x86_64|arm64) +([\d.,]+ \S+) +(?:\S+ to \S+) +(\S+)")
    names = ("memory", "architecture", "duration", "cost per million")
    return [dict(zip(names, found, strict=True)) for found in row.findall(terminal.render(document))]


@pytest.mark.parametrize("read", [page_rows, markdown_rows, terminal_rows], ids=["page", "markdown", "terminal"])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("hostile", "all-failed")])
def test_each_cell_of_a_row_is_of_its_own_configuration(name: str, read: Any) -> None:
    document = result(name)
    currency = document["prices"]["currency"]
    points = {(memory(point["memory_mb"]), point["architecture"]): point for point in document["curve"]}
    measured = {(memory(m["memory_mb"]), m["architecture"]): m for m in document["measurements"]}
    rows = [row for row in read(document) if (row["memory"], row["architecture"]) in points]
    assert len(rows) >= len(document["measurements"]) - len(document["excluded"])
    for row in rows:
        key = row["memory"], row["architecture"]
        assert row["duration"].partition(" (")[0] == milliseconds(points[key]["duration_ms"]["mean"])
        price = row.get("cost per million", row.get("per million"))
        assert price == per_million(points[key]["cost_usd"]["mean"], currency)
        assert row.get("p95") in (None, milliseconds(points[key]["p95_ms"]["mean"]))
        if key in measured and "runs" in row:
            assert row["runs"] == count(measured[key]["runs"])
        if "memory used" in row:
            used = measured[key]["max_memory_used_mb"] if key in measured else None
            assert row["memory used"] == (memory(used) if used else "–")
        if "init" in row:
            init = points[key]["init_duration_ms"]
            assert row["init"] == (milliseconds(init["mean"]) if init else "–")


def test_the_pair_shows_what_is_used_now_and_what_is_recommended() -> None:
    document = result("aws")
    currency, page = document["prices"]["currency"], html.render(document)
    pair = page[page.index('<div class="pair card">') : page.index("What to do next</h2>")]
    cells = dict(re.findall(r'<th scope="row">([^<]+)</th>(.*?)</tr>', pair))
    for name, told in (
        ("duration", lambda item: milliseconds(item["duration_ms"]["mean"])),
        ("cost", lambda item: per_million(item["cost_usd"]["mean"], currency)),
        ("memory", lambda item: memory(item["memory_mb"])),
    ):
        row = next(row for label, row in cells.items() if name in label.lower())
        now, recommended = re.search(r'class="was">([^<]*)</td><td><b>([^<]*)</b>', row).groups()  # type: ignore[union-attr]
        assert (now, recommended) == (told(document["current"]), told(document["recommendation"]))


@pytest.mark.parametrize("name", [name for name in NAMES if "hostile" not in name])
def test_each_number_of_the_csv_is_the_one_of_the_document(name: str) -> None:
    document = result(name)
    points = {(point["memory_mb"], point["architecture"]): point for point in document["curve"]}
    for row in reader.DictReader(io.StringIO(csv.render(document))):
        point = points.get((int(row["memory_mb"]), row["architecture"]))
        if point is None:
            continue
        for metric in ("duration_ms", "p95_ms", "cost_usd"):
            for end in ("mean", "low", "high"):
                assert float(row[f"{metric}_{end}"]) == point[metric][end]
