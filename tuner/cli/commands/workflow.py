"""`tuner workflow`: sizes for all functions of a state machine under one deadline or one budget."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuner.cli.options import common_options, fraction, stop_on_signals
from tuner.errors import Fault, InputError

if TYPE_CHECKING:
    from tuner.api.workflows import WorkflowResult
    from tuner.aws.api.connection import Connection
    from tuner.workflows.figures import Figures

_TIME = re.compile(r"(?P<number>\d+(\.\d+)?)\s*(?P<unit>ms|s|m|min|h)?")
_UNIT_MS = {"ms": 1.0, "s": 1e3, "m": 60e3, "min": 60e3, "h": 3600e3, None: 1.0}
CONFIRMING_EXECUTIONS = 10


@click.command(
    epilog="""Examples:

\b
  tuner workflow arn:aws:states:eu-west-1:123456789012:stateMachine:checkout --deadline 3s --results tuning
  tuner workflow definition.asl.json --budget-per-million 40 --results tuning --chance "Paid?:Ship=0.9,Refuse=0.1"
  tuner workflow arn:aws:states:… --deadline 3s --tune --confirm --apply --output checkout
  tuner workflow --undo checkout/undo.json"""
)
@click.argument("state_machine", required=False)
@click.option("--deadline", metavar="TIME", help="End-to-end time at most: 800ms, 3s, 5m.")
@click.option(
    "--budget-per-million", metavar="USD", type=float, help="Cost of the functions in a million executions at most."
)
@click.option(
    "--percentile", metavar="P", default="95", help="The deadline is on this percentile, or mean. Default 95."
)
@click.option(
    "--results",
    metavar="DIR",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Results of tuning; may be repeated.",
)
@click.option("--tune", "tune_missing", is_flag=True, help="Tune functions without a result, with recorded payloads.")
@click.option("--redact-payloads", is_flag=True, help="Hide texts in recorded payloads.")
@click.option(
    "--history",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Events of an execution (get-execution-history); may be repeated.",
)
@click.option("--executions", metavar="N", default=20, help="Recent executions to read. Default 20.")
@click.option(
    "--figures", metavar="FILE", type=click.Path(path_type=Path), help="Chances, item counts and times by hand."
)
@click.option("--chance", metavar="STATE:NEXT=P,…", multiple=True, help="How often a state leads where.")
@click.option("--items", metavar="STATE=N", multiple=True, help="Items of a Map.")
@click.option(
    "--failures", metavar="STATE=PERCENT", multiple=True, help="Share of attempts that fail and are tried again."
)
@click.option("--duration", metavar="STATE=TIME", multiple=True, help="Time of a state that invokes no function.")
@click.option("--function", metavar="STATE=NAME", multiple=True, help="Function of a state that names it when it runs.")
@click.option("--nested", metavar="ARN=FILE", multiple=True, help="Definition of a state machine that this one runs.")
@click.option("--confirm", is_flag=True, help="Run it with the chosen sizes on temporary copies.")
@click.option("--apply", "apply_", is_flag=True, help="Give every function its size.")
@click.option("--undo", metavar="FILE", type=click.Path(path_type=Path), help="Take an --apply back.")
@click.option(
    "--output", metavar="DIR", type=click.Path(path_type=Path), help="For workflow.json, report.html and undo.json."
)
@click.option(
    "--format", "format_", type=click.Choice(["text", "json", "markdown"]), default="text", help="What stdout carries."
)
@click.option("--region", metavar="NAME", help="AWS region.")
@click.option("--profile", metavar="NAME", help="AWS profile.")
@click.option("--role-arn", metavar="ARN", help="Role to assume, such as one in another account.")
@click.option("--endpoint-url", metavar="URL", help="Endpoint of all AWS services.")
@click.option("--seed", metavar="N", default=0, help="Source of every random choice. Default 0.")
@common_options
def command(state_machine: str | None, **options: Any) -> int:
    """Choose the sizes of all functions of STATE_MACHINE, an ARN or a file with its definition.

    Gives the cheapest sizes that keep a deadline, or the fastest that a budget pays for.
    """
    from tuner.aws.api.connection import Connection

    connection = Connection(options["region"], options["profile"], options["role_arn"], options["endpoint_url"])
    if options["undo"]:
        return _undo(options["undo"], connection)
    if state_machine is None:
        raise InputError.single("STATE_MACHINE", "is missing", "give an ARN, or a file with a definition")
    result = _tuned(state_machine, connection, options)
    forms = {"text": result.to_text, "json": result.to_json, "markdown": result.to_markdown}
    click.echo(forms[options["format_"]](), nl=False)
    if result.undo is not None:
        click.echo(_applied(result, options), err=True)
    return 0


def _tuned(state_machine: str, connection: Connection, options: Mapping[str, Any]) -> WorkflowResult:
    from tuner.api.workflows import tune_workflow

    faults: list[Fault] = []
    deadline_ms = _time(options["deadline"], "--deadline", faults) if options["deadline"] else None
    percentile = _percentile(options["percentile"], faults)
    figures = _figures(options, faults)
    nested = {key: Path(value) for key, value in _pairs(options["nested"], "--nested", faults).items()}
    if (deadline_ms is None) == (options["budget_per_million"] is None) and not faults:
        faults.append(Fault("--deadline", "give either it or --budget-per-million", "for example --deadline 3s"))
    if faults:
        raise InputError(faults)
    with stop_on_signals() as stop:
        return tune_workflow(
            state_machine,
            deadline_ms=deadline_ms,
            budget_per_million=options["budget_per_million"],
            percentile=percentile,
            results=options["results"],
            histories=options["history"],
            figures=figures,
            nested=nested,
            executions=options["executions"],
            tune_missing=options["tune_missing"],
            redact=options["redact_payloads"],
            confirm=CONFIRMING_EXECUTIONS if options["confirm"] else 0,
            apply=options["apply_"],
            output=options["output"],
            connection=connection,
            stop=stop,
            seed=options["seed"],
        )


def _figures(options: Mapping[str, Any], faults: list[Fault]) -> Figures:
    """Figures by a file and by flags; flags win.

    Raises:
        InputError: one of them makes no sense.
    """
    from tuner.api.workflows import read_figures_file
    from tuner.workflows.figures import Figures, read_figures

    document = {
        "chances": {state: _pairs(ways.split(","), "--chance", faults) for state, ways in _chances(options, faults)},
        "items": _pairs(options["items"], "--items", faults),
        "failures": {s: fraction(v) for s, v in _pairs(options["failures"], "--failures", faults).items()},
        "durations_ms": {
            s: _time(v, "--duration", faults) for s, v in _pairs(options["duration"], "--duration", faults).items()
        },
        "functions": _pairs(options["function"], "--function", faults),
    }
    if faults:
        return Figures()
    known = read_figures_file(options["figures"]) if options["figures"] else Figures()
    return known.overridden_by(read_figures(document, name="flags"))


def _chances(options: Mapping[str, Any], faults: list[Fault]) -> Sequence[tuple[str, str]]:
    found = []
    for text in options["chance"]:
        state, separator, ways = text.rpartition(":")
        if not separator:
            faults.append(Fault("--chance", f"{text!r} names no state", 'write it as "State:Next=0.7,Other=0.3"'))
        found.append((state, ways))
    return found


def _pairs(texts: Sequence[str], flag: str, faults: list[Fault]) -> dict[str, str]:
    found = {}
    for text in texts:
        key, separator, value = text.rpartition("=")
        if not separator:
            faults.append(Fault(flag, f"{text!r} has no =", f'write it as {flag} "NAME=VALUE"'))
        found[key.strip()] = value.strip()
    return found


def _time(text: str, flag: str, faults: list[Fault]) -> float:
    found = _TIME.fullmatch(text.strip())
    if found is None:
        faults.append(Fault(flag, f"{text!r} is no time", "for example 800ms, 3s or 5m"))
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


def _undo(file: Path, connection: Connection) -> int:
    from tuner.api.workflows import undo

    for line in undo(file, connection) or ["Nothing to take back."]:
        click.echo(line)
    return 0


def _applied(result: WorkflowResult, options: Mapping[str, Any]) -> str:
    if not result.undo:
        return "Every function had its size already."
    back = (
        f"tuner workflow --undo {options['output']}/undo.json" if options["output"] else "give --output to keep an undo"
    )
    return f"Applied to {', '.join(result.undo)}. To take it back: {back}."
