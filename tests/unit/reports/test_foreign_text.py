"""Text from outside stays text: whatever a function, a branch, an error or a payload is called, in every form."""

from __future__ import annotations

import csv as reader
import io
import json
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from reports import comparison, csv, html, junit, markdown, terminal, workflow_text
from reports.charts import picture
from reports.words import escape
from tests.unit.reports.results import result
from tuner.cli.main import run, show_error
from tuner.comparison.question import Metric, Question
from tuner.comparison.verdicts import Comparison, Finding, Method, Verdict
from tuner.errors import TunerError
from tuner.model import Notice

BAIT = "bait"
"""A word that each hostile text holds: where it stands in Markdown, it must be code."""
HOSTILE = {
    "control": "\x1b[2J\x1b]0;bait\x07\x9b31m\x00\x7f",
    "direction": "\u202ebait\u2066\u200f\u061c\u2028x\ufeff",
    "half a character": "bait\ud800",
    "beyond 16 bits": "bait\U000e0001",
    "lines": "bait\r\n# bait\n- bait\n\n    bait\x85\x0bbait",
    "code span": "`bait` ``bait`` \\`bait",
    "code block": "```\nbait\n````\n~~~",
    "table": "bait | bait || \\| bait",
    "mention": "@bait #1 bait/bait#2 GH-3",
    "image": "![bait](https://bait.example/p.png)",
    "link": "[bait](javascript:alert(1)) https://bait.example <https://bait.example>",
    "markup": "</sub></details><script>alert('bait')</script><!-- bait",
    "entity": "&lt;bait&gt; &#64;bait",
    "emphasis": "**bait** _bait_ ~~bait~~ $bait$",
    "formula": '=HYPERLINK("https://bait.example")',
    "formula after a blank": "\t =bait",
    "formula after a separator": "bait;=1+1",
    "full-width formula": "\uff1dbait()",
    "command": "+bait|' /C calc'!A0",
    "section end": "bait]]> \ufffe",
}
FREE = frozenset(
    {"name", "version", "arn", "runtime", "code_sha256", "region", "cpu", "strategy", "sampler", "sha256", "isolation"}
    | {"as_of", "source", "reason", "message", "code", "type", "currency"}
)
"""Fields of a result that may hold any text."""
OUR_TAGS = {"<details>", "</details>", "<summary>", "</summary>", "<sub>", "</sub>", "<br>"}
OUR_HTML = {comparison.MARKER}


def with_foreign(value: Any, text: str) -> Any:
    """A document with a text in every field that may hold any."""
    if isinstance(value, dict):
        return {k: text if k in FREE and isinstance(v, str) else with_foreign(v, text) for k, v in value.items()}
    if isinstance(value, list):
        return [text if isinstance(item, str) and not item.islower() else with_foreign(item, text) for item in value]
    return value


def hostile_result(text: str, name: str = "throttled") -> Any:
    document = with_foreign(result(name), text)
    document["warnings"] = [{"code": text, "message": text}]
    document["excluded"].append({"memory_mb": 192, "architecture": "x86_64", "reason": text})
    document["measurements"][0]["errors"] = [{"type": text, "message": text, "stack": [text], "count": 1}]
    return document


def hostile_comparison(text: str) -> Comparison:
    finding = Finding(Metric.FAILURES, None, Verdict.WORSE, text, baseline=0.0, candidate=1.0)
    undecided = Finding(Metric.DURATION, None, Verdict.NOT_DECIDED, text, runs_to_decide=100)
    notice = Notice("other_function", text)
    return Comparison(Method.DOCUMENTS, Question(), text, text, (finding, undecided), (notice,))


def hostile_workflow(text: str) -> dict[str, Any]:
    chosen = {"duration_ms": 1.0, "cost_per_million_usd": 1.0}
    size = {"memory_mb": 128, "architecture": "arm64"}
    row = {"function": text, "current": size, "recommended": size, "invocations": 1.0, "slack_ms": 0.0}
    return {
        "workflow": text,
        "chosen": chosen,
        "current": None,
        "bound": {"percentile": 95, "deadline_ms": 2.0, "budget_per_million_usd": None},
        "met": True,
        "binding": "nothing",
        "currency": text,
        "time_ms": {"p50": 1.0, "p95": 1.0, "p99": 1.0},
        "share_met": None,
        "confirmation": None,
        "transitions": {"per_execution": 1.0, "cost_per_million_usd": 1.0},
        "exact": True,
        "excess": 0.0,
        "front_excess": 0.0,
        "functions": [row | {"cost_per_million_usd": 1.0}],
        "warnings": [{"message": text}],
    }


def tokens_of(text: str) -> Iterator[Token]:
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text):
        yield token
        yield from token.children or ()


def assert_is_plain_in_markdown(text: str) -> None:
    """Foreign text is code, and nothing of it is markup, a link, an image or an end of its line."""
    assert all(line.isprintable() for line in text.split("\n"))
    for token in tokens_of(text):
        assert token.type not in ("link_open", "image", "s_open", "em_open")
        if token.type in ("text", "html_inline", "html_block"):
            assert BAIT not in token.content.replace(comparison.MARKER, "")
        if token.type == "html_inline":
            assert token.content in OUR_TAGS


def assert_is_plain_on_a_terminal(text: str) -> None:
    assert all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_result_shows_foreign_text_as_text_in_every_form(text: str) -> None:
    document = hostile_result(text)
    assert_is_plain_on_a_terminal(terminal.render(document))
    assert_is_plain_on_a_terminal(html.render(document))
    assert_is_plain_in_markdown(markdown.render(document))
    assert_is_plain_on_a_terminal(picture.render(document))
    assert {element.tag.rpartition("}")[2] for element in ET.fromstring(picture.render(document)).iter()} <= {
        "svg", "style", "rect", "g", "path", "text", "title", "circle",
    }  # fmt: skip
    rows = list(reader.reader(io.StringIO(csv.render(document), newline="")))
    assert {len(row) for row in rows} == {len(rows[0])}
    for cell in (cell for row in rows for cell in row):
        assert cell.isprintable()
        assert_is_no_formula(cell)


def assert_is_no_formula(cell: str) -> None:
    for part in cell.replace("|", ";").replace(",", ";").split(";"):
        assert not part.strip().startswith(("=", "+", "@", "\uff1d")) or part.strip().startswith("'")
        assert not part.strip().startswith("-") or float(part)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_comparison_shows_foreign_text_as_text_in_every_form(text: str) -> None:
    found = hostile_comparison(text)
    assert_is_plain_on_a_terminal(comparison.render_text(found))
    assert_is_plain_in_markdown(comparison.render_markdown(found))
    xml = junit.render_junit(found)
    assert_is_plain_on_a_terminal(xml)
    assert {element.tag for element in ET.fromstring(xml).iter()} == {
        "testsuites", "testsuite", "testcase", "failure", "skipped",
    }  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_workflow_shows_foreign_text_as_text(text: str) -> None:
    assert_is_plain_on_a_terminal(workflow_text.render_text(hostile_workflow(text)))
    assert_is_plain_in_markdown(workflow_text.render_markdown(hostile_workflow(text)))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_errors_show_foreign_text_as_text(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    show_error(TunerError(text, text))
    argument = text.replace("\x00", "").replace("\ud800", "")  # no shell hands these on
    assert run([f"a{argument}"]) == 2
    assert run(["report", f"a{argument}"]) == 2
    assert run(["report", "a", "--format", argument]) == 2
    assert run(["compare", f"a{argument}", f"b{argument}"]) == 2
    told = capsys.readouterr()
    assert_is_plain_on_a_terminal(told.out + told.err)
    assert "defect" not in told.err


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_json_for_a_terminal_is_the_same_value(text: str) -> None:
    shown = escape.visible_json(json.dumps({"text": text}, ensure_ascii=False, indent=1))
    assert_is_plain_on_a_terminal(shown)
    assert json.loads(shown) == {"text": text}
