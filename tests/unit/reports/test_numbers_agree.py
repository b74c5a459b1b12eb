"""Each number that a form shows is the one of its place: a cell of a row, or a part of a sentence."""

from __future__ import annotations

import csv as reader
import io
from collections import Counter
from functools import cache

import pytest

from reports import csv, html, markdown, terminal
from reports.words.numbers import count, milliseconds, per_million
from tests.unit.reports.results import NAMES, result
from tests.unit.reports.shown import NUMBER, Page, left, markdown_shown, terminal_shown, text_of
from tests.unit.reports.told import Told

TOLD = [name for name in NAMES if name != "hostile"]
"""Documents whose own texts can be told from those of a report."""
WIDE = 200
"""Columns of a terminal that breaks no row."""


@cache
def told_of(name: str) -> Told:
    return Told(result(name))


@pytest.mark.parametrize("name", TOLD)
def test_each_cell_of_the_page_is_that_of_its_row_and_column(name: str) -> None:
    page, told = Page(html.render(result(name))), told_of(name)
    shown = [sorted(rows) for _, *rows in page.tables]
    *others, everything = [sorted(rows) for rows in told.page_tables() if rows]
    assert shown[:-1] == others
    assert [row[:-1] for row in shown[-1]] == everything
    reasons = {f"{now}{reason}" for now in ("", "now, ") for reason in told.reasons.values()}
    assert {row[-1] for row in shown[-1] if NUMBER.search(row[-1])} <= reasons
    heads = {"95% interval", "p95", f"At {count(told.month)} a month"}
    assert {head for head_row, *_ in page.tables for head in head_row if NUMBER.search(head)} <= heads


@pytest.mark.parametrize("name", TOLD)
def test_each_number_in_the_text_of_the_page_is_that_of_its_sentence(name: str) -> None:
    assert left(Page(html.render(result(name))).lines, told_of(name).sentences()) == []


@pytest.mark.parametrize("name", TOLD)
def test_each_mark_of_a_chart_is_named_by_its_own_numbers(name: str) -> None:
    marks = Page(html.render(result(name))).marks
    assert marks
    assert Counter(mark for mark in marks if NUMBER.search(mark)) <= Counter(told_of(name).marks())


@pytest.mark.parametrize("name", TOLD)
def test_each_number_of_markdown_is_the_one_of_its_place(name: str) -> None:
    told = told_of(name)
    reasons = [(now, reason) for now in ("", "now, ") for reason in told.reasons.values()]
    tables, lines = markdown_shown(markdown.render(result(name)))
    shown = sorted(row for _, *rows in tables for row in rows)
    assert {row[-1] for row in shown if NUMBER.search(row[-1])} <= {f"{now}`{reason}`" for now, reason in reasons}
    assert [row[:-1] for row in shown] == sorted(map(told.markdown_row, told.configurations()))
    assert left(lines, told.sentences()) == []


@pytest.mark.parametrize("name", TOLD)
def test_each_number_of_the_terminal_is_the_one_of_its_place(name: str) -> None:
    told = told_of(name)
    table, lines = terminal_shown(terminal.render(result(name), width=WIDE))
    rows = [told.terminal_row(where) for where in told.configurations() if told.in_first_table(where)]
    assert [row[: len(other)] for row, other in zip(table, rows, strict=True)] == rows
    assert left(lines, told.sentences()) == []


@pytest.mark.parametrize("name", TOLD)
def test_each_number_of_the_csv_is_that_of_its_row_and_column(name: str) -> None:
    told = told_of(name)
    rows = [*reader.DictReader(io.StringIO(csv.render(result(name))))]
    assert rows == [*map(told.csv_row, told.configurations())]


@pytest.mark.parametrize("name", NAMES)
def test_headline_pair_table_and_document_show_one_figure_for_one_thing(name: str) -> None:
    document = result(name)
    recommended = document["recommendation"]
    if recommended is None:
        return
    page = text_of(html.render(document))
    price = per_million(recommended["cost_usd"]["mean"], document["prices"]["currency"])
    time = milliseconds(recommended["duration_ms"]["mean"])
    assert page.count(price) >= 3, "pair, strategies and table"
    for form in (page, terminal.render(document), markdown.render(document)):
        assert time in form
        assert price in form
    row = next(row for row in reader.DictReader(io.StringIO(csv.render(document))) if row["recommended"] == "true")
    assert float(row["cost_usd_mean"]) == recommended["cost_usd"]["mean"]
