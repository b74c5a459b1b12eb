"""`tuner workflow`: sizes for all functions of a state machine under one deadline or one budget."""

from __future__ import annotations

import math
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuner.cli.again import GO_ON, RESUMED_ELSEWHERE, at_once_told, has_runs, resuming
from tuner.cli.exit_codes import EXIT_OK
from tuner.cli.flags import REACHING, Topic, aws_flags, format_flag, option, unheeded
from tuner.cli.flags import command as declare
from tuner.cli.output import say, say_json
from tuner.cli.signals import stop_on_signals
from tuner.cli.values import Number, OneOf, WholeNumber, before_last_equals, read_share, terminal_width
from tuner.errors import (
    Fault,
    InputError,
    InterruptedRunError,
    NoSpaceError,
    NotRecordedError,
    or_faults,
)
from tuner.shell_lines import with_command

if TYPE_CHECKING:
    from tuner.api.workflows.result import WorkflowResult
    from tuner.aws.api.connection import Connection
    from tuner.workflows.figures import Figures

_TIME = re.compile(r"(?P<number>\d+(\.\d+)?)\s*(?P<unit>ms|s|m|min|h)?")
_UNIT_MS = {"ms": 1.0, "s": 1e3, "m": 60e3, "min": 60e3, "h": 3600e3}
CONFIRMING_EXECUTIONS = 10
_FLAGS = {
    "chances": "--chance",
    "items": "--items",
    "failures": "--failures",
    "durations_ms": "--duration",
    "functions": "--function",
}
"""The flag that gives each member of the figures."""


@declare(
    adds_faults=True,
    epilog="""Examples:

\b
  tuner workflow arn:aws:states:…:stateMachine:checkout --deadline 3s --results tuning
  tuner workflow definition.asl.json --budget-per-million 40 --results tuning --chance "Paid?:Ship=0.9,Refuse=0.1"
  tuner workflow arn:aws:states:… --deadline 3s --tune --confirm --apply --output checkout
  tuner workflow --undo checkout/undo.json""",
)
@click.argument("state_machine", required=False)
@option("--deadline", group=Topic.COMMON, metavar="TIME", help="End-to-end time at most: 800ms, 3s, 5m.")
@option(
    "--budget-per-million",
    group=Topic.COMMON,
    metavar="USD",
    type=Number(0, min_open=True),
    help="Cost of the functions in a million executions at most.",
)
@option(
    "--percentile",
    group=Topic.COMMON,
    metavar="P",
    default="95",
    help="The bound is on this percentile of the time, or on its mean. [default: 95]",
)
@option("--results", group=Topic.COMMON, metavar="DIR", multiple=True, help="Results of tuning. May be repeated.")
@option(
    "--tune",
    "tune_missing",
    group=Topic.COMMON,
    is_flag=True,
    help="Tune functions that have neither result nor evidence, with the payloads of recorded executions.",
)
@option(
    "--evidence",
    group=Topic.COMMON,
    type=OneOf(["logs", "off"]),
    default="off",
    help="Predict functions that have no result from their logs in AWS; queries cost $0.10 at most. [default: off]",
)
@option(
    "--logs",
    group=Topic.TARGET,
    metavar="FUNCTION=FILE",
    multiple=True,
    key=before_last_equals,
    help="Exported logs of a function that has no result. May be repeated.",
)
@option("--redact-payloads", group=Topic.TARGET, is_flag=True, help="Hide the texts in recorded payloads.")
@option(
    "--history",
    group=Topic.TARGET,
    metavar="FILE",
    multiple=True,
    help="History of an execution, as the AWS CLI prints it. May be repeated.",
)
@option(
    "--executions",
    group=Topic.TARGET,
    metavar="N",
    type=WholeNumber(1, 1000),
    default=20,
    help="Recent executions to read. [default: 20]",
)
@option("--figures", group=Topic.TARGET, metavar="FILE", help="Chances, item counts and times by hand, as JSON.")
@option(
    "--chance",
    group=Topic.TARGET,
    metavar="STATE:NEXT=P,…",
    multiple=True,
    key=lambda text: text.rpartition(":")[0],
    help="How often a state leads where. May be repeated.",
)
@option(
    "--items",
    group=Topic.TARGET,
    metavar="STATE=N",
    multiple=True,
    key=before_last_equals,
    help="Items of a Map. May be repeated.",
)
@option(
    "--failures",
    group=Topic.TARGET,
    metavar="STATE=PERCENT",
    multiple=True,
    key=before_last_equals,
    help="Share of attempts that fail and are tried again. May be repeated.",
)
@option(
    "--duration",
    group=Topic.TARGET,
    metavar="STATE=TIME",
    multiple=True,
    key=before_last_equals,
    help="Time of a state that invokes no function. May be repeated.",
)
@option(
    "--function",
    group=Topic.TARGET,
    metavar="STATE=NAME",
    multiple=True,
    key=before_last_equals,
    help="Function of a state that names it only when it runs. May be repeated.",
)
@option(
    "--nested",
    group=Topic.TARGET,
    metavar="ARN=FILE",
    multiple=True,
    key=before_last_equals,
    help="Definition of a machine that it runs. May be repeated.",
)
@option(
    "--confirm", group=Topic.SAFETY, is_flag=True, help="Run the workflow with the chosen sizes on temporary copies."
)
@option("--apply", "apply_", group=Topic.SAFETY, is_flag=True, help="Give every function its size, or none.")
@option("--force", group=Topic.SAFETY, is_flag=True, help="Apply sizes that rest on results with weak evidence too.")
@option("--undo", group=Topic.SAFETY, metavar="FILE", help="Give the functions the sizes back that --apply replaced.")
@option("--resume", group=Topic.BUDGET, metavar="DIR", help="Go on with the run of --tune in this folder.")
@option(
    "--output",
    group=Topic.OUTPUT,
    metavar="DIR",
    help="Gets workflow.json, report.html and undo.json. [default: tuning/<workflow>, with --tune or --apply]",
)
@option(
    "--seed",
    group=Topic.SEARCH,
    metavar="N",
    type=WholeNumber(min=0),
    default=0,
    help="Source of every random choice. [default: 0]",
)
@format_flag("text", "json", "markdown")
@aws_flags()
def command(state_machine: str | None, *, connection: Connection, faults: list[Fault], **options: Any) -> int:
    """Choose the sizes of all functions of STATE_MACHINE, an ARN or a file with its definition.

    Gives the cheapest sizes that keep a deadline, or the fastest that a budget pays for.
    """
    if options["undo"]:
        kept = {"--undo", "--quiet", "--debug", "--region", *REACHING}
        others = [name for name in _own_options() if name not in kept]
        faults += unheeded(others, "does nothing beside --undo")
        if state_machine is not None:
            faults.append(Fault("STATE_MACHINE", "is named, and --undo knows the functions", "leave it out"))
        if faults:
            raise InputError(faults)
        return _undo(Path(options["undo"]), connection)
    if state_machine is None:
        raise InputError([*faults, Fault("STATE_MACHINE", "is missing", "give an ARN, or a file with a definition")])
    if not options["apply_"]:
        faults += unheeded(["--force"], "does nothing without --apply", "add --apply, or leave it out")
    output = _output(state_machine, options)
    with _going_on(state_machine, output if options["tune_missing"] else None):
        result = _tuned(state_machine, connection, output, options, faults)
    forms: dict[str, Callable[[], str]] = {
        "text": partial(result.to_text, width=terminal_width()),
        "markdown": result.to_markdown,
    }
    if options["format_"] == "json":
        say_json(result.to_json())
    else:
        say(forms[options["format_"]](), nl=False, fit=False)
    if result.undo is not None:
        say(_applied(result, output), err=True)
    return EXIT_OK


def _own_options() -> list[str]:
    """The names of all options of the command."""
    return [parameter.opts[0] for parameter in command.params if isinstance(parameter, click.Option)]


@contextmanager
def _going_on(state_machine: str, folder: Path | None) -> Iterator[None]:
    """Tell the command that goes on, where an error ends a run and what it measured is kept in its folder."""
    try:
        with at_once_told(folder, state_machine if state_machine.startswith("arn:") else ""):
            yield
    except (InterruptedRunError, NotRecordedError, NoSpaceError) as error:
        if folder and has_runs(folder):
            again = with_command(GO_ON, resuming(sys.argv[1:], folder))
            error.hint = "\n".join(filter(None, [error.hint, again]))
        raise


def _tuned(
    state_machine: str,
    connection: Connection,
    output: Path | None,
    options: Mapping[str, Any],
    faults: list[Fault],
) -> WorkflowResult:
    from tuner.api.workflows.files import unreadable
    from tuner.api.workflows.logs import Logs
    from tuner.api.workflows.tuning import tune_workflow
    from tuner.cli.progress.pace import earlier_run_kept

    folders = [Path(folder) for folder in options["results"]]
    faults += () if state_machine.startswith("arn:") else unreadable(Path(state_machine), folders)
    faults += _resume_faults(options)
    deadline_ms, percentile = _bound(options, faults)
    figures = _figures(options, faults)
    files = {key: Path(value) for key, value in _pairs(options["logs"], "--logs", faults).items()}
    nested = {key: Path(value) for key, value in _pairs(options["nested"], "--nested", faults).items()}
    histories = [Path(file) for file in options["history"]]
    for flag, paths in {"--history": histories, "--logs": files.values(), "--nested": nested.values()}.items():
        faults += [
            Fault(flag, f"{path} is not there", "give a file that exists") for path in paths if not path.exists()
        ]
    if faults:
        raise InputError(faults)
    with stop_on_signals() as stop:
        return tune_workflow(
            state_machine,
            deadline_ms=deadline_ms,
            budget_per_million=options["budget_per_million"],
            percentile=percentile,
            results=folders,
            histories=histories,
            figures=figures,
            nested=nested,
            executions=options["executions"],
            logs=Logs(files, options["evidence"] == "logs", lambda line: say(line, err=True)),
            tune_missing=options["tune_missing"],
            redact=options["redact_payloads"],
            confirm=CONFIRMING_EXECUTIONS if options["confirm"] else 0,
            apply=options["apply_"],
            force=options["force"],
            output=output,
            resume=bool(options["resume"]),
            earlier_kept=lambda place: None if options["quiet"] else say(earlier_run_kept(place), err=True),
            connection=connection,
            stop=stop,
            seed=options["seed"],
        )


def _resume_faults(options: Mapping[str, Any]) -> Iterator[Fault]:
    if not options["resume"]:
        return
    if options["output"]:
        yield RESUMED_ELSEWHERE
    if not options["tune_missing"]:
        yield Fault("--resume", "goes on with what --tune began, and there is no --tune", "add --tune")
    if not has_runs(Path(options["resume"])):
        yield Fault("--resume", f"{options['resume']} holds no run of --tune", "give the --output folder of that run")


def _figures(options: Mapping[str, Any], faults: list[Fault]) -> Figures:
    """Figures by a file and by flags; flags win.

    Raises:
        InputError: one of them makes no sense.
    """
    from tuner.api.workflows.files import read_figures_file
    from tuner.workflows.figures import Figures, read_figures

    document = {
        "chances": {state: _pairs(ways.split(","), "--chance", faults) for state, ways in _chances(options, faults)},
        "items": _pairs(options["items"], "--items", faults),
        "failures": {s: _share(v, faults) for s, v in _pairs(options["failures"], "--failures", faults).items()},
        "durations_ms": {
            s: _time(v, "--duration", faults) for s, v in _pairs(options["duration"], "--duration", faults).items()
        },
        "functions": _pairs(options["function"], "--function", faults),
    }
    figures = Figures()
    if options["figures"]:
        figures = or_faults(lambda: read_figures_file(Path(options["figures"])), faults) or figures
    flags = or_faults(lambda: read_figures(document, name="flags", flags=_FLAGS), faults)
    return figures.overridden_by(flags) if flags else figures


def _bound(options: Mapping[str, Any], faults: list[Fault]) -> tuple[float | None, float | None]:
    """Deadline in ms and percentile; what is wrong with them, and with the budget, is added to the faults."""
    from tuner.workflows.plan import Bound

    before = len(faults)
    deadline_ms = _time(options["deadline"], "--deadline", faults) if options["deadline"] else None
    percentile = _percentile(options["percentile"], faults)
    if len(faults) == before:
        or_faults(lambda: Bound(deadline_ms, _usd(options["budget_per_million"]), percentile), faults)
    return deadline_ms, percentile


def _usd(per_million: float | None) -> float | None:
    return None if per_million is None else per_million / 1e6


def _chances(options: Mapping[str, Any], faults: list[Fault]) -> Sequence[tuple[str, str]]:
    found = []
    for text in options["chance"]:
        state, separator, ways = text.rpartition(":")
        if not separator:
            faults.append(Fault("--chance", f"{text!r} names no state", 'write it as "State:Next=0.7,Other=0.3"'))
        else:
            found.append((state, ways))
    return found


def _pairs(texts: Sequence[str], flag: str, faults: list[Fault]) -> dict[str, str]:
    found = {}
    for text in texts:
        key, separator, value = text.rpartition("=")
        if not separator:
            faults.append(Fault(flag, f"{text!r} has no =", f'write it as {flag} "NAME=VALUE"'))
        else:
            found[key.strip()] = value.strip()
    return found


def _share(text: str, faults: list[Fault]) -> float:
    share = read_share("--failures", text, faults, bounds={"minimum": 0, "maximum": 1}, example="2%")
    return 0.0 if math.isnan(share) else share


def _time(text: str, flag: str, faults: list[Fault]) -> float:
    found = _TIME.fullmatch(text.strip())
    if found is None:
        faults.append(Fault(flag, f"{text!r} is no time", "for example 800ms, 3s or 5m"))
        return 0.0
    if found["unit"] is None:
        number = found["number"]
        remedy = f"write {number}s for seconds, {number}ms for milliseconds"
        faults.append(Fault(flag, f"{text!r} has no unit", remedy))
        return 0.0
    return float(found["number"]) * _UNIT_MS[found["unit"]]


def _percentile(text: str, faults: list[Fault]) -> float | None:
    if text == "mean":
        return None
    try:
        return float(text.removeprefix("p"))
    except ValueError:
        faults.append(Fault("--percentile", f"{text!r} is no percentile", "for example 95, or mean"))
        return None


def _output(state_machine: str, options: Mapping[str, Any]) -> Path | None:
    """The folder for what is written: what is tuned or applied always leaves something."""
    if given := options["resume"] or options["output"]:
        return Path(given)
    name = re.split(r"[:/]", state_machine)[-1].partition(".")[0] or "workflow"
    return Path("tuning") / name if options["tune_missing"] or options["apply_"] else None


def _undo(file: Path, connection: Connection) -> int:
    from tuner.api.workflows.tuning import undo

    for line in undo(file, connection) or ["Nothing to take back."]:
        say(line)
    return EXIT_OK


def _applied(result: WorkflowResult, output: Path | None) -> str:
    if not result.undo:
        return "Every function had its size already."
    undo_file = shlex.quote(f"{output}/undo.json")
    told = f"Applied to {', '.join(result.undo)}. To take it back:"
    return with_command(told, f"tuner workflow --undo {undo_file}")
