"""The errors a user can meet, each with what happened and what to do next.

A `TunerError` carries a message that names the action and the real values, and a
hint that gives the next command or permission. What happens to a function under
test is never an error here: it is an `Outcome` (see `tuner.model`).
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
SHOWN_FAULTS = 25
"""How many faults of an input a message lists."""


class TunerError(Exception):
    """The work failed. Command line exit code 1.

    Args:
        message: what failed, with the action and the values.
        hint: the remedy: a command, a permission, a setting. May be empty.
    """

    exit_code = 1
    result: Any = None
    """What was measured until then, as a `tuner.Result` or `tuner.ComparisonResult`. None: nothing."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with an input: where, what it is, and the remedy.

    `path` is a JSONPath (`$.powerValues[2]`), a flag (`--payload`) or a file name.
    """

    path: str
    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        # A sentence that goes on in brackets has its full stop behind them, and errors have none.
        return (
            f"{self.path}: {self.problem.removesuffix('.')} ({self.remedy})"
            if self.remedy
            else f"{self.path}: {self.problem}"
        )


class InputError(TunerError):
    """The input is bad; nothing was started. Exit code 2.

    `faults` has all of them. The message lists up to 25 and counts the others: a damaged file can have thousands.
    """

    exit_code = 2

    def __init__(self, faults: Iterable[Fault], hint: str = "") -> None:
        self.faults = tuple(faults)
        if not self.faults:
            raise ValueError("an InputError needs at least one fault")
        more = len(self.faults) - SHOWN_FAULTS
        rest = [f"and {more:,} more"] if more > 0 else []
        super().__init__("\n".join([*map(str, self.faults[:SHOWN_FAULTS]), *rest]), hint)

    @classmethod
    def single(cls, path: str, problem: str, remedy: str = "") -> InputError:
        """An error with one fault."""
        return cls([Fault(path, problem, remedy)])


_PATH_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR}
"""What the system says of a path that cannot be used, whatever is done with it."""


def path_fault(error: Exception, path: str = "") -> Fault | None:
    """What is wrong with a path that the system refuses: nobody may use it, or no file can have it.

    Args:
        error: of the system.
        path: where the input named it, such as a flag; else the path itself stands there.

    Returns:
        None: it is another error.
    """
    if not isinstance(error, OSError) or error.errno not in _PATH_REFUSED or not isinstance(error.filename, str):
        return None
    problem = f"cannot be used: {error.strerror}"
    told = f"{error.filename} {problem}" if path else problem
    return Fault(path or error.filename, told, "check its name, and who may use it and the folders above it")


def each_of(calls: Iterable[Callable[[], T]]) -> list[T]:
    """What each call returns.

    Raises:
        InputError: some of them raise one: all their faults together, each once.
    """
    found: list[T] = []
    faults: list[Fault] = []
    for call in calls:
        try:
            found.append(call())
        except InputError as exc:
            faults += exc.faults
    if faults:
        raise InputError(dict.fromkeys(faults))
    return found


def or_faults(call: Callable[[], T], faults: list[Fault]) -> T | None:
    """What a call returns; None where it raises an InputError, whose faults are added to the others."""
    try:
        return call()
    except InputError as exc:
        faults.extend(exc.faults)
        return None


class BackendError(TunerError):
    """A backend cannot go on (lost network, no permission); what was measured is kept."""


class FunctionChangedError(BackendError):
    """Somebody deployed or changed the function meanwhile; theirs was left alone, what was measured is kept."""


class LeftBehindError(BackendError):
    """Something that a run made could not be undone; the hint says how to finish."""

    def after(self, earlier: TunerError | None) -> LeftBehindError:
        """The same, with what had failed before it."""
        return LeftBehindError(f"{earlier.message}\n{self.message}", self.hint) if earlier else self


class NoSpaceError(TunerError):
    """A disk is full: this file cannot be written, and other ones cannot either."""


class NotRecordedError(TunerError):
    """What was measured could not be written down. What was written before is kept, and the run can go on from it.

    Args:
        cause: which file could not be written, and why.
        folder: what holds the rest, as a path.
        more: what else to say of what is kept, as sentences.
    """

    def __init__(self, cause: TunerError, folder: object, more: str = "") -> None:
        self.no_space = isinstance(cause, NoSpaceError)
        free = "Free some space." if self.no_space else ""
        kept = f"What was measured until then is kept in {folder}."
        super().__init__(cause.message, " ".join(filter(None, [free, kept, more])))


class AllFailedError(TunerError):
    """No configuration gave a usable run; the message shows the function's own error."""


class InterruptedRunError(TunerError):
    """Stopped by SIGINT or SIGTERM; what was measured is kept. Exit code 130."""

    exit_code = 130


class InterruptedAtOnceError(InterruptedRunError):
    """Stopped by a second Ctrl-C: the record of what was measured is kept, and there is no result of it."""
