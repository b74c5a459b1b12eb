"""Every change that a run may make, as data: so that it can be printed, recorded and then made.

Knows what each change needs to be allowed. Makes none.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from tuner.aws.changes.markers import CopyMarker, LatestMarker, VersionMarker


@dataclass(frozen=True, slots=True)
class SetLatest:
    """Give $LATEST another memory size and description for the moment of publishing."""

    function: str
    marker: LatestMarker

    def __str__(self) -> str:
        return f"set {self.function} to {self.marker.publishing.configuration.memory_mb} MB, to publish a version"


@dataclass(frozen=True, slots=True)
class RestoreLatest:
    """Put memory size and description of $LATEST back."""

    function: str
    memory_mb: int
    description: str

    def __str__(self) -> str:
        return f"put {self.function} back to {self.memory_mb} MB and its description"


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


def permissions(step: Change) -> tuple[str, ...]:
    """IAM actions that a step needs."""
    return _PERMISSIONS[type(step)]


def as_record(step: Change) -> dict[str, Any]:
    """A step for the journal; markers are written as the descriptions that they are."""
    return {"step": type(step).__name__, **{part.name: getattr(step, part.name) for part in fields(step)}}
