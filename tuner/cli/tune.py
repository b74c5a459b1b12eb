"""`tuner tune`: measure a function, decide, and leave the result and the report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from tuner.cli.flags import build_document, name_flags, read_json_file, read_payload
from tuner.cli.options import common_options, fraction
from tuner.errors import Fault, InputError
from tuner.inputs import decode_input, input_faults
from tuner.settings import Settings


@click.command(
    epilog="""Examples:

\b
  tuner tune examples/functions/cpu_bound/app.py:handler --payload '{"n": 200000}'
  tuner tune my-function --payload @event.json --arch both --strategy balanced
  tuner tune my-function --input peer-input.json --dry-run"""
)
@click.argument("target")
@click.option("--payload", metavar="JSON|@FILE", help="One payload, or a weighted list: [{payload, weight}, …].")
@click.option("--payload-s3", metavar="S3URL", help="Payload in S3; wins over --payload.")
@click.option("--power-values", metavar="SIZES", help="128,512,1024, or 128-3008, or all. Default: all allowed.")
@click.option("--arch", metavar="ARCH", help="current (default), x86_64, arm64 or both.")
@click.option("--strategy", metavar="NAME", help="cost (default), speed or balanced.")
@click.option("--balanced-weight", metavar="0..1", help="0 is speed, 1 is cost. Default 0.5.")
@click.option("--max-p95-ms", metavar="MS", help="95th percentile of the duration at most.")
@click.option("--max-cost-per-million", metavar="USD", help="Cost of a million invocations at most.")
@click.option("--min-memory", metavar="MB", help="Memory at least.")
@click.option("--sampler", metavar="NAME", help="adaptive (default) or grid.")
@click.option("--runs", metavar="N", help="Runs of each configuration, default 10. Asks for the grid.")
@click.option("--environments", metavar="N", help="Execution environments per trial, default 2.")
@click.option("--concurrency", metavar="N", help="Invocations at once, default 10.")
@click.option("--tolerance", metavar="PERCENT", help="Stop when the answer is within this of the best. Default 2%.")
@click.option("--max-invocations", metavar="N", help="Stop after this many invocations.")
@click.option("--max-usd", metavar="USD", help="Stop after this much money.")
@click.option("--max-seconds", metavar="S", help="Stop after this much time.")
@click.option("--only-cold-starts", is_flag=True, help="Every run in a new environment.")
@click.option("--pre-processor", metavar="ARN", help="Called before each run; its answer replaces the payload.")
@click.option("--post-processor", metavar="ARN", help="Called with the output of each run.")
@click.option("--allowed-exceptions", metavar="NAMES", help="Error types that count as normal runs.")
@click.option("--sleep-between-runs-ms", metavar="MS", help="Pause between runs in an environment.")
@click.option("--disable-payload-logs", is_flag=True, help="Nothing of the payload in messages and results.")
@click.option("--discard-top-bottom", metavar="0..0.4", help="For the trimmed means. Default 0.2.")
@click.option("--input", "input_file", metavar="FILE", help="An execution input, the peer's or ours; flags win.")
@click.option("--invocations-per-month", metavar="N", help="Your traffic, for the money shown.")
@click.option("--discount", metavar="PERCENT", help="Off the duration price, such as a Savings Plan's 12%.")
@click.option("--cold-start-share", metavar="PERCENT", help="Share of cold starts to weigh in. Default 0.")
@click.option("--isolation", metavar="HOW", help="versions (default), or copy: leave $LATEST alone.")
@click.option("--code-for", metavar="ARCH=URI", multiple=True, help="Package for ARCH: s3://bucket/key, or an image.")
@click.option("--output", metavar="DIR", help="Default: tuning/<function>-<UTC time>.")
@click.option("--resume", metavar="DIR", help="Go on with the run in this folder.")
@click.option("--apply", "apply_", is_flag=True, help="Apply the recommendation after the run.")
@click.option("--alias", metavar="NAME", help="Apply through this alias: a new version that it points to.")
@click.option("--fail-above", metavar="PERCENT", help="Exit 3 when the current configuration is worse by more.")
@click.option("--dry-run", is_flag=True, help="Print the plan and its worst-case cost; change and invoke nothing.")
@click.option("--region", metavar="NAME", help="AWS region.")
@click.option("--profile", metavar="NAME", help="AWS profile.")
@click.option("--role-arn", metavar="ARN", help="Role to assume, such as one in another account.")
@click.option("--endpoint-url", metavar="URL", help="Endpoint of all AWS services.")
@click.option("--seed", metavar="N", help="Source of every random choice. Default 0.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="What stdout carries.")
@common_options
def command(target: str, **options: Any) -> int:
    """Tune TARGET: FILE:HANDLER on this machine, or the name or ARN of a function in AWS.

    Leaves samples.jsonl, result.json and report.html in the output folder.
    """
    from tuner.cli.session import Connection, Output, plan, tune

    settings = _settings(target, options)
    connection = Connection(options["region"], options["profile"], options["role_arn"], options["endpoint_url"])
    resume = Path(options["resume"]) if options["resume"] else None
    output = Output(
        folder=resume or Path(options["output"] or _default_folder(target)),
        resume=resume,
        quiet=options["quiet"],
        as_json=options["format_"] == "json",
        apply=options["apply_"] or bool(options["alias"]),
        alias=options["alias"],
        fail_above=_threshold(options["fail_above"]),
    )
    if options["dry_run"]:
        click.echo(plan(settings, connection))
        return 0
    return tune(settings, connection, output)


def _settings(target: str, options: Mapping[str, Any]) -> Settings:
    """Settings from flags and files.

    Raises:
        InputError: every fault of flags, files and target together.
    """
    faults: list[Fault] = []
    base: dict[str, Any] = {}
    if options["resume"]:
        from tuner.cli.record import read_record

        base.update(read_record(Path(options["resume"])).header["input"])
    if options["input_file"]:
        loaded = read_json_file(Path(options["input_file"]), "--input", faults)
        if isinstance(loaded, dict):
            base.update(loaded)
        elif loaded is not None:
            faults.append(Fault("--input", "is not a JSON object", "give the input of an execution"))
    document, origins = build_document(target, options, base)
    if options["payload"] is not None:
        quiet = bool(document.get("disablePayloadLogs"))
        document["payload"] = read_payload(options["payload"], faults, show=not quiet)
        origins["$.payload"] = "--payload"
    faults.extend(name_flags(input_faults(document), origins))
    faults.extend(_target_faults(target))
    threshold = _threshold(options["fail_above"])
    if threshold is not None and not (isinstance(threshold, float) and 0 <= threshold < math.inf):
        faults.append(Fault("--fail-above", f"{options['fail_above']} is not a percentage", "write it as 10%"))
    if faults:
        raise InputError(faults)
    return decode_input(document)


def _target_faults(target: str) -> list[Fault]:
    from tuner.cli.session import is_local

    if not is_local(target):
        return []
    from tuner.backends.local import target_faults

    return list(target_faults(target))


def _threshold(text: str | None) -> Any:
    return None if text is None else fraction(text)


def _default_folder(target: str) -> str:
    name = target.partition("function:")[2] or Path(target).name
    safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in name)
    return f"tuning/{safe}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
