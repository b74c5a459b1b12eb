"""`tuner advise`: prints what the logs of a function already tell. Invokes nothing."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any

import click

from tuner.cli.flags import Topic, converted, format_flag, option, settings_flags
from tuner.cli.flags import command as declare
from tuner.errors import Fault, InputError


@declare(
    epilog="""Examples:

\b
  aws logs tail /aws/lambda/orders --since 7d | tuner advise orders --logs -
  tuner advise orders --logs exported.json --format json"""
)
@click.argument("function", default="FUNCTION")
@option("--logs", group=Topic.COMMON, metavar="FILE|-", required=True, help="Exported logs, or - for stdin.")
@settings_flags("--arch", "--strategy", "--discount", "--seed")
@option("--region", group=Topic.AWS, metavar="NAME", default="us-east-1", help="Region whose prices hold.")
@format_flag("text", "json")
def command(function: str, *, logs: str, region: str, format_: str, quiet: bool, **options: Any) -> None:
    """Tell what the logs of FUNCTION already show: size, memory, timeout, cold starts, errors, traffic.

    LOGS are REPORT lines in text or JSON, as `aws logs tail`, `sam logs`, `aws logs filter-log-events` and
    Logs Insights export them. Nothing is invoked, and no account is needed.
    """
    faults: list[Fault] = []
    given = {name: value for name, value in converted(options, faults).items() if value is not None}
    if faults:
        raise InputError(faults)
    from reports.advice import render
    from tuner.api.advising import advise

    given["arch"] = _one_architecture(given.get("arch"))
    try:
        found = advise(sys.stdin if logs == "-" else logs, function=function, region=region, **given)
    except InputError as exc:
        raise InputError(replace(fault, path=f"--{fault.path}") for fault in exc.faults) from exc
    click.echo(json.dumps([found.document()], indent=1) if format_ == "json" else render(found))


def _one_architecture(arch: str | None) -> str:
    """A log comes from one architecture, and does not name it: x86_64 unless it is given."""
    return "x86_64" if arch in (None, "current") else str(arch)
