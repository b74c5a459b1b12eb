"""`tuner watch`: tells which tuned functions became slower since."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from tuner.cli.exit_codes import EXIT_OK, EXIT_THRESHOLD
from tuner.cli.flags import Topic, aws_flags, format_flag, option
from tuner.cli.flags import command as declare
from tuner.cli.output import say, say_json
from tuner.cli.results import file_faults
from tuner.cli.values import Number, before_equals, read_share
from tuner.errors import Fault, InputError, each_of

if TYPE_CHECKING:
    from tuner.aws.api.connection import Connection


@declare(
    adds_faults=True,
    epilog="""Examples:

\b
  tuner watch --once tuning/*/
  tuner watch --once tuning/orders --logs orders=exported.json --format json""",
)
@click.argument("results", metavar="RESULT…", nargs=-1, required=True)
@option("--once", group=Topic.COMMON, is_flag=True, help="Look once and end, from a laptop or a schedule.  [required]")
@option("--logs", group=Topic.COMMON, metavar="NAME=FILE", multiple=True, key=before_equals,
        help="Exported logs of a function. May be repeated. [default: reads AWS]")  # fmt: skip
@option("--threshold", group=Topic.VERDICT, metavar="PERCENT", default="10%", show_default=True,
        help="Slower by up to this counts as the same.")  # fmt: skip
@option("--max-usd", group=Topic.BUDGET, metavar="USD", type=Number(min=0), default=0.10, show_default=True,
        help="For log queries of all functions together.")  # fmt: skip
@format_flag("text", "json", "events", "metrics")
@aws_flags()
def command(
    results: tuple[str, ...],
    *,
    once: bool,
    logs: tuple[str, ...],
    threshold: str,
    max_usd: float,
    format_: str,
    connection: Connection,
    faults: list[Fault],
    **_options: Any,
) -> int:
    """Tell which functions became slower at the same size since each RESULT was made.

    Reads logs and invokes nothing. A function is to be tuned again when two weeks in a row lie above the threshold and
    the chance of an excess is at least 90%: what hosts alone do is left alone. The exit code is 3 when there is one.
    """
    from reports.words.watching import told
    from tuner.api.result_store import load_result
    from tuner.api.watching import watch
    from tuner.cli.request import faults_named
    from tuner.watch.decision import Watched
    from tuner.watch.messages import event, metrics

    share = read_share("--threshold", threshold, faults, example="10%")
    files = _files(logs, faults)
    if not once:
        meaning = "the command looks once and ends; a schedule, or the stack with its parameter `watch`, repeats it"
        faults.append(Fault("--once", f"is missing: {meaning}", "add --once"))
    if faults:
        raise InputError([*faults, *file_faults(results, connection)])
    loaded = each_of(partial(load_result, result, connection=connection) for result in results)
    now_s = time.time()
    with faults_named({"logs": "--logs", "max_usd": "--max-usd", "results": "RESULT"}):
        reports = watch(loaded, logs=files, threshold=share, connection=connection, max_usd=max_usd, now=lambda: now_s)
    if format_ == "json":
        say_json([report.document() for report in reports])
    elif format_ == "events":
        say_json([event(report) for report in reports])
    elif format_ == "metrics":
        click.echo("\n".join(json.dumps(metrics(report, now_s)) for report in reports))
    else:
        say("\n\n".join(map(told, reports)))
    return EXIT_THRESHOLD if any(report.decision.outcome is Watched.TUNE for report in reports) else EXIT_OK


def _files(given: tuple[str, ...], faults: list[Fault]) -> dict[str, str]:
    files = {}
    for text in given:
        name, equals, file = text.partition("=")
        if not equals or not name or not file:
            faults.append(Fault("--logs", f"{text} is not NAME=FILE", "write orders=exported.json"))
        files[name] = file
    return files
