"""Text for a terminal of so many columns: sentences, tables and commands of whole words.

Only a word that is longer than a line is ever broken. Knows nothing of what a line says.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

from reports.words.escape import visible

INDENT = "  "


def wrapped(text: str, width: int, first: str = "") -> list[str]:
    """Lines of whole words; the further ones stand below the end of `first`."""
    return textwrap.wrap(
        visible(text), width, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False
    )


def table(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Columns below their names, the first row; where they do not fit, a paragraph for each further row."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [INDENT.join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return lines if max(map(len, lines)) <= width else list(_paragraphs(rows, width))


def _paragraphs(rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    names, *told = rows
    for title, *cells in told:
        yield from wrapped(title, width)
        pairs = [f"{name} {cell}".strip() for name, cell in zip(names[1:], cells, strict=True) if cell]
        yield from wrapped(", ".join(pairs), width, INDENT)


def command(text: str, width: int, first: str = "") -> list[str]:
    """A command in lines that a shell joins again; it breaks before an option alone."""
    indent = " " * (len(first) + len(INDENT))
    lines: list[str] = []
    for part in _parts(visible(text)):
        if lines and len(lines[-1]) + len(part) + len("  \\") <= width:
            lines[-1] += f" {part}"
        else:
            lines.append((indent if lines else first) + part)
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]


def _parts(text: str) -> Iterator[str]:
    """A command at the blanks before its options, but for those within quotes."""
    start = 0
    for blank in re.finditer(r" (?=--?[a-z])", text):
        if not any(text.count(quote, 0, blank.start()) % 2 for quote in "'\""):
            yield text[start : blank.start()]
            start = blank.end()
    yield text[start:]
