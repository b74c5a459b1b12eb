"""Finds and undoes what killed runs left on a function, by descriptions, names and tags.

Works without a journal, so that any machine can do it any number of times. A journal only saves the search
through all functions of the account. A function that was deleted took its versions along; its copies are left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tuner.aws.api.client import LambdaApi
from tuner.aws.api.connection import Connection
from tuner.aws.api.errors import NotFoundError
from tuner.aws.api.function import FunctionState
from tuner.aws.api.function_reference import parse_function_reference
from tuner.aws.api.session import connect
from tuner.aws.changes.journal import Journal, JournalFile, state_dir
from tuner.aws.changes.latest import plan_restore, restore_latest
from tuner.aws.changes.markers import FUNCTION_TAG, parse_copy, parse_latest, parse_version
from tuner.aws.changes.operations import Change, DeleteCopy, DeleteVersion, RestoreLatest
from tuner.aws.changes.versions import delete_version
from tuner.errors import BackendError, LeftBehindError
from tuner.shell_lines import with_command

AT_ONCE = 2
"""Copies that are deleted at once. A deletion takes up to 0.2 s, so two keep the pace of 10 calls a second. More calls
in flight could arrive together and exceed it."""


def clean(
    function: str,
    connection: Connection,
    environment: Mapping[str, str],
    *,
    dry_run: bool = False,
    make_api: Callable[[Any], LambdaApi] = LambdaApi,
) -> list[str]:
    """Undo everything that killed runs left on a function.

    Args:
        function: name or ARN.
        connection: how to reach AWS.
        environment: names the folder of the journals.
        dry_run: only say what would be undone.
        make_api: wraps the boto3 client.

    Returns:
        What was (or would be) undone, in words.

    Raises:
        AnotherRunError: a run on this machine works on it.
        LeftBehindError: something could not be undone.
    """
    reference = parse_function_reference(function)
    clients = connect(connection, region=reference.region)
    api = make_api(clients.control)
    lock = JournalFile(state_dir(environment), _arn(api, reference.name), clients.endpoint_url)
    lock.lock()
    failures: list[BackendError] = []
    steps: list[Change] | None = None
    try:
        steps = plan_cleanup(api, reference.name)
        if dry_run:
            return [f"would {step}" for step in steps] or [f"Nothing is left on {reference.name}."]
        failures = run_cleanup(api, steps, Journal("clean"))
    finally:
        lock.release(remove=lock.empty or (steps is not None and not dry_run and not failures))
        clients.close()
    if failures:
        raise left_behind(reference.name, failures)
    return [f"done: {step}" for step in steps] or [f"Nothing is left on {reference.name}."]


def left_behind(function: str, failures: Sequence[Exception]) -> LeftBehindError:
    """The error that names what could not be undone, and how to finish."""
    said = "\n".join(dict.fromkeys(str(failure) for failure in failures))
    return LeftBehindError(
        f"Not everything could be undone on {function}.\n{said}", with_command("Then run:", f"tuner clean {function}")
    )


def plan_cleanup(
    api: LambdaApi,
    function: str,
    *,
    run: str | None = None,
    copies: Iterable[str] | None = None,
    created: Iterable[str] = (),
) -> list[Change]:
    """The changes that undo what runs left.

    Args:
        function: name or ARN of the function.
        run: only what this run left; None: what any run left.
        copies: names of the copies in the run's journal; None: search all functions.
        created: those that the run certainly created, so that nobody needs to look whose they are.
    """
    certain = list(dict.fromkeys(created))
    try:
        steps = _plan_for_function(api, function, run)
    except NotFoundError:
        steps = []
    steps.extend(map(DeleteCopy, certain))
    name = _name(function)
    found = _tagged(api, name) if copies is None else _recorded(api, (name for name in copies if name not in certain))
    steps.extend(DeleteCopy(copy.name) for copy in found if _is_copy_of(copy, name, run))
    return steps


def _plan_for_function(api: LambdaApi, function: str, run: str | None) -> list[Change]:
    """The changes of the function itself.

    Raises:
        NotFoundError: it was deleted.
    """
    steps: list[Change] = []
    state = api.wait_ready(function)
    marker = parse_latest(state.description)
    if marker and run in (None, marker.publishing.run):
        steps.append(plan_restore(function, state, marker))
    for version in api.versions(function):
        made = parse_version(version.description)
        if made and run in (None, made.run):
            steps.append(DeleteVersion(function, version.version, version.description))
    return steps


def undo_leftovers(
    api: LambdaApi,
    function: str,
    *,
    run: str | None = None,
    copies: Iterable[str] | None = None,
    created: Iterable[str] = (),
) -> tuple[list[Change], list[BackendError]]:
    """Plan and undo; see `plan_cleanup`.

    Returns:
        The planned changes, and what failed.
    """
    steps = plan_cleanup(api, function, run=run, copies=copies, created=created)
    return steps, run_cleanup(api, steps, Journal(run or "clean"))


def run_cleanup(api: LambdaApi, steps: Sequence[Change], journal: Journal) -> list[BackendError]:
    """Make the planned changes, those of the function first, then those of its copies in parallel.

    A failure does not stop the rest; all failures are returned.
    """
    copies = [step for step in steps if isinstance(step, DeleteCopy)]
    failures = [_make(api, step, journal) for step in steps if not isinstance(step, DeleteCopy)]
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="clean") as pool:
        failures += pool.map(lambda step: _make(api, step, journal), copies)
    return [failure for failure in failures if failure]


def _make(api: LambdaApi, step: Change, journal: Journal) -> BackendError | None:
    """Make a planned change. Returns what failed."""
    try:
        if isinstance(step, RestoreLatest):
            restore_latest(api, step.function, journal)
        elif isinstance(step, DeleteVersion):
            delete_version(api, journal, step)
        elif isinstance(step, DeleteCopy):
            journal.intend(step)
            api.delete(step.copy)
            journal.done(step)
    except BackendError as exc:
        return exc
    return None


def _recorded(api: LambdaApi, names: Iterable[str]) -> Iterator[FunctionState]:
    """The copies with these names that still exist."""
    for name in names:
        try:
            yield api.state(name)
        except NotFoundError:
            continue


def _tagged(api: LambdaApi, function: str) -> Iterator[FunctionState]:
    """Copies of the function of this name that no journal names. Their tags must name the function too."""
    for state in api.functions():
        if _is_copy_of(state, function) and api.tags(state.arn).get(FUNCTION_TAG) == _original(state, function):
            yield state


def _is_copy_of(copy: FunctionState, function: str, run: str | None = None) -> bool:
    """Whether a function is a copy that a run created: its name and its description must agree."""
    marker = parse_copy(copy.description)
    if marker is None or marker.name != copy.name or marker.function != function:
        return False
    return run in (None, marker.made.run)


def _original(copy: FunctionState, function: str) -> str:
    """ARN of the function of a copy, which is in the same account and region."""
    return f"{copy.arn.rpartition(':')[0]}:{function}"


def _name(function: str) -> str:
    """The name of a function from its name or its ARN."""
    return function.rpartition(":")[2]


def _arn(api: LambdaApi, function: str) -> str:
    """ARN of a function; of one that was deleted, as its copies tell it.

    Raises:
        NotFoundError: there is no such function, and no copy of it.
    """
    try:
        return api.state(function).arn
    except NotFoundError:
        copy = next(_tagged(api, _name(function)), None)
        if copy is None:
            raise
        return _original(copy, _name(function))
