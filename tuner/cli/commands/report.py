"""`tuner report`: a result as a page, as Markdown, CSV, SVG or plain text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from tuner.cli.options import common_options, write_text
from tuner.errors import InputError

FORMATS = {
    "html": "reports.html",
    "markdown": "reports.markdown",
    "csv": "reports.csv",
    "svg": "reports.charts.picture",
    "text": "reports.terminal",
}


@click.command(
    epilog="""Examples:

\b
  tuner report tuning/demo/result.json --output report.html
  tuner report result.json --format markdown >> "$GITHUB_STEP_SUMMARY" """
)
@click.argument("result", type=click.Path(dir_okay=True, path_type=Path))
@click.option("--format", "format_", type=click.Choice(list(FORMATS)), default="html", help="Default: html.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Default: stdout.")
@common_options
def command(result: Path, format_: str, output: Path | None, **_options: bool) -> None:
    """Render RESULT, a result.json or the folder that holds one.

    The page is one file that needs no other and asks nothing of any server.
    """
    render: Callable[[Mapping[str, Any]], str] = import_module(FORMATS[format_]).render
    text = render(_read(result))
    if output is None:
        click.echo(text, nl=not text.endswith("\n"))
    else:
        write_text(output, text)


def _read(path: Path) -> Mapping[str, Any]:
    """A result document from a file.

    Raises:
        InputError: it cannot be read, or is no result.
    """
    from tuner.documents.result import loads

    file = path / "result.json" if path.is_dir() else path
    try:
        text = file.read_text("utf-8-sig")
    except OSError as exc:
        raise InputError.single(str(file), f"cannot be read: {exc.strerror}", "give a result.json") from exc
    except UnicodeDecodeError as exc:
        raise InputError.single(str(file), "is not text in UTF-8", "give a result.json") from exc
    return loads(text, name=str(file))
