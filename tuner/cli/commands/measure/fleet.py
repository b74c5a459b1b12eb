"""`tuner fleet`: tunes many functions of AWS from this machine, with one progress view and one page."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuner.cli.again import GO_ON, RESUMED_ELSEWHERE, at_once_told, has_runs, resuming
from tuner.cli.exit_codes import EXIT_FAILED, EXIT_OK
from tuner.cli.flags import Topic, aws_flags, format_flag, option, settings_flags, unheeded
from tuner.cli.flags import command as declare
from tuner.cli.output import say, say_json
from tuner.cli.signals import stop_on_signals
from tuner.cli.values import WholeNumber, terminal_width, unique_time
from tuner.errors import Fault, InputError, InterruptedRunError, NotRecordedError, or_faults
from tuner.model import SamplerName, StrategyName
from tuner.shell_lines import with_command

if TYPE_CHECKING:
    from tuner.aws.api.connection import Connection
    from tuner.settings import Settings

AT_ONCE = 4
LISTS = (".csv", ".json")
ANY_FUNCTION = {"lambdaARN": "function"}
"""Stands for functions that are not known yet, so that the faults of flags are."""
FLAGS = (
    "--payload", "--power-values", "--arch", "--strategy", "--balanced-weight", "--max-p95-ms", "--max-error-rate",
    "--min-memory", "--sampler", "--runs", "--environments", "--concurrency", "--tolerance", "--max-invocations",
    "--max-usd", "--max-seconds", "--invocations-per-month", "--discount", "--seed", "--isolation",
    "--disable-payload-logs",
)  # fmt: skip


@declare(
    adds_faults=True,
    epilog="""Examples:

\b
  tuner fleet functions.csv --strategy balanced
  tuner fleet orders billing --payload @event.json --max-usd 0.20
  tuner fleet --tag team=shop --at-once 8
  tuner fleet --from template.yaml --output tuning/shop
  tuner fleet --from template.yaml --resume tuning/shop""",
)
@click.argument("functions", metavar="LIST | FUNCTION…", nargs=-1)
@option("--tag", group=Topic.COMMON, metavar="KEY=VALUE", help="All functions of the region with this tag.")
@option("--stack", group=Topic.COMMON, metavar="NAME", help="All functions of a CloudFormation stack.")
@option("--from", "project", group=Topic.COMMON, metavar="PATH",
        help="Functions in AWS that a template, a serverless.yml or .tf files define.")  # fmt: skip
@option("--at-once", group=Topic.COMMON, metavar="N", type=WholeNumber(min=1), default=AT_ONCE, show_default=True,
        help="Functions at once. Half of the account's free concurrency bounds it.")  # fmt: skip
@settings_flags(*FLAGS, max_usd="Stop each function before its runs cost more.")
@option("--resume", group=Topic.BUDGET, metavar="DIR", help="Go on with the fleet in this folder.")
@aws_flags()
@option("--output", group=Topic.OUTPUT, metavar="DIR", help="[default: tuning/fleet-<UTC time>]")
@option("--open", "open_", group=Topic.OUTPUT, is_flag=True, help="Open the page in a browser.")
@format_flag("text", "json")
def command(functions: tuple[str, ...], *, connection: Connection, faults: list[Fault], **options: Any) -> int:
    """Tune many functions in AWS at once: those of LIST, by name, by tag, of a stack, or of a project's files.

    LIST is a .csv or .json file of inputs, as the stack's fleet takes it. Flags win over its fields.

    Leaves a folder a function, and summary.json and summary.html, in the output folder. The exit code is 1 when a
    function could not be tuned.
    """
    from tuner.api.fleets.tuning import PAGE_FILE, Fleet, account_concurrency, bounded, tune_fleet
    from tuner.api.tuning import tune
    from tuner.cli.progress.fleet import FleetProgress

    listed = _listed(functions, faults)
    faults += _choice_faults(functions, options)
    known = listed or [{"lambdaARN": name} for name in functions if not _is_list(functions)] or [ANY_FUNCTION]
    members = or_faults(lambda: _settings(known, options, connection), faults) or []
    if members and not any(one.objective.strategy is StrategyName.BALANCED for one in members):
        faults += unheeded(["--balanced-weight"], "counts with --strategy balanced alone", "add that, or leave it out")
    if members and not any(one.sampler is SamplerName.GRID for one in members):
        faults += unheeded(["--runs"], "is of the grid, and the sampler is adaptive", "use --sampler grid")
    if faults:
        raise InputError(dict.fromkeys(faults))
    documents, left_out = (listed, ()) if listed else _found(functions, options, connection)
    members = _settings(documents, options, connection)
    folder = Path(options["resume"] or options["output"] or f"tuning/fleet-{unique_time(datetime.now(UTC))}")
    fleet = Fleet(members, folder, connection, options["at_once"])
    at_once = bounded(fleet, account_concurrency(connection))
    if not options["quiet"]:
        say("\n".join([*left_out, *_bound(at_once, fleet.at_once, len(members))]), err=True)
    with stop_on_signals() as stop, FleetProgress(len(members), quiet=options["quiet"]) as progress:
        try:
            with at_once_told(folder, *(settings.target for settings in members)):
                summary = tune_fleet(fleet, at_once=at_once, tune=tune, watcher=progress, stop=stop)
        except (InterruptedRunError, NotRecordedError) as error:
            hide = any(settings.disable_payload_logs for settings in members)
            again = with_command(GO_ON, resuming(sys.argv[1:], folder, hide=hide))
            error.hint = "\n".join(filter(None, [error.hint, again]))
            raise
    page = folder / PAGE_FILE
    if options["format_"] == "json":
        say_json(summary)
    else:
        from reports.fleet import render_text

        say(render_text(summary, page=str(page), width=terminal_width()), fit=False)
    if options["open_"]:
        click.launch(str(page))
    return EXIT_FAILED if summary["failed"] or left_out else EXIT_OK


def _is_list(functions: Sequence[str]) -> bool:
    return len(functions) == 1 and functions[0].endswith(LISTS)


def _choice_faults(functions: Sequence[str], options: Mapping[str, Any]) -> list[Fault]:
    """Faults of what says which functions are tuned, and where, as far as AWS need not be asked."""
    from tuner.projects.discovery import read_functions

    faults = []
    others = {"--tag": options["tag"], "--stack": options["stack"], "--from": options["project"]}
    given = [flag for flag, value in others.items() if value]
    if options["tag"] and "=" not in options["tag"]:
        faults.append(Fault("--tag", f"{options['tag']} has no value", "for example team=shop"))
    if _is_list(functions):
        faults += [Fault(flag, "does not go with a list of functions", "leave out one of them") for flag in given]
    if not functions and not given:
        faults.append(Fault("LIST", "no function is named", "give a list, names or a tag"))
    if options["project"]:
        or_faults(partial(read_functions, Path(options["project"])), faults)
    if options["resume"] and options["output"]:
        faults.append(RESUMED_ELSEWHERE)
    if options["resume"] and not has_runs(Path(options["resume"])):
        faults.append(Fault("--resume", f"{options['resume']} holds no run of a fleet", "give the folder of that run"))
    return faults


def _found(
    functions: Sequence[str], options: Mapping[str, Any], connection: Connection
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """The input of each function that is named, by whatever way, and why others are left out."""
    from tuner.api.fleets.selection import functions_of_project, selected_functions
    from tuner.evidence.known_function import Selection

    project, tag = options["project"], options["tag"]
    of_project, left_out = functions_of_project(Path(project), connection) if project else ((), ())
    key, _, value = (tag or "").partition("=")
    selection = Selection((*functions, *of_project), (key, value) if tag else None, options["stack"])
    found = selected_functions(selection, connection) if selection else []
    if not found:
        raise InputError.single("LIST", " ".join(["no function is named.", *left_out]), "give a list, names or a tag")
    return [{"lambdaARN": arn} for arn in found], left_out


def _listed(functions: Sequence[str], faults: list[Fault]) -> list[dict[str, Any]]:
    """The inputs of a list; none where there is none, or it has faults, which are added."""
    return (or_faults(partial(_read_list, Path(functions[0])), faults) or []) if _is_list(functions) else []


def _read_list(path: Path) -> list[dict[str, Any]]:
    from tuner.api.files import read_text
    from tuner.documents.fleet_list import read_fleet_list

    try:
        text = read_text(path)
    except OSError as exc:
        raise InputError.single("LIST", f"{path} cannot be read: {exc.strerror}", "give a .csv or .json file") from exc
    except ValueError as exc:
        raise InputError.single("LIST", f"{path} cannot be read: {exc}", "export it as UTF-8") from exc
    return read_fleet_list(text, {}, in_csv=path.suffix == ".csv")


def _settings(
    documents: Sequence[Mapping[str, Any]], options: Mapping[str, Any], connection: Connection
) -> list[Settings]:
    """The settings of every function, with all faults at once."""
    from tuner.cli.request import member_settings

    faults: list[Fault] = []
    found = []
    for document in documents:
        try:
            found.append(member_settings(document, options, connection))
        except InputError as error:
            faults += error.faults
    if faults:
        raise InputError(dict.fromkeys(faults))
    return found


def _bound(at_once: int, wanted: int, functions: int) -> list[str]:
    if at_once == min(wanted, functions):
        return []
    return [f"{at_once} functions at once instead of {wanted}: half of the account's free concurrency."]
