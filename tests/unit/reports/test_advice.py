"""Advice in every form: the same functions in the same order, foreign text harmless, nothing unknown shown as zero."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from html import unescape

import pytest

from reports.advice import COLUMNS, markdown, page, render_all, table
from reports.words.numbers import money, money_range
from tests.unit.evidence.test_advice import advise, one_size, runs_at
from tuner.evidence.advice import Advice, by_money_at_stake
from tuner.evidence.findings import FindingCode, Insight, mean_words
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


def test_every_form_tells_the_numbers_of_the_evidence() -> None:
    advice = one_size()
    assert advice.evidence is not None
    advice = replace(advice, evidence=replace(advice.evidence, traffic=TRAFFIC))
    evidence, prediction = advice.evidence, advice.prediction
    assert evidence is not None
    assert evidence.duration_ms is not None
    assert prediction is not None
    assert advice.month_usd is not None
    price = evidence.cost_per_million_usd
    told = [
        mean_words(evidence.duration_ms, evidence.good_runs),
        f"{money(price.mean)} ({money_range(price.low, price.high)})",
        money(advice.month_usd),
    ]
    for form in (render_all, markdown, page):
        shown = " ".join(unescape(form([advice])).split())
        assert [one for one in told if one not in shown] == [], form.__name__
    row = next(csv.DictReader(io.StringIO(table([advice]))))
    assert float(row["duration_ms"]) == evidence.duration_ms.mean
    assert float(row["month_usd"]) == advice.month_usd
    assert row["at_stake_usd"] == ("" if advice.at_stake_usd is None else str(advice.at_stake_usd))
    assert float(row["chance_of_saving"]) == prediction.chance_of_saving
    assert float(row["error_share"]) == evidence.error_share.mean


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
