"""Initializer: finds every fault before anything is changed.

It reads the input, the function and the account's quotas. It takes the lock, and undoes what a killed execution
left behind. It stores the facts and decisions that all other handlers read.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from statemachine.deployment import Deployment
from statemachine.deputy import refuse_borrowed_rights
from statemachine.execution import Execution, content_hash
from statemachine.execution_input import ExecutionInput, read_execution_input
from statemachine.execution_store import PROGRESS
from statemachine.function_lock import FunctionLock, Holder, is_running
from statemachine.identifiers import folder_of, run_id
from statemachine.messages import Document, ExecutionStart, decode_start, encode_begun
from statemachine.services import Services, shared_services, with_readable_errors
from tuner.aws.api.client import LambdaApi
from tuner.aws.changes.apply import release_notice
from tuner.aws.changes.cleanup import left_behind, undo_leftovers
from tuner.aws.changes.journal import Journal
from tuner.aws.changes.versions import VersionPublisher
from tuner.aws.measure import preconditions
from tuner.aws.measure.inspection import Inspection, inspect_function
from tuner.aws.measure.payloads import read_payloads
from tuner.errors import BackendError, InputError
from tuner.model import Notice
from tuner.payloads import Payloads
from tuner.pricing.price_list import price_list
from tuner.search.space import left_out, search_space

ENDED = "The execution was over before its first step began anything"
SHORTEST_ROOM_S = 60
"""Seconds that a handler needs around an invocation: its start, the store, and a late reply."""


@with_readable_errors
def handler(event: Mapping[str, Any], _context: Any) -> Document:
    """Begin an execution."""
    return begin(decode_start(event), shared_services())


def begin(start: ExecutionStart, services: Services) -> Document:
    """Check the input and the function, take the lock, and store the facts and decisions.

    Raises:
        InputError: every fault of the input, or every reason why the function cannot be tuned.
        AnotherRunError: another run tunes the function now.
        BackendError: the execution is over already, and its Cleaner was here first.
    """
    asked = read_execution_input(start.input, services.deployment)
    refuse_borrowed_rights(asked.settings, bucket=services.bucket, own_functions=services.deployment.own_functions)
    run = run_id(start.execution, start.started_at)
    api, clients = services.api_in(asked.reference.region), services.clients_in(asked.reference.region)
    arn = api.state(asked.reference.name).arn
    holder = Holder(start.execution, run, folder_of(arn.rpartition(":")[2], run), arn)
    if not services.remember(holder):
        raise BackendError(ENDED)
    lock = FunctionLock(services.objects, arn, lambda execution: is_running(services.clients.states, execution))
    swept = lock.take(holder, lambda left: _undo(services, api, arn, left))
    try:
        if services.store(holder.folder).stop() is not None:  # a Cleaner was here before the lock was taken
            raise BackendError(ENDED)
        found = inspect_function(asked.settings, asked.reference, api, region=clients.region, run=run)
        payloads = read_payloads(asked.settings, services.clients)
        released = _released(asked, found)
        execution = _decide(start, asked, found, payloads, services.deployment, swept, released)
        services.store(holder.folder).begin(execution, payloads)
    except BaseException:
        with suppress(BackendError):  # what went wrong first is what the user must read
            lock.release(start.execution)
        raise
    return encode_begun(holder.folder, str(services.store(holder.folder).address(PROGRESS)))


def _released(asked: ExecutionInput, found: Inspection) -> Notice | None:
    """Return what moving the alias would release.

    Raises:
        InputError: the alias cannot be moved, or it would release code that this execution does not measure.
    """
    alias = asked.settings.auto_optimize_alias
    if not asked.settings.auto_optimize or not alias:
        return None
    notice = release_notice(found.api, found.reference.name, alias)
    if notice is not None and found.is_of_published:
        problem = f"{alias} would get $LATEST, and this execution measures {found.reference.qualifier}"
        raise InputError.single("$.autoOptimizeAlias", problem, "name the function without version or alias")
    return notice


def _decide(
    start: ExecutionStart,
    asked: ExecutionInput,
    found: Inspection,
    payloads: Payloads,
    deployment: Deployment,
    swept: Holder | None,
    released: Notice | None,
) -> Execution:
    """Check that the function can be measured, and decide how.

    Raises:
        InputError: no size or architecture that was asked for can be measured.
    """
    settings, facts = found.settings, found.facts
    latest = found.check()
    cap_mb = found.memory_cap_mb(VersionPublisher(found.api, found.reference.name, latest, Journal(found.run)))
    concurrency, notice = preconditions.allowed_concurrency(facts, settings.concurrency)
    long = facts.details.state.timeout_s > deployment.batch_seconds - SHORTEST_ROOM_S
    identity = found.identity(max_memory_mb=cap_mb)
    search_space(settings, identity)  # raises where nothing is left to measure
    notices = [*asked.notices, *found.notices, *left_out(settings, identity), *filter(None, [notice, released])]
    if swept:
        message = f"Execution {swept.execution} did not end by itself. This execution undid what it left behind."
        notices.append(Notice("recovered", message))
    return Execution(
        run=found.run,
        arn=start.execution,
        started_at=start.started_at,
        document={key: value for key, value in asked.document.items() if key != "payload"},
        identity=identity,
        content_sha256="" if found.is_of_published else content_hash(latest.content()),
        prices=price_list(found.region).with_discount(settings.discount),
        concurrency=concurrency,
        long=long,
        notices=tuple(notices),
        handler_s=deployment.batch_seconds,
    )


def _undo(services: Services, api: LambdaApi, arn: str, left: Holder) -> None:
    """Undo what an aborted or timed-out execution left behind."""
    store = services.store(left.folder)
    making = store.making()
    _, failures = undo_leftovers(api, arn, run=left.run, copies=making.copies, created=making.created)
    if failures:
        raise left_behind(arn, failures)
