"""`tuner tune`: measures a function, decides, and leaves the result and the report."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuner.cli.again import GO_ON, RESUMED_ELSEWHERE, at_once_told
from tuner.cli.exit_codes import EXIT_NOT_DECIDED, EXIT_OK, EXIT_THRESHOLD
from tuner.cli.flags import Topic, aws_flags, format_flag, option, settings_flags, unheeded
from tuner.cli.flags import command as declare
from tuner.cli.output import say, say_json
from tuner.cli.signals import stop_on_signals
from tuner.cli.values import OneOf, as_share, before_equals, terminal_width, unique_time
from tuner.errors import (
    Fault,
    InputError,
    InterruptedAtOnceError,
    InterruptedRunError,
    NotRecordedError,
    TunerError,
    or_faults,
)
from tuner.model import StopReason
from tuner.question import raised_budget
from tuner.redaction import HIDDEN
from tuner.shell_lines import with_command

if TYPE_CHECKING:
    from tuner.api.result import Result
    from tuner.aws.api.connection import Connection
    from tuner.cli.request import TuneRequest

NOT_REPEATED = ("words", "resume", "output")
"""Parameters that the command which goes on with a run does not take from the first one."""
LONGEST_SHOWN = 500
"""Characters of a payload that a suggested command repeats."""


@declare(
    adds_faults=True,
    epilog="""Examples:

\b
  tuner tune examples/functions/cpu_bound/app.py:handler --payload '{"n": 200000}'
  tuner tune src:orders.create.handler --python .venv --env-file dev.env
  tuner tune ./build --handler create
  tuner tune --handler com.acme.Orders::handle -- java -cp app.jar com.acme.Main
  tuner tune --from template.yaml --event Orders=events/order.json
  tuner tune my-function --payload @event.json --arch both --strategy balanced
  tuner tune my-function --input power-tuning-input.json --dry-run""",
)
@click.argument("words", metavar="TARGET | -- COMMAND…", nargs=-1)
@settings_flags()
@option("--env-file", group=Topic.LOCAL, metavar="FILE", help="File with KEY=VALUE lines. --env wins.")
@option(
    "--input",
    "input_file",
    group=Topic.TARGET,
    metavar="FILE",
    help="Input of an execution: Power Tuning's fields or ours. Flags win.",
)
@option(
    "--from",
    "template",
    group=Topic.LOCAL,
    metavar="FILE",
    help="Tune every function of a template, a serverless.yml, or a folder of Terraform files.",
)
@option(
    "--event",
    group=Topic.LOCAL,
    metavar="NAME=FILE",
    multiple=True,
    key=before_equals,
    help="With --from: payload of a function. May be repeated.",
)
@option("--resume", group=Topic.BUDGET, metavar="DIR", help="Go on with the run in this folder.")
@option(
    "--evidence",
    group=Topic.SEARCH,
    type=OneOf(["logs", "off"]),
    default="logs",
    show_default=True,
    help="Begin with runs that the log of the function knows, where it may be read. They cost nothing.",
)
@option(
    "--dry-run",
    group=Topic.SAFETY,
    is_flag=True,
    help="Print the plan and its cost at most. Change and invoke nothing.",
)
@option("--apply", "apply_", group=Topic.SAFETY, is_flag=True, help="Apply the recommendation after the run.")
@option(
    "--force",
    group=Topic.SAFETY,
    is_flag=True,
    help="With --apply: apply on weak evidence too.",
)
@option(
    "--alias",
    group=Topic.SAFETY,
    metavar="NAME",
    help="Apply it through this alias, which then points to a new version. Needs no --apply.",
)
@option(
    "--fail-above",
    group=Topic.SAFETY,
    metavar="PERCENT",
    help="Exit 3 when the configuration in use is worse than the best by more than this.",
)
@option("--strict", group=Topic.SAFETY, is_flag=True, help="Exit 4 when --fail-above is not decided.")
@aws_flags()
@option("--output", group=Topic.OUTPUT, metavar="DIR", help="[default: tuning/<function>-<UTC time>]")
@option("--open", "open_", group=Topic.OUTPUT, is_flag=True, help="Open the report in a browser.")
@format_flag("text", "json")
def command(words: tuple[str, ...], *, connection: Connection, faults: list[Fault], **options: Any) -> int:
    """Tune TARGET: a function in AWS by its name or ARN, or one on this machine.

    On this machine it is FILE:HANDLER, ROOT:package.module.handler, a folder with an executable bootstrap, or a COMMAND
    after -- that speaks Lambda's Runtime API.

    Leaves samples.jsonl, result.json and report.html in the output folder.
    """
    from tuner.api.tuning import plan
    from tuner.cli.request import faults_named, handler_meant, read_request

    options |= asdict(connection)  # the command that goes on repeats them
    if bool(words) == bool(options["template"]):
        raise click.UsageError("Give either TARGET or --from FILE.")
    if options["event"] and not options["template"]:
        faults.append(Fault("--event", "is of a project, and there is no --from", "use --payload"))
    if options["template"]:
        return _tune_project(connection, options, faults)
    target = words[0] if len(words) == 1 else f"-- {shlex.join(words)}"
    with stop_on_signals() as stop, handler_meant(target):
        request = read_request(target, options, connection, faults)
        if stop.is_set():
            raise InterruptedRunError("Interrupted before anything was measured.")
        with faults_named(request.names):
            if options["dry_run"]:
                _show_plan(plan(request.settings, connection=connection))
                return EXIT_OK
            folder = Path(options["resume"] or options["output"] or _default_folder(target))
            again = _again(options, folder, target=request.settings.target, hide=request.settings.disable_payload_logs)
            with _going_on(again):
                result = _tune(request, connection, options, folder, stop)
            return _conclude(result, request, connection, options, folder)


def _show_plan(text: str) -> None:
    """Print a plan in lines of whole words."""
    from reports.words.lines import labelled

    say(labelled(text, terminal_width()))


def _tune_project(connection: Connection, options: Mapping[str, Any], faults: list[Fault]) -> int:
    """Tune every function of a template that can run here."""
    from tuner.api.tuning import plan
    from tuner.cli.project import events_of, programs_of_none, tune_project
    from tuner.cli.request import project_faults, read_request
    from tuner.local.project import read_project

    if options["format_"] == "json":
        problem, remedy = "--from prints a summary, not a result", "leave it out: the folder of each has a result.json"
        faults.append(Fault("--format", problem, remedy))
    if options["open_"]:
        faults.append(Fault("--open", "each function of --from has a report", "leave it out: the summary names them"))
    faults += unheeded(["--root", "--handler"], "is of one target, and --from names its own")
    faults += project_faults({**options, "resume": None, "format_": "text"}, connection)
    functions = or_faults(partial(read_project, Path(options["template"])), faults)
    if functions is not None:
        or_faults(partial(events_of, options["event"], functions), faults)
        faults += unheeded(programs_of_none(functions, options), "runs a runtime that no function of --from has")
    if options["resume"] and options["output"]:
        faults.append(RESUMED_ELSEWHERE)
    if faults:
        raise InputError(faults)
    template = Path(options["template"])
    folder = Path(options["resume"] or options["output"] or _default_folder(str(template.resolve())))
    hidden = [options["disable_payload_logs"]]  # and what an input file says of it

    def read(target: str, given: Mapping[str, Any]) -> TuneRequest:
        request = read_request(target, given, connection)
        hidden.append(request.settings.disable_payload_logs)
        return request

    with stop_on_signals() as stop:
        return tune_project(
            template,
            options,
            read=read,
            tune=lambda request, given, place, title: _tune(request, connection, given, place, stop, title=title),
            show_plan=lambda request: plan(request.settings, connection=connection),
            go_on=lambda: with_command(GO_ON, _again(options, folder, hide=any(hidden))),
            folder=folder,
            stop=stop,
        )


@contextmanager
def _going_on(again: str) -> Iterator[None]:
    """Tell the command that goes on with a run, where an error ended it after its first run."""
    try:
        yield
    except TunerError as error:
        cut_short = error.result is not None and error.result.stopped_by is StopReason.INTERRUPTED
        if cut_short or isinstance(error, (InterruptedAtOnceError, NotRecordedError)):
            error.hint = "\n".join(filter(None, [error.hint, with_command(GO_ON, again)]))
        raise


def _tune(
    request: TuneRequest,
    connection: Connection,
    options: Mapping[str, Any],
    folder: Path,
    stop: Any,
    *,
    title: str = "",
) -> Result:
    """Tune with progress."""
    from tuner.api.tuning import tune
    from tuner.cli.progress.tuning import Progress
    from tuner.local.worker.runtimes import names_a_handler

    target = request.settings.target
    in_aws = [] if names_a_handler(target) else [target]
    with at_once_told(folder, *in_aws), Progress(quiet=options["quiet"], title=title) as progress:
        return tune(
            request.settings,
            output=folder,
            resume=bool(options["resume"]),
            evidence=options["evidence"],
            connection=connection,
            stop=stop,
            observers=[progress],
        )


def _conclude(
    result: Result, request: TuneRequest, connection: Connection, options: Mapping[str, Any], folder: Path
) -> int:
    """Print the answer, apply it when asked, and choose the exit code."""
    if options["format_"] == "json":
        say_json(result.to_json())
    else:
        file = str(folder / "result.json")
        more = _with_more(options, result)
        again = _again(more, folder, target=request.settings.target, hide=request.settings.disable_payload_logs)
        payload = _payload(options, hide=request.settings.disable_payload_logs)
        say(result.to_text(width=terminal_width(), file=file, go_on=again, payload=payload), fit=False)
        say(f"\nResult  {file}\nReport  {folder / 'report.html'}")
    if options["open_"]:
        click.launch(str(folder / "report.html"))
    settings = request.settings
    alias, force = options["alias"] or settings.auto_optimize_alias, options["force"] or settings.auto_optimize_force
    if options["apply_"] or options["alias"] or settings.auto_optimize:
        from tuner.aws.changes.apply import apply_recommendation

        say(apply_recommendation(result.document, connection, alias=alias, force=force), err=True)
    return _drift(result, options)


def _drift(result: Result, options: Mapping[str, Any]) -> int:
    """Say whether the configuration in use is still good enough, where that is asked for."""
    if options["fail_above"] is None:
        return EXIT_OK
    from tuner.comparison.size_in_use import excess_over_best

    found = excess_over_best(result.document, float(as_share(options["fail_above"])))
    say(found.message, err=True)
    if found.crossed:
        return EXIT_THRESHOLD
    return EXIT_NOT_DECIDED if options["strict"] and not found.decided else EXIT_OK


def _again(options: Mapping[str, Any], folder: Path, *, target: str = "", hide: bool) -> str:
    """The command that goes on with this run: what was given, with --resume in the place of --output.

    A payload that must not be shown, or is too long for a line, is left to be filled in.

    Args:
        options: what was given.
        folder: of the run.
        target: what is tuned; empty: the functions of --from.
        hide: whether the payload must not be shown.
    """
    command_line = shlex.split(target) if target.startswith("-- ") else []
    words = ["tuner", "tune", *([] if command_line or not target else [target])]
    for parameter in command.params:
        value = options.get(parameter.name or "")
        if parameter.name in NOT_REPEATED or value in (None, False, (), parameter.default):
            continue
        name = parameter.opts[0]
        value = _payload(options, hide=hide) or HIDDEN if name == "--payload" else value
        for each in value if isinstance(value, tuple) else (value,):
            shown = f"{str(each).partition('=')[0]}={HIDDEN}" if name == "--env" else str(each)
            words.extend([name] if each is True else [name, shown])
    return shlex.join([*words, "--resume", str(folder), *command_line])


def _with_more(options: Mapping[str, Any], result: Result) -> Mapping[str, Any]:
    """The options with more of the budget that ended the run, wherever it was given: the same would end it at once."""
    raised = raised_budget(result.document)
    return {**options, result.stopped_by.value: raised.value} if raised else options


def _payload(options: Mapping[str, Any], *, hide: bool) -> str:
    """The payload as it was given; empty where it must not be shown, is too long for a line, or was not given."""
    given = str(options["payload"] or "")
    return "" if not given.startswith("@") and (hide or len(given) > LONGEST_SHOWN) else given


def _default_folder(target: str) -> str:
    words = shlex.split(target) if target.startswith("-- ") else ["", target]
    name = target.partition("function:")[2] or Path(words[1]).name
    safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in name)
    return f"tuning/{safe}-{unique_time(datetime.now(UTC))}"
