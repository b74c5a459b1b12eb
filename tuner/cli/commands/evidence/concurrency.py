"""`tuner concurrency`: prints what provisioned concurrency a function needs, and what it costs. Changes nothing."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from tuner.cli.flags import Topic, aws_flags, format_flag, option
from tuner.cli.flags import command as declare
from tuner.cli.values import as_share, share_fault, terminal_width
from tuner.errors import InputError

if TYPE_CHECKING:
    from tuner.aws.api.connection import Connection
    from tuner.evidence.concurrency_plan import ConcurrencyPlan


@declare(
    epilog="""Examples:

\b
  tuner concurrency orders --cold-share 0.1%
  tuner concurrency orders --p99-ms 300 --format terraform
  tuner concurrency orders --logs orders.log --cold-share 1% --format html > concurrency.html"""
)
@click.argument("function", default="FUNCTION")
@option("--cold-share", group=Topic.COMMON, metavar="PERCENT", help="Cold starts at most.")
@option("--p99-ms", group=Topic.COMMON, metavar="MS", type=float, help="Time that 99% keep, start included.")
@option("--logs", group=Topic.TARGET, metavar="FILE|-", help="Exported logs with times, or - for stdin.")
@option("--arch", group=Topic.TARGET, type=click.Choice(["x86_64", "arm64"]), default="x86_64", show_default=True,
        help="Architecture of --logs.")  # fmt: skip
@option("--runtime", group=Topic.TARGET, metavar="NAME", help="Runtime of --logs, for SnapStart, e.g. python3.13.")
@option("--days", group=Topic.BUDGET, metavar="N", type=float, default=14.0, show_default=True, help="How far back.")
@option("--max-usd", group=Topic.BUDGET, metavar="USD", type=float, default=0.10, show_default=True,
        help="For the log query. Fewer days are read where it costs more.")  # fmt: skip
@option("--no-query", group=Topic.BUDGET, is_flag=True, help="Read the log without a price, by FilterLogEvents.")
@option("--alias", group=Topic.OUTPUT, metavar="NAME", default="live", show_default=True,
        help="Alias that gets the environments.")  # fmt: skip
@aws_flags()
@format_flag("text", "json", "html", "cli", "sam", "terraform")
def command(
    function: str,
    *,
    cold_share: str | None,
    p99_ms: float | None,
    logs: str | None,
    arch: str,
    runtime: str | None,
    days: float,
    max_usd: float,
    no_query: bool,
    alias: str,
    connection: Connection,
    format_: str,
    quiet: bool,
) -> None:
    """Tell how much provisioned concurrency FUNCTION needs, and what each way costs a month.

    Replays the requests of the log. Compares no, fixed and scheduled provisioned concurrency and SnapStart. The formats
    cli, sam and terraform set the cheapest number of environments that meets the target.
    """
    share = None if cold_share is None else as_share(cold_share)
    if isinstance(share, str):
        raise InputError([share_fault("--cold-share", share)])
    from reports.concurrency import document, page, render
    from tuner.api.concurrency import concurrency

    try:
        found = concurrency(
            function,
            cold_share=share,
            p99_ms=p99_ms,
            logs=sys.stdin if logs == "-" else logs,
            arch=arch,
            runtime=runtime,
            connection=connection,
            days=days,
            max_usd=max_usd,
            query=not no_query,
            say=(lambda _: None) if quiet else (lambda told: click.echo(told, err=True)),
        )
    except InputError as exc:
        raise InputError(replace(fault, path=f"--{fault.path.replace('_', '-')}") for fault in exc.faults) from exc
    if format_ == "json":
        click.echo(json.dumps(document(found.function, found.plan), indent=1))
    elif format_ == "text":
        click.echo(render(found.function, found.plan, width=terminal_width()), nl=False)
    elif format_ == "html":
        click.echo(page(found.function, found.plan), nl=False)
    else:
        click.echo(_settings(found.function, alias, found.plan, format_), nl=False)


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
