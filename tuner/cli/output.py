"""Writes the lines of commands: text from outside is text, also in a name, an error or a document.

Decides what a terminal gets. Knows nothing of colours and layouts.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import click


def say(text: str, *, nl: bool = True, err: bool = False) -> None:
    """Print lines, with control and direction characters spelt out."""
    # Imported when called: the help goes without it.
    from reports.words.escape import visible_lines

    click.echo(visible_lines(text), nl=nl, err=err)


def say_json(value: Any) -> None:
    """Print a value, or a text that is JSON already, with what does not print as JSON's own escapes."""
    from reports.words.escape import visible_json

    text = value if isinstance(value, str) else json.dumps(value, indent=1)
    click.echo(visible_json(text), nl=not text.endswith("\n"))


def say_exact(text: str) -> None:
    """Print a text that may be piped into a file: there it stays as it is, on a terminal it is made visible."""
    ends_in_the_middle = bool(text) and not text.endswith("\n")
    if sys.stdout.isatty():
        say(text, nl=ends_in_the_middle)
    else:
        click.echo(text, nl=ends_in_the_middle)
