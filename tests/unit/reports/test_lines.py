"""Text of any form fits a terminal of any width, and keeps its words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import advice, concurrency
from reports.words.lines import columns, short_name, table, wide_table, wrapped
from tests.unit.evidence.test_advice import advise, one_size, runs_at
from tests.unit.evidence.test_concurrency_plan import every, planned
from tests.unit.reports.fits import faults
from tests.unit.workflows.examples import DEFINITION, FIGURES, write_results
from tuner.api.workflows.tuning import tune_workflow
from tuner.workflows.figures import read_figures

WIDTHS = (60, 80, 100, 160)
LONG = 1000
"""Columns that hold every line."""


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Callable[[int], str]]:
    """Advice on two functions, a plan for a busy function, and sizes of a workflow that keep a deadline."""
    two_sizes = advise([*runs_at(512, 200.0, count=40), *runs_at(2048, 90.0, first=200, count=40)])
    advised = [two_sizes, replace(one_size(), function="billing-of-all-regions")]
    plan = planned(every(400.0, 8))
    figures, results = read_figures(FIGURES, name="figures"), write_results(tmp_path_factory.mktemp("results"))
    sizes = tune_workflow(DEFINITION, deadline_ms=2500.0, figures=figures, results=[results])
    return {
        "advice": lambda width: advice.render_all(advised, width=width),
        "concurrency": lambda width: concurrency.render("orders", plan, width=width),
        "workflow": lambda width: sizes.to_text(width=width),
    }


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("form", ["advice", "concurrency", "workflow"])
def test_every_text_fits_the_terminal_and_keeps_its_words(
    form: str, width: int, forms: dict[str, Callable[[int], str]]
) -> None:
    assert faults(forms[form](width), forms[form](LONG), width) == []


@given(st.lists(st.lists(st.text("ab ", max_size=30), min_size=3, max_size=3), min_size=1, max_size=4))
def test_no_table_is_wider_than_the_terminal(rows: list[list[str]]) -> None:
    assert all(len(line) <= 40 for line in table([("name", "now", "then"), *rows], 40))


CELLS = st.text("ab ", max_size=12).map(str.strip)


@given(st.lists(st.lists(CELLS, min_size=5, max_size=5), min_size=1, max_size=4), st.integers(20, 90))
def test_a_wide_table_loses_no_cell_on_a_narrow_terminal(rows: list[list[str]], width: int) -> None:
    head = ["name", "now", "█", "then", ""]
    drawn = [[row[0] or "x", row[1], "██", row[3], row[4]] for row in rows]
    narrow, wide = (
        "\n".join(wide_table([head, *drawn], most, right={1}, plots=[2], below=[3, 1])) for most in (width, 1000)
    )
    assert faults(narrow, wide, width, names=head) == []


@pytest.mark.parametrize(
    "planted",
    [
        "a long wo\nrd 95%",
        "a long word 90%",
        "a long …",
        "a long word 95% is",
        "long word\n95%",
        "a long\nword 95% 95%",
    ],
)
def test_the_rule_finds_what_is_broken_clipped_lost_or_too_wide(planted: str) -> None:
    assert faults("a long\nword\n95%", "a long word 95%", 8) == []
    assert faults("a\nlong-word", "a long-word", 8) == []
    assert faults(planted, "a long word 95%", 8) != []


def test_only_a_word_longer_than_a_line_of_a_live_view_is_broken() -> None:
    lines = wrapped("one two-three " + "x" * 12, 11, "! ", whole=False)
    assert lines == ["! one", "  two-three", "  " + "x" * 9, "  xxx"]


NAMES = st.lists(st.text("ab注文👍é\u0301ก\u0e31 ", max_size=12), min_size=1, max_size=9)


@given(NAMES, st.integers(12, 60))
def test_characters_of_any_width_fit_the_terminal_and_none_is_lost(words: list[str], width: int) -> None:
    text = " ".join(words)
    lines = wrapped(text, width, "! ", whole=False)
    assert all(columns(line) <= width for line in lines)
    assert "".join(lines).replace("! ", "", 1).replace(" ", "") == text.replace(" ", "")


def test_a_word_that_has_to_be_copied_stays_whole() -> None:
    for long in ("x" * 30, "注文" * 10):
        assert wrapped(f"one {long} two", 12, "! ") == ["! one", f"  {long}", "  two"]


def test_wide_characters_take_two_columns_and_combining_ones_none() -> None:
    assert columns("注文") == 4
    assert columns("e\u0301") == 1
    assert columns("👍") == 2
    assert wrapped("注文 受注 orders", 9) == ["注文 受注", "orders"]


def test_columns_stand_below_each_other_whatever_their_characters() -> None:
    head, first, second = table([("name", "size"), ("注文", "512 MB"), ("orders", "1,024 MB")], 40)
    assert columns(first.partition("512")[0]) == columns(second.partition("1,024")[0]) == head.index("size")


def test_a_function_is_called_by_its_name_and_its_version() -> None:
    address = "arn:aws:lambda:eu-west-1:123456789012:function:orders"
    assert [short_name(name) for name in (address, f"{address}:live", "orders")] == ["orders", "orders:live", "orders"]
