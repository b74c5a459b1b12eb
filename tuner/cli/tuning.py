"""One run of `tuner tune` from opened backend to written report.

Opens the backend, drives the study, and whatever happens writes what was measured;
then says what was found and with which exit code.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from tuner.aws.api.connection import Connection
from tuner.backend import Backend
from tuner.cli.options import EXIT_NOT_DECIDED, EXIT_THRESHOLD, write_text
from tuner.cli.price_cache import current_prices
from tuner.cli.progress import Progress
from tuner.cli.run_folder import Recorded, Recorder
from tuner.documents.request import request_document
from tuner.documents.result import ResultDocument, dumps, function_errors
from tuner.documents.result_builder import build_result
from tuner.errors import (
    AllFailedError,
    BackendError,
    Fault,
    InputError,
    InterruptedRunError,
    LeftBehindError,
    TunerError,
)
from tuner.local.worker.runtimes import names_a_handler
from tuner.model import FunctionIdentity, Notice, StopReason
from tuner.pricing.price_list import DEFAULT_REGION, PriceList
from tuner.search.loop import run
from tuner.search.registry import measures_every_size
from tuner.search.setup import make_study
from tuner.search.space import left_out
from tuner.search.study import Study
from tuner.settings import Settings


@dataclass(frozen=True, slots=True)
class Output:
    """Where the result goes, and what is done with it.

    Attributes:
        folder: gets record, result and report.
        recorded: what an earlier sitting left in it; None: a new run.
        again: the command that goes on with this run.
        quiet: no progress.
        as_json: the result document on stdout instead of the summary.
        apply, alias, force: whether the recommendation is applied, through which alias, and on weak evidence too.
        fail_above: excess of the current configuration from which the exit code is 3, a fraction.
        strict: whether the exit code is 4 when that is not decided.
    """

    folder: Path
    recorded: Recorded | None
    again: str
    quiet: bool
    as_json: bool
    apply: bool
    alias: str | None
    force: bool
    fail_above: float | None
    strict: bool = False


@dataclass(slots=True)
class _Sitting:
    """What one sitting of a run came to."""

    study: Study
    identity: FunctionIdentity
    notices: list[Notice]
    failure: TunerError | None = None


def is_local(target: str) -> bool:
    """Whether a target is a handler on this machine (`FILE:HANDLER`)."""
    return names_a_handler(target)


def tune(settings: Settings, backend: Backend, connection: Connection, output: Output, stop: threading.Event) -> int:
    """Tune, write samples, result and report, and print the answer.

    Args:
        settings: what was asked for, payloads read.
        backend: what measures; not yet entered.
        connection: how to reach AWS.
        output: where the result goes, and what is done with it.
        stop: ends the run in order.

    Returns:
        The exit code: 0; 3 when the current configuration is worse than `fail_above`; 4 under `strict` when
        that is not decided.

    Raises:
        InputError: the record to resume belongs to something else.
        AllFailedError: no run was usable.
        InterruptedRunError: stopped by a signal; what was measured is written.
        TunerError: the work failed; what was measured is written.
    """
    before_s = output.recorded.elapsed_s if output.recorded else 0.0
    began = time.monotonic()

    def clock() -> float:
        return before_s + time.monotonic() - began

    sitting = _measure(settings, backend, connection, output, stop, clock)
    study = sitting.study
    if study.all_failed and study.stopped_by is not StopReason.INTERRUPTED:
        study.interrupt(StopReason.ALL_FAILED)
    document = build_result(
        study,
        sitting.identity,
        request_document(settings, study.space),
        created_at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        seconds=clock(),
        notices=[*sitting.notices, *left_out(settings, sitting.identity)],
        discard_top_bottom=settings.discard_top_bottom,
    )
    _write(document, output)
    _refuse(document, sitting, output, stop)
    return _conclude(document, settings, connection, output)


def _measure(
    settings: Settings,
    backend: Backend,
    connection: Connection,
    output: Output,
    stop: threading.Event,
    clock: Callable[[], float],
) -> _Sitting:
    """Enter the backend and drive the study; what fails after the first trial is kept beside what was measured."""
    sitting: _Sitting | None = None
    try:
        with backend:
            identity = backend.describe()
            header = _header(settings, identity, output.recorded)
            study = make_study(settings, identity, prices_for(settings, _region(connection, identity)))
            if output.recorded:
                _check_same(output.recorded, header)
                study.replay(output.recorded.samples, output.recorded.rounds)
            recorder = Recorder(output.folder, header, output.recorded, clock=clock)
            sitting = _Sitting(study, identity, [])
            try:
                with Progress(quiet=output.quiet, currency=study.prices.currency) as progress:
                    run(study, backend, stop=stop, clock=clock, observers=(recorder, progress))
            except BackendError as exc:
                sitting.failure = exc
                study.interrupt()
            finally:
                recorder.close()
                sitting.notices.extend(backend.notices())
    except LeftBehindError as exc:
        # What had failed before is told too, whether or not it was noticed here.
        earlier = sitting.failure if sitting and sitting.failure else exc.__context__
        failure = exc.after(earlier if isinstance(earlier, TunerError) else None)
        if sitting is None:
            raise failure from exc
        sitting.failure = failure
    return sitting


def _refuse(document: ResultDocument, sitting: _Sitting, output: Output, stop: threading.Event) -> None:
    """Say why a result, which is written, is not the answer."""
    go_on = f"Go on with: {output.again}"
    if sitting.failure:
        sitting.failure.hint = "\n".join(filter(None, [sitting.failure.hint, go_on]))
        raise sitting.failure
    if sitting.study.stopped_by is StopReason.INTERRUPTED:
        kept = f"Interrupted after {sitting.study.spent.invocations} runs; they are kept in {output.folder}."
        raise InterruptedRunError(kept, go_on)
    if stop.is_set():
        raise InterruptedRunError(f"Interrupted when all was measured; the result is in {output.folder}.")
    if document["recommendation"] is None:
        said = function_errors(document) or _reasons(document)
        raise AllFailedError(f"No configuration can be recommended.\n{said}", f"See {output.folder}.")


def _reasons(document: ResultDocument) -> str:
    return "\n".join(f"{e['memory_mb']} MB {e['architecture']}: {e['reason']}" for e in document["excluded"])


def _region(connection: Connection, identity: FunctionIdentity) -> str:
    return identity.region or connection.region or DEFAULT_REGION


def prices_for(settings: Settings, region: str) -> PriceList:
    """Prices of a region, refreshed ones where the user has them, with the user's discount."""
    return current_prices(region).with_discount(settings.discount)


def with_payloads(settings: Settings, connection: Connection) -> Settings:
    """The settings with their payloads, those in S3 read.

    Raises:
        InputError: no S3 address, no payload there, or no region to reach it.
        AwsError: it cannot be read.
    """
    if settings.payload_s3 is None:
        return settings
    from tuner.aws.api.function_reference import parse_function_reference
    from tuner.aws.api.session import connect
    from tuner.aws.measure.payloads import read_payloads

    region = None if is_local(settings.target) else parse_function_reference(settings.target).region
    return replace(settings, payloads=read_payloads(settings, connect(connection, region=region)))


def open_backend(settings: Settings, connection: Connection) -> Backend:
    """The backend that measures the target; entered by the caller."""
    if is_local(settings.target):
        from tuner.local.backend import open_local

        return open_local(settings)
    from tuner.aws.backend import open_aws

    return open_aws(settings, connection, partial(prices_for, settings))


def plan(settings: Settings, connection: Connection) -> str:
    """What a run would do and cost at most, in words; nothing is changed or invoked."""
    if not is_local(settings.target):
        from tuner.aws.backend import open_aws

        return open_aws(settings, connection, partial(prices_for, settings)).plan()
    from tuner.local.backend import describe_local

    identity = describe_local(settings)
    study = make_study(settings, identity, prices_for(settings, _region(connection, identity)))
    sizes = ", ".join(map(str, study.space.memory_sizes_mb))
    lines = [
        f"Would tune {identity.name} on this machine ({', '.join(study.space.architectures)}, {identity.runtime}).",
        f"  sampler    {settings.sampler}",
        f"  sizes      {sizes} MB",
    ]
    if measures_every_size(settings):
        trials = study.ask()
        lines.append(f"  runs       {sum(trial.invocations for trial in trials)}")
    elif settings.budget.max_invocations:
        lines.append(f"  runs       {settings.budget.max_invocations} at most")
    else:
        lines.append("  runs       until the answer is within the tolerance")
    lines.append("  cost       nothing: local runs are not paid for")
    return "\n".join(lines)


def _header(settings: Settings, identity: FunctionIdentity, recorded: Recorded | None) -> dict[str, Any]:
    """What a record says of its run: enough to go on, and to tell that it is the same function and payload.

    Payloads that must not be shown are told by a sealed digest.
    """
    new = secrets.token_hex(16) if settings.disable_payload_logs else None
    salt = recorded.header.get("payload_salt") if recorded else new
    return {
        "input": dict(settings.document),
        "target": settings.target,
        "payload_digest": settings.payloads.sealed_digest(salt) if salt else settings.payloads.digest(),
        "payload_salt": salt,
        "function_arn": identity.arn,
        "code_sha256": identity.code_sha256,
    }


def _check_same(recorded: Recorded, header: dict[str, Any]) -> None:
    """Refuse to mix samples of different functions, codes or payloads."""
    wrong = {
        "target": "give the TARGET of that run, or start a new one",
        "payload_digest": "give the payloads of that run and their weights, or start a new one",
        "function_arn": "give the --region and the account of that run, or start a new one",
        "code_sha256": "the code has changed since: start a new run",
    }
    faults = [
        Fault(f"--resume ({name})", f"{header[name]} differs from {recorded.header.get(name)}", remedy)
        for name, remedy in wrong.items()
        if recorded.header.get(name) != header[name]
    ]
    if faults:
        raise InputError(faults)


def _write(document: ResultDocument, output: Output) -> None:
    from reports.html import render

    write_text(output.folder / "result.json", dumps(document))
    write_text(output.folder / "report.html", render(document))


def _conclude(document: ResultDocument, settings: Settings, connection: Connection, output: Output) -> int:
    """Print the answer, apply it when asked, and choose the exit code."""
    if output.as_json:
        click.echo(dumps(document), nl=False)
    else:
        from reports.terminal import render

        click.echo(render(document))
        click.echo(f"\nResult  {output.folder / 'result.json'}\nReport  {output.folder / 'report.html'}")
    if (output.apply or settings.auto_optimize) and document["recommendation"]:
        from tuner.aws.changes.apply import apply_recommendation

        alias = output.alias or settings.auto_optimize_alias
        click.echo(apply_recommendation(document, connection, alias=alias, force=output.force), err=True)
    return _drift(document, output)


def _drift(document: ResultDocument, output: Output) -> int:
    if output.fail_above is None:
        return 0
    from tuner.comparison.size_in_use import excess_over_best

    found = excess_over_best(document, output.fail_above)
    click.echo(found.message, err=True)
    if found.crossed:
        return EXIT_THRESHOLD
    return EXIT_NOT_DECIDED if output.strict and not found.decided else 0
