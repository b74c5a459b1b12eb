"""One run of `tuner tune` from opened backend to written report.

Opens the backend, drives the study, and whatever happens writes what was measured;
then says what was found and with which exit code.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from tuner.cli.options import stop_on_signals, write_text
from tuner.cli.price_cache import current_prices
from tuner.cli.progress import Progress
from tuner.cli.record import Recorded, Recorder, read_record
from tuner.errors import (
    AllFailedError,
    BackendError,
    Fault,
    InputError,
    InterruptedRunError,
    LeftBehindError,
    TunerError,
)
from tuner.loop import Backend, run
from tuner.model import FunctionIdentity, Notice, SearchSpace, StopReason
from tuner.pricing import PriceList
from tuner.result import Document, build_document, dumps, function_errors
from tuner.settings import Settings, make_study, request_document
from tuner.study import Study

EXIT_THRESHOLD = 3
LOCAL_TARGET = re.compile(r".+\.(py|js|mjs|cjs):[A-Za-z_$][\w$]*")
DEFAULT_REGION = "us-east-1"
"""Region whose prices a local estimate is told in, unless --region names another."""


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach AWS; None: as the SDK's own configuration says."""

    region: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    endpoint_url: str | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """Where the result goes, and what is done with it."""

    folder: Path
    resume: Path | None
    quiet: bool
    as_json: bool
    apply: bool
    alias: str | None
    fail_above: float | None


def is_local(target: str) -> bool:
    """Whether a target is a handler on this machine (`FILE:HANDLER`)."""
    return LOCAL_TARGET.fullmatch(target) is not None


def tune(settings: Settings, connection: Connection, output: Output) -> int:
    """Tune, write samples, result and report, and print the answer.

    Returns:
        The exit code: 0, or 3 when the current configuration is worse than `fail_above`.

    Raises:
        InputError: the record to resume belongs to something else.
        AllFailedError: no run was usable.
        InterruptedRunError: stopped by a signal; what was measured is written.
        TunerError: the work failed; what was measured is written.
    """
    recorded = read_record(output.resume) if output.resume else None
    failure: TunerError | None = None
    started = time.monotonic()
    study: Study | None = None
    try:
        with stop_on_signals() as stop, open_backend(settings, connection) as backend:
            identity = backend.describe()
            study = make_study(settings, identity, prices_for(settings, _region(connection, identity)))
            header = _header(settings, identity)
            if recorded:
                _check_same(recorded, header)
                study.replay(recorded.samples, recorded.steps)
            recorder = Recorder(output.folder, header, recorded)
            try:
                with Progress(quiet=output.quiet, currency=study.prices.currency) as progress:
                    run(study, backend, stop=stop, clock=time.monotonic, observers=(recorder, progress))
            except BackendError as exc:
                failure = exc
                study.interrupt()
            finally:
                recorder.close()
            notices = list(backend.notices())
    except LeftBehindError as exc:
        failure = exc.after(failure)
        if study is None:
            raise
    if study.all_failed and study.stopped_by is not StopReason.INTERRUPTED:
        study.interrupt(StopReason.ALL_FAILED)
    document = build_document(
        study,
        identity,
        request_document(settings, study.space),
        created_at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        seconds=time.monotonic() - started,
        notices=[*notices, *_left_out(settings, study.space)],
        discard_top_bottom=settings.discard_top_bottom,
    )
    _write(document, output)
    if failure:
        raise failure
    if study.stopped_by is StopReason.INTERRUPTED:
        raise InterruptedRunError(
            f"Interrupted after {study.spent.invocations} runs; they are kept in {output.folder}.",
            f"Go on with: tuner tune {settings.target} --resume {output.folder}",
        )
    if document["recommendation"] is None:
        said = function_errors(document) or "\n".join(
            f"{e['memory_mb']} MB: {e['reason']}" for e in document["excluded"]
        )
        raise AllFailedError(f"No configuration can be recommended.\n{said}", f"See {output.folder}.")
    return _conclude(document, settings, connection, output)


def _reasons(document: Document) -> str:
    return "\n".join(f"{e['memory_mb']} MB {e['architecture']}: {e['reason']}" for e in document["excluded"])


def _region(connection: Connection, identity: FunctionIdentity) -> str:
    return connection.region or identity.region or DEFAULT_REGION


def prices_for(settings: Settings, region: str) -> PriceList:
    """Prices of a region, refreshed ones where the user has them, with the user's discount."""
    return replace(current_prices(region), discount=settings.discount)


def open_backend(settings: Settings, connection: Connection) -> Backend:
    """The backend that measures the target; entered by the caller."""
    if is_local(settings.target):
        from tuner.backends.local import open_local

        return open_local(settings)
    from tuner.backends.aws import open_aws

    return open_aws(settings, connection)


def plan(settings: Settings, connection: Connection) -> str:
    """What a run would do and cost at most, in words; nothing is changed or invoked."""
    if not is_local(settings.target):
        from tuner.backends.aws import open_aws

        return open_aws(settings, connection).plan()
    from tuner.backends.local import describe_local

    identity = describe_local(settings)
    study = make_study(settings, identity, prices_for(settings, _region(connection, identity)))
    sizes = ", ".join(map(str, study.space.memory_sizes_mb))
    lines = [
        f"Would tune {identity.name} on this machine ({', '.join(study.space.architectures)}, {identity.runtime}).",
        f"  sampler    {settings.sampler}",
        f"  sizes      {sizes} MB",
    ]
    if settings.sampler == "grid":
        trials = study.ask()
        lines.append(f"  runs       {sum(trial.invocations for trial in trials)}")
    elif settings.budget.max_invocations:
        lines.append(f"  runs       {settings.budget.max_invocations} at most")
    else:
        lines.append("  runs       until the answer is within the tolerance")
    lines.append("  cost       nothing: local runs are not paid for")
    return "\n".join(lines)


def _header(settings: Settings, identity: FunctionIdentity) -> dict[str, Any]:
    """What a record says of its run: enough to go on, and to tell that it is the same function and payload."""
    digest = hashlib.sha256(b"".join(item.body for item in settings.payloads.items)).hexdigest()
    return {
        "input": dict(settings.document),
        "target": settings.target,
        "payload_sha256": digest,
        "backend": identity.backend,
        "code_sha256": identity.code_sha256,
    }


def _check_same(recorded: Recorded, header: dict[str, Any]) -> None:
    """Refuse to mix samples of different functions, codes or payloads."""
    wrong = {
        "target": "give the TARGET of that run, or start a new one",
        "payload_sha256": "give the --payload of that run, or start a new one",
        "code_sha256": "the code has changed since: start a new run",
    }
    faults = [
        Fault(f"--resume ({name})", f"{header[name]} differs from {recorded.header.get(name)}", remedy)
        for name, remedy in wrong.items()
        if recorded.header.get(name) != header[name]
    ]
    if faults:
        raise InputError(faults)


def _left_out(settings: Settings, space: SearchSpace) -> Sequence[Notice]:
    """Named sizes and architectures that cannot be measured."""
    notices = []
    left = [str(m) for m in settings.memory.listed or () if m not in space.memory_sizes_mb]
    if left:
        message = f"Left out {', '.join(left)} MB: more than {space.memory_sizes_mb[-1]} MB cannot be measured here."
        notices.append(Notice("sizes_left_out", message))
    missing = [a for a in settings.architectures or () if a not in space.architectures]
    if missing:
        notices.append(Notice("architecture_left_out", f"Left out {', '.join(missing)}: it cannot be measured here."))
    return notices


def _write(document: Document, output: Output) -> None:
    from reports.html import render

    write_text(output.folder / "result.json", dumps(document))
    write_text(output.folder / "report.html", render(document))


def _conclude(document: Document, settings: Settings, connection: Connection, output: Output) -> int:
    """Print the answer, apply it when asked, and choose the exit code."""
    if output.as_json:
        click.echo(dumps(document), nl=False)
    else:
        from reports.terminal import render

        click.echo(render(document))
        click.echo(f"\nResult  {output.folder / 'result.json'}\nReport  {output.folder / 'report.html'}")
    if (output.apply or settings.auto_optimize) and document["recommendation"]:
        from tuner.aws.apply import apply_recommendation

        alias = output.alias or settings.auto_optimize_alias
        click.echo(apply_recommendation(document, connection, alias=alias), err=True)
    return _drift(document, output)


def _drift(document: Document, output: Output) -> int:
    if output.fail_above is None:
        return 0
    from tuner.drift import drift

    found = drift(document, output.fail_above)
    click.echo(found.message, err=True)
    return EXIT_THRESHOLD if found.crossed else 0
