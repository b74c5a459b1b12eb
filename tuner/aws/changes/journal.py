"""Records the changes of a run on disk: an entry before each change, a lock while the run lives.

Each function has one file, and a second one for the candidate of a duet. A locked file means that a run works
on the function. A file without a lock shows what a killed run left. A journal without a file is kept in memory.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tuner.aws.api.errors import AnotherRunError
from tuner.aws.changes.markers import is_run_id, parse_copy
from tuner.aws.changes.operations import (
    Change,
    CreateCopy,
    DeleteCopy,
    DeleteVersion,
    PublishVersion,
    RestoreLatest,
    as_record,
)
from tuner.aws.changes.private_files import open_private, read_private
from tuner.documents.strict_json import decode_text, parse_strictly
from tuner.errors import BackendError
from tuner.shell_lines import with_command


def state_dir(environment: Mapping[str, str]) -> Path:
    """The folder of the journals, in the user's XDG state directory."""
    given = environment.get("XDG_STATE_HOME")
    base = Path(given) if given else Path(environment.get("HOME", "~")).expanduser() / ".local" / "state"
    return base / "lambda-tuner"


class DamagedJournalError(BackendError):
    """A journal holds what no run writes, so it cannot tell what a killed run left."""


_UNDOING = (RestoreLatest, DeleteVersion, DeleteCopy)


@dataclass(slots=True)
class Journal:
    """What one run has created and not yet deleted.

    Attributes:
        run: the run's id.
        versions: version numbers that it published, by description.
        copies: names of the copies that it created or tried to create.
        unanswered: descriptions of versions that it tried to publish without a known outcome.
    """

    run: str
    versions: dict[str, str] = field(default_factory=dict)
    copies: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)
    _file: IO[str] | None = field(default=None, repr=False)
    _path: Path | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def intend(self, step: Change) -> None:
        """Record a change before it is made. The entry is on disk when this returns."""
        with self._lock:
            if isinstance(step, PublishVersion):
                self.unanswered.add(str(step.marker))
            elif isinstance(step, CreateCopy):
                self.copies.add(step.marker.name)
            self._record(step, {"intend": as_record(step)})

    def done(self, step: Change, *, version: str = "") -> None:
        """Record that a change was made. `version` is the number of a new version."""
        with self._lock:
            if isinstance(step, PublishVersion):
                self.unanswered.discard(str(step.marker))
                self.versions[str(step.marker)] = version
            elif isinstance(step, DeleteVersion):
                self.versions.pop(step.description, None)
                self.unanswered.discard(step.description)
            elif isinstance(step, DeleteCopy):
                self.copies.discard(step.copy)
            self._record(step, {"done": as_record(step), "version": version})

    def _record(self, step: Change, entry: Mapping[str, Any]) -> None:
        """Write an entry. What undoes is made although its entry cannot be written: without it, more would remain."""
        with suppress(BackendError) if isinstance(step, _UNDOING) else nullcontext():
            self._write(entry)

    def _write(self, entry: Mapping[str, Any]) -> None:
        if self._file is not None:
            with _disk_errors(str(self._path)):
                _append(self._file.fileno(), (json.dumps(entry, default=str) + "\n").encode())


@dataclass(frozen=True, slots=True)
class Leftover:
    """What the journal of a killed run shows: its id, and the names of copies that may exist."""

    run: str
    copies: tuple[str, ...]


class JournalFile:
    """The journal file of one function, locked.

    Args:
        directory: the folder of the journals.
        arn: the function.
        endpoint_url: the endpoint, when it is not that of AWS.
        candidate: whether this is the file of a duet's candidate. The baseline holds the function's own file
            before and after, and undoes what a killed candidate left.
    """

    def __init__(self, directory: Path, arn: str, endpoint_url: str | None = None, *, candidate: bool = False) -> None:
        place = hashlib.sha256(f"{arn} {endpoint_url}".encode()).hexdigest()[:8]
        name = re.sub(r"[^\w-]+", "_", arn.split(":function:")[-1]) + f"-{place}"
        own, other = directory / f"{name}.jsonl", directory / f"{name}.candidate.jsonl"
        self.path = other if candidate else own
        self._beside = None if candidate else other
        self._file: IO[str] | None = None

    def acquire(self) -> list[Leftover]:
        """Take the lock.

        Returns:
            What killed runs left; empty when there is nothing.

        Raises:
            AnotherRunError: a live run holds the lock; the message names it.
            DamagedJournalError: what a killed run wrote cannot be read; names file, line and remedy.
            BackendError: the journal cannot be written.
        """
        self.lock()
        try:
            paths = [self.path, *([self._beside] if self._beside and self._beside.exists() else [])]
            return [left for path in paths if (left := read_leftover(path))]
        except BaseException:
            self.release(remove=False)
            raise

    def lock(self) -> None:
        """Take the lock without reading what killed runs wrote.

        Raises:
            AnotherRunError: a live run holds the lock; the message names it.
            BackendError: the journal cannot be written.
        """
        while True:
            with _disk_errors(str(self.path)):
                file = os.fdopen(open_private(self.path, os.O_RDWR | os.O_APPEND), "a+", encoding="utf-8")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                raise self._held() from None
            if self._still_there(file):
                self._file = file
                return
            file.close()  # its owner has just ended and removed it

    @property
    def empty(self) -> bool:
        """Whether the locked file records nothing."""
        return self._file is not None and os.fstat(self._file.fileno()).st_size == 0

    def _held(self) -> AnotherRunError:
        """The error that names the live run which holds the lock."""
        try:
            first = _entries(self.path)[0]
        except (DamagedJournalError, IndexError):
            first = {}
        return _refusal(first)

    def begin(self, run: str, *, arn: str, began: str) -> Journal:
        """Start the journal of a run in the file. What killed runs left must be undone by now."""
        assert self._file is not None, "acquire the lock first"
        self._remove_beside()
        self._file.seek(0)
        self._file.truncate()
        journal = Journal(run, _file=self._file, _path=self.path)
        journal._write({"run": run, "function": arn, "began": began, "pid": os.getpid(), "host": socket.gethostname()})
        return journal

    def release(self, *, remove: bool) -> None:
        """Give the lock back. Remove the file when nothing is left to undo."""
        if self._file is None:
            return
        if remove:
            self._remove_beside()
            self.path.unlink(missing_ok=True)
        self._file.close()
        self._file = None

    def _remove_beside(self) -> None:
        if self._beside:
            self._beside.unlink(missing_ok=True)
            self._beside = None  # from now on the file belongs to this duet's own candidate

    def _still_there(self, file: IO[str]) -> bool:
        try:
            return os.fstat(file.fileno()).st_ino == self.path.stat().st_ino
        except FileNotFoundError:
            return False


def _append(file: int, line: bytes) -> None:
    """Write a line at the end of a file, whole or not at all: one that is cut off would damage the next."""
    end = os.fstat(file).st_size
    try:
        left = line
        while left:
            left = left[os.write(file, left) :]
        os.fsync(file)
    except OSError:
        with suppress(OSError):
            os.ftruncate(file, end)
        raise


@contextmanager
def _disk_errors(path: str) -> Iterator[None]:
    """Turn an error of the disk into a `BackendError`. A run changes nothing without a journal."""
    try:
        yield
    except OSError as exc:
        raise BackendError(
            f"The journal {path} cannot be written: {exc.strerror}",
            "Delete what stands there, free some space, or set XDG_STATE_HOME to another folder of your own.",
        ) from exc


def read_leftover(path: Path) -> Leftover | None:
    """What the journal of a killed run shows; None when the run changed nothing.

    Raises:
        DamagedJournalError: a line is not what a journal holds; names file, line and remedy.
    """
    entries = _entries(path)
    if not entries:
        return None
    run = entries[0].get("run")
    if not isinstance(run, str) or not is_run_id(run):
        raise _damaged(path, 1, "it names no run")
    created: dict[str, None] = {}
    for number, entry in enumerate(entries[1:], start=2):
        change = entry.get("intend", entry.get("done"))
        if not isinstance(change, dict) or not isinstance(change.get("step"), str):
            raise _damaged(path, number, "it names no change")
        if change["step"] == CreateCopy.__name__ and "intend" in entry:
            marker = parse_copy(str(change.get("marker")))
            if marker is None or marker.made.run != run:
                raise _damaged(path, number, "it names no copy of this run")
            created[marker.name] = None
        elif change["step"] == DeleteCopy.__name__ and "done" in entry:
            created.pop(str(change.get("copy")), None)
    return Leftover(run, tuple(created))


def _entries(path: Path) -> list[dict[str, Any]]:
    """The entries of a journal, without a last line that the end of the process cut."""
    with _disk_errors(str(path)):
        content = read_private(path)
    entries: list[dict[str, Any]] = []
    for number, line in enumerate(content[: content.rfind(b"\n") + 1].splitlines(), start=1):
        try:
            entry = parse_strictly(decode_text(line))
        except ValueError as exc:
            raise _damaged(path, number, str(exc)) from None
        if not isinstance(entry, dict):
            raise _damaged(path, number, "it is no entry")
        entries.append(entry)
    return entries


def _damaged(path: Path, line: int, problem: str) -> DamagedJournalError:
    return DamagedJournalError(
        f"The journal {path} is damaged: line {line}: {problem}",
        with_command("This finds what runs left without the journal, and removes the file:", "tuner clean FUNCTION"),
    )


def _refusal(first: Mapping[str, Any]) -> AnotherRunError:
    run, function = first.get("run", "another run"), first.get("function", "the function")
    return AnotherRunError(
        f"Run {run} (process {first.get('pid', '?')}, since {first.get('began', '?')}) works on {function}",
        "Wait until it has ended, or stop that process: it then restores the function.",
    )
