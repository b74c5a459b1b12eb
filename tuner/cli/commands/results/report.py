"""`tuner report`: renders a result as a page, as Markdown, CSV, SVG or plain text."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuner.cli.flags import Topic, aws_flags, format_flag, option
from tuner.cli.flags import command as declare
from tuner.cli.output import say_exact

if TYPE_CHECKING:
    from tuner.aws.api.connection import Connection
    from tuner.documents.result import ResultDocument

FORMATS = {
    "html": "reports.html",
    "markdown": "reports.markdown",
    "csv": "reports.csv",
    "svg": "reports.charts.picture",
    "text": "reports.terminal",
}


@declare(
    epilog="""Examples:

\b
  tuner report tuning/demo/result.json --output report.html
  tuner report result.json --format markdown >> "$GITHUB_STEP_SUMMARY" """
)
@click.argument("result")
@format_flag(*FORMATS, default="html", help_="Form of the report.")
@option("--output", group=Topic.OUTPUT, metavar="FILE", help="Write it here. [default: stdout]")
@aws_flags("s3://")
def command(result: str, *, format_: str, output: str | None, connection: Connection, **_options: Any) -> None:
    """Render RESULT: a result.json, the folder of a run, or an s3:// address.

    The page is one file that needs no other and asks nothing of any server.
    """
    from tuner.api.files import write_text
    from tuner.api.result_store import load_result

    render: Callable[[ResultDocument], str] = import_module(FORMATS[format_]).render
    text = render(load_result(result, connection=connection).document)
    if output is None:
        say_exact(text)
    else:
        write_text(Path(output), text)
