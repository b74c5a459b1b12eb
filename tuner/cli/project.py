"""Tunes every function of a project that can run on this machine, one after the other, with one summary."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.cli.exit_codes import EXIT_OK
from tuner.cli.output import say
from tuner.errors import Fault, InputError, InterruptedRunError, TunerError
from tuner.local.handler import parse_handler
from tuner.local.project import ProjectFunction, read_project

if TYPE_CHECKING:
    from tuner.api.result import Result
    from tuner.cli.request import TuneRequest

Tune = Callable[["TuneRequest", Path], "Result"]
"""Tunes what a request asks for, and leaves the result in a folder."""


def tune_project(
    template: Path,
    options: Mapping[str, Any],
    *,
    read: Callable[[str, Mapping[str, Any]], TuneRequest],
    tune: Tune,
    show_plan: Callable[[TuneRequest], str],
    folder: Callable[[str], Path],
    stop: threading.Event,
) -> int:
    """Tune the functions of a template, or say what that would do.

    Args:
        template: SAM template or serverless.yml.
        options: of the command; `event` holds the payloads as NAME=FILE.
        read: reads a request for a target with options.
        tune: tunes it.
        show_plan: says what that would do, for a dry run.
        folder: where the result of a function goes.
        stop: ends the run in order.

    Raises:
        InputError: the template cannot be read, or an event belongs to no function.
        TunerError: no function could be tuned.
    """
    functions = read_project(template)
    events = _events(options["event"], functions)
    rows: list[str] = []
    tuned = 0
    for function in functions:
        if stop.is_set():
            raise InterruptedRunError("Interrupted.", "Results so far:\n" + "\n".join(rows))
        try:
            request = _request(function, events.get(function.name), options, read)
            if options["dry_run"]:
                row = show_plan(request)
            else:
                row = _tune_one(function, request, tune, folder(function.name))
            row += _runtime_here(function, request)
            tuned += 1
        except InterruptedRunError:
            raise
        except TunerError as error:
            row = f"not tuned: {error}"
        if not (events.get(function.name) or options["payload"] or function.reason):
            row += (
                "\n  event      {}: give another with --event" if options["dry_run"] else " (no --event: {} was sent)"
            )
        rows.append(f"{function.name:<24}{row}")
    say("\n".join(rows))
    if not tuned:
        raise TunerError(f"No function of {template} could be tuned.", "See the reasons above.")
    return EXIT_OK


def _request(
    function: ProjectFunction,
    event: str | None,
    options: Mapping[str, Any],
    read: Callable[[str, Mapping[str, Any]], TuneRequest],
) -> TuneRequest:
    """What is asked for one function: the options, and what the template says of it."""
    if function.reason:
        raise TunerError(function.reason)
    given = dict(options)
    given["payload"] = f"@{event}" if event else options["payload"]
    given["env"] = (*(f"{name}={value}" for name, value in function.environment.items()), *options["env"])
    given["timeout"] = options["timeout"] or (function.timeout_s and str(function.timeout_s))
    given["ephemeral_storage"] = options["ephemeral_storage"] or (function.tmp_mb and str(function.tmp_mb))
    request = read(function.target, given)
    local = replace(request.settings.local, memory_mb=function.memory_mb, architecture=function.architecture)
    return replace(request, settings=replace(request.settings, local=local))


def _tune_one(function: ProjectFunction, request: TuneRequest, tune: Tune, place: Path) -> str:
    """Tune one function; what the summary says of it."""
    from reports.words.numbers import milliseconds

    best = tune(request, place).recommendation
    if best is None:
        return f"no recommendation; see {place}"
    used = f" (in use: {function.memory_mb:,} MB)" if function.memory_mb else ""
    return f"{best.memory_mb:,} MB{used}, {milliseconds(best.duration_ms.mean)}; report in {place / 'report.html'}"


def _runtime_here(function: ProjectFunction, request: TuneRequest) -> str:
    """What the summary says where a function runs on another version here than its template names; else nothing."""
    handler, _ = parse_handler(function.target, request.settings.local)
    if handler is None or handler.runtime is None or handler.runtime_identifier == function.runtime:
        return ""
    remedy = f"name another with --{handler.runtime.option}"
    return f"\n  runtime    {handler.runtime_identifier} here, {function.runtime} in the template: {remedy}"


def _events(given: Sequence[str], functions: Sequence[ProjectFunction]) -> dict[str, str]:
    """Payload files by function.

    Raises:
        InputError: one is of no function, is not NAME=FILE, or its file cannot be read.
    """
    names = {function.name for function in functions}
    events = {}
    for text in given:
        name, equals, file = text.partition("=")
        if not equals or name not in names:
            known = ", ".join(sorted(names))
            raise InputError.single("--event", f"{text} names no function", f"write NAME=FILE, with NAME of {known}")
        events[name] = file
    faults = [Fault("--event", f"{name}={file}: {problem}", "name a file that holds JSON")
              for name, file in events.items() if (problem := _unreadable(Path(file)))]  # fmt: skip
    if faults:
        raise InputError(faults)
    return events


def _unreadable(file: Path) -> str:
    """Why a payload cannot be read from a file; empty: it can."""
    try:
        json.loads(file.read_bytes())
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    except ValueError as error:
        return f"it is not JSON ({error})"
    return ""
