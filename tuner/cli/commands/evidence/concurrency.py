"""`tuner concurrency`: prints what provisioned concurrency a function needs, and what it costs. Changes nothing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from tuner.cli.flags import REACHING, Topic, as_flags, aws_flags, format_flag, option, unheeded
from tuner.cli.flags import command as declare
from tuner.cli.output import say, say_exact, say_json
from tuner.cli.values import NUMBER, OneOf, read_share, terminal_width
from tuner.errors import Fault, InputError

if TYPE_CHECKING:
    from tuner.api.advising import Log
    from tuner.aws.api.connection import Connection
    from tuner.evidence.concurrency_plan import ConcurrencyPlan

SETTINGS = ("cli", "sam", "terraform")
"""Formats that set what the plan chose."""
SHARES = {"exclusiveMinimum": 0, "exclusiveMaximum": 1}
"""Bounds of a share, as a JSON Schema writes them."""


@declare(
    adds_faults=True,
    epilog="""Examples:

\b
  tuner concurrency orders --cold-share 0.1%
  tuner concurrency orders --p99-ms 300 --format terraform
  tuner concurrency orders --logs orders.log --cold-share 1% --format html > concurrency.html""",
)
@click.argument("function", default="FUNCTION")
@option("--cold-share", group=Topic.COMMON, metavar="PERCENT", help="Cold starts at most.")
@option("--p99-ms", group=Topic.COMMON, metavar="MS", type=NUMBER, help="Time that 99% keep, start included.")
@option("--logs", group=Topic.TARGET, metavar="FILE|-", multiple=True,
        help="Exported logs with times, or - for stdin. May be repeated.")  # fmt: skip
@option("--arch", group=Topic.TARGET, type=OneOf(["x86_64", "arm64"]), default="x86_64", show_default=True,
        help="Architecture of --logs.")  # fmt: skip
@option("--runtime", group=Topic.TARGET, metavar="NAME", help="Runtime of --logs, for SnapStart, e.g. python3.13.")
@option("--days", group=Topic.BUDGET, metavar="N", type=NUMBER, default=14.0, show_default=True, help="How far back.")
@option("--max-usd", group=Topic.BUDGET, metavar="USD", type=NUMBER, default=0.10, show_default=True,
        help="For the log query. Fewer days are read where it costs more.")  # fmt: skip
@option("--no-query", group=Topic.BUDGET, is_flag=True, help="Read the log without a price, by FilterLogEvents.")
@option("--alias", group=Topic.OUTPUT, metavar="NAME", default="live", show_default=True,
        help="Alias that gets the environments.")  # fmt: skip
@aws_flags()
@format_flag("text", "json", "html", *SETTINGS)
def command(
    function: str,
    *,
    cold_share: str | None,
    p99_ms: float | None,
    logs: tuple[str, ...],
    arch: str,
    runtime: str | None,
    days: float,
    max_usd: float,
    no_query: bool,
    alias: str,
    connection: Connection,
    faults: list[Fault],
    format_: str,
    quiet: bool,
) -> None:
    """Tell how much provisioned concurrency FUNCTION needs, and what each way costs a month.

    Replays the requests of the log. Compares no, fixed and scheduled provisioned concurrency and SnapStart. The formats
    cli, sam and terraform set the cheapest number of environments that meets the target.
    """
    if logs:
        faults += unheeded(["--days", "--max-usd", "--no-query", *REACHING], "is for AWS, and --logs stands in for it")
    else:
        faults += unheeded(["--arch", "--runtime"], "is of --logs: a function in AWS has its own")
    if format_ not in SETTINGS:
        faults += unheeded(["--alias"], "is for settings", f"add --format {', '.join(SETTINGS)}, or leave it out")
    share = None
    if cold_share is not None:
        share = read_share("--cold-share", cold_share, faults, bounds=SHARES, example="0.1%")
    from reports.concurrency import document, page, render
    from tuner.api.concurrency import concurrency

    files: list[Log] | None = [sys.stdin if log == "-" else log for log in logs] or None
    asked: dict[str, Any] = {"cold_share": share, "p99_ms": p99_ms, "days": days, "max_usd": max_usd}
    if faults:
        raise InputError([*faults, *_other_faults(faults, function, files, **asked)])
    try:
        found = concurrency(
            function,
            logs=files,
            arch=arch,
            runtime=runtime,
            connection=connection,
            query=not no_query,
            say=(lambda _: None) if quiet else (lambda told: say(told, err=True)),
            **asked,
        )
    except InputError as exc:
        raise InputError(as_flags(exc.faults, TARGET="FUNCTION")) from exc
    if format_ == "json":
        say_json(document(found.function, found.plan))
    elif format_ == "text":
        say_exact(render(found.function, found.plan, width=terminal_width()))
    elif format_ == "html":
        say_exact(page(found.function, found.plan))
    else:
        say_exact(_settings(found.function, alias, found.plan, format_))


def _other_faults(known: Sequence[Fault], function: str, files: Sequence[Log] | None, **asked: Any) -> list[Fault]:
    """Faults of what is asked for beside those that are known: an option that has one is not told twice."""
    from tuner.api.advising import log_texts
    from tuner.api.concurrency import planning_faults

    faults = planning_faults(function, logs=files, **asked)
    log_texts([log for log in files or () if log is not sys.stdin], faults)
    told = {fault.path for fault in known}
    if "--p99-ms" in told:
        told.add("--cold-share")  # which is missing only because the other one was refused
    return [fault for fault in as_flags(faults, TARGET="FUNCTION") if fault.path not in told]


def _settings(function: str, alias: str, plan: ConcurrencyPlan, form: str) -> str:
    """What sets the environments of the cheapest way.

    Raises:
        InputError: no way with environments meets the target.
    """
    from tuner.evidence.autoscaling import as_cli, as_sam, as_terraform

    cheapest = plan.cheapest
    if cheapest is None or not any(cheapest.provisioned):
        from reports.concurrency import headline

        raise InputError.single("--format", headline(plan), "see --format text for the reasons")
    return {"cli": as_cli, "sam": as_sam, "terraform": as_terraform}[form](function, alias, cheapest.provisioned)
