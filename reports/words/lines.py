"""Text for a terminal of so many columns: sentences and tables of whole words.

Only a word that is longer than a line is ever broken. A width is that of a terminal: some characters take two columns,
others none. Knows nothing of what a line says.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence

from reports.words.escape import visible

INDENT = "  "
LABEL = re.compile(r" *(?:\S+ {2,})?")
"""What the further lines of a labelled line stand below: its indent, and its label where two blanks end that."""


def short_name(function: str) -> str:
    """A function's name, with its version or alias, without the address before it."""
    return function.partition(":function:")[2] or function


def columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return len(text) if text.isascii() else sum(map(_columns_of, text))


def _columns_of(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def wrapped(text: str, width: int, first: str = "", *, whole: bool = False) -> list[str]:
    """Lines of whole words; the further ones stand below the end of `first`. `whole`: too long ones stay whole too."""
    shown, indent = visible(text), " " * columns(first)
    if columns(shown + first) != len(shown + first):
        return _wrapped_by_columns(shown, width, first, whole=whole)
    return textwrap.wrap(
        shown,
        width,
        initial_indent=first,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=not whole,
    )


def _wrapped_by_columns(text: str, width: int, first: str, *, whole: bool) -> list[str]:
    """As `textwrap.wrap`, which takes each character for one column."""
    lines: list[str] = []
    indent = " " * columns(first)
    for word in text.split():
        for piece in [word] if whole else _pieces(word, max(2, width - len(indent))):
            if lines and columns(lines[-1]) + 1 + columns(piece) <= width:
                lines[-1] += f" {piece}"
            else:
                lines.append((indent if lines else first) + piece)
    return lines


def _pieces(word: str, width: int) -> list[str]:
    """A word in pieces of at most so many columns."""
    pieces = [""]
    for character in word:
        if columns(pieces[-1]) + _columns_of(character) > width:
            pieces.append("")
        pieces[-1] += character
    return pieces


def labelled(text: str, width: int, *, whole: bool = False) -> str:
    """Each line of a list in lines of whole words; the further ones stand below what its label is followed by."""
    return "\n".join(line for given in text.splitlines() for line in _labelled(given, width, whole=whole))


def _labelled(line: str, width: int, *, whole: bool) -> list[str]:
    found = LABEL.match(line)
    label = found[0] if found else ""
    return wrapped(line[len(label) :], width, label, whole=whole) if columns(line) > width else [line]


def table(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Columns below their names, the first row; where they do not fit, a paragraph for each further row."""
    widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]
    lines = [INDENT.join(map(_padded, row, widths)).rstrip() for row in rows]
    return lines if max(map(columns, lines)) <= width else list(_paragraphs(rows, width))


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - columns(cell))


def _paragraphs(rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    names, *told = rows
    for title, *cells in told:
        yield from wrapped(title, width)
        pairs = [f"{name} {cell}".strip() for name, cell in zip(names[1:], cells, strict=True) if cell]
        yield from wrapped(", ".join(pairs), width, INDENT)
