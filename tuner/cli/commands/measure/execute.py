"""`tuner execute`: start an execution of the state machine, follow it, and bring the result home."""

from __future__ import annotations

import json
import re
import secrets
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuner.api.files import read_text, set_aside, write_bytes
from tuner.cli.flags import Topic, aws_flags, format_flag, option
from tuner.cli.flags import command as declare
from tuner.cli.output import say, say_json
from tuner.cli.progress.execution import HistoryProgress, SearchFollower
from tuner.cli.progress.pace import earlier_run_kept
from tuner.cli.values import why_unreadable
from tuner.documents.strict_json import decode_text, parse_json
from tuner.errors import Fault, InputError, InterruptedRunError, TunerError, or_faults
from tuner.shell_lines import with_command

if TYPE_CHECKING:
    from tuner.aws.api.connection import Connection
    from tuner.aws.api.executions import Ended, HistoryEvent

DOCUMENTS = ("result", "report", "summary")
"""Fields of an output that hold the address of a document."""
MAX_INPUT_BYTES = 262_144
"""Input of an execution (Step Functions quotas, 2026-09)."""
_TOLD = re.compile(r"s3://\S+/(result|summary)\.json")
"""What a cause tells of an execution that failed: what it measured, or the summary of a fleet."""


class ExecutionFailedError(TunerError):
    """An execution ended without a result."""


@declare(
    adds_faults=True,
    epilog="""Examples:

\b
  tuner execute arn:aws:states:…:powerTuning input.json
  tuner execute "$MACHINE" '{"lambdaARN": "orders"}' --output tuning/orders""",
)
@click.argument("state_machine_arn")
@click.argument("input_", metavar="INPUT")
@aws_flags(region=False)
@option("--output", group=Topic.OUTPUT, metavar="DIR", help="[default: tuning/<execution>]")
@format_flag("text", "json")
def command(
    state_machine_arn: str,
    input_: str,
    *,
    output: str | None,
    format_: str,
    connection: Connection,
    faults: list[Fault],
    quiet: bool,
) -> None:
    """Start an execution of STATE_MACHINE_ARN with INPUT (a file, - for stdin, or JSON), and follow it.

    Leaves output.json, result.json and report.html in the output folder. The input is checked before anything is
    started. Exit 1 when the execution fails, is aborted or runs out of time; what it measured is brought home
    then too. Ctrl-C stops following, not the execution, whose last steps put the function back.
    """
    from tuner.aws.api.executions import Executions, download, region_of
    from tuner.aws.api.session import connect

    region = or_faults(partial(region_of, state_machine_arn), faults)
    document = or_faults(partial(read_input, input_), faults)
    if faults or document is None:
        raise InputError(faults)
    clients = connect(replace(connection, region=region))
    executions = Executions(clients.states)
    name = f"tuner-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    try:
        execution = executions.start(state_machine_arn, name, document)
        search = SearchFollower(lambda: progress_address(executions.outputs(execution)), partial(download, clients.s3))
        follow(executions.follow(execution), execution, search, quiet=quiet)
        ended = executions.ended(execution)
        folder = Path(output or f"tuning/{name}")
        brought = bring(ended, folder, clients.s3)
    finally:
        clients.close()
    refuse_failure(ended, execution, brought)
    if format_ == "json":
        say_json(ended.output)
    else:
        say(summary(ended.output or {}, brought))


def read_input(text: str) -> dict[str, Any]:
    """The input of the execution: JSON, a file, or stdin.

    Raises:
        InputError: it cannot be read, is not JSON, or is not what the state machine takes; every fault at once.
    """
    if not text.lstrip().startswith("{"):
        text = _read_text(text)
    try:
        document = parse_json(text)
    except ValueError as exc:
        raise InputError.single("INPUT", f"is not JSON: {exc}", "give a file with the input of an execution") from exc
    if not isinstance(document, dict):
        raise InputError.single("INPUT", "is not a JSON object", "give the input of an execution")
    # The input of a fleet names a list; it is checked by the fleet's own first state.
    faults: Iterable[Fault] = () if "list" in document else _faults_of(document)
    if faults:
        raise InputError(faults)
    size = len(json.dumps(document).encode())
    if size > MAX_INPUT_BYTES:
        problem = f"has {size:,} bytes, and an execution takes {MAX_INPUT_BYTES:,}"
        raise InputError.single("INPUT", problem, 'put the payload into S3 and name it: "payloadS3": "s3://…"')
    return document


def _faults_of(document: dict[str, Any]) -> tuple[Fault, ...]:
    from tuner.documents.input import input_faults
    from tuner.documents.power_tuning import translate

    read = translate(document)
    return (*read.faults, *input_faults(read.document))


def follow(events: Iterable[HistoryEvent | None], execution: str, search: SearchFollower, *, quiet: bool) -> None:
    """Show what an execution does, until it has ended.

    Args:
        events: of its history; None whenever the history was read.
        execution: its ARN.
        search: tells of the rounds that one task measures.
        quiet: show nothing.

    Raises:
        InterruptedRunError: Ctrl-C; the execution goes on.
    """
    progress = HistoryProgress()
    try:
        for event in events:
            if quiet:
                continue
            line = progress.line(event) if event else search.line() if progress.searching else ""
            if line:
                say(line, err=True)
    except KeyboardInterrupt:
        raise InterruptedRunError(
            f"Stopped following {execution}; it goes on, and puts the function back at its end.",
            "\n".join(
                (
                    with_command("To stop it:", f"aws stepfunctions stop-execution --execution-arn {execution}"),
                    with_command("Then undo what it left:", "tuner clean FUNCTION"),
                )
            ),
        ) from None


def progress_address(outputs: Iterable[Mapping[str, Any]]) -> str:
    """Where the state machine writes how far its search is: its first state says so. Empty: not known yet."""
    addresses = (output.get("study", {}).get("progress", "") for output in outputs)
    return next(filter(None, addresses), "")


def bring(ended: Ended, folder: Path, s3: Any) -> dict[str, Path]:
    """Download the documents of an execution.

    Returns:
        By name, those that were there; what a failed execution measured among them.
    """
    from tuner.aws.api.executions import download

    addresses = {name: str((ended.output or {})[name]) for name in DOCUMENTS if (ended.output or {}).get(name)}
    if not addresses and (found := _TOLD.search(ended.cause)):
        page = "report" if found[1] == "result" else "summary"
        addresses = {found[1]: found[0], "report": f"{found[0].rpartition('/')[0]}/{page}.html"}
    contents = {name: download(s3, address) for name, address in addresses.items()}
    places = {name: folder / address.rpartition("/")[2] for name, address in addresses.items()}
    if ended.output:
        contents["output"], places["output"] = json.dumps(ended.output, indent=1).encode(), folder / "output.json"
    brought = {name: places[name] for name, content in contents.items() if content is not None}
    _keep_earlier(folder, [path.name for path in brought.values()])
    for name, path in brought.items():
        write_bytes(path, contents[name] or b"")
    return brought


def _keep_earlier(folder: Path, names: Iterable[str]) -> None:
    """Set aside what an earlier run or execution left in the folder, if anything is brought there."""
    from tuner.api.records.run_folder import FILES

    names = set(names)
    if place := set_aside(folder, sorted({*names, *FILES})) if names else None:
        say(earlier_run_kept(place), err=True)


def refuse_failure(ended: Ended, execution: str, brought: Mapping[str, Path]) -> None:
    """Make an execution without a result an error, so that a pipeline cannot take it for success.

    Raises:
        ExecutionFailedError: it failed, was aborted, ran out of time, or has no output.
    """
    from tuner.aws.api.executions import readable_cause

    if ended.status == "SUCCEEDED" and ended.output:
        return
    said = "\n".join(part for part in (ended.error, readable_cause(ended.cause)) if part)
    kept = [f"What was measured: {path}" for name, path in brought.items() if name in DOCUMENTS]
    left = "The next execution undoes what this one left on the function. So does this:"
    hint = with_command(left, "tuner clean FUNCTION")
    unfinished = ended.status in ("ABORTED", "TIMED_OUT")
    raise ExecutionFailedError(
        "\n".join([f"Execution {execution} ended {ended.status}.", *([said] if said else []), *kept]),
        hint if unfinished else "",
    )


def summary(output: Mapping[str, Any], brought: Mapping[str, Path]) -> str:
    """What to print of a successful execution."""
    from reports.words.numbers import money

    lines = []
    if "power" in output:
        spent, currency = output["stateMachine"], output.get("currency", "USD")
        # What a state transition costs is known in dollars alone.
        paid = f"{money(spent['executionCost'])} on states, {money(spent['lambdaCost'], currency)} on invocations"
        lines += [
            *_chosen(output),
            f"Spent: {paid}{_beside(output.get('bill'))}.",
        ]
    elif "tuned" in output:
        lines.append(f"{output['tuned']} functions tuned, {output['failed']} failed.")
    return "\n".join([*lines, "", *(f"{name.capitalize():8}{path}" for name, path in brought.items())])


def _chosen(output: Mapping[str, Any]) -> list[str]:
    """What `power` is and why; the recommendation of the result where it is another one; else how sure it is."""
    from reports.words.numbers import memory

    own, reason = f"{memory(output['power'])} {output['architecture']}", output["reason"]
    named = f"{memory(output['power'])} on {output['architecture']}: "
    lines = [reason if reason.startswith(own) else named + reason]
    other = output.get("recommendation") or {}
    told = f"{memory(other['power'])} {other['architecture']}" if other else own
    if told != own:
        lines.append(f"The result and its report recommend {told}.")
    elif output.get("confidence"):
        lines.append(f"{output['confidence'].capitalize()} confidence: see the report.")
    return lines


def _beside(bill: Mapping[str, float] | None) -> str:
    """What handlers, logs and requests to S3 add, and the sum; empty where the output tells no bill."""
    if not bill:
        return ""
    from reports.words.numbers import money

    handlers, logs, storage, total = (money(bill[part]) for part in ("handlers", "logs", "storage", "total"))
    return f", about {handlers} on handlers, {logs} on logs and {storage} on requests to S3: {total} in all"


def _read_text(name: str) -> str:
    try:
        if name == "-":
            content = getattr(sys.stdin, "buffer", None)
            return decode_text(content.read()) if content else sys.stdin.read()
        return read_text(Path(name.removeprefix("@")))
    except (OSError, ValueError) as exc:
        raise InputError.single(
            "INPUT", f"{name} cannot be read: {why_unreadable(exc)}", "give a JSON file, - or JSON"
        ) from exc
