"""Tunes many functions of AWS, several at once, each in a folder of its own, and sums up what was found.

A run that goes on keeps what is finished, goes on with what began, and begins the rest. The tuning of one function and
the limit of the account are arguments.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from tuner.api.files import folder_names, write_text
from tuner.api.records.open_record import is_open
from tuner.api.records.run_folder import has_record
from tuner.api.result import REPORT_FILE, Result
from tuner.api.result_store import load_result
from tuner.aws.api.client import LambdaApi
from tuner.aws.api.connection import Connection
from tuner.aws.api.session import connect
from tuner.documents.fleet_summary import build_summary, tuned_row
from tuner.documents.result import RESULT_FILE, SUMMARY_FILE
from tuner.errors import InputError, InterruptedRunError, NoSpaceError, NotRecordedError, TunerError
from tuner.model import StopReason
from tuner.plain_numbers import plural
from tuner.search.loop import Observer
from tuner.settings import Settings

PAGE_FILE = "summary.html"
DEFAULT_AT_ONCE = 4
"""Functions at once: the decisions of more keep one processor busy."""
Document = dict[str, Any]


class FleetWatcher(Protocol):
    """Somebody who watches a fleet: a progress display. Called from several threads."""

    def began(self, function: str) -> Observer:
        """A function is tuned now; what watches its runs."""
        ...

    def ended(self, function: str, result: Result | None, failure: str) -> None:
        """A function was tuned, or failed."""
        ...


class TuneOne(Protocol):
    """Tunes one function and leaves the result in a folder: `tuner.tune`."""

    def __call__(
        self,
        target: Settings,
        *,
        output: Path,
        resume: bool,
        connection: Connection,
        stop: threading.Event,
        observers: Sequence[Observer],
    ) -> Result:
        """Tune it."""
        ...


@dataclass(frozen=True, slots=True)
class Fleet:
    """What is to be tuned.

    Attributes:
        members: settings of each function.
        folder: of all results.
        connection: region, profile and role for AWS.
        at_once: functions at once.
    """

    members: Sequence[Settings]
    folder: Path
    connection: Connection
    at_once: int = DEFAULT_AT_ONCE


def account_concurrency(connection: Connection) -> int:
    """Concurrent executions of the account that no function has reserved.

    Raises:
        AwsError: they cannot be read.
    """
    clients = connect(connection)
    try:
        return LambdaApi(clients.control).account().concurrency
    finally:
        clients.close()


def bounded(fleet: Fleet, free_concurrency: int) -> int:
    """How many functions may be tuned at once: their invocations together take at most half of what is free."""
    widest = max(settings.concurrency for settings in fleet.members)
    return max(1, min(fleet.at_once, len(fleet.members), free_concurrency // 2 // widest))


def tune_fleet(fleet: Fleet, *, at_once: int, tune: TuneOne, watcher: FleetWatcher, stop: threading.Event) -> Document:
    """Tune all functions; the summary, which is also in the folder beside its page.

    Args:
        fleet: what is to be tuned.
        at_once: functions at once, as `bounded` says.
        tune: tunes one function.
        watcher: told of every function.
        stop: set it to end all runs in order.

    Raises:
        InterruptedRunError: `stop` was set. What was measured is in the folder.
        NotRecordedError: a file cannot be written. No other function was begun since.
    """
    folders, unwritten = folders_of(fleet), _Unwritten()
    with ThreadPoolExecutor(at_once, thread_name_prefix="fleet") as pool:
        begun = [
            pool.submit(_tune_one, settings, folder, fleet, tune, watcher, stop, unwritten)
            for settings, folder in zip(fleet.members, folders, strict=True)
        ]
        found = [one.result() for one in begun]
    summary = _summary(fleet, folders, found)
    try:
        _write_summary(summary, fleet.folder)
    except TunerError as exc:
        unwritten.add(exc)
    if stop.is_set():
        told = f"Interrupted. What was measured is kept in {fleet.folder}."
        raise InterruptedRunError("\n".join([told, *unwritten.messages]))
    if unwritten:
        raise unwritten.error(fleet.folder, _standing(summary))
    return summary


def _write_summary(summary: Document, folder: Path) -> None:
    """Write the summary and its page."""
    write_text(folder / SUMMARY_FILE, json.dumps(summary, indent=1))
    from reports.fleet import render

    write_text(folder / PAGE_FILE, render(summary, folder=str(folder)))


def folders_of(fleet: Fleet) -> list[Path]:
    """The folder of each function, by its name."""
    names = folder_names(settings.target.rpartition(":function:")[2] for settings in fleet.members)
    return [fleet.folder / name for name in names]


@dataclass(frozen=True, slots=True)
class _Found:
    """What became of a function: its result, or why there is none; neither: it did not start."""

    result: Result | None = None
    failure: TunerError | None = None


class _Unwritten:
    """Files of a fleet that could not be written; for any thread.

    Where there is one, other functions are not begun: what they would measure could not be kept.
    """

    def __init__(self) -> None:
        self._errors: list[TunerError] = []

    def __bool__(self) -> bool:
        return bool(self._errors)

    def add(self, error: TunerError) -> None:
        """Note that a file could not be written."""
        self._errors.append(error)

    @property
    def messages(self) -> list[str]:
        """Which files, and why; each once."""
        return list(dict.fromkeys(error.message for error in self._errors))

    def error(self, folder: Path, standing: str) -> NotRecordedError:
        """What to say of all of them at the end."""
        full = any(
            isinstance(e, NoSpaceError) or (isinstance(e, NotRecordedError) and e.no_space) for e in self._errors
        )
        kind = NoSpaceError if full else TunerError
        return NotRecordedError(kind("\n".join(self.messages)), folder, standing)


def _standing(summary: Document) -> str:
    """How far a fleet is that cannot be written any more."""
    cut, left = len(summary["failures"]), len(summary["notStarted"])
    return f"{plural(summary['tuned'], 'function')} tuned, {cut} cut short or failed, {left} not begun."


def _tune_one(
    settings: Settings,
    folder: Path,
    fleet: Fleet,
    tune: TuneOne,
    watcher: FleetWatcher,
    stop: threading.Event,
    unwritten: _Unwritten,
) -> _Found:
    if stop.is_set() or unwritten:
        return _Found()
    try:
        # A run that goes on without measuring anything takes out of its files what is to be hidden.
        hides = settings.disable_payload_logs and is_open(folder)
        if finished := None if hides else _finished(folder):
            watcher.ended(settings.target, finished, "")
            return _Found(finished)
        resume = has_record(folder)
        result = tune(
            settings,
            output=folder,
            resume=resume,
            connection=fleet.connection,
            stop=stop,
            observers=[watcher.began(settings.target)],
        )
    except InterruptedRunError:
        return _Found()
    except TunerError as error:
        if isinstance(error, (NotRecordedError, NoSpaceError)):
            unwritten.add(error)
        watcher.ended(settings.target, None, error.message)
        return _Found(failure=error)
    watcher.ended(settings.target, result, "")
    return _Found(result)


def _finished(folder: Path) -> Result | None:
    """The result of an earlier run that measured all it wanted; None: there is none.

    Its report is written again where that run ended before it had written it.

    Raises:
        TunerError: the report cannot be written.
    """
    if not (folder / RESULT_FILE).exists():
        return None
    try:
        result = load_result(folder)
    except InputError:
        return None
    if result.recommendation is None or result.stopped_by is StopReason.INTERRUPTED:
        return None
    report = folder / REPORT_FILE
    if not report.exists() or report.stat().st_mtime_ns < (folder / RESULT_FILE).stat().st_mtime_ns:
        result.to_html(report)
    return result


def _summary(fleet: Fleet, folders: Iterable[Path], found: Sequence[_Found]) -> Document:
    rows = list(zip((settings.target for settings in fleet.members), folders, found, strict=True))
    return build_summary(
        len(rows),
        tuned=[
            tuned_row(
                name,
                one.result.document,
                result_address=str(folder / RESULT_FILE),
                report_address=str(folder / REPORT_FILE),
            )
            for name, folder, one in rows
            if one.result
        ],
        failed=[
            {"function": name, "error": type(one.failure).__name__, "cause": one.failure.message}
            for name, _, one in rows
            if one.failure
        ],
        not_started=[name for name, _, one in rows if not one.result and not one.failure],
        made_at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    )
