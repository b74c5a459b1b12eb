"""Defines every change of a run as data, which can be printed, recorded and then made.

Knows the permissions of each change. It makes none.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from tuner.aws.changes.markers import CopyMarker, LatestMarker, VersionMarker


@dataclass(frozen=True, slots=True)
class SetLatest:
    """Set memory size and description of $LATEST while a version is published."""

    function: str
    marker: LatestMarker

    def __str__(self) -> str:
        return f"set {self.function} to {self.marker.publishing.configuration.memory_mb} MB, to publish a version"


@dataclass(frozen=True, slots=True)
class RestoreLatest:
    """Restore memory size and description of $LATEST."""

    function: str
    memory_mb: int
    description: str

    def __str__(self) -> str:
        return f"restore {self.function} to {self.memory_mb} MB and its description"


@dataclass(frozen=True, slots=True)
class PublishVersion:
    """Publish $LATEST as a version that carries the run's marker."""

    function: str
    marker: VersionMarker

    def __str__(self) -> str:
        return f"publish a version of {self.function}: {self.marker}"


@dataclass(frozen=True, slots=True)
class DeleteVersion:
    """Delete a version that a run published."""

    function: str
    version: str
    description: str

    def __str__(self) -> str:
        return f"delete version {self.version} of {self.function} ({self.description})"


@dataclass(frozen=True, slots=True)
class CreateCopy:
    """Create a temporary copy of the function, with one version."""

    marker: CopyMarker

    def __str__(self) -> str:
        return f"create {self.marker.name}, a copy of {self.marker.function} with {self.marker.made.configuration}"


@dataclass(frozen=True, slots=True)
class DeleteCopy:
    """Delete a temporary copy."""

    copy: str

    def __str__(self) -> str:
        return f"delete the copy {self.copy}"


Change = SetLatest | RestoreLatest | PublishVersion | DeleteVersion | CreateCopy | DeleteCopy

_PERMISSIONS: dict[type[Change], tuple[str, ...]] = {
    SetLatest: ("lambda:UpdateFunctionConfiguration", "lambda:GetFunctionConfiguration"),
    RestoreLatest: ("lambda:UpdateFunctionConfiguration", "lambda:GetFunctionConfiguration"),
    PublishVersion: ("lambda:PublishVersion", "lambda:ListVersionsByFunction"),
    DeleteVersion: ("lambda:DeleteFunction",),
    CreateCopy: ("lambda:CreateFunction", "lambda:TagResource", "lambda:ListFunctions", "iam:PassRole"),
    DeleteCopy: ("lambda:DeleteFunction",),
}


def permissions(change: Change) -> tuple[str, ...]:
    """The IAM actions that a change needs."""
    return _PERMISSIONS[type(change)]


def as_record(step: Change) -> dict[str, Any]:
    """A change in the form of a journal entry. Markers are written as descriptions."""
    return {"step": type(step).__name__, **{part.name: getattr(step, part.name) for part in fields(step)}}
