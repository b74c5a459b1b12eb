"""`tuner tune`: measure a function, decide, and leave the result and the report."""

from __future__ import annotations

import math
import shlex
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuner.cli.flags import flags_named, input_document, name_flags, read_json_file, read_payload
from tuner.cli.options import common_options, fraction, stop_on_signals
from tuner.documents.input import decode_valid, input_faults
from tuner.errors import Fault, InputError, InterruptedRunError
from tuner.payloads import HIDDEN

if TYPE_CHECKING:
    from tuner.cli.run_folder import Recorded
    from tuner.cli.tuning import Output
    from tuner.settings import Settings

LONGEST_SHOWN = 500
"""Characters of a payload that a suggested command repeats."""


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
@click.option("--force", is_flag=True, help="With --apply: apply on weak evidence too.")
@click.option("--alias", metavar="NAME", help="Apply through this alias: a new version that it points to.")
@click.option("--fail-above", metavar="PERCENT", help="Exit 3 when the current configuration is worse by more.")
@click.option("--strict", is_flag=True, help="Exit 4 when --fail-above is not decided.")
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
    from tuner.aws.api.connection import Connection
    from tuner.cli.tuning import Output, open_backend, plan, tune, with_payloads

    with stop_on_signals() as stop:
        settings, recorded, origins = _read(target, options)
        _leave_if(stop)
        connection = Connection(options["region"], options["profile"], options["role_arn"], options["endpoint_url"])
        with flags_named(origins):
            if options["dry_run"]:
                click.echo(plan(settings, connection))
                return 0
            folder = Path(options["resume"] or options["output"] or _default_folder(target))
            output = Output(
                folder=folder,
                recorded=recorded,
                again=_again(target, options, folder, hide=settings.disable_payload_logs),
                quiet=options["quiet"],
                as_json=options["format_"] == "json",
                apply=options["apply_"] or bool(options["alias"]),
                alias=options["alias"],
                force=options["force"],
                fail_above=_threshold(options["fail_above"]),
                strict=options["strict"],
            )
            settings = with_payloads(settings, connection)
            _leave_if(stop)
            try:
                return tune(settings, open_backend(settings, connection), connection, output, stop)
            except KeyboardInterrupt:
                raise _interrupted_at_once(target, output) from None


def _interrupted_at_once(target: str, output: Output) -> InterruptedRunError:
    """What is kept after a second Ctrl-C, and how to go on."""
    from tuner.cli.tuning import is_local

    hint = f"Go on with: {output.again}"
    if not is_local(target):
        hint += f"\nOr undo what the run may have left: tuner clean {shlex.quote(target)}"
    return InterruptedRunError(f"Interrupted at once. What was measured is kept in {output.folder}.", hint)


def _leave_if(stop: threading.Event) -> None:
    if stop.is_set():
        raise InterruptedRunError("Interrupted before anything was measured.")


def _read(target: str, options: Mapping[str, Any]) -> tuple[Settings, Recorded | None, Mapping[str, str]]:
    """Settings from flags and files, the record to go on with, and which flag set which field.

    Raises:
        InputError: every fault of flags, files and target together.
    """
    from tuner.cli.request_checks import space_faults, target_faults

    faults: list[Fault] = []
    recorded = _recorded(options["resume"], faults)
    base: dict[str, Any] = dict(recorded.header["input"]) if recorded else {}
    if options["input_file"]:
        loaded = read_json_file(Path(options["input_file"]), "--input", faults)
        if isinstance(loaded, dict):
            base.update(loaded)
        elif loaded is not None:
            faults.append(Fault("--input", "is not a JSON object", "give the input of an execution"))
    document, origins = input_document(target, options, base)
    if options["payload"] is not None:
        quiet = bool(document.get("disablePayloadLogs"))
        document["payload"] = read_payload(options["payload"], faults, show=not quiet)
        origins["$.payload"] = "--payload"
    form = input_faults(document)
    faults.extend(_flag_faults(options))
    faults.extend(name_flags([*form, *target_faults(target, document, options)], origins))
    settings = None if form else decode_valid(document)
    if settings:
        faults.extend(name_flags(space_faults(settings), origins))
    if faults or settings is None:
        raise InputError(faults)
    return settings, recorded, origins


def _recorded(folder: str | None, faults: list[Fault]) -> Recorded | None:
    """What an earlier sitting left in the folder to resume; a fault is added when it cannot be read."""
    if folder is None:
        return None
    from tuner.cli.run_folder import read_record

    try:
        return read_record(Path(folder))
    except InputError as exc:
        faults.extend(exc.faults)
    return None


def _flag_faults(options: Mapping[str, Any]) -> Iterator[Fault]:
    """Faults of what only the command line knows."""
    threshold = _threshold(options["fail_above"])
    if threshold is not None and not (isinstance(threshold, float) and 0 <= threshold < math.inf):
        yield Fault("--fail-above", f"{options['fail_above']} is not a percentage", "write it as 10%")
    if options["resume"] and options["output"]:
        yield Fault("--output", "a resumed run goes on in its own folder", "leave out --output or --resume")
    if options["dry_run"] and options["format_"] == "json":
        yield Fault("--format", "a plan is text, not a result", "leave out --format or --dry-run")


def _again(target: str, options: Mapping[str, Any], folder: Path, *, hide: bool) -> str:
    """The command that goes on with this run: what was given, with --resume in place of --output.

    A payload that must not be shown, or is too long for a line, is left to be filled in.
    """
    words = ["tuner", "tune", target]
    for option in command.params:
        value = options.get(option.name or "")
        if option.name in ("target", "resume", "output") or value in (None, False, (), option.default):
            continue
        name = option.opts[0]
        if name == "--payload" and not value.startswith("@") and (hide or len(value) > LONGEST_SHOWN):
            value = HIDDEN
        for each in value if isinstance(value, tuple) else (value,):
            words.extend([name] if each is True else [name, str(each)])
    return shlex.join([*words, "--resume", str(folder)])


def _threshold(text: str | None) -> Any:
    return None if text is None else fraction(text)


def _default_folder(target: str) -> str:
    name = target.partition("function:")[2] or Path(target).name
    safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in name)
    return f"tuning/{safe}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
