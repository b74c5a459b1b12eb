"""`tuner report`: renders a result as a page, as Markdown, CSV, SVG or plain text."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuner.cli.flags import Topic, aws_flags, option
from tuner.cli.flags import command as declare
from tuner.cli.output import say_exact
from tuner.cli.results import file_faults
from tuner.cli.values import OneOf, ending_fault, terminal_width
from tuner.errors import Fault, InputError, each_of

if TYPE_CHECKING:
    from tuner.api.result import Result
    from tuner.aws.api.connection import Connection
    from tuner.documents.result import ResultDocument

FORMATS = {
    "html": "reports.html",
    "markdown": "reports.markdown",
    "csv": "reports.csv",
    "svg": "reports.charts.picture",
    "text": "reports.terminal",
}
OF_SUFFIX = {".html": "html", ".htm": "html", ".md": "markdown", ".csv": "csv", ".svg": "svg", ".txt": "text"}
"""The form of a report by the ending of its file."""


@declare(
    adds_faults=True,
    epilog="""Examples:

\b
  tuner report tuning/demo/result.json --output report.html
  tuner report result.json --format markdown >> "$GITHUB_STEP_SUMMARY"
  tuner report releases/ --output trend.html
  tuner report tuning/orders tuning/billing --format text""",
)
@click.argument("results", metavar="RESULT…", nargs=-1, required=True)
@option("--format", "format_", group=Topic.OUTPUT, type=OneOf(FORMATS),
        help="Form of the report. [default: that of FILE's ending; else html, and text on a terminal]")  # fmt: skip
@option("--output", group=Topic.OUTPUT, metavar="FILE", help="Write it here. [default: stdout]")
@aws_flags("s3://")
def command(
    results: tuple[str, ...],
    *,
    format_: str | None,
    output: str | None,
    connection: Connection,
    faults: list[Fault],
    **_options: Any,
) -> None:
    """Render RESULT: a result.json, the folder of a run, or an s3:// address.

    Several results, or a folder of them, come together. Those of one function are a trend with its changes, those of
    several functions are overlaid. The page is one file that needs no other and asks nothing of any server.
    """
    from tuner.api.files import write_text

    form = format_ or _form_of(output, faults)
    if faults:
        raise InputError([*faults, *file_faults(results, connection)])
    loaded = each_of(partial(_loaded, address, connection) for address in results)
    found = [result for several in loaded for result in several]
    text = _one(found[0], form, _file(results[0])) if len(found) == 1 else _together(found, form)
    if output is None:
        say_exact(text)
    else:
        write_text(Path(output), text)


def _form_of(output: str | None, faults: list[Fault]) -> str:
    """The form where none is asked for. A fault is added where the ending of the file names none."""
    if fault := ending_fault(output, OF_SUFFIX):
        faults.append(fault)
    if output is None:
        return "text" if sys.stdout.isatty() else "html"
    return OF_SUFFIX.get(Path(output).suffix.lower(), "html")


def _loaded(address: str, connection: Connection) -> Sequence[Result]:
    """The result at an address, or those in a folder."""
    from tuner.api.result_store import load_result, load_trend

    return load_trend(address, connection=connection) or [load_result(address, connection=connection)]


def _file(address: str) -> str:
    """The file that a result at an address is in; empty: it is in none, or in a folder of several."""
    from tuner.documents.result import RESULT_FILE

    return next((str(path) for path in (Path(address), Path(address) / RESULT_FILE) if path.is_file()), "")


def _one(result: Result, format_: str, file: str) -> str:
    """One result in one form; text for the terminal that there is."""
    if format_ == "text":
        return result.to_text(width=terminal_width(), file=file)
    render: Callable[[ResultDocument], str] = import_module(FORMATS[format_]).render
    return render(result.document)


def _together(results: Sequence[Result], format_: str) -> str:
    """Several results in one form.

    Raises:
        InputError: the form holds one result alone.
    """
    from tuner.api.overlaying import overlay

    if format_ == "svg":
        raise InputError.single("--format", "svg shows one result", "use html, markdown, csv or text for several")
    found = overlay(results)
    forms: dict[str, Callable[[], str]] = {
        "html": found.to_html,
        "markdown": found.to_markdown,
        "csv": found.to_csv,
        "text": partial(found.to_text, width=terminal_width()),
    }
    return forms[format_]()
