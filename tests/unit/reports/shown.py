"""What the forms of a report show, as a reader meets it: tables row by row, the other text line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from typing import Any

HEADINGS = frozenset(("h1", "h2", "h3", "summary", "caption", "figcaption", "legend", "label", "button"))
LINES = HEADINGS | frozenset(("p", "li", "dt", "dl", "div", "section", "header", "footer"))
"""Elements that begin a line, or end one. A `dd` stands in the line of its `dt`."""
HIDDEN = frozenset(("script", "style", "pre", "code"))
NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?")
Table = tuple[tuple[str, ...], ...]


class Page(HTMLParser):
    """A page: `tables` with their header, `lines` of the other text, and `marks`, the names of a chart's marks."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self._tables: list[list[list[str]]] = []
        self._parts: list[str] = []
        self._marks: list[str] = []
        self._within: list[str] = []
        self.feed(page)
        self.tables: list[Table] = [tuple(tuple(map(plain, row)) for row in table) for table in self._tables]
        self.lines = [line for line in map(plain, "".join(self._parts).split("\n")) if line]
        self.marks = [*map(plain, self._marks)]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in HIDDEN or tag in ("svg", "title", "table"):
            self._within.append(tag)
        if tag == "table":
            self._tables.append([])
        elif tag == "tr":
            self._tables[-1].append([])
        elif tag in ("td", "th"):
            self._tables[-1][-1].append("")
        elif tag == "title" and "svg" in self._within:
            self._marks.append("")
        elif tag in LINES:
            self._parts.append("\n" if tag != "dt" else "\n|")
        elif tag == "dd":
            self._parts.append(": ")
        elif "table" in self._within and tag in ("small", "span", "b"):
            self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        if self._within and tag == self._within[-1]:
            self._within.pop()
        self._parts.append("\n" if tag in LINES - {"dt"} or tag == "dd" else "")

    def handle_data(self, data: str) -> None:
        text = re.sub(r"\s+", " ", data)
        if HIDDEN & set(self._within):
            return
        if "svg" in self._within:
            if self._within[-1] == "title":
                self._marks[-1] += text
        elif "table" in self._within and self._tables[-1] and self._tables[-1][-1]:
            self._tables[-1][-1][-1] += text
        else:
            self._parts.append(text)


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


def text_of(page: str) -> str:
    """The text of a page in one line."""
    found = Text()
    found.feed(page)
    return " ".join(" ".join(found.parts).split())


def markdown_shown(form: str) -> tuple[list[Table], list[str]]:
    """Tables and other lines of Markdown, without its code blocks."""
    tables: list[list[tuple[str, ...]]] = [[]]
    lines = []
    for line in re.sub(r"```.*?```", "", form, flags=re.DOTALL).splitlines():
        if line.startswith("| "):
            cells = tuple(cell.strip() for cell in line.strip("|").split(" | "))
            tables[-1] += [] if set(line) <= set("|-: ") else [cells]
        else:
            tables += [[]] if tables[-1] else []
            lines.append(line)
    return [tuple(table) for table in tables if table], lines


def terminal_shown(form: str) -> tuple[Table, list[str]]:
    """The table of a wide terminal without signs and bars, and its paragraphs in a line each, without commands."""
    row = re.compile(r"(?:[→•] |  ) *[\d,]+ MB  ")
    table, others = [], []
    for line in form.splitlines():
        if row.match(line):
            cells = re.split(r" {2,}", line.strip("→• "))
            table.append(tuple(cell for cell in cells if not re.fullmatch("█+|▏", cell)))
        elif not re.match(r" +memory +arch |  (tuner|aws) ", line):
            others.append(line.removeprefix("! "))
    return tuple(table), [plain(text) for text in "\n".join(others).split("\n\n")]


def plain(text: str) -> str:
    """Text with single blanks."""
    return re.sub(r" +", " ", text.replace("\n", " ")).strip()


def left(lines: Sequence[str], told: Sequence[str]) -> list[str]:
    """What is left of each line that still has a number when everything that is told has been taken out of it."""
    found = []
    for line in lines:
        for text in told:
            line = line.replace(text, " ¶ ") if text in line else line
        found += [line] if NUMBER.search(line) else []
    return found


def numbered(text: str) -> list[str]:
    """The lines that have a number, with single blanks."""
    return [" ".join(line.split()) for line in text.splitlines() if NUMBER.search(line)]
