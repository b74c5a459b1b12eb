"""`tuner advise`: prints what logs and metrics already tell of functions. Invokes nothing and changes nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuner.cli.flags import (
    REACHING,
    Topic,
    as_flags,
    aws_flags,
    converted,
    format_flag,
    option,
    settings_flags,
    unheeded,
)
from tuner.cli.flags import command as declare
from tuner.cli.output import say, say_exact, say_json
from tuner.cli.values import NUMBER, Number, OneOf, read_share, terminal_width
from tuner.errors import Fault, InputError, TunerError, or_faults

if TYPE_CHECKING:
    from tuner.api.advising import Terms
    from tuner.aws.api.connection import Connection
    from tuner.evidence.advice import Advice
    from tuner.evidence.known_function import Selection

DAYS, USD = 14.0, 0.10
COMPARING = ("--requests-at-once", "--utilisation", "--fixed-usd", "--savings-plan")
DISCOUNTS = {"minimum": 0, "exclusiveMaximum": 1}


@declare(
    adds_faults=True,
    epilog="""Examples:

\b
  tuner advise orders
  tuner advise --tag team=shop --format html > advice.html
  tuner advise --from template.yaml
  aws logs tail /aws/lambda/orders --since 7d | tuner advise orders --logs -""",
)
@click.argument("functions", nargs=-1, metavar="[FUNCTION]...")
@option("--logs", group=Topic.COMMON, metavar="FILE|-", multiple=True,
        help="Exported logs, or - for stdin: REPORT lines in text or JSON, as `aws logs tail`, `sam logs`, "
             "`filter-log-events`, Logs Insights, subscriptions and the console (CSV) write them; also "
             "compressed. May be repeated.")  # fmt: skip
@option("--tag", group=Topic.TARGET, metavar="KEY=VALUE", help="All functions of the region with this tag.")
@option("--stack", group=Topic.TARGET, metavar="NAME", help="All functions of a CloudFormation stack.")
@option("--from", "project", group=Topic.TARGET, metavar="PATH",
        help="Functions in AWS that a template, a serverless.yml or .tf files define.")  # fmt: skip
@option("--all", "everything", group=Topic.TARGET, is_flag=True, help="All functions of the region.")
@settings_flags("--arch", "--strategy", "--discount", "--seed", arch="Architecture of --logs. [default: x86_64]")
@option("--days", group=Topic.BUDGET, metavar="N", type=NUMBER, default=DAYS, show_default=True, help="How far back.")
@option("--max-usd", group=Topic.BUDGET, metavar="USD", type=NUMBER, default=USD, show_default=True,
        help="For log queries. Fewer days are read where they cost more.")  # fmt: skip
@option("--no-query", group=Topic.BUDGET, is_flag=True, help="Read logs without a price, by FilterLogEvents. Slower.")
@option("--compare", group=Topic.SEARCH, type=OneOf(["fargate", "managed-instances"]), multiple=True,
        help="Tell from which volume these would cost less. May be repeated.")  # fmt: skip
@option("--requests-at-once", group=Topic.SEARCH, metavar="N", type=Number(min=0, min_open=True),
        help="With --compare: requests that the CPU share of the function serves in parallel. "
             "[default: as its CPU time tells, else 1]")  # fmt: skip
@option("--utilisation", group=Topic.SEARCH, metavar="0..1", type=Number(0, 1, min_open=True), default=0.7,
        show_default=True, help="With --compare: share of the tasks that the peak may use.")  # fmt: skip
@option("--fixed-usd", group=Topic.SEARCH, metavar="USD", type=Number(min=0), default=0.0, show_default=True,
        help="With --compare: load balancer, NAT and logs a month.")  # fmt: skip
@option("--savings-plan", group=Topic.SEARCH, metavar="PERCENT", default="0%", show_default=True,
        help="With --compare: discount on tasks or instances, e.g. 20%.")  # fmt: skip
@aws_flags()
@format_flag("text", "json", "markdown", "csv", "html")
def command(
    functions: tuple[str, ...],
    *,
    logs: tuple[str, ...],
    tag: str | None,
    stack: str | None,
    project: str | None,
    everything: bool,
    days: float,
    max_usd: float,
    no_query: bool,
    compare: tuple[str, ...],
    requests_at_once: float | None,
    utilisation: float,
    fixed_usd: float,
    savings_plan: str,
    connection: Connection,
    faults: list[Fault],
    format_: str,
    quiet: bool,
    **options: Any,
) -> None:
    """Tell what logs and metrics already show of functions: size, memory, timeout, cold starts, errors, traffic.

    Reads configuration, CloudWatch Logs and metrics, Lambda Insights and Compute Optimizer where there are any. The
    price of each log query is said before it is asked. Nothing is invoked or changed.

    With --logs it reads exported logs instead and needs no account. Where these name several functions by their log
    groups or log streams, it tells of each one, or of FUNCTION alone.

    Exits with 0 whatever it finds, with 1 when the only function cannot be read, with 2 when none of several can.
    """
    from tuner.evidence.known_function import Selection

    given = {name: value for name, value in converted(options, faults).items() if value is not None}
    if logs and (len(functions) > 1 or tag or stack or project or everything):
        faults.append(
            Fault("--logs", "stands in for AWS", "name one function or none, without --tag, --stack, --from or --all")
        )
    if tag and "=" not in tag:
        faults.append(Fault("--tag", f"{tag} has no value", "for example team=shop"))
    if logs:
        faults += unheeded(["--days", "--max-usd", "--no-query", *REACHING], "is for AWS, and --logs stands in for it")
    else:
        faults += unheeded(["--arch"], "is of --logs: a function in AWS has its own")
    if not compare:
        faults += unheeded(COMPARING, "is for --compare", "add --compare, or leave it out")
    plan = read_share("--savings-plan", savings_plan, faults, bounds=DISCOUNTS, example="20%")
    key, _, value = (tag or "").partition("=")
    selection = Selection(functions, (key, value) if tag else None, stack, everything)
    if logs:
        faults += _log_faults(_terms(connection, given), logs, faults)
    else:
        faults += _reading_faults(selection, project, given, days, max_usd)
    if faults:
        raise InputError(faults)
    if compare:
        from tuner.pricing.containers import ContainerInputs

        given["compare"] = compare
        given["containers"] = ContainerInputs(requests_at_once, utilisation, fixed_usd, plan)
    try:
        if logs:
            found = _from_files(logs, functions, connection, given)
        else:
            from tuner.api.advising import advise_functions

            given.pop("arch", None)
            found = advise_functions(
                replace(selection, functions=functions + _of_project(project, connection)),
                connection=connection,
                days=days,
                max_usd=max_usd,
                query=not no_query,
                say=(lambda _: None) if quiet else (lambda told: say(told, err=True)),
                failed=_told if len(functions) != 1 else None,
                **given,
            )
    except InputError as exc:
        raise InputError(as_flags(exc.faults, selection="FUNCTION", TARGET="FUNCTION")) from exc
    if not found:
        ways = {"--tag": tag, "--stack": stack, "--from": project, "--all": everything}
        chosen = next((flag for flag, value in ways.items() if value), "FUNCTION")
        raise InputError.single(chosen, "no function could be read", "aws lambda list-functions shows what there is")
    (say_json if format_ == "json" else say_exact)(_rendered(found, format_))


def _terms(connection: Connection, given: Mapping[str, Any]) -> Terms:
    """On what terms logs are judged. They come from one architecture, and do not name it."""
    from tuner.api.advising import Terms
    from tuner.pricing.price_list import DEFAULT_REGION

    arch = "x86_64" if given.get("arch") in (None, "current") else str(given["arch"])
    return Terms(**{**given, "arch": arch, "region": connection.region or DEFAULT_REGION})


def _log_faults(terms: Terms, logs: Sequence[str], known: Sequence[Fault]) -> list[Fault]:
    """Faults of the terms. Where there are any, or others are known, those of the logs too, which nobody reads then."""
    from tuner.api.advising import log_texts, term_faults

    faults = term_faults(terms)
    if faults or known:
        log_texts([log for log in logs if log != "-"], faults)
    return as_flags(faults)


def _reading_faults(
    selection: Selection, project: str | None, given: Mapping[str, Any], days: float, max_usd: float
) -> list[Fault]:
    """Faults of what AWS is asked for."""
    from tuner.api.advising import Terms, reading_faults, selection_faults, term_faults
    from tuner.projects.discovery import read_functions

    own = {name: value for name, value in given.items() if name != "arch"}
    faults = [*term_faults(Terms(**own)), *reading_faults(days, max_usd)]
    if selection or not project:
        faults += selection_faults(selection)
    if project:
        or_faults(partial(read_functions, Path(project)), faults)
    return as_flags(faults, selection="FUNCTION", TARGET="FUNCTION")


def _from_files(
    logs: tuple[str, ...], functions: tuple[str, ...], connection: Connection, given: Mapping[str, Any]
) -> list[Advice]:
    from tuner.api.advising import UNNAMED, advise_log

    name = (functions or (UNNAMED,))[0]
    files = [sys.stdin if log == "-" else log for log in logs]
    return advise_log(files, function=name, terms=_terms(connection, given))


def _of_project(project: str | None, connection: Connection) -> tuple[str, ...]:
    """The functions in AWS that a project's files define; those that are not found are told."""
    if project is None:
        return ()
    from tuner.api.fleets.selection import functions_of_project

    names, left_out = functions_of_project(Path(project), connection)
    for reason in left_out:
        say(reason, err=True)
    return names


def _rendered(found: Sequence[Advice], format_: str) -> str:
    if format_ == "json":
        return json.dumps([advice.document() for advice in found], indent=1) + "\n"
    from reports.advice import markdown, page, render_all, table

    forms: dict[str, Callable[[Sequence[Advice]], str]] = {
        "text": partial(render_all, width=terminal_width()),
        "markdown": markdown,
        "csv": table,
        "html": page,
    }
    return forms[format_](found).rstrip("\n") + "\n"


def _told(failure: TunerError) -> None:
    say(str(failure), err=True)
