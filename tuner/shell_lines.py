"""Breaks a long command into lines that a shell joins again: before an option or a pipe, never within quotes."""

from __future__ import annotations

import re
from collections.abc import Iterator

INDENT = 2
"""By how much further lines stand to the right of the first."""


def command_lines(text: str, width: int, first: str = "") -> list[str]:
    """A command in lines of at most `width` characters where it can be, the first of them after `first`."""
    indent = " " * (len(first) + INDENT)
    lines: list[str] = []
    for part in _parts(text):
        if lines and len(lines[-1]) + len(part) + len("  \\") <= width:
            lines[-1] += f" {part}"
        else:
            lines.append((indent if lines else first) + part)
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]


def _parts(text: str) -> Iterator[str]:
    """A command at the blanks before its options and pipes, but for those within quotes."""
    start = 0
    for blank in re.finditer(r" (?=--?[a-z]|\| )", text):
        if not any(text.count(quote, 0, blank.start()) % 2 for quote in "'\""):
            yield text[start : blank.start()]
            start = blank.end()
    yield text[start:]
