"""The command line: finds the command, runs it, and turns errors into words and exit codes.

Commands are imported when they are called, so that `tuner --help` stays quick.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

import click

from tuner import __version__
from tuner.errors import TunerError

COMMANDS = {
    "tune": "Tune a function: measure, decide, report.",
    "report": "Render a result as HTML, Markdown, CSV or SVG.",
    "compare": "Compare two results and say what got worse.",
    "duet": "Measure two versions side by side and compare them.",
    "execute": "Start an execution of the state machine and follow it.",
    "apply": "Apply a recommendation to a function.",
    "clean": "Remove what an interrupted run left on a function.",
    "prices": "Show the prices of a region, or refresh them.",
    "schema": "Print the JSON Schema of inputs or results.",
    "simulate": "Tune known curves and print regret and search cost.",
}
EXIT_FAILED = 1
EXIT_INPUT = 2
EXIT_INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group whose commands live in modules of their own, imported on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in the order of the documentation."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import one command."""
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"tuner.cli.commands.{name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tuner")
def cli() -> None:
    """Right-size AWS Lambda functions: memory and architecture, measured and decided.

    \b
    Tune a handler on this machine:   tuner tune app.py:handler --payload '{"n": 1}'
    Tune a function in AWS:           tuner tune my-function --payload @event.json
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the code of the documentation."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 done, 1 the work failed, 2 bad input, 3 a threshold was crossed, 4 not decided under
    `--strict`, 130 interrupted.
    """
    argv = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in argv
    try:
        outcome = cli.main(argv, prog_name="tuner", standalone_mode=False)
    except click.exceptions.Abort:
        return EXIT_INTERRUPTED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except click.ClickException as error:
        error.show()
        return EXIT_INPUT
    except TunerError as error:
        if debug:
            traceback.print_exc()
        show_error(error)
        return error.exit_code
    except BrokenPipeError:
        # The reader of stdout has gone (`tuner … | head`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except Exception as error:  # noqa: BLE001  every defect ends in words and an exit code
        if debug:
            traceback.print_exc()
        click.echo(f"error: {type(error).__name__}: {error}", err=True)
        click.echo("  This is a defect of the tool. Run again with --debug for the traceback.", err=True)
        return EXIT_FAILED
    return outcome if isinstance(outcome, int) else 0


def show_error(error: TunerError) -> None:
    """Print an error and its remedy on stderr."""
    first, *rest = error.message.splitlines() or [type(error).__name__]
    click.echo(f"error: {first}", err=True)
    for line in rest:
        click.echo(f"       {line}", err=True)
    for line in error.hint.splitlines():
        click.echo(f"  {line}", err=True)
