"""The page: one file, the same bytes for the same result, and foreign text as text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from markupsafe import escape

from reports.html import render, words
from reports.words.escape import visible, whole
from tests.cpu import assert_takes_at_most
from tests.golden.situations import HOSTILE, LONG, SIZES_40
from tests.unit.reports.results import NAMES, result
from tuner.documents.result import loads


class Page(HTMLParser):
    """The elements and the texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("name", NAMES)
def test_every_golden_result_is_valid_and_renders(name: str) -> None:
    page = render(result(name))
    assert page.startswith("<!doctype html>")
    assert page.rstrip().endswith("</html>")


def test_a_partial_result_is_called_one_once() -> None:
    assert render(result("partial")).count("Partial result") == 1


@pytest.mark.parametrize("name", [name for name in NAMES if "hostile" not in name])
def test_golden_results_are_valid_under_their_schema(name: str) -> None:
    assert loads(json.dumps(result(name)), name=name)


@pytest.mark.parametrize("name", ["aws", "hostile"])
def test_the_same_result_gives_the_same_bytes(name: str) -> None:
    assert render(result(name)) == render(result(name))


def test_two_architectures_and_forty_sizes_stay_below_300_kb() -> None:
    document = result("aws-all")
    assert len({m["memory_mb"] for m in document["measurements"]}) == len(SIZES_40) == 40
    assert len(render(document).encode()) < 300_000


def test_rendering_takes_less_than_150_ms_of_cpu() -> None:
    document = result("aws-all")
    assert_takes_at_most(0.150, lambda: render(document))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_in_the_page_asks_for_another_file(name: str) -> None:
    for tag, attributes in Page(render(result(name))).tags:
        assert tag not in ("iframe", "object", "embed", "base", "img", "audio", "video")
        assert not any(attribute.startswith("on") for attribute in attributes)
        assert "style" not in attributes
        for attribute in ("src", "href", "action", "srcset"):
            address = attributes.get(attribute) or "#"
            assert tag == "a" or address.startswith(("data:", "#"))
    assert "url(" not in render(result(name))


def test_the_policy_names_the_style_and_the_script_by_their_hashes() -> None:
    page = render(result("aws"))
    policy = next(a["content"] for t, a in Page(page).tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for pattern in (r"<style>(.*?)</style>", r"<script>(.*?)</script>"):
        content = re.search(pattern, page, re.S)
        assert content is not None
        digest = base64.b64encode(hashlib.sha256(content[1].encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def test_hostile_text_is_shown_as_text_and_makes_no_element() -> None:
    page = Page(render(result("hostile")))
    plain = Page(render(result("grid")))
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in plain.tags} | {"details", "ul", "li"}
    assert sum(tag == "script" for tag, _ in page.tags) == 2
    text = "".join(page.words)
    assert visible(HOSTILE) in text
    assert whole(visible(LONG)) in text


def test_an_error_that_many_configurations_share_is_told_once() -> None:
    document = result("hostile")
    assert len(document["measurements"]) > 5
    # A warning, an excluded size, and the error. The function's details have it whole.
    assert render(document).count(str(escape(whole(visible(LONG))))) == 3


def test_a_long_path_of_a_command_may_break_behind_its_slashes_alone() -> None:
    shown = words("tuner tune a/b.py:f --payload @x/<y>.json")
    assert "<span>@x/<wbr>&lt;y&gt;.json</span>" in shown
    assert "<span>a/<wbr>b.py:f</span>" in shown
    assert "<span>--payload</span>" in shown
