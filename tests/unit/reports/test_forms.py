"""Markdown, CSV, SVG, the terminal's text and the snippets: true to the document, and safe with foreign text."""

from __future__ import annotations

import copy
import csv as reader
import io
import json
import re
import shlex
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import csv, html, markdown, terminal
from reports.charts import over_memory, picture, trade_off
from reports.charts.chart import evenly
from reports.charts.runs import distribution, init, search
from reports.words import escape, snippets, verdict
from reports.words.rows import rows
from tests.unit.reports.fits import faults
from tests.unit.reports.results import NAMES, result
from tests.unit.reports.shown import Page
from tuner.documents.result import function_errors, loads
from tuner.errors import InputError

FORMS = (markdown, csv, picture, terminal)


@pytest.mark.parametrize("name", NAMES)
def test_every_form_is_text_and_the_same_for_the_same_result(name: str) -> None:
    for form in FORMS:
        first = form.render(result(name))
        assert first == form.render(result(name))
        assert first.encode("utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_the_picture_is_well_formed_and_needs_no_other_file(name: str) -> None:
    root = ET.fromstring(picture.render(result(name)))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    for element in root.iter():
        assert not element.tag.endswith(("script", "image", "foreignObject"))
        assert not any(attribute.startswith("on") or attribute.endswith("href") for attribute in element.attrib)


def recommended_mb(document: dict[str, Any]) -> str:
    return str(document["recommendation"]["memory_mb"])


def test_csv_has_the_numbers_of_the_document() -> None:
    document = result("aws")
    table = list(reader.DictReader(io.StringIO(csv.render(document))))
    found = {(int(row["memory_mb"]), row["architecture"]): row for row in table}
    assert len(found) == len(rows(document))
    for point in document["curve"]:
        row = found[point["memory_mb"], point["architecture"]]
        for name in ("duration_ms", "p95_ms", "cost_usd"):
            assert float(row[f"{name}_mean"]) == point[name]["mean"]
    assert [row["memory_mb"] for row in table if row["recommended"] == "true"] == [recommended_mb(document)]


@pytest.mark.parametrize("text", ["=1+1", "+x", "-x", "@x", "\t=x", "\r=x"])
def test_csv_text_is_no_formula(text: str) -> None:
    assert escape.csv_cell(text).strip().startswith("'")


def test_markdown_keeps_foreign_text_in_code() -> None:
    told = markdown.render(result("hostile"))
    outside = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", told, flags=re.DOTALL)
    assert set(re.findall(r"<(/?\w+)", outside)) <= {"details", "/details", "summary", "/summary", "sub", "/sub"}
    assert "javascript:" not in outside
    assert all(line.isprintable() for line in told.splitlines())


@pytest.mark.parametrize("text", ["a`b", "``", "`", "x|y", " ", "", "a\nb", "@team #1"])
@pytest.mark.parametrize("span_of", [escape.code_span, escape.code_cell])
def test_a_code_span_cannot_be_left(text: str, span_of: Callable[[str], str]) -> None:
    span = span_of(text)
    fence = span[: len(span) - len(span.lstrip("`"))]
    inner = span.removeprefix(fence).removesuffix(fence)
    assert fence
    assert fence not in inner
    assert "\n" not in span
    assert span_of is escape.code_span or "|" not in inner.replace("\\|", "")


def test_a_pipe_is_masked_in_a_table_alone() -> None:
    command = "aws logs tail orders | tuner advise --logs -"
    assert escape.code_span(command) == f"`{command}`"
    assert escape.code_cell(command) == f"`{command}`".replace("|", "\\|")


def test_markdown_says_what_the_page_says() -> None:
    told = markdown.render(result("aws"))
    assert verdict.headline(result("aws")).claim in told
    assert "**recommended**" in told
    assert "| now" in told.replace("now, estimated", "now")


@pytest.mark.parametrize("name", NAMES)
def test_the_terminal_gets_no_control_characters_and_no_overlong_lines(name: str) -> None:
    for line in terminal.render(result(name), width=90).splitlines():
        assert len(line) <= 90
        assert line.isprintable()


@pytest.mark.parametrize("width", [60, 80, 100, 160])
@pytest.mark.parametrize("name", NAMES)
def test_a_terminal_of_any_width_gets_whole_words_and_nothing_is_cut(name: str, width: int) -> None:
    narrow, wide = (terminal.render(result(name), width=columns) for columns in (width, 1000))
    assert faults(narrow, wide, width) == []


@pytest.mark.parametrize("form", [terminal, markdown])
def test_an_error_is_told_once_with_every_size_that_it_happened_at(form: Any) -> None:
    document = copy.deepcopy(result("all-failed"))
    document["measurements"] = document["measurements"][:3]
    text = " ".join(form.render(document).split())
    (kind,) = {error["type"] for found in document["measurements"] for error in found["errors"]}
    assert text.count(f"{kind}: ") == 1
    assert all(f"{found['memory_mb']:,} MB x86_64" in text for found in document["measurements"])


@pytest.mark.parametrize("form", [terminal, markdown])
def test_an_error_that_happened_at_many_sizes_tells_how_many_of_all(form: Any) -> None:
    document = copy.deepcopy(result("all-failed"))
    number = len(document["measurements"])
    assert number > 3
    assert f"{number} of {number} configurations, " in form.render(document)
    document["measurements"] = document["measurements"][:3]
    assert " of 3 configurations, " not in form.render(document)


LONG_TEXT = "x" * 1_000_000


def test_an_error_of_a_megabyte_is_cut_in_every_form_which_tells_how_long_it_was() -> None:
    document: dict[str, Any] = result("all-failed")
    for found in document["measurements"]:
        for error in found["errors"]:
            error |= {"message": LONG_TEXT, "stack": [LONG_TEXT]}
    document["excluded"][0]["reason"] = LONG_TEXT
    for form in (terminal.render(document), markdown.render(document), html.render(document), csv.render(document)):
        assert len(form) < 300_000
        assert "(998,000 more characters)" in " ".join(form.split())
    assert len(function_errors(document)) < 30_000


def test_a_warning_has_a_mark_and_a_note_has_none() -> None:
    document: dict[str, Any] = result("local")
    document["warnings"] = [{"code": code, "message": "Said."} for code in ("first_answer", "noisy_host")]
    assert "\n- Check the answer: Said." in terminal.render(document)
    assert "\n! Less exact than it could be: Said." in terminal.render(document)
    assert "- **Check the answer:** `Said.`\n- ⚠️ **Less exact than it could be:** `Said.`" in markdown.render(document)


@pytest.mark.parametrize(("name", "told"), [("aws", "on the curve that fits all runs"), ("grid", "from its own runs")])
def test_every_form_says_what_its_durations_are_of_and_why_a_comparison_differs(name: str, told: str) -> None:
    for form in (terminal.render(result(name)), markdown.render(result(name)), html.render(result(name))):
        assert told in " ".join(form.split())
        assert "What tuner compare shows differs: typical durations" in " ".join(form.split())


def test_estimates_are_explained_only_beneath_a_table_that_shows_one() -> None:
    document = result("aws")
    assert any(not point["measured"] for point in document["curve"])
    told = "sizes without runs are estimates"
    shown = " ".join(terminal.render(document, width=160).split())
    assert (told in shown) == ("not measured" in shown)
    for form in (markdown.render(document), html.render(document)):
        assert told in " ".join(form.split())
    document["recommendation"]["memory_mb"] = next(p["memory_mb"] for p in document["curve"] if not p["measured"])
    assert told in " ".join(terminal.render(document, width=160).split())


@pytest.mark.parametrize("name", ["aws", "grid", "throttled"])
def test_what_a_mark_shows_beside_the_figure_of_the_table_is_told_as_the_mean_of_its_own_warm_runs(name: str) -> None:
    document = result(name)
    page = Page(html.render(document))
    (table,) = [table for table in page.tables if table[0][-1] == "mark: mean of its own runs"]
    marks = [mark for mark in page.marks if "mean of its own" in mark]
    assert marks
    for mark in marks:
        where, figure = mark.split(": ", 1)
        own, runs = figure.split(", mean of its own ")
        (row,) = [row for row in table if f"{row[0]} {row[1]}" == where]
        assert own in row[-1]
        assert row[-1].endswith(runs.split(" in ")[0])
        assert "run" in row[-2]
    assert any("means of own warm runs" in line and "Rings and tables " in line for line in page.lines)


def test_the_bars_show_what_is_above_the_cheapest() -> None:
    document = result("grid")
    costs = {found["memory_mb"]: found["cost_usd"]["mean"] for found in document["measurements"]}
    lines = terminal.render(document).splitlines()
    bars = {mb: line.count("█") for mb in costs for line in lines if f" {mb:,} MB" in line and "█" in line}
    assert min(costs, key=lambda mb: costs[mb]) not in bars
    assert bars[max(costs, key=lambda mb: costs[mb])] == max(bars.values()) == 14


def test_the_terminal_marks_recommended_and_current() -> None:
    lines = terminal.render(result("aws")).splitlines()
    assert any(line.startswith("→") and f"{int(recommended_mb(result('aws'))):,} MB" in line for line in lines)
    assert any(line.startswith("•") and "now" in line for line in lines)


def test_snippets_name_memory_and_architecture() -> None:
    found = {snippet.tool: snippet.text for snippet in snippets.snippets(result("aws"))}
    assert list(found) == ["tuner", "AWS CLI", "SAM", "Terraform", "CDK"]
    for tool in ("AWS CLI", "SAM", "Terraform", "CDK"):
        assert recommended_mb(result("aws")) in found[tool]
        assert "ARM_64" in found[tool] or "arm64" in found[tool]


@pytest.mark.parametrize(("name", "tools"), [("simulated", 0), ("all-failed", 0), ("local", 4)])
def test_there_are_snippets_only_for_what_can_be_applied(name: str, tools: int) -> None:
    assert len(snippets.snippets(result(name))) == tools


def test_a_hostile_name_stays_one_argument_of_a_shell() -> None:
    document = result("hostile")
    document["function"]["name"] = "x; rm -rf / '$(id)' `id`\nid"
    for snippet in snippets.snippets(document):
        commands = [line for line in snippet.text.splitlines() if not line.startswith("#")]
        if snippet.tool in ("tuner", "AWS CLI"):
            words = shlex.split(" ".join(commands))
            assert "rm" not in words
            assert "id" not in words
        else:
            assert "rm -rf" not in snippet.text


def test_the_command_to_repeat_names_the_settings() -> None:
    words = shlex.split(snippets.reproduce(result("aws")).replace("\\\n", ""))
    assert words[:3] == ["tuner", "tune", result("aws")["function"]["arn"]]
    told = dict(zip(words[3::2], words[4::2], strict=True))
    assert told["--arch"] == "both"
    assert told["--seed"] == "7"
    assert told["--invocations-per-month"] == "20000000"


def test_a_line_is_never_drawn_without_its_band() -> None:
    for name in NAMES:
        document = result(name)
        chart = over_memory.draw(document, rows(document))
        assert chart.svg.count('class="curve') == chart.svg.count('class="band"')


def test_nothing_is_drawn_between_listed_sizes_without_a_fitted_curve() -> None:
    document: dict[str, Any] = result("grid")
    document["fitted"] = []
    chart = over_memory.draw(document, rows(document))
    assert "curve" not in chart.svg
    assert "Nothing is drawn between" in chart.caption


def test_a_chart_explains_only_marks_that_it_has() -> None:
    captions = {name: over_memory.draw(result(name), rows(result(name))).caption for name in ("one-left", "all-failed")}
    assert captions["one-left"].startswith("Filled marks: ")
    assert captions["all-failed"] == "Crosses: tried and failed."


def test_failed_sizes_are_marked_with_their_reason() -> None:
    document = result("one-left")
    chart = over_memory.draw(document, rows(document))
    assert chart.svg.count('class="pt failed"') == 5
    assert "out of memory" in chart.svg


def test_what_was_ruled_out_untried_is_not_marked_as_failed() -> None:
    document = result("one-left")
    untried = next(m for m in document["measurements"] if m["duration_ms"] is None)
    untried["runs"] = 0
    assert over_memory.draw(document, rows(document)).svg.count('class="pt failed"') == 4


def test_current_and_recommended_are_marked_in_the_charts() -> None:
    document = result("aws")
    assert over_memory.draw(document, rows(document)).svg.count('class="ring"') == 4, "two in each panel"
    assert trade_off.draw(document, rows(document)).svg.count('class="ring"') == 2


def test_cold_and_warm_runs_stand_apart() -> None:
    chart = distribution(result("grid"), rows(result("grid")))
    assert chart is not None
    assert {row[1] for row in chart.table} == {"cold", "warm"}
    cold = [row for row in chart.table if row[1] == "cold"]
    assert all(int(row[2]) > 0 for row in cold)


def test_charts_without_anything_to_show_are_left_out() -> None:
    document = result("all-failed")
    assert distribution(document, rows(document)) is None
    assert init(document, rows(document)) is None
    document["search"] = []
    assert search(document) is None


def test_an_interval_of_few_cold_starts_does_not_stretch_the_chart_of_init_durations() -> None:
    document = copy.deepcopy(result("aws"))
    usual = init(document, rows(document))
    known = next(m["init_duration_ms"] for m in document["measurements"] if m["init_duration_ms"])
    known["low"] = 0.001
    cut = init(document, rows(document))
    assert usual is not None
    assert cut is not None
    assert ("cut off" in cut.caption, "cut off" in usual.caption) == (True, False)
    assert not re.search(r">0\.\d+ ms<", cut.svg)


def test_many_runs_are_thinned_evenly_and_keep_their_ends() -> None:
    shown = evenly([float(i) for i in range(1000)], 24)
    assert len(shown) == 24
    assert (shown[0], shown[-1]) == (0.0, 999.0)


@given(data=st.data())
def test_what_the_schema_allows_renders_in_every_form(data: st.DataObject) -> None:
    document = result(data.draw(st.sampled_from(["aws", "grid", "throttled", "all-failed"])))
    odd = st.sampled_from([0, 1, -1, 1e-300, 1e-3, 1e6, 1e20, 1e308, 128, 10_240])
    for numbers in data.draw(st.lists(st.sampled_from(list(holders(document))), max_size=6)):
        numbers[data.draw(st.sampled_from([k for k, v in numbers.items() if type(v) in (int, float)]))] = data.draw(odd)
    try:
        loads(json.dumps(document), name="result.json")
    except InputError:
        return
    for form in (html, *FORMS):
        assert form.render(document)


def holders(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a document that holds a number."""
    if isinstance(value, dict):
        if any(type(item) in (int, float) for item in value.values()):
            yield value
        for item in value.values():
            yield from holders(item)
    elif isinstance(value, list):
        for item in value:
            yield from holders(item)
