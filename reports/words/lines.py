"""Text for a terminal of so many columns: sentences and tables of whole words.

A word that is longer than a line stays whole, so that it can be copied. A width is that of a terminal: some characters
take two columns, others none. Knows nothing of what a line says.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Collection, Iterator, Sequence

from reports.words.escape import visible
from reports.words.numbers import UNKNOWN
from tuner.shell_lines import COMMAND, command_lines
from tuner.shell_lines import INDENT as FURTHER

INDENT = "  "
BELOW = "      "
"""What stands before cells below their row."""
UNBOUND = 1_000_000
"""Columns of what is no terminal."""
LABEL = re.compile(r" *(?:\S+(?: [a-z]+)? {2,})?")
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


def wrapped(text: str, width: int, first: str = "", *, whole: bool = True, hanging: int = 0) -> list[str]:
    """Lines of whole words.

    Args:
        text: what to break into lines.
        width: columns.
        first: what the first line begins with. The further lines stand below its end.
        whole: words that are longer than a line stay whole.
        hanging: by how much the further lines stand to the right of that.
    """
    shown, indent = visible(text), " " * (columns(first) + hanging)
    if columns(shown + first) != len(shown + first):
        return _wrapped_by_columns(shown, width, first, indent, whole=whole)
    return textwrap.wrap(
        shown,
        width,
        initial_indent=first,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=not whole,
    )


def _wrapped_by_columns(text: str, width: int, first: str, indent: str, *, whole: bool) -> list[str]:
    """As `textwrap.wrap`, which takes each character for one column."""
    lines: list[str] = []
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


def labelled(text: str, width: int | None, *, whole: bool = True) -> str:
    """Each line of a list in lines of whole words; the further ones stand below what its label is followed by.

    Args:
        text: the lines. Those that begin with `$ ` are commands, which break where a shell joins them again.
        width: columns. None: lines are as long as they are.
        whole: words that are longer than a line stay whole.
    """
    most = UNBOUND if width is None else width
    return "\n".join(line for given in text.splitlines() for line in _labelled(given, most, whole=whole))


def _labelled(line: str, width: int, *, whole: bool) -> list[str]:
    indent, command, text = line.partition(COMMAND)
    if command and not indent.strip():
        return command_lines(text, width, indent + " " * FURTHER)
    found = LABEL.match(line)
    label = found[0] if found else ""
    return wrapped(line[len(label) :], width, label, whole=whole) if columns(line) > width else [line]


def table(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Columns below their names, the first row; where they do not fit, a paragraph for each further row."""
    widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]
    lines = [INDENT.join(map(_padded, row, widths)).rstrip() for row in rows]
    return lines if max(map(columns, lines)) <= width else list(_paragraphs(rows, width))


def wide_table(
    rows: Sequence[Sequence[str]],
    width: int,
    *,
    right: Collection[int] = (),
    plots: Sequence[int] = (),
    below: Sequence[int] = (),
    notes: bool = True,
) -> list[str]:
    """Columns below their names, the first row. Nothing is lost where they do not fit, but for plots.

    Args:
        rows: the names, then the cells of each row. A column without cells is not shown.
        width: columns of the terminal.
        right: columns that stand at the right.
        plots: columns that are left out first: they only draw what others say.
        below: columns whose cells then stand below their row with their name, in this order.
        notes: whether the last column holds notes. Those that are too long stand below their row.
    """
    widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]
    shown = [i for i in range(len(rows[0])) if any(row[i] for row in rows[1:])]
    noted = shown.pop() if notes and shown and shown[-1] == len(rows[0]) - 1 else None
    kept, moved = list(shown), list[int]()
    for column in (*plots, *below):
        if column in kept and sum(widths[i] + len(INDENT) for i in kept) - len(INDENT) > width:
            kept.remove(column)
            moved += [] if column in plots else [column]
    lines: list[str] = []
    for row in rows:
        line = INDENT.join(_padded(row[i], widths[i], at_the_right=i in right) for i in kept)
        told = sorted(moved)
        if noted is not None and columns(line + INDENT + row[noted]) <= width:
            line += INDENT + row[noted]
        elif noted is not None:
            told = [noted, *told]
        pairs = [f"{rows[0][i]} {row[i]}".strip() for i in told if row[i]] if row is not rows[0] else []
        lines += [line.rstrip(), *(wrapped(", ".join(pairs), width, BELOW) if pairs else [])]
    return lines if max(map(columns, lines)) <= width else list(_paragraphs(rows, width))


def _padded(cell: str, width: int, *, at_the_right: bool = False) -> str:
    blanks = " " * (width - columns(cell))
    return blanks + cell if at_the_right else cell + blanks


def _paragraphs(rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    names, *told = rows
    for title, *cells in told:
        yield from wrapped(title, width)
        pairs = [
            f"{name} {cell}".strip() for name, cell in zip(names[1:], cells, strict=True) if cell not in ("", UNKNOWN)
        ]
        yield from wrapped(", ".join(pairs), width, INDENT)
