"""The execution of an execution: what the Initializer found and decided, which all other handlers go by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from statemachine.identifiers import parse_time
from tuner.aws.api.function import FunctionState
from tuner.documents.input import decode_valid
from tuner.errors import FunctionChangedError
from tuner.model import Architecture, BackendKind, Configuration, FunctionIdentity, Notice
from tuner.settings import Settings

RECORD_VERSION = 1


@dataclass(frozen=True, slots=True)
class Execution:
    """What was found and decided before anything was changed.

    Attributes:
        run: id of the run, which versions and copies carry.
        execution: ARN of the execution.
        started_at: when it began, UTC ISO 8601.
        document: the input without its payload, defaults of the deployment filled in.
        identity: the function as it was found.
        content_sha256: of everything that a deployment could change, see `content_hash`; empty: no deployment matters.
        concurrency: invocations at once.
        direct: whether the state machine itself invokes the function.
        notices: what the user should know.
    """

    run: str
    execution: str
    started_at: str
    document: Mapping[str, Any]
    identity: FunctionIdentity
    content_sha256: str
    concurrency: int
    direct: bool
    notices: tuple[Notice, ...] = ()

    @property
    def settings(self) -> Settings:
        """What the user asked for; the payloads are kept apart."""
        return decode_valid(self.document)

    @property
    def began(self) -> datetime:
        """When the execution began."""
        return parse_time(self.started_at)

    def refuse_changed(self, latest: FunctionState) -> None:
        """Make sure that the function is as it was found.

        Raises:
            FunctionChangedError: it is not.
        """
        if self.content_sha256 and content_hash(latest.content()) != self.content_sha256:
            raise FunctionChangedError(
                f"{latest.name} was deployed or changed meanwhile; nothing of that was overwritten"
            )


def content_hash(content: Mapping[str, Any]) -> str:
    """Hash of a function's content (`FunctionState.content`), which may hold secrets and is never written down."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def encode_execution(execution: Execution) -> dict[str, Any]:
    """A execution as JSON."""
    return {"version": RECORD_VERSION, **asdict(execution)}


def decode_execution(document: Mapping[str, Any]) -> Execution:
    """A execution from JSON."""
    values = {name: value for name, value in document.items() if name != "version"}
    identity = dict(values["identity"])
    identity["backend"] = BackendKind(identity["backend"])
    identity["architectures"] = tuple(map(Architecture, identity["architectures"]))
    if current := identity["current"]:
        identity["current"] = Configuration(current["memory_mb"], Architecture(current["architecture"]))
    values["identity"] = FunctionIdentity(**identity)
    values["notices"] = tuple(Notice(**notice) for notice in values["notices"])
    return Execution(**values)
