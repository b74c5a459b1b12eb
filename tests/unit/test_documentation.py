"""The documents read well: lines of prose have at most 120 characters, and sentences at most 25 words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WIDEST = 120
MOST_WORDS = 25
PAGES = sorted(chain(ROOT.glob("*.md"), (ROOT / "docs").rglob("*.md"), (ROOT / "examples").rglob("*.md")))


def prose(text: str) -> Iterator[tuple[int, str]]:
    """Lines and their numbers without code, tables and the addresses of links, which cannot be wrapped."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and not line.startswith(("|", "    ", "<", "[")):
            yield number, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_line_of_prose_is_too_long(page: Path) -> None:
    long = [number for number, line in prose(page.read_text("utf-8")) if len(line) > WIDEST and " " in line.strip()]
    assert long == []


def sentences(text: str) -> Iterator[str]:
    """Sentences of the prose, without code, tables and headings; a colon and a semicolon end one, too.

    A span of code counts as one word, a link as its text.
    """
    text = re.sub(r"(?ms)^\s*```.*?^\s*```\s*?$", "\n\n", text)
    text = re.sub(r"(?m)^\s*(\||#|<|!!!|\?\?\?).*$", "", text)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"`[^`]*`", "code", text))
    for block in re.split(r"\n\s*\n|\n\s*(?:[-*]|\d+\.) ", text):
        yield from re.split(r"(?<=[.!?:;])[”\")*]*\s+", " ".join(block.split()))


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=lambda page: page.name)
def test_no_sentence_has_more_than_25_words(page: Path) -> None:
    found = {text: len(re.findall(r"\S*\w\S*", text)) for text in sentences(page.read_text("utf-8"))}
    assert {text: words for text, words in found.items() if words > MOST_WORDS} == {}
