"""Creates and deletes temporary copies of a function, for another architecture or to leave $LATEST unchanged.

A copy has the role, environment, layers, network, storage and logging of the function, and one published
version. Its name and tags carry the run. Copies are created and deleted in parallel, also ahead of need.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from tuner.aws.api.client import SNAPSHOT_LIMIT_S, LambdaApi
from tuner.aws.api.errors import (
    AnotherRunError,
    AwsError,
    BadValueError,
    ConflictError,
    NotFoundError,
    StorageFullError,
)
from tuner.aws.api.function import FunctionDetails, FunctionState
from tuner.aws.changes.journal import Journal
from tuner.aws.changes.markers import FUNCTION_TAG, RUN_TAG, CopyMarker, parse_copy
from tuner.aws.changes.operations import CreateCopy, DeleteCopy
from tuner.aws.changes.packages import Packages
from tuner.aws.changes.versions import Refusal
from tuner.errors import BackendError
from tuner.shell_lines import with_command
from tuner.vocabulary import COPY_PREFIX

COPY_VERSION = "1"
"""The version of a copy that is invoked. SnapStart applies to published versions only."""
MAX_TAGS = 50
"""Tags that a function may have. Those that AWS itself sets do not count (Lambda developer guide, tags, 2026-11)."""
PARALLEL = 8
UPLOAD_BYTES = 64 * 1024 * 1024
"""Bytes of packages in upload at once. A request needs about three times its package while it is sent."""
_TAKEN_OVER = (
    "Runtime", "Role", "Handler", "Timeout", "PackageType", "KMSKeyArn", "EphemeralStorage", "FileSystemConfigs",
)  # fmt: skip


@dataclass(slots=True)
class CopyMaker:
    """Creates and deletes the copies of one run.

    Attributes:
        packages: the function that is copied, and its code.
        journal: records every change before it is made.
        expected: names of copies that another process may have begun.
    """

    api: LambdaApi
    packages: Packages
    journal: Journal
    expected: set[str] = field(default_factory=set)
    _began: dict[CopyMarker, tuple[float, FunctionState]] = field(default_factory=dict)
    _least_s: float | None = None

    def create(self, markers: Sequence[CopyMarker], stop: threading.Event) -> dict[CopyMarker, FunctionState | Refusal]:
        """Create copies in parallel, and wait until Lambda can invoke each.

        Returns:
            For each copy its version, or why Lambda refuses it. A version may be busy when `stop` was set.
        """
        return self.wait_ready(self.begin(markers), stop)

    def begin(self, markers: Sequence[CopyMarker]) -> dict[CopyMarker, FunctionState | Refusal]:
        """Begin to create copies, in parallel. One that exists already is taken as it is."""
        with ThreadPoolExecutor(self._uploads(), thread_name_prefix="copy") as pool:
            return dict(zip(markers, pool.map(self._begin, markers), strict=True))

    @property
    def created(self) -> list[str]:
        """Names of the copies that this process is certain to have created."""
        return [marker.name for marker in list(self._began)]

    def wait_ready(
        self, begun: Mapping[CopyMarker, FunctionState | Refusal], stop: threading.Event
    ) -> dict[CopyMarker, FunctionState | Refusal]:
        """Wait for copies that were begun.

        Waits for one after the other: those begun together become ready together, so only the first is polled often.
        """
        return {
            marker: found if isinstance(found, Refusal) else self._ready(marker, stop)
            for marker, found in begun.items()
        }

    def delete(self, names: Iterable[str]) -> list[BackendError]:
        """Delete copies of this run in parallel. Returns the failures."""
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="copy") as pool:
            return [failure for failure in pool.map(self._delete, sorted(names)) if failure]

    def _uploads(self) -> int:
        """How many copies are created at once. Each request holds the whole package."""
        return max(1, min(PARALLEL, UPLOAD_BYTES // max(1, self.packages.source.state.code_size)))

    def _begin(self, marker: CopyMarker) -> FunctionState | Refusal:
        if marker in self._began:
            return self._began[marker][1]
        if marker.name in self.expected and (found := find_copy(self.api, marker)):
            return found
        step = CreateCopy(marker)
        arguments = creation(self.packages, marker)
        self.journal.intend(step)
        try:
            state = self.api.retry.write(
                lambda: self._create_once(marker, arguments), settled=lambda: find_copy(self.api, marker)
            )
        except (BadValueError, StorageFullError) as exc:
            self.journal.done(DeleteCopy(marker.name))
            return Refusal(exc.code, exc.message)
        except ConflictError:
            self.journal.done(DeleteCopy(marker.name))  # it belongs to somebody else and must stay
            raise
        self.journal.done(step)
        self._began[marker] = self.api.clock(), state
        return state

    def _ready(self, marker: CopyMarker, stop: threading.Event) -> FunctionState | Refusal:
        """Wait until a copy can be invoked. The first poll comes when the quickest copy so far was ready."""
        began, _ = self._began.get(marker, (None, None))
        if began is not None:
            least_s = self.api.creation_s if self._least_s is None else self._least_s
            stop.wait(max(0.0, began + least_s - self.api.clock()))
        polled = self.api.clock()
        ready = self.api.wait_ready(marker.name, COPY_VERSION, limit_s=SNAPSHOT_LIMIT_S, stop=stop)
        if began is not None and self.api.clock() - polled > self.api.first_poll_s:  # it was not ready at once
            waited_s = self.api.clock() - began
            self._least_s = waited_s if self._least_s is None else min(self._least_s, waited_s)
        return Refusal("Failed", ready.failure) if ready.failure else ready

    def _create_once(self, marker: CopyMarker, arguments: Mapping[str, Any]) -> FunctionState:
        action = f"create {marker.name}, a copy of {marker.function}"
        return FunctionState(self.api.once(action, "create_function", **arguments))

    def _delete(self, name: str) -> AwsError | None:
        step = DeleteCopy(name)
        self.journal.intend(step)
        try:
            self.api.delete(name)
        except AwsError as exc:
            return exc
        self.journal.done(step)
        return None


def refuse_other_copies(api: LambdaApi, function: str) -> None:
    """Make sure that no other run has copies of the function.

    Raises:
        AnotherRunError: names the other run.
    """
    for state in api.functions():
        marker = parse_copy(state.description) if state.name.startswith(COPY_PREFIX) else None
        if marker is not None and marker.function == function:
            raise AnotherRunError(
                f"Run {marker.made.run} works on {function} or was killed: {state.name} is its copy",
                with_command("Wait until it has ended. If it was killed:", f"tuner clean {function}"),
            )


def creation(packages: Packages, marker: CopyMarker) -> dict[str, Any]:
    """The arguments of CreateFunction for a copy."""
    state, configuration = packages.source.state, marker.made.configuration
    arguments = {key: state.raw[key] for key in _TAKEN_OVER if state.raw.get(key)}
    return {
        **arguments,
        **_nested(state),
        "FunctionName": marker.name,
        "Description": str(marker),
        "MemorySize": configuration.memory_mb,
        "Architectures": [configuration.architecture.value],
        "Code": packages.code(configuration.architecture),
        "LoggingConfig": _logging(state),
        "Tags": copied_tags(packages.source.tags) | _own_tags(packages.source, marker),
        "Publish": True,
    }


def copied_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags of a function that a copy has room for, beside the one that `tuner clean` finds it by."""
    return dict(sorted(tags.items())[: MAX_TAGS - 1])


def _own_tags(source: FunctionDetails, marker: CopyMarker) -> dict[str, str]:
    """The tags that tell the copy's function and its run. The run gives way to a tag of the function."""
    run = {RUN_TAG: marker.made.run} if len(source.tags) < MAX_TAGS - 1 else {}
    return run | {FUNCTION_TAG: source.state.arn}


def _nested(state: FunctionState) -> dict[str, Any]:
    """Settings whose form in a reply differs from that in a request."""
    raw = state.raw
    arguments: dict[str, Any] = {}
    if variables := (raw.get("Environment") or {}).get("Variables"):
        arguments["Environment"] = {"Variables": variables}
    if (vpc := raw.get("VpcConfig")) and vpc.get("SubnetIds"):
        kept = ("SubnetIds", "SecurityGroupIds", "Ipv6AllowedForDualStack")
        arguments["VpcConfig"] = {key: vpc[key] for key in kept if vpc.get(key)}
    if image := (raw.get("ImageConfigResponse") or {}).get("ImageConfig"):
        arguments["ImageConfig"] = image
    if state.has_snapstart:
        arguments["SnapStart"] = {"ApplyOn": "PublishedVersions"}
    if mode := (raw.get("TracingConfig") or {}).get("Mode"):
        arguments["TracingConfig"] = {"Mode": mode}
    if state.layers:
        arguments["Layers"] = list(state.layers)
    return arguments


def _logging(state: FunctionState) -> dict[str, str]:
    """The function's own log group, so that no log group is left behind, with reports switched on."""
    logging = {**(state.raw.get("LoggingConfig") or {}), "LogGroup": state.log_group}
    if "SystemLogLevel" in logging:
        logging["SystemLogLevel"] = "INFO"
    return logging


def find_copy(api: LambdaApi, marker: CopyMarker) -> FunctionState | None:
    """The copy of this marker, if it exists.

    Raises:
        ConflictError: another function has its name.
    """
    try:
        state = api.state(marker.name)
    except NotFoundError:
        return None
    if state.description != str(marker):
        raise ConflictError(
            f"A function named {marker.name} exists already", "Run again: the next run has another name."
        )
    return state
