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
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tuner.aws.api.errors import AnotherRunError
from tuner.aws.changes.markers import parse_copy
from tuner.aws.changes.operations import Change, CreateCopy, DeleteCopy, DeleteVersion, PublishVersion, as_record
from tuner.errors import BackendError


def state_dir(environment: Mapping[str, str]) -> Path:
    """The folder of the journals, in the user's XDG state directory."""
    given = environment.get("XDG_STATE_HOME")
    base = Path(given) if given else Path(environment.get("HOME", "~")).expanduser() / ".local" / "state"
    return base / "lambda-tuner"


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
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def intend(self, step: Change) -> None:
        """Record a change before it is made. The entry is on disk when this returns."""
        with self._lock:
            if isinstance(step, PublishVersion):
                self.unanswered.add(str(step.marker))
            elif isinstance(step, CreateCopy):
                self.copies.add(step.marker.name)
            self._write({"intend": as_record(step)})

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
            self._write({"done": as_record(step), "version": version})

    def _write(self, entry: Mapping[str, Any]) -> None:
        if self._file is None:
            return
        with _disk_errors(self._file.name):
            self._file.write(json.dumps(entry, default=str) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())


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
            BackendError: the journal cannot be written.
        """
        while True:
            with _disk_errors(str(self.path)):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                file = self.path.open("a+", encoding="utf-8")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                first = _entries(file.read())[:1]
                file.close()
                raise _refusal(first[0] if first else {}) from None
            if self._still_there(file):
                break
            file.close()  # its owner has just ended and removed it
        self._file = file
        file.seek(0)
        texts = [file.read()]
        if self._beside and self._beside.exists():
            texts.append(self._beside.read_text("utf-8"))
        return [left for text in texts if (left := _leftover(_entries(text)))]

    def begin(self, run: str, *, arn: str, began: str) -> Journal:
        """Start the journal of a run in the file. What killed runs left must be undone by now."""
        assert self._file is not None, "acquire the lock first"
        self._remove_beside()
        self._file.seek(0)
        self._file.truncate()
        journal = Journal(run, _file=self._file)
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


@contextmanager
def _disk_errors(path: str) -> Iterator[None]:
    """Turn an error of the disk into a `BackendError`. A run changes nothing without a journal."""
    try:
        yield
    except OSError as exc:
        raise BackendError(
            f"The journal {path} cannot be written: {exc.strerror}",
            "Free some space, or set XDG_STATE_HOME to a folder that can be written.",
        ) from exc


def _entries(text: str) -> list[dict[str, Any]]:
    """The entries of a journal, without a last line that the end of the process cut."""
    entries: list[dict[str, Any]] = []
    for line in text.splitlines():
        try:
            entries.append(json.loads(line))
        except ValueError:
            break
    return entries


def _leftover(entries: list[dict[str, Any]]) -> Leftover | None:
    if not entries or "run" not in entries[0]:
        return None
    created: dict[str, None] = {}
    for entry in entries[1:]:
        intended = entry.get("intend", {})
        if intended.get("step") == CreateCopy.__name__ and (marker := parse_copy(str(intended["marker"]))):
            created[marker.name] = None
        elif entry.get("done", {}).get("step") == DeleteCopy.__name__:
            created.pop(entry["done"]["copy"], None)
    return Leftover(str(entries[0]["run"]), tuple(created))


def _refusal(first: Mapping[str, Any]) -> AnotherRunError:
    run, function = first.get("run", "another run"), first.get("function", "the function")
    return AnotherRunError(
        f"Run {run} (process {first.get('pid', '?')}, since {first.get('began', '?')}) works on {function}",
        "Wait until it has ended, or stop that process: it then restores the function.",
    )
