"""Commands within messages: where one begins, and how a long one breaks into lines that a shell joins again.

A line of a message that begins with `$ ` is a command. Whoever shows the message puts it on lines of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

COMMAND = "$ "
"""What a command begins with, as a line of a message."""
INDENT = 2
"""By how much further lines stand to the right of the first."""


def with_command(text: str, *commands: str) -> str:
    """A sentence of a message, and below it the commands that it leads to."""
    return "\n".join([text, *(f"{COMMAND}{command}" for command in commands)])


def command_lines(text: str, width: int, first: str = "") -> list[str]:
    """A command in lines of at most `width` characters where it can be, the first of them after `first`.

    It breaks before an option or a pipe, where a line is still too long before any word, and never within quotes.
    """
    indent = " " * (len(first) + INDENT)
    room = width - len(indent) - len(" \\")
    parts = (part for long in _parts(text) for part in ([long] if len(long) <= room else _words(long)))
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + len(part) + len("  \\") <= width:
            lines[-1] += f" {part}"
        else:
            lines.append((indent if lines else first) + part)
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]


def _parts(text: str) -> Iterator[str]:
    """A command at the blanks before its options and pipes, but for those within quotes."""
    start = 0
    for blank in _blanks(text):
        if _begins_a_part(text[blank + 1 : blank + 4]):
            yield text[start:blank]
            start = blank + 1
    yield text[start:]


def _words(text: str) -> Iterator[str]:
    """The words of a command, quoted as they are."""
    start = 0
    for blank in _blanks(text):
        yield text[start:blank]
        start = blank + 1
    yield text[start:]


def _blanks(text: str) -> Iterator[int]:
    """Where the blanks between the words of a command are, as a POSIX shell reads it."""
    quote, escaped = "", False
    for place, character in enumerate(text):
        if escaped:
            escaped = False
        elif character == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == " ":
            yield place


def _begins_a_part(rest: str) -> bool:
    """Whether a pipe or an option begins here: a minus or two, and a letter."""
    return rest.startswith("| ") or (rest.startswith("-") and rest.lstrip("-")[:1].isalpha())
