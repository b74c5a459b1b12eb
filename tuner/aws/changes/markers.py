"""Defines the descriptions that mark what a run created, and that hold the original settings of $LATEST.

While a run publishes versions, the description of $LATEST carries the run and the original memory size and
description, so that any machine can restore them. Versions and copies carry the run and their configuration.
Only what carries such a marker counts as created by a run.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime

from tuner.model import MAX_MEMORY_MB, MIN_MEMORY_MB, Architecture, Configuration
from tuner.vocabulary import COPY_PREFIX

MAX_DESCRIPTION = 256
"""Longest description of a function (Lambda API reference, CreateFunction)."""
MAX_FUNCTION_NAME = 64
"""Longest function name (Lambda API reference, CreateFunction)."""
RUN_TAG, FUNCTION_TAG = "tuner:run", "tuner:function"

_RUN = r"[0-9]{8}t[0-9]{6}z-[0-9a-f]{6}"
_MADE = rf"tuner:({_RUN}) ([0-9]{{1,9}}) MB (x86_64|arm64) #([0-9]{{1,9}})"
_LATEST = re.compile(rf"{_MADE} was ([0-9]{{1,9}}) MB:(?: (.*))?", re.DOTALL)
_VERSION = re.compile(_MADE)
_COPY = re.compile(rf"{_MADE} copy of (\S+)")


def new_run_id(now: datetime) -> str:
    """An id that sorts by time and shows when the run began: `20260918t041200z-3f2a9c`."""
    return f"{now:%Y%m%dt%H%M%Sz}-{secrets.token_hex(3)}"


def is_run_id(text: str) -> bool:
    """Whether a text is the id of a run."""
    return re.fullmatch(_RUN, text) is not None


@dataclass(frozen=True, slots=True)
class VersionMarker:
    """The description of a version that a run published.

    `number` counts the versions of one configuration. Each version has environments of its own.
    """

    run: str
    configuration: Configuration
    number: int

    def __str__(self) -> str:
        size, architecture = self.configuration.memory_mb, self.configuration.architecture
        return f"tuner:{self.run} {size} MB {architecture} #{self.number}"


@dataclass(frozen=True, slots=True)
class LatestMarker:
    """The description of $LATEST while a run publishes a version: which version, and how $LATEST was before."""

    publishing: VersionMarker
    original_memory_mb: int
    original_description: str

    def __str__(self) -> str:
        return f"{self.publishing} was {self.original_memory_mb} MB: {self.original_description}"


@dataclass(frozen=True, slots=True)
class CopyMarker:
    """The description of a temporary copy of a function. The name of the copy follows from it."""

    made: VersionMarker
    function: str

    def __str__(self) -> str:
        return f"{self.made} copy of {self.function}"

    @property
    def name(self) -> str:
        """Name of the copy: unique to run, configuration and number; the function's name last."""
        size, number = self.made.configuration.memory_mb, self.made.number
        architecture = "arm" if self.made.configuration.architecture is Architecture.ARM64 else "x86"
        unique = f"{COPY_PREFIX}{self.made.run}-{size}-{architecture}-{number}-"
        return (unique + self.function)[:MAX_FUNCTION_NAME].rstrip("-_")


def parse_latest(description: str) -> LatestMarker | None:
    """The marker in a description of $LATEST, or None when it is the user's own."""
    found = _LATEST.fullmatch(description)
    made = _made(found)
    return LatestMarker(made, int(found[5]), found[6] or "") if made and found else None


def parse_version(description: str) -> VersionMarker | None:
    """The marker in a version's description, or None when it is the user's own."""
    found = _VERSION.fullmatch(description)
    return _made(found)


def parse_copy(description: str) -> CopyMarker | None:
    """The marker in a copy's description, or None when it is no copy."""
    found = _COPY.fullmatch(description)
    made = _made(found)
    return CopyMarker(made, found[5]) if made and found else None


def fits(description: str, run: str) -> bool:
    """Whether the longest marker of a run leaves room for this original description."""
    longest = VersionMarker(run, Configuration(MAX_MEMORY_MB, Architecture.X86_64), 99_999)
    return len(str(LatestMarker(longest, MAX_MEMORY_MB, description))) <= MAX_DESCRIPTION


def _made(found: re.Match[str] | None) -> VersionMarker | None:
    """The marker in a match; None when no run can have written it."""
    if found is None or not MIN_MEMORY_MB <= int(found[2]) <= MAX_MEMORY_MB:
        return None
    return VersionMarker(found[1], Configuration(int(found[2]), Architecture(found[3])), int(found[4]))
