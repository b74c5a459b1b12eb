"""`tuner duet`: both versions measured side by side until it is decided which is better."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuner.cli.comparison import comparison_options, deliver, read_question
from tuner.cli.flags import input_document, name_flags, read_payload
from tuner.cli.options import PositiveNumber, common_options, stop_on_signals
from tuner.comparison.question import Question
from tuner.comparison.verdicts import Comparison, DuetStop
from tuner.errors import Fault, InputError, InterruptedRunError, LeftBehindError, TunerError
from tuner.model import MB_PER_VCPU, BackendKind, Configuration
from tuner.settings import Settings

if TYPE_CHECKING:
    from tuner.comparison.duet_plan import Duet, DuetPlan, EnvironmentPair
    from tuner.model import FunctionIdentity

DEFAULT_LOCAL_MB = MB_PER_VCPU
"""Size of a local duet unless another is named: one whole core. Below it the CPU share comes in periods of
20 ms, so that a change shows as nothing, or as a whole period."""
RUNS, LOCAL_RUNS = 2, 4
"""Runs in each environment. In AWS environments differ as much as runs do; on one machine they do not,
while other programs disturb single runs, which the median of three leaves out."""
INVOCATIONS, LOCAL_INVOCATIONS = 400, 1000
"""Where a duet ends at the latest; runs on this machine cost nothing."""


@click.command(
    epilog="""Examples:

\b
  tuner duet my-function --baseline 41 --candidate 42 --payload @event.json
  tuner duet app.py:handler --baseline main --candidate app.py --power-values 512
  tuner duet app.py:handler --baseline old.py --candidate new.py --output duet.md --output duet.xml"""
)
@click.argument("target")
@click.option("--baseline", required=True, metavar="VERSION", help="Version or alias; here: a file or a git revision.")
@click.option("--candidate", required=True, metavar="VERSION", help="Version or alias; here: a file or a git revision.")
@comparison_options
@click.option("--payload", metavar="JSON|@FILE", help="One payload, or a weighted list: [{payload, weight}, …].")
@click.option("--payload-s3", metavar="S3URL", help="Payload in S3; wins over --payload.")
@click.option("--power-values", metavar="MB", help="The size to measure at. Default: the one in use; here: 1769.")
@click.option("--arch", metavar="ARCH", help="Architecture to measure on. Default: the one in use.")
@click.option("--runs", type=click.IntRange(1), help="In each environment; the first is cold. Default 2; here: 4.")
@click.option("--max-invocations", type=click.IntRange(1), help="Of both together. Default 400; here: 1000.")
@click.option("--max-usd", type=PositiveNumber(), help="Stop after this much money.")
@click.option("--max-seconds", type=PositiveNumber(), help="Stop after this much time.")
@click.option("--concurrency", metavar="N", help="Invocations at once, both together. Default 10.")
@click.option("--pre-processor", metavar="ARN", help="Called before each run; its answer replaces the payload.")
@click.option("--post-processor", metavar="ARN", help="Called with the output of each run.")
@click.option("--allowed-exceptions", metavar="NAMES", help="Error types that count as normal runs.")
@click.option("--sleep-between-runs-ms", metavar="MS", help="Pause between runs in an environment.")
@click.option("--discount", metavar="PERCENT", help="Off the duration price, such as a Savings Plan's 12%.")
@click.option("--samples", metavar="FILE", help="Where every run is kept. Default: tuning/duet-<UTC time>.jsonl.")
@click.option("--region", metavar="NAME", help="AWS region.")
@click.option("--profile", metavar="NAME", help="AWS profile.")
@click.option("--role-arn", metavar="ARN", help="Role to assume, such as one in another account.")
@click.option("--endpoint-url", metavar="URL", help="Endpoint of all AWS services.")
@click.option("--seed", metavar="N", help="Source of every random choice. Default 0.")
@common_options
def command(target: str, **options: Any) -> int:
    """Measure two versions of TARGET in interleaved pairs, until it is decided whether one is worse.

    TARGET is a function in AWS, or FILE:HANDLER on this machine. Exits with 3 when the
    candidate is worse, with 4 under --strict when the budget ends before a decision.
    """
    from tuner.comparison.duet import CutShortError

    question = read_question(options)
    settings = _settings(target, options)
    samples = _samples_file(options)
    comparison: Comparison | None = None
    failure: TunerError | None = None
    try:
        with ExitStack() as resources:
            stop = resources.enter_context(stop_on_signals())
            try:
                comparison = _measure(settings, question, options, samples, stop, resources)
            except CutShortError as exc:
                comparison, failure = exc.comparison, exc
    except LeftBehindError as exc:
        if comparison is None:
            raise
        failure = exc.after(failure)
    code = deliver(comparison, options)
    if failure:
        raise failure
    if comparison.stopped_by is DuetStop.INTERRUPTED:
        raise InterruptedRunError(
            f"Interrupted after {comparison.invocations} invocations; they are kept in {samples}."
        )
    return code


def _measure(
    settings: Settings,
    question: Question,
    options: dict[str, Any],
    samples: Path,
    stop: threading.Event,
    resources: ExitStack,
) -> Comparison:
    from tuner.cli.tuning import prices_for
    from tuner.comparison.duet import run_duet
    from tuner.comparison.duet_plan import DuetPlan
    from tuner.pricing.price_list import DEFAULT_REGION

    duet = resources.enter_context(_open(settings, options))
    identity = duet.candidate.describe()
    local = identity.backend is BackendKind.LOCAL
    plan = DuetPlan(
        _configuration(settings, options, identity),
        options["runs"] or (LOCAL_RUNS if local else RUNS),
        options["max_invocations"] or (LOCAL_INVOCATIONS if local else INVOCATIONS),
        options["max_usd"],
        options["max_seconds"],
        duet.step,
    )
    record = _Record(samples, plan, resources)
    where = f"{settings.target} at {plan.configuration}"
    count = 0

    def watch(pair: EnvironmentPair) -> None:
        nonlocal count
        count += 1
        record.keep(pair)
        if not options["quiet"] and count % 8 == 0:
            click.echo(f"{count} of at most {plan.max_pairs} pairs at {plan.configuration}", err=True)

    return run_duet(
        duet.pairs(plan, settings.seed),
        plan,
        question,
        prices_for(settings, identity.region or options["region"] or DEFAULT_REGION),
        names=(f"{options['baseline']} of {where}", f"{options['candidate']} of {where}"),
        stop=stop,
        clock=time.monotonic,
        watch=watch,
        notices=lambda: list(dict.fromkeys([*duet.baseline.notices(), *duet.candidate.notices()])),
    )


def _open(settings: Settings, options: Mapping[str, Any]) -> AbstractContextManager[Duet]:
    from tuner.aws.api.connection import Connection
    from tuner.aws.duet import aws_duet
    from tuner.cli.tuning import is_local, prices_for, with_payloads
    from tuner.local.duet import local_duet

    connection = Connection(options["region"], options["profile"], options["role_arn"], options["endpoint_url"])
    settings = with_payloads(settings, connection)
    if is_local(settings.target):
        return local_duet(settings, options["baseline"], options["candidate"])
    versions = (options["baseline"], options["candidate"])
    return aws_duet(settings, connection, versions, partial(prices_for, settings))


class _Record:
    """Keeps every run as it comes, one line for each side of a pair."""

    def __init__(self, path: Path, plan: DuetPlan, resources: ExitStack) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = resources.enter_context(path.open("w", encoding="utf-8"))
        self._plan = plan
        self._pairs = 0

    def keep(self, pair: EnvironmentPair) -> None:
        from tuner.documents.samples import encode_sample
        from tuner.model import Sample

        self._pairs += 1
        for side, runs in (("baseline", pair.baseline), ("candidate", pair.candidate)):
            sample = encode_sample(Sample(self._pairs, self._plan.configuration, runs))
            self._file.write(json.dumps({"side": side, **sample}) + "\n")
        self._file.flush()


def _samples_file(options: Mapping[str, Any]) -> Path:
    return Path(options["samples"] or f"tuning/duet-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jsonl")


def _settings(target: str, options: Mapping[str, Any]) -> Settings:
    """Settings from the flags.

    Raises:
        InputError: every fault of the flags together.
    """
    from tuner.documents.input import decode_input, input_faults

    faults: list[Fault] = []
    shared = {name: value for name, value in options.items() if name not in ("runs", "max_invocations")}
    document, origins = input_document(target, shared | {"max_usd": None, "max_seconds": None}, {})
    if options["payload"] is not None:
        document["payload"] = read_payload(options["payload"], faults)
        origins["$.payload"] = "--payload"
    faults.extend(name_flags(input_faults(document), origins))
    if faults:
        raise InputError(faults)
    return decode_input(document)


def _configuration(settings: Settings, options: Mapping[str, Any], identity: FunctionIdentity) -> Configuration:
    """Where to measure: the size and architecture that were named, else those in use.

    Raises:
        InputError: more than one size or architecture was named, or a size that cannot be measured.
    """
    listed = settings.memory.listed
    if len(listed or ()) != 1 and options["power_values"] is not None:
        raise InputError.single("--power-values", "a duet measures at one size", "name one, or run one duet for each")
    architectures = settings.architectures or identity.architectures[:1]
    if len(architectures) != 1:
        problem = "a duet measures on one architecture"
        raise InputError.single("--arch", problem, "name one, or run one duet for each")
    if architectures[0] not in identity.architectures:
        raise InputError.single("--arch", f"{architectures[0]} cannot be measured here", "leave it out")
    size = identity.current.memory_mb if identity.current else min(DEFAULT_LOCAL_MB, identity.max_memory_mb)
    if listed:
        size = listed[0]
    if size > identity.max_memory_mb:
        problem = f"{size} MB cannot be measured here"
        raise InputError.single("--power-values", problem, f"name one up to {identity.max_memory_mb}")
    return Configuration(size, architectures[0])
