"""Advice in every form: the same functions in the same order, foreign text harmless, nothing unknown shown as zero."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import pytest

from reports.advice import COLUMNS, markdown, page, render_all, table
from tests.unit.evidence.test_advice import advise, one_size, runs_at
from tuner.evidence.advice import Advice, by_money_at_stake
from tuner.evidence.findings import FindingCode, Insight
from tuner.evidence.function_evidence import Traffic
from tuner.model import Architecture, Configuration, Interval

TRAFFIC = Traffic(14.0, Interval(1e6, 0.9e6, 1.1e6), 0, 100.0, 2)
EVIL = "<script>|`=1+1\x1b"


@pytest.fixture(scope="module")
def found() -> list[Advice]:
    dead = Insight(FindingCode.DEAD, f"No invocation {EVIL}", EVIL)
    unknown = Advice(EVIL, Configuration(256, Architecture.ARM64), None, None, (dead,))
    return by_money_at_stake([unknown, one_size()])


def test_that_of_which_nothing_is_known_comes_last(found: list[Advice]) -> None:
    assert [advice.function for advice in found] == ["orders", EVIL]


def test_text_has_a_table_and_every_function(found: list[Advice]) -> None:
    shown = render_all(found)
    assert shown.splitlines()[0].split() == ["function", "size", "runs", "a", "month", "at", "stake"]
    assert "\x1b" not in shown
    assert "orders: 512 MB x86_64 in 120 runs" in shown


def test_markdown_keeps_foreign_text_in_code(found: list[Advice]) -> None:
    shown = markdown(found)
    assert "### `orders`" in shown
    assert "\n<script>" not in shown


def test_csv_has_one_row_for_each_function_and_empty_cells_for_the_unknown(found: list[Advice]) -> None:
    rows = list(csv.DictReader(io.StringIO(table(found))))
    assert tuple(rows[0]) == COLUMNS
    assert [row["runs"] for row in rows] == ["120", "0"]
    assert rows[0]["p99_ms"] == rows[0]["timeout_advice_s"] == ""
    assert float(rows[0]["p99_at_least_ms"]) > 80
    assert rows[1]["p99_ms"] == rows[1]["at_stake_usd"] == ""


def test_a_figure_says_which_runs_it_is_of_where_some_failed(found: list[Advice]) -> None:
    runs = [*runs_at(512, 250.0, count=890), *runs_at(512, 3000.0, first=900, count=10, status="timeout")]
    advice = [advise(runs)]
    for shown in (" ".join(render_all(advice, width=500).split()), markdown(advice), page(advice)):
        assert shown.count(", of 890 runs that ended well") == 2, "duration and p99"
        assert shown.count(", of all 900 runs") == 1, "money"
        assert "ended well" not in shown.replace(", of 890 runs that ended well", "")
    (row,) = csv.DictReader(io.StringIO(table(advice)))
    document = advice[0].document()
    assert (int(row["runs"]), int(row["good_runs"])) == (document["runs"], document["good_runs"]) == (900, 890)
    assert ", of " not in render_all(found)


def test_money_of_a_month_below_a_cent_is_told_alike_at_the_top_of_the_page_and_below_it(found: list[Advice]) -> None:
    evidence = found[0].evidence
    assert evidence is not None
    few = replace(TRAFFIC, per_month=Interval(100.0, 90.0, 110.0))
    shown = page([replace(found[0], evidence=replace(evidence, traffic=few))])
    assert "less than $0.01 a month" in " ".join(re.sub("<[^>]*>", "", shown).split())
    assert "$0.00" not in shown


def test_the_page_shows_chances_as_a_picture_and_as_numbers(found: list[Advice]) -> None:
    shown = page(found)
    assert "<script>" not in shown
    assert shown.count('class="bars"') == 1
    assert '<th scope="row">512 MB</th>' in shown


@pytest.mark.parametrize("count", [2, 10, 30])
def test_few_runs_are_told_as_few_in_every_form(count: int) -> None:
    few = advise(runs_at(512, 80.0, count=count))
    for shown in (render_all([few]), markdown([few]), page([few])):
        text = " ".join(shown.split())
        assert "(too few runs for an upper bound)" in text
        assert f"and so a timeout ({count} good runs; 368 bound the p99)" in text
        assert "--timeout" not in text
        assert "ms (too few runs for an interval)" in text
    document = few.document()
    assert document["timeout_advice_s"] is document["p99_ms"]["high"] is document["p99_ms"]["mean"] is None
    assert document["p99_ms"]["low"] > 0
    assert (document["duration_ms"]["high"] is None) == (count == 2)
