"""The folder of a run: `samples.jsonl` as samples arrive, so that a killed run can go on.

The first line tells what was asked for (never a payload), and so does another one when a later
session asked for something else; the others are rounds, samples and what holds for them. A last line that was cut off
is dropped when the run is resumed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol, runtime_checkable

from tuner.api.files import not_written, set_aside
from tuner.api.result import REPORT_FILE
from tuner.documents.result import RESULT_FILE
from tuner.documents.samples import decode_round, decode_sample, encode_round, encode_sample
from tuner.documents.strict_json import decode_text, parse_strictly
from tuner.errors import Fault, InputError, NotRecordedError, TunerError
from tuner.model import FunctionIdentity, Notice, Round, Sample, Trial
from tuner.search.study import Study
from tuner.settings import Settings

SAMPLES_FILE = "samples.jsonl"
FILES = (SAMPLES_FILE, RESULT_FILE, REPORT_FILE)
"""What a run leaves in its folder."""
SEAL = ("payload_digest", "payload_salt")
"""Members of a header by which the payloads are recognised."""
RECORD_VERSION = 1


@dataclass(frozen=True, slots=True)
class Recorded:
    """What earlier sessions of a run left.

    Attributes:
        header: what was asked for last.
        rounds, samples: rounds and samples of all sessions.
        length: bytes of the record, without a line that was cut off.
        elapsed_s: seconds until the last line was written, from the beginning of the run.
        notices: what holds for these samples beside what they tell themselves.
    """

    header: dict[str, Any]
    rounds: tuple[Round, ...] = ()
    samples: tuple[Sample, ...] = ()
    length: int = 0
    elapsed_s: float = 0.0
    notices: tuple[Notice, ...] = ()

    def with_notices(self, found: Iterable[Notice]) -> list[Notice]:
        """The notices of a session that goes on, beside those of earlier ones that it does not tell again."""
        now = list(found)
        told = {notice.code for notice in now}
        return [*(notice for notice in self.notices if notice.code not in told), *now]


class FolderLock:
    """Keeps other runs out of the folder of a run, while it lives. File systems without locks have none.

    Args:
        folder: of the run; None: it has none.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock. Does nothing where it is held already, or the folder is not there yet.

        Raises:
            TunerError: another run has it.
        """
        if self._descriptor is not None or self._folder is None:
            return
        with contextlib.suppress(OSError):  # whoever cannot open the folder cannot write into it either
            if not self._folder.is_dir():
                return
            self._descriptor = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                problem = f"another run works in {self._folder}"
                raise TunerError(problem, "Wait until it has ended, or give another folder with --output.") from None

    def __enter__(self) -> FolderLock:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@runtime_checkable
class HearsOfEarlierRun(Protocol):
    """An observer that hears what became of an earlier run in the same folder."""

    def set_aside(self, place: Path) -> None:
        """Its files were moved to this folder."""
        ...


class Recorder:
    """Appends rounds and samples to `samples.jsonl`; an observer of the loop.

    A new run sets aside what an earlier one left in its folder.

    Args:
        folder: the run's folder; made when missing.
        header: what is asked for; written when it differs from what was asked for before.
        recorded: what earlier sessions left, to append to.
        clock: seconds since the run began, earlier sessions included.
        notices: what is known of the measuring so far. Those that last are written too.

    Attributes:
        set_aside: where files of an earlier run are now; None: there were none.
    """

    def __init__(
        self,
        folder: Path,
        header: dict[str, Any],
        recorded: Recorded | None = None,
        *,
        clock: Callable[[], float] = lambda: 0.0,
        notices: Callable[[], Iterable[Notice]] = tuple,
    ) -> None:
        self._clock = clock
        self._notices = notices
        self._told = set(recorded.notices) if recorded else set()
        self._path = folder / SAMPLES_FILE
        self.set_aside = set_aside(folder, FILES) if recorded is None else None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file: IO[str] = self._path.open("a", encoding="utf-8", errors="backslashreplace")
            self._file.truncate(recorded.length if recorded else 0)
        except OSError as exc:
            raise not_written(self._path, exc, "give another folder with --output") from exc
        self._begun = recorded is not None
        told = {"version": RECORD_VERSION, **header}
        if recorded is None or recorded.header != told:
            try:
                self._append("header", told)
            except TunerError:
                self.close()
                raise

    def asked(self, study: Study, trials: Sequence[Trial]) -> None:
        """Write the round that is about to be measured."""
        self._write_notices()
        self._append("round", {**encode_round(study.rounds[-1]), "elapsed_s": round(self._clock(), 3)})

    def told(self, study: Study, sample: Sample) -> None:
        """Write a sample, so that it survives whatever comes next."""
        self._append("sample", {**encode_sample(sample), "elapsed_s": round(self._clock(), 3)})

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *exc: object) -> None:
        with contextlib.suppress(TunerError):  # the samples are written, and the result has the notices
            self._write_notices()
        self.close()

    def close(self) -> None:
        """Close the file; what could not be written has been told already."""
        with contextlib.suppress(OSError):
            self._file.close()

    def _write_notices(self) -> None:
        """Write the lasting notices that are new: a later session may have no way to find them."""
        for notice in self._notices():
            if notice.lasting and notice not in self._told:
                self._told.add(notice)
                self._append("notice", {"code": notice.code, "message": notice.message})

    def _not_written(self, exc: OSError) -> TunerError:
        """What to say where a line could not be written: a run goes on from its record, once there is one."""
        error = not_written(self._path, exc, "give another folder with --output")
        return NotRecordedError(error, self._path.parent) if self._begun else error

    def _append(self, kind: str, document: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps({"kind": kind, **document}, ensure_ascii=False) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())
            self._begun = True
        except OSError as exc:
            raise self._not_written(exc) from exc


def has_record(folder: Path) -> bool:
    """Whether a folder holds a record to go on from. One that ends in its first line, as on a full disk, is none."""
    try:
        with (folder / SAMPLES_FILE).open("rb") as file:
            return file.readline().endswith(b"\n")
    except OSError:
        return False


def read_record(folder: Path) -> Recorded:
    """Read what an earlier run left in a folder.

    Raises:
        InputError: there is no record, or it is damaged before its last line; names file, line and remedy.
    """
    return _read_record(folder, _Consistency(strict=False))


def read_record_to_resume(folder: Path) -> Recorded:
    """Read a record of which every sample must belong to a trial that the run has asked for.

    Raises:
        InputError: as `read_record`; or the lines contradict each other.
    """
    return _read_record(folder, _Consistency(strict=True))


def _read_record(folder: Path, consistency: _Consistency) -> Recorded:
    path = folder / SAMPLES_FILE
    try:
        content = path.read_bytes()
    except OSError as exc:
        remedy = "give the --output folder of the run that you want to go on with"
        raise InputError.single("--resume", f"{path} cannot be read: {exc.strerror}", remedy) from exc
    return _decode_record(content[: content.rfind(b"\n") + 1], path, consistency)


def decode_record(whole: bytes, path: Path) -> Recorded:
    """Read whole lines of a record; `path` is what to call it. Raises as `read_record` does."""
    return _decode_record(whole, path, _Consistency(strict=False))


def _decode_record(whole: bytes, path: Path, consistency: _Consistency) -> Recorded:
    header: dict[str, Any] | None = None
    rounds: list[Round] = []
    samples: list[Sample] = []
    notices: list[Notice] = []
    elapsed_s = 0.0
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            document = parse_strictly(decode_text(line))
            kind = document.pop("kind")
            elapsed_s = max(elapsed_s, float(document.get("elapsed_s", elapsed_s)))
            if kind == "header":
                consistency.check_header(header, document)
                header = document
            elif kind == "round":
                rounds.append(consistency.check_round(decode_round(document)))
            elif kind == "sample":
                samples.append(consistency.check_sample(decode_sample(document)))
            elif kind == "notice":
                notices.append(_decode_notice(document))
            else:
                raise ValueError(f"{kind!r} is no kind of line")
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            problem = f"{path} line {number} is damaged: {exc}"
            raise InputError.single("--resume", problem, "delete that line, or start a new run") from exc
    if header is None or header.get("version") != RECORD_VERSION or not isinstance(header.get("input"), dict):
        problem = f"{path} has no header of version {RECORD_VERSION}"
        raise InputError.single("--resume", problem, "start a new run")
    return Recorded(header, tuple(rounds), tuple(samples), len(whole), elapsed_s, tuple(notices))


def _decode_notice(document: Mapping[str, Any]) -> Notice:
    code, message = document["code"], document["message"]
    if not isinstance(code, str) or not isinstance(message, str):
        raise TypeError("its code or its message is no text")
    return Notice(code, message, lasting=True)


@dataclass(slots=True)
class _Consistency:
    """What the lines read so far allow the next one to say.

    Attributes:
        strict: whether anything is checked.
    """

    strict: bool
    _asked: dict[int, Trial] = field(default_factory=dict)
    _counts: Counter[int] = field(default_factory=Counter)
    _requests: set[str] = field(default_factory=set)

    def check_header(self, before: Mapping[str, Any] | None, header: Mapping[str, Any]) -> None:
        """Make sure that a run goes on with the same function and code."""
        if self.strict and before is not None:
            for name in ("target", "function_arn", "code_sha256"):
                if before.get(name) != header.get(name):
                    raise ValueError(f"its {name} differs from that of the header before")

    def check_round(self, round_: Round) -> Round:
        """Make sure that no trial is asked for twice."""
        for trial in round_.trials:
            if self.strict and trial.id in self._asked:
                raise ValueError(f"it asks for trial {trial.id} again")
            self._asked[trial.id] = trial
        return round_

    def check_sample(self, sample: Sample) -> Sample:
        """Make sure that a sample was asked for, and that it is no repetition."""
        if not self.strict:
            return sample
        trial = self._asked.get(sample.trial_id)
        if trial is None or trial.configuration != sample.configuration:
            raise ValueError(f"no round asks for trial {sample.trial_id} at {sample.configuration}")
        self._counts[trial.id] += len(sample.invocations)
        ids = [invocation.request_id for invocation in sample.invocations if invocation.request_id]
        if self._counts[trial.id] > trial.invocations or len(set(ids)) < len(ids) or self._requests.intersection(ids):
            raise ValueError(f"it repeats invocations of trial {trial.id}")
        self._requests.update(ids)
        return sample


def run_header(
    settings: Settings, identity: FunctionIdentity, recorded: Recorded | None, evidence: str
) -> dict[str, Any]:
    """What a record says of its run: enough to go on, and to tell that it is the same function and payload.

    Payloads that must not be shown are told by a sealed digest.

    Args:
        settings: what is asked for.
        identity: of the function.
        recorded: what earlier sessions left; None: there was none.
        evidence: which runs made before the search could begin with.
    """
    salt = recorded.header.get("payload_salt") if recorded else None
    hides = bool(salt) if recorded else settings.disable_payload_logs
    plain = {"payload_digest": settings.payloads.digest(), "payload_salt": None}
    return {
        "input": dict(settings.document),
        "target": settings.target,
        **(payload_seal(settings, salt) if hides else plain),
        "function_arn": identity.arn,
        "code_sha256": identity.code_sha256,
        "evidence": evidence,
    }


def payload_seal(settings: Settings, salt: str | None = None) -> dict[str, str]:
    """What a header tells of payloads that must not be shown. `salt`: of the record; None: a new one."""
    salt = salt or secrets.token_hex(16)
    return {"payload_digest": settings.payloads.sealed_digest(salt), "payload_salt": salt}


def refuse_other_run(recorded: Recorded, header: Mapping[str, Any]) -> None:
    """Refuse to mix samples of different functions, codes or payloads.

    Raises:
        InputError: with every difference.
    """
    remedies = {
        "target": "give the target of that run, or start a new one",
        "payload_digest": "give the payloads of that run and their weights, or start a new one",
        "function_arn": "give the region and the account of that run, or start a new one",
        "code_sha256": "the code has changed since: start a new run",
    }
    faults = [
        Fault(f"--resume ({name})", f"{header[name]} differs from {recorded.header.get(name)}", remedy)
        for name, remedy in remedies.items()
        if recorded.header.get(name) != header[name]
    ]
    if faults:
        raise InputError(faults)
