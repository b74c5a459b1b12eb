"""Publishes a version for each configuration, restores $LATEST right after, and deletes the versions at the end.

$LATEST differs from the original only while versions are published. Invocations name versions by number.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tuner.aws.api.client import LambdaApi
from tuner.aws.api.errors import (
    AnotherRunError,
    AwsError,
    BadValueError,
    ConflictError,
    HeldByAliasError,
    NotFoundError,
    StaleError,
    StorageFullError,
)
from tuner.aws.api.function import FunctionState
from tuner.aws.changes.journal import Journal
from tuner.aws.changes.latest import changed, restore_latest, unchanged, write_latest
from tuner.aws.changes.markers import LatestMarker, VersionMarker, parse_latest, parse_version
from tuner.aws.changes.operations import DeleteVersion, PublishVersion, SetLatest
from tuner.errors import BackendError, FunctionChangedError
from tuner.model import Configuration
from tuner.shell_lines import with_command

_CAP = re.compile(r"less than or equal to (\d+)")
NO_REVISION = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why AWS refuses a configuration: the error code and the message."""

    code: str
    message: str

    @property
    def memory_cap_mb(self) -> int | None:
        """The largest memory size of the account, when the message names it."""
        found = _CAP.search(self.message)
        return int(found[1]) if found else None


@dataclass(slots=True)
class VersionPublisher:
    """Publishes and deletes the versions of one run.

    Attributes:
        original: $LATEST as the run found it.
        journal: records every change before it is made.
    """

    api: LambdaApi
    name: str
    original: FunctionState
    journal: Journal

    def publish(
        self, markers: Sequence[VersionMarker], stop: threading.Event
    ) -> dict[VersionMarker, FunctionState | Refusal]:
        """Publish versions one by one, then restore $LATEST. Lambda refuses overlapping changes.

        Returns:
            For each marker the version or the refusal. Fewer when `stop` was set.

        Raises:
            FunctionChangedError: somebody deployed meanwhile.
        """
        published: dict[VersionMarker, FunctionState | Refusal] = {}
        try:
            for marker in markers:
                if stop.is_set():
                    break
                published[marker] = self._publish_one(marker)
        finally:
            restore_latest(self.api, self.name, self.journal, run=self.journal.run)
        return published

    def check_unchanged(self) -> FunctionState:
        """Read $LATEST and make sure that only this run has changed it.

        Raises:
            FunctionChangedError: somebody else has.
        """
        now = self.api.wait_ready(self.name)
        marker = parse_latest(now.description)
        ours = marker is not None and marker.publishing.run == self.journal.run
        expected = self.original.content()
        if ours and marker is not None:
            size = marker.publishing.configuration.memory_mb
            expected = self.original.content(MemorySize=size, Description=now.description)
        if now.content() != expected:
            raise changed(self.name, expected, now)
        return now

    def memory_cap_mb(self, wanted_mb: int) -> int:
        """The largest memory size that the account allows, up to the wanted one.

        No API returns it. Lambda checks the size before the RevisionId. An update with an unknown RevisionId is
        therefore refused for its size or for its RevisionId, and never made.
        """
        marker = VersionMarker(self.journal.run, Configuration(wanted_mb, self.original.architecture), 0)
        step = SetLatest(self.name, LatestMarker(marker, self.original.memory_mb, self.original.description))

        def ask() -> int:
            try:
                self.api.once(
                    f"ask for the memory sizes allowed to {self.name}",
                    "update_function_configuration",
                    FunctionName=self.name,
                    MemorySize=wanted_mb,
                    Description=str(step.marker),
                    RevisionId=NO_REVISION,
                )
            except BadValueError as exc:
                return Refusal(exc.code, exc.message).memory_cap_mb or wanted_mb
            except (StaleError, ConflictError):
                return wanted_mb
            restore_latest(self.api, self.name, self.journal, run=self.journal.run)
            return wanted_mb

        self.journal.intend(step)
        return self.api.retry.read(ask)

    def withdraw_if_second(self) -> None:
        """Make sure that no earlier run has published versions too.

        Raises:
            AnotherRunError: one has; this run must undo its changes.
        """
        refuse_other_runs(self.name, self.api.versions(self.name), own=self.journal.run)

    def delete(self, descriptions: Iterable[str]) -> list[BackendError]:
        """Delete versions that this run published. Returns the failures."""
        failures: list[BackendError] = []
        for description in descriptions:
            version = self.journal.versions[description]
            try:
                delete_version(self.api, self.journal, DeleteVersion(self.name, version, description))
            except AwsError as exc:
                failures.append(exc)
        return failures

    def undo(self) -> list[BackendError]:
        """Restore $LATEST and delete every version of this run. Returns the failures."""
        failures: list[BackendError] = []
        try:
            restore_latest(self.api, self.name, self.journal, run=self.journal.run)
            self.journal.versions.update(self._unanswered())
        except NotFoundError:
            return []  # the function was deleted, and its versions with it
        except (AwsError, FunctionChangedError) as exc:
            failures.append(exc)
        return failures + self.delete(list(self.journal.versions))

    def _unanswered(self) -> dict[str, str]:
        """Versions that exist although Lambda never answered the request to publish them, by description."""
        if not self.journal.unanswered:
            return {}
        listed = {state.description: state.version for state in self.api.versions(self.name)}
        return {text: listed[text] for text in self.journal.unanswered if text in listed}

    def _publish_one(self, marker: VersionMarker) -> FunctionState | Refusal:
        before = self.check_unchanged()
        latest = SetLatest(self.name, LatestMarker(marker, self.original.memory_mb, self.original.description))
        self.journal.intend(latest)
        try:
            state = write_latest(self.api, self.name, before, marker.configuration.memory_mb, str(latest.marker))
        except BadValueError as exc:
            if "memorysize" in exc.message.lower():
                return Refusal(exc.code, exc.message)
            raise
        self.journal.done(latest)
        step = PublishVersion(self.name, marker)
        self.journal.intend(step)
        try:
            version = self._publish(state, marker)
        except StorageFullError as exc:
            return Refusal(exc.code, exc.message)
        self.journal.done(step, version=version.version)
        return version

    def _publish(self, state: FunctionState, marker: VersionMarker) -> FunctionState:
        before = state

        def call() -> FunctionState:
            reply = self.api.once(
                f"publish a version of {self.name}",
                "publish_version",
                FunctionName=self.name,
                Description=str(marker),
                CodeSha256=before.code_sha256,
                RevisionId=before.revision_id,
            )
            return self._own(FunctionState(reply), marker)

        def settled() -> FunctionState | None:
            nonlocal before
            for version in self.api.versions(self.name):
                if version.description == str(marker):
                    return version
            before = unchanged(self.api, self.name, before)
            return None

        try:
            return self.api.retry.write(call, settled=settled)
        except BadValueError:
            unchanged(self.api, self.name, before)  # Lambda refused the code hash: somebody deployed
            raise

    def _own(self, published: FunctionState, marker: VersionMarker) -> FunctionState:
        if published.description != str(marker):
            raise AwsError(
                f"Lambda answered with version {published.version} of {self.name}, which this run did not publish",
                "Run again; --isolation copy measures without publishing versions of the function.",
            )
        return published


def delete_version(api: LambdaApi, journal: Journal, step: DeleteVersion) -> None:
    """Delete a version that a run published.

    Raises:
        HeldByAliasError: an alias points to it.
        AwsError: it cannot be deleted.
    """
    journal.intend(step)
    try:
        api.delete(step.function, step.version)
    except HeldByAliasError as exc:
        raise HeldByAliasError(
            f"Version {step.version} of {step.function} remains: {exc.message}",
            with_command("Point the alias elsewhere, then run:", f"tuner clean {step.function}"),
            code=exc.code,
        ) from exc
    journal.done(step)


def refuse_other_runs(name: str, versions: Sequence[FunctionState], *, own: str | None = None) -> None:
    """Make sure that no other run has versions. Of two runs that start together, the earlier one continues.

    Raises:
        AnotherRunError: names the other run.
    """
    for state in versions:
        marker = parse_version(state.description)
        if marker is None or marker.run == own or (own is not None and own < marker.run):
            continue
        raise AnotherRunError(
            f"Run {marker.run} works on {name} or was killed: it published version {state.version}",
            with_command("Wait until it has ended. If it was killed:", f"tuner clean {name}"),
        )
