"""`tuner duet`: measures both versions side by side until it is decided which is better."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from tuner.cli.comparison import comparison_flags, comparison_question, deliver
from tuner.cli.flags import Topic, aws_flags, option, settings_flags
from tuner.cli.flags import command as declare
from tuner.cli.output import say
from tuner.cli.signals import stop_on_signals
from tuner.cli.values import Number, WholeNumber, unique_time
from tuner.errors import Fault, TunerError

if TYPE_CHECKING:
    from tuner.aws.api.connection import Connection
    from tuner.comparison.duets.plan import DuetPlan, EnvironmentPair

POSITIVE = Number(0, min_open=True)
PAIRS_PER_LINE = 8
"""How many pairs a line of the progress stands for."""


@declare(
    adds_faults=True,
    epilog="""Examples:

\b
  tuner duet my-function --baseline 41 --candidate 42 --payload @event.json
  tuner duet app.py:handler --baseline main --candidate app.py --power-values 512
  tuner duet app.py:handler --baseline old.py --candidate new.py --output duet.md --output duet.xml
  tuner duet src/orders/app.py:handler --root src --python .venv --env-file dev.env --baseline main --candidate HEAD""",
)
@click.argument("target")
@option(
    "--baseline",
    group=Topic.COMMON,
    required=True,
    metavar="VERSION",
    help="Version or alias. On this machine: a file, a folder with a bootstrap, or a git revision.",
)
@option(
    "--candidate",
    group=Topic.COMMON,
    required=True,
    metavar="VERSION",
    help="Version or alias. On this machine: a file, a folder with a bootstrap, or a git revision.",
)
@settings_flags(
    "--payload",
    "--power-values",
    "--arch",
    "--payload-s3",
    "--pre-processor",
    "--post-processor",
    "--allowed-exceptions",
    "--sleep-between-runs-ms",
    "--concurrency",
    "--discount",
    "--seed",
    "--root",
    "--handler",
    "--python",
    "--node",
    "--env",
    "--timeout",
    "--ephemeral-storage",
    "--log",
    "--disable-payload-logs",
    power_values="The size to measure at. [default: the one in use; on this machine 1769]",
    arch="Architecture to measure on. [default: the one in use]",
    concurrency="Invocations at once, both versions together. [default: 10]",
)
@option("--env-file", group=Topic.LOCAL, metavar="FILE", help="File with KEY=VALUE lines. --env wins.")
@option(
    "--runs",
    group=Topic.SEARCH,
    metavar="N",
    type=WholeNumber(1),
    help="Runs in each environment; the first one is cold. [default: 2; on this machine 4]",
)
@option(
    "--max-invocations",
    group=Topic.BUDGET,
    metavar="N",
    type=WholeNumber(1),
    help="Invocations of both versions together at most. [default: 400; on this machine 1000]",
)
@option("--max-usd", group=Topic.BUDGET, metavar="USD", type=POSITIVE, help="Stop after this much money.")
@option("--max-seconds", group=Topic.BUDGET, metavar="S", type=POSITIVE, help="Stop after this much time.")
@comparison_flags
@aws_flags()
@option(
    "--samples",
    group=Topic.OUTPUT,
    metavar="FILE",
    help="File that gets every run. [default: tuning/duet-<UTC time>.jsonl]",
)
def command(target: str, *, connection: Connection, faults: list[Fault], **options: Any) -> int:
    """Measure two versions of TARGET in interleaved pairs, until it is decided whether one is worse.

    TARGET is a function in AWS, or FILE:HANDLER on this machine. Exits with 3 when the
    candidate is worse, with 4 under --strict when the budget ends before a decision.
    """
    from tuner.api.comparing.duet import OWN_OPTIONS, duet
    from tuner.cli.request import faults_named, handler_meant, settings_of
    from tuner.local.worker.runtimes import names_a_handler

    question = comparison_question(options, faults)
    own = {name: options[name] for name in OWN_OPTIONS}
    shared = {name: value for name, value in options.items() if name not in OWN_OPTIONS}
    versions = {"--baseline": options["baseline"], "--candidate": options["candidate"]}
    if names_a_handler(target):
        from tuner.local.duet import version_faults as local_faults

        faults += local_faults(target, versions)
    else:
        from tuner.aws.duet import version_faults as aws_faults

        faults += aws_faults(target, versions)
    request = settings_of(target, shared, connection, faults)
    samples = options["samples"] or f"tuning/duet-{unique_time(datetime.now(UTC))}.jsonl"
    names = {**request.names, "$.powerValues": "--power-values"}
    with stop_on_signals() as stop, handler_meant(target), faults_named(names):
        try:
            found = duet(
                request.settings, baseline=options["baseline"], candidate=options["candidate"], samples=samples,
                connection=connection, stop=stop, observers=[] if options["quiet"] else [_Progress()],
                **question, **own,
            )  # fmt: skip
        except TunerError as error:
            if error.result is not None:
                deliver(error.result, options)
            raise
    code = deliver(found, options)
    if not options["quiet"]:
        say(f"Every run is kept in {samples}.", err=True)
    return code


@dataclass(slots=True)
class _Progress:
    """Tells on stderr how many pairs are measured."""

    pairs: int = 0

    def measured(self, plan: DuetPlan, _pair: EnvironmentPair) -> None:
        """Count a pair in."""
        self.pairs += 1
        if self.pairs % PAIRS_PER_LINE == 0:
            say(f"{self.pairs} of at most {plan.max_pairs} pairs at {plan.configuration}", err=True)
