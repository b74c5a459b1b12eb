"""The command line: finds the command, runs it, and turns errors into words and exit codes.

Commands are imported when they are called, so that `tuner --help` stays quick.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import gc
import io
import os
import signal
import sys
import textwrap
import traceback
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import click

from tuner import __version__
from tuner.cli.exit_codes import EXIT_FAILED, EXIT_INPUT, EXIT_INTERRUPTED
from tuner.cli.output import outlive_readers, say, say_under
from tuner.cli.signals import ENDING_SIGNALS, handled_signals
from tuner.errors import Fault, InputError, InterruptedRunError, TunerError, path_fault


@dataclass(frozen=True, slots=True)
class CommandGroup:
    """Commands of one subject.

    Attributes:
        title: above them in the help.
        package: below `tuner.cli.commands`, with one module a command.
        commands: what each does, by its name.
    """

    title: str
    package: str
    commands: Mapping[str, str]


GROUPS = (
    CommandGroup(
        "Measure",
        "measure",
        {
            "tune": "Tune a function: measure, decide, report.",
            "fleet": "Tune many functions at once, with one page at the end.",
            "duet": "Measure two versions side by side and compare them.",
            "workflow": "Size all functions of a state machine together.",
            "execute": "Start an execution of the state machine and follow it.",
            "simulate": "Tune known curves and print regret and search cost.",
        },
    ),
    CommandGroup(
        "Read what logs tell",
        "evidence",
        {
            "advise": "Tell what the logs of a function already show.",
            "watch": "Say which tuned functions became slower since.",
            "concurrency": "Tell how much provisioned concurrency a function needs.",
        },
    ),
    CommandGroup(
        "Show and judge results",
        "results",
        {
            "report": "Render a result as HTML, Markdown, CSV or SVG.",
            "compare": "Compare two results and say what got worse.",
        },
    ),
    CommandGroup(
        "Change functions",
        "changes",
        {
            "apply": "Apply a recommendation to a function.",
            "patch": "Write recommendations back to the files of a project.",
            "clean": "Remove what an interrupted run left on a function.",
        },
    ),
    CommandGroup(
        "Look up and serve",
        "reference",
        {
            "prices": "Show the prices of a region, or refresh them.",
            "schema": "Print the JSON Schema of inputs or results.",
            "mcp": "Serve coding assistants over stdin and stdout.",
        },
    ),
)
PACKAGES = {name: group.package for group in GROUPS for name in group.commands}
COMMANDS = tuple(PACKAGES)
"""Every command, in the order of the help and of the documentation."""
OBJECTS_PER_COLLECTION = 20_000
"""Garbage is looked for less often than by default (700): most of what a command makes, modules above all, stays."""
ERROR = "error: "
"""What an error begins with. Further faults stand below what follows it."""
OPTIONS_ALIKE = 0.7
"""How much alike two options are, by `difflib`, where one may be meant by the other."""
_OUTPUT_ERRORS = {errno.ENOSPC, errno.EBADF, errno.EIO, errno.EFBIG, errno.EDQUOT}
"""What writing to stdout can fail with: the disk is full, it is closed. A reader that has gone is no error."""


class LazyGroup(click.Group):
    """A group whose commands live in modules of their own, imported on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import one command."""
        if name not in PACKAGES:
            return None
        command: click.Command = import_module(f"tuner.cli.commands.{PACKAGES[name]}.{name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; a name that is unknown gets the nearest ones."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, 2) or [n for n in COMMANDS if n.startswith(args[0])]
            told = f" Did you mean {' or '.join(near)}?" if near else f" Known are {', '.join(COMMANDS)}."
            raise click.UsageError(f"No such command: {args[0]}.{told}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by subject without importing them."""
        widest = max(map(len, COMMANDS))
        for group in GROUPS:
            with formatter.section(group.title):
                formatter.write_dl([(name.ljust(widest), line) for name, line in group.commands.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tuner")
def cli() -> None:
    """Right-size AWS Lambda functions: memory and architecture, measured and decided.

    \b
    Local:   tuner tune app.py:handler --payload '{"n": 1}'
    In AWS:  tuner tune my-function --payload @event.json
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the code of the documentation."""
    gc.set_threshold(OBJECTS_PER_COLLECTION)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end_in_order)
    outlive_readers()
    code = run(arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Python would have a Ctrl-C kill a program that is taken down
    if code == EXIT_INTERRUPTED:
        # Threads that still work must not keep the program alive. Python must not end it by a signal, as it does
        # after a Ctrl-C that came while a class was made.
        os._exit(code)
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 done, 1 the work failed, 2 bad input, 3 a threshold was crossed, 4 not decided under
    `--strict`, 130 interrupted.
    """
    argv = list(sys.argv[1:] if arguments is None else arguments)
    _open_missing_streams()
    _accept_any_encoding()
    warnings.showwarning = _show_warning
    code = _run(argv, debug="--debug" in argv)
    return _flushed(code)


def _run(argv: list[str], *, debug: bool) -> int:
    try:
        with handled_signals(_interrupt, (signal.SIGINT, *ENDING_SIGNALS)):
            outcome = cli.main(argv, prog_name="tuner", standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        show_error(InterruptedRunError("Interrupted.", "Run the same command again: what is done stays done."))
        return EXIT_INTERRUPTED
    except click.ClickException as error:
        _show_usage_error(error)
        return EXIT_INPUT
    except TunerError as error:
        if debug:
            traceback.print_exc()
        show_error(error)
        return error.exit_code
    except Exception as error:  # noqa: BLE001  every defect ends in words and an exit code
        if _is_of_output(error):
            return _output_failed(error)
        if refused := path_fault(error) or _folder_fault(error):
            show_error(InputError([refused]))
            return EXIT_INPUT
        if debug:
            traceback.print_exc()
        _print_error(f"{type(error).__name__}: {error}", ERROR)
        _print_error("This is a defect of the tool. Run again with --debug for the traceback.", "  ")
        return EXIT_FAILED
    return outcome if isinstance(outcome, int) else 0


def _folder_fault(error: Exception) -> Fault | None:
    """That the current folder was removed, where that made an error; None: it did not."""
    if isinstance(error, FileNotFoundError):
        try:
            Path.cwd()
        except FileNotFoundError:
            return Fault("the current folder", "was removed", "change into one that is there")
    return None


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _end_in_order(_number: int, _frame: object) -> None:
    """A Ctrl-C when the command is over, and its last words are being said, changes nothing."""


def _show_warning(message: Warning | str, *_where: object, **_more: object) -> None:
    _print_lines(str(message), "warning: ")


def _open_missing_streams() -> None:
    """Let what the caller has closed lead to nowhere, so that no file of a run gets its number."""
    for number, (name, mode) in enumerate({"stdin": "r", "stdout": "w", "stderr": "w"}.items()):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115  open to the end


def _accept_any_encoding() -> None:
    """Write what the encoding of the terminal lacks as escapes, which JSON reads too."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _flushed(code: int) -> int:
    """The exit code after stdout was flushed: a full disk shows itself only then."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError) as error:
        return code or _output_failed(error)
    return code


def _is_of_output(error: Exception) -> bool:
    """Whether stdout or stderr failed: errors of files name the file."""
    return isinstance(error, OSError) and error.filename is None and error.errno in _OUTPUT_ERRORS


def _output_failed(error: Exception) -> int:
    """Say that stdout cannot be written."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    problem = f"cannot write to stdout: {getattr(error, 'strerror', None) or error}"
    show_error(TunerError(problem, "Files that the command writes are complete. Give stdout another place."))
    return EXIT_FAILED


def show_error(error: TunerError) -> None:
    """Print an error and its remedy on stderr."""
    _print_lines(error.message or type(error).__name__, ERROR)
    if error.hint:
        with contextlib.suppress(OSError, ValueError):
            say(textwrap.indent(error.hint, "  "), err=True)


def _show_usage_error(error: click.ClickException) -> None:
    """Print what click found wrong with the arguments, which it quotes, and how the command is used."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):  # the message is the help
        with contextlib.suppress(OSError, ValueError):
            say(error.format_message(), err=True, fit=False)
        return
    context = getattr(error, "ctx", None)
    for line in [*context.get_usage().splitlines(), ""] if context else []:
        _print_error(line)
    _print_lines(_option_meant(error) if isinstance(error, click.NoSuchOption) else error.format_message(), ERROR)


def _option_meant(error: click.NoSuchOption) -> str:
    """That there is no such option, and the nearest ones: those that click finds are often far away."""
    near = difflib.get_close_matches(error.option_name, error.possibilities or (), 2, cutoff=OPTIONS_ALIKE)
    told = f" Did you mean {' or '.join(near)}?" if near else " `--help` lists what there is."
    return f"No such option: {error.option_name}.{told}"


def _print_lines(text: str, first: str) -> None:
    """Print lines on stderr, the first one after `first`, the others below each other."""
    head, *rest = text.splitlines() or [""]
    _print_error(head, first)
    for line in rest:
        _print_error(line, " " * len(first))


def _print_error(line: str, first: str = "") -> None:
    """Print a line on stderr after `first`; nobody can be told when that fails."""
    with contextlib.suppress(OSError, ValueError):
        say_under(first, line)
