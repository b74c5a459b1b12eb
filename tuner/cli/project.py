"""Tunes every function of a project that can run on this machine, one after the other, with one summary."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.api.files import folder_names, read_text
from tuner.api.records.run_folder import has_record
from tuner.cli.again import RESUMED_ELSEWHERE
from tuner.cli.exit_codes import EXIT_OK
from tuner.cli.output import say
from tuner.cli.values import as_pairs, read_variables
from tuner.documents.input import with_configuration_in_use
from tuner.documents.strict_json import parse_json
from tuner.errors import Fault, InputError, InterruptedRunError, NoSpaceError, NotRecordedError, TunerError
from tuner.local.handler import parse_handler
from tuner.local.project import ProjectFunction, read_project
from tuner.local.worker.runtimes import RUNTIMES, runtime_named
from tuner.settings import LocalOptions

if TYPE_CHECKING:
    from tuner.api.result import Result
    from tuner.cli.request import TuneRequest

Tune = Callable[["TuneRequest", Mapping[str, Any], Path, str], "Result"]
"""Tunes what a request asks for, which options of one function say, leaves the result in a folder, and shows progress
under a title."""


def tune_project(
    template: Path,
    options: Mapping[str, Any],
    *,
    read: Callable[[str, Mapping[str, Any]], TuneRequest],
    tune: Tune,
    show_plan: Callable[[TuneRequest], str],
    go_on: Callable[[], str],
    folder: Path,
    stop: threading.Event,
) -> int:
    """Tune the functions of a template, or say what that would do.

    A run that goes on hears all functions again. Of those that are finished nothing is measured.

    Args:
        template: SAM template or serverless.yml.
        options: of the command; `event` holds the payloads as NAME=FILE.
        read: reads a request for a target with options.
        tune: tunes it.
        show_plan: says what that would do, for a dry run.
        go_on: says how the run is gone on with.
        folder: of the results; each function has one of its own in it.
        stop: ends the run in order.

    Raises:
        InputError: the template cannot be read, an event belongs to no function, or there is no run to go on with.
        InterruptedRunError: `stop` was set.
        NotRecordedError, NoSpaceError: nothing more can be written. The functions that are left are not begun.
        TunerError: no function could be tuned.
    """
    functions = read_project(template)
    events = events_of(options["event"], functions)
    places = [folder / name for name in folder_names(function.name for function in functions)]
    if options["resume"]:
        _require_run(template, folder, places, options["output"])
    rows: list[str] = []
    tuned = 0
    try:
        for number, (function, place) in enumerate(zip(functions, places, strict=True), 1):
            _heed(stop)
            title = f"{function.name} ({number} of {len(functions)})"
            given, request = _given(function, events.get(function.name), options, place), None
            try:
                request = _request(function, given, read)
                _heed(stop)  # set while the handler was loaded
                if options["dry_run"]:
                    row = show_plan(request)
                else:
                    row = _summary(request, tune(request, given, place, title), place)
                tuned += 1
            except (InterruptedRunError, NotRecordedError, NoSpaceError) as error:
                # Where nothing can be written, the others would be measured in vain.
                interrupted = isinstance(error, InterruptedRunError)
                rows.append(_row(function, "interrupted" if interrupted else f"not tuned: {error}"))
                raise
            except TunerError as error:
                row = f"not tuned: {error}"
            rows.append(_row(function, row + _without_event(function, given) + _told(function, request, given)))
    except (InterruptedRunError, NotRecordedError, NoSpaceError) as error:
        if any(map(has_record, places)):
            error.hint = "\n".join(filter(None, [error.hint, go_on()]))
        raise
    finally:  # what is finished is told whatever ends the command
        say("\n".join([*rows, *(_row(left, "not begun") for left in functions[len(rows) :])]))
    if not tuned:
        raise TunerError(f"No function of {template} could be tuned.", "See the reasons above.")
    return EXIT_OK


def _row(function: ProjectFunction, text: str) -> str:
    """What the summary says of a function, in the column of all texts where its name leaves room."""
    return f"{function.name:<22}  {text}"


def _require_run(template: Path, folder: Path, places: Iterable[Path], output: str | None) -> None:
    """Make sure that there is something to go on with.

    Raises:
        InputError: there is not, or the results are to go elsewhere.
    """
    if output:
        raise InputError([RESUMED_ELSEWHERE])
    if not any(map(has_record, places)):
        problem = f"{folder} holds no run of a function of {template}"
        remedy = "give the --output folder of that run; of a run of one function, its target in the place of --from"
        raise InputError.single("--resume", problem, remedy)


def _heed(stop: threading.Event) -> None:
    if stop.is_set():
        raise InterruptedRunError("Interrupted before anything more was measured.")


def _without_event(function: ProjectFunction, given: Mapping[str, Any]) -> str:
    """That a function gets an empty payload, where nobody gave one."""
    if given["payload"] or function.reason:
        return ""
    return _lines({"event": "{}: give another with --event"})


def _given(function: ProjectFunction, event: str | None, options: Mapping[str, Any], place: Path) -> dict[str, Any]:
    """The options of one function: those of the command, and what the template says where they say nothing."""
    given = dict(options)
    given["resume"] = str(place) if options["resume"] and has_record(place) else None  # others are begun
    given["payload"] = f"@{event}" if event else options["payload"]
    named = _named_variables(options)
    own = (f"{name}={value}" for name, value in function.environment.items() if name not in named)
    given["env"] = (*own, *options["env"])
    given |= {flag.removeprefix("--"): None for flag in programs_of_none([function], options)}
    if not given["resume"]:  # the record has what held when the run began
        given["timeout"] = options["timeout"] or (function.timeout_s and f"{function.timeout_s:g}")
        given["ephemeral_storage"] = options["ephemeral_storage"] or (function.tmp_mb and str(function.tmp_mb))
    return given


def programs_of_none(functions: Iterable[ProjectFunction], options: Mapping[str, Any]) -> list[str]:
    """Flags that name the program of a runtime which no function has. A processor may be of any runtime."""
    if options["pre_processor"] or options["post_processor"]:
        return []
    runtimes = {runtime_named(function.runtime) for function in functions}
    return [f"--{runtime.option}" for runtime in RUNTIMES if runtime not in runtimes]


def _named_variables(options: Mapping[str, Any]) -> set[str]:
    """Names of the variables that `--env` and `--env-file` give. Whether the file has faults is told elsewhere."""
    file = options["env_file"]
    return {*as_pairs(options["env"]), *(read_variables(Path(file), []) if file else ())}


def _request(
    function: ProjectFunction, given: Mapping[str, Any], read: Callable[[str, Mapping[str, Any]], TuneRequest]
) -> TuneRequest:
    """What is asked for one function, with the configuration that the template says is in use."""
    if function.reason:
        raise TunerError(function.reason)
    request = read(function.target, given)
    memory_mb = request.settings.local.memory_mb or function.memory_mb  # --memory-in-use wins
    return replace(request, settings=with_configuration_in_use(request.settings, memory_mb, function.architecture))


def _summary(request: TuneRequest, result: Result, place: Path) -> str:
    """What the summary says of a function that was tuned: the size, what that changes, and where the report is."""
    from reports.words.numbers import milliseconds
    from reports.words.verdict import trouble, versus_now

    report = str(place / "report.html")
    best = result.recommendation
    if best is None:
        return "no recommendation" + _lines({"report": report})
    saving = result.document["saving"]
    change = versus_now(saving) if saving else trouble(result.document)
    memory_mb = request.settings.local.memory_mb
    used = f" (in use: {memory_mb:,} MB)" if memory_mb else ""
    row = f"{best.memory_mb:,} MB{used}, {milliseconds(best.duration_ms.mean)}"
    return row + _lines({"change": change, "report": report})


def _lines(told: Mapping[str, str]) -> str:
    """Lines below the row of a function, each with its label; empty ones are left out."""
    return "".join(f"\n  {label:<11}{line}" for label, line in told.items() if line)


def _told(function: ProjectFunction, request: TuneRequest | None, given: Mapping[str, Any]) -> str:
    """Lines of the summary on what differs here from what the template says, or is not known from it.

    Without a request, as where the handler cannot be loaded, it can be the reason.
    """
    if function.reason:
        return ""
    programs = {name: given[name] for name in ("python", "node") if given[name]}
    here = request.settings.local if request else LocalOptions(interpreters=programs)
    seen = _named_variables(given) | os.environ.keys()
    left_out = ", ".join(name for name in function.left_out if name not in seen)
    return _lines({
        "runtime": _runtime_here(function, here),
        "code": function.code_note,
        "variables": f"left out: {left_out} (give them with --env NAME=VALUE)" if left_out else "",
        "timeout": _unknown(function, "timeout", f"{here.timeout_s:g} s", given),
        "storage": _unknown(function, "ephemeral_storage", f"{here.tmp_mb} MB of /tmp", given),
    })  # fmt: skip


def _unknown(function: ProjectFunction, parameter: str, here: str, given: Mapping[str, Any]) -> str:
    """What the summary says of a number that the template does not tell and no option gives; else nothing."""
    reason = function.unknown.get(parameter, "") if not given[parameter] else ""
    return f"{here} here: {reason} (give it with --{parameter.replace('_', '-')})" if reason else ""


def _runtime_here(function: ProjectFunction, here: LocalOptions) -> str:
    """What the summary says where a function runs on another version here than its template names; else nothing."""
    handler, _ = parse_handler(function.target, here)
    if handler is None or handler.runtime is None or handler.runtime_identifier == function.runtime:
        return ""
    remedy = f"name another with --{handler.runtime.option}"
    return f"{handler.runtime_identifier} here, {function.runtime} in the template: {remedy}"


def events_of(given: Sequence[str], functions: Sequence[ProjectFunction]) -> dict[str, str]:
    """Payload files by function.

    Raises:
        InputError: one is of no function, is not NAME=FILE, or its file cannot be read.
    """
    names = {function.name for function in functions}
    events, faults = {}, []
    for text in given:
        name, equals, file = text.partition("=")
        if not equals or name not in names:
            known = ", ".join(sorted(names))
            faults.append(Fault("--event", f"{text} names no function", f"write NAME=FILE, with NAME of {known}"))
        elif problem := _unreadable(Path(file)):
            faults.append(Fault("--event", f"{text}: {problem}", "name a file that holds JSON"))
        events[name] = file
    if faults:
        raise InputError(faults)
    return events


def _unreadable(file: Path) -> str:
    """Why a payload cannot be read from a file; empty: it can."""
    try:
        parse_json(read_text(file))
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    except ValueError as error:
        return f"it is not JSON ({error})"
    return ""
