"""Writes the lines of commands: text from outside is text, also in a name, an error or a document.

Decides what a terminal gets. Knows nothing of colours and layouts.
"""

from __future__ import annotations

import io
import json
import os
import sys
from typing import Any, TextIO

import click

TERMINAL_WIDTH = 80
"""Columns of a terminal that does not tell them."""


class _Outliving(io.FileIO):
    """What stdout leads to. What is written after its reader has gone is dropped, and is no error."""

    dropped: type[OSError] = BrokenPipeError
    """Why what is written may be dropped."""

    def write(self, content: Any) -> int:
        """Write bytes; how many of them."""
        try:
            return super().write(content)
        except self.dropped:
            return memoryview(content).nbytes


class _OutlivingErrors(_Outliving):
    """What stderr leads to. Nobody can be told that it cannot be written, and the exit code is that of the work."""

    dropped = OSError


def outlive_readers() -> None:
    """Let a command do its work, and end with its exit code, also where nobody reads it any more (`tuner … | head`)."""
    for name, kind in (("stdout", _Outliving), ("stderr", _OutlivingErrors)):
        stream = getattr(sys, name)
        if type(stream) is io.TextIOWrapper:
            raw: Any = kind(stream.fileno(), "wb", closefd=False)
            opened = io.TextIOWrapper(
                raw if stream.write_through else io.BufferedWriter(raw),
                stream.encoding,
                stream.errors,
                line_buffering=stream.line_buffering,
                write_through=stream.write_through,
            )
            setattr(sys, name, opened)


def width_of(stream: TextIO) -> int | None:
    """Columns of what a stream leads to: those of COLUMNS, else of the terminal; None: no terminal, lines are long."""
    asked = os.environ.get("COLUMNS", "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    return (os.get_terminal_size(stream.fileno()).columns or TERMINAL_WIDTH) if stream.isatty() else None


def say(text: str, *, nl: bool = True, err: bool = False, fit: bool = True) -> None:
    """Print lines, with control and direction characters spelt out. `fit`: a terminal shows lines of whole words."""
    # Imported when called: the help goes without it.
    from reports.words.escape import visible_lines

    shown = visible_lines(text)
    click.echo(fitted(shown, err=err) if fit else shown, nl=nl, err=err)


def say_under(first: str, line: str) -> None:
    """Print a line of a message on stderr after `first`; on a terminal its further lines are set in by two columns."""
    from reports.words.escape import visible
    from reports.words.lines import wrapped

    width = width_of(sys.stderr)
    lines = [first + visible(line)] if width is None else wrapped(line, width, first, hanging=2)
    click.echo("\n".join(lines or [first]), err=True)


def fitted(text: str, *, err: bool) -> str:
    """Lines of whole words where a terminal shows them, and commands on lines of their own.

    A word that is longer than a line stays whole, to be copied.
    """
    width = width_of(sys.stderr if err else sys.stdout)
    from reports.words.lines import labelled

    end = "\n" if text.endswith("\n") else ""
    return labelled(text, width) + end


def say_json(value: Any) -> None:
    """Print a value, or a text that is JSON already, with what does not print as JSON's own escapes."""
    from reports.words.escape import visible_json

    text = value if isinstance(value, str) else json.dumps(value, indent=1)
    click.echo(visible_json(text), nl=not text.endswith("\n"))


def say_exact(text: str) -> None:
    """Print a text that may be piped into a file: there it stays as it is, on a terminal it is made visible."""
    ends_in_the_middle = bool(text) and not text.endswith("\n")
    if sys.stdout.isatty():
        say(text, nl=ends_in_the_middle, fit=False)
    else:
        click.echo(text, nl=ends_in_the_middle)
