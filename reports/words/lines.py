"""Text for a terminal of so many columns: sentences and tables of whole words.

Only a word that is longer than a line is ever broken. Knows nothing of what a line says.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

from reports.words.escape import visible

INDENT = "  "
LABEL = re.compile(r" *(?:\S+ {2,})?")
"""What the further lines of a labelled line stand below: its indent, and its label where two blanks end that."""


def wrapped(text: str, width: int, first: str = "") -> list[str]:
    """Lines of whole words; the further ones stand below the end of `first`."""
    return textwrap.wrap(
        visible(text), width, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False
    )


def labelled(text: str, width: int) -> str:
    """Each line of a list in lines of whole words; the further ones stand below what its label is followed by."""
    return "\n".join(line for given in text.splitlines() for line in _labelled(given, width))


def _labelled(line: str, width: int) -> list[str]:
    found = LABEL.match(line)
    label = found[0] if found else ""
    return wrapped(line[len(label) :], width, label) if len(line) > width else [line]


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
