"""Writes $LATEST without overwriting anybody's work, and restores it.

Every write carries the RevisionId of a reading whose content is known. When the content is not the expected
one, somebody else deployed, and their change stays.
"""

from __future__ import annotations

from tuner.aws.api.client import LambdaApi
from tuner.aws.api.errors import AnotherRunError, AwsError
from tuner.aws.api.function import FunctionState, changed_fields
from tuner.aws.changes.journal import Journal
from tuner.aws.changes.markers import LatestMarker, parse_latest
from tuner.aws.changes.operations import RestoreLatest
from tuner.errors import FunctionChangedError
from tuner.shell_lines import with_command

_RESTORE_ATTEMPTS = 5


class ChangedAfterwardsError(FunctionChangedError):
    """Somebody changed the function after a write had taken effect."""


def write_latest(api: LambdaApi, name: str, before: FunctionState, memory_mb: int, description: str) -> FunctionState:
    """Set memory size and description of $LATEST, if it is still as it was read.

    Returns:
        $LATEST after the update has ended.

    Raises:
        FunctionChangedError: somebody else changed it; their change stays. `ChangedAfterwardsError`: after the write.
        BadValueError: Lambda refuses the memory size.
        AwsError: the update failed.
    """
    wanted = before.content(MemorySize=memory_mb, Description=description)
    expected = before

    def call() -> FunctionState:
        api.once(
            f"update {name}",
            "update_function_configuration",
            FunctionName=name,
            MemorySize=memory_mb,
            Description=description,
            RevisionId=expected.revision_id,
        )
        return api.wait_ready(name)

    def settled() -> FunctionState | None:
        nonlocal expected
        now = api.wait_ready(name)
        if now.content() == wanted:
            return now
        if now.content() != expected.content():
            raise changed(name, expected.content(), now)
        expected = now
        return None

    after = api.retry.write(call, settled=settled)
    if after.failure:
        raise AwsError(f"Could not update {name}: {after.failure}", "Lambda names this reason for the failed update.")
    if after.content() != wanted:
        raise changed(name, wanted, after, kind=ChangedAfterwardsError)
    return after


def restore_latest(api: LambdaApi, name: str, journal: Journal, *, run: str | None = None) -> bool:
    """Restore memory size and description of $LATEST where they are still what a run wrote.

    Does nothing when $LATEST carries no marker, so it may be called any number of times.

    Args:
        run: only the marker of this run; None: of any.

    Returns:
        Whether there was something to restore.
    """
    for attempt in range(_RESTORE_ATTEMPTS):
        state = api.wait_ready(name)
        marker = parse_latest(state.description)
        if marker is None or run not in (None, marker.publishing.run):
            return False
        step = plan_restore(name, state, marker)
        journal.intend(step)
        try:
            write_latest(api, name, state, step.memory_mb, step.description)
        except FunctionChangedError:
            if attempt + 1 == _RESTORE_ATTEMPTS:
                raise
            continue  # somebody deployed in between: read again what is left of the run's write
        journal.done(step)
        return True
    raise AssertionError("a restore is attempted at least once")


def plan_restore(name: str, state: FunctionState, marker: LatestMarker) -> RestoreLatest:
    """The restoring write: the description, and the memory size unless somebody else has set another one."""
    ours = state.memory_mb == marker.publishing.configuration.memory_mb
    return RestoreLatest(name, marker.original_memory_mb if ours else state.memory_mb, marker.original_description)


def refuse_marked(name: str, state: FunctionState) -> None:
    """Make sure that $LATEST does not carry the marker of another run.

    Raises:
        AnotherRunError: names the other run.
    """
    if marker := parse_latest(state.description):
        raise AnotherRunError(
            f"Run {marker.publishing.run} publishes versions of {name}, or was killed while it did",
            with_command("Wait until it has ended. If it was killed:", f"tuner clean {name}"),
        )


def unchanged(api: LambdaApi, name: str, before: FunctionState) -> FunctionState:
    """Read $LATEST again to get its latest RevisionId.

    Raises:
        FunctionChangedError: its content is not what it was before.
    """
    now = api.wait_ready(name)
    if now.content() != before.content():
        raise changed(name, before.content(), now)
    return now


def changed(
    name: str,
    expected: dict[str, object],
    now: FunctionState,
    *,
    kind: type[FunctionChangedError] = FunctionChangedError,
) -> FunctionChangedError:
    """The error that names the fields that somebody else changed."""
    fields = ", ".join(changed_fields(expected, now.content()))
    return kind(
        f"Somebody deployed or changed {name} meanwhile ({fields}); their change stays",
        "Tune again when the deployment is done.",
    )
