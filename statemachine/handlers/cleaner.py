"""Cleaner: puts the function back as it was found, and releases the lock.

The state machine calls it at the end of every execution. EventBridge calls it when an execution failed, was aborted or
timed out, because no state of the execution runs then. It finds the execution's versions and copies by descriptions,
names and tags that carry the run. So it may be repeated, and it never touches what somebody else made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from statemachine.execution_store import ExecutionStore, Stop
from statemachine.function_lock import FunctionLock, Holder
from statemachine.identifiers import run_id
from statemachine.messages import EndedExecution, decode_ended, decode_folder
from statemachine.services import Services, shared_services, with_readable_errors
from tuner.aws.api.errors import NotFoundError
from tuner.aws.api.function_reference import parse_function_reference
from tuner.aws.changes.cleanup import left_behind, undo_leftovers
from tuner.errors import FunctionChangedError
from tuner.model import Notice, StopReason

MARGIN_S = 60.0
"""Seconds that the last sweep needs."""
POLL_S = 5.0


@with_readable_errors
def handler(event: Mapping[str, Any], context: Any) -> None:
    """Undo what an execution made."""
    ended = decode_ended(event)
    if ended is None:
        clean(decode_folder(event), shared_services())
    else:
        clean_ended(ended, shared_services(), lambda: context.get_remaining_time_in_millis() / 1000)


def clean(folder: str, services: Services) -> None:
    """Undo what a running execution made.

    Raises:
        LeftBehindError: AWS refused to undo something; the message tells how to finish.
    """
    store = services.store(folder)
    execution = store.execution
    name, api = str(execution.identity.arn), services.api_in(execution.identity.region)
    _undo(services, store, Holder(execution.arn, execution.run, folder, name))
    try:
        execution.refuse_changed(api.wait_ready(name))
    except (FunctionChangedError, NotFoundError) as exc:
        message = exc.message if isinstance(exc, FunctionChangedError) else f"{name} was deleted during the execution"
        notice = Notice("function_changed", f"{message}.")
        store.note(notice)
        store.end(Stop(StopReason.FUNCTION_CHANGED, notice))
    FunctionLock(services.objects, name, lambda _: True).release(execution.arn)


def clean_ended(
    ended: EndedExecution,
    services: Services,
    remaining_s: Callable[[], float],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Undo what an execution made that ended without its Cleaner.

    Its Publisher may still be at work: Lambda runs a handler to its end when the execution is aborted. So the end is
    stored first, which stops the Publisher, and the sweep is repeated until that has stopped.

    Raises:
        LeftBehindError: AWS refused to undo something; the message tells how to finish.
    """
    holder = services.begun(run_id(ended.execution, ended.started_at))
    if holder is None or holder.execution != ended.execution:
        return
    store = services.store(holder.folder)
    store.end(Stop(StopReason.INTERRUPTED))
    while store.making().until > services.now().timestamp() and remaining_s() > MARGIN_S:
        sleep(POLL_S)
    _undo(services, store, holder)
    FunctionLock(services.objects, holder.function, lambda _: True).release(holder.execution)


def _undo(services: Services, store: ExecutionStore, holder: Holder) -> None:
    api = services.api_in(parse_function_reference(holder.function).region)
    making = store.making()
    _, failures = undo_leftovers(api, holder.function, run=holder.run, copies=making.copies, created=making.created)
    if failures:
        raise left_behind(holder.function, failures)
