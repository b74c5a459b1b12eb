"""Cleaner: puts the function back as it was found, and releases the lock.

It finds the execution's versions and copies by descriptions, names and tags that carry the run. So it may be
repeated, and it never touches what somebody else made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from statemachine.execution_store import Stop
from statemachine.function_lock import FunctionLock
from statemachine.messages import decode_folder
from statemachine.services import Services, shared_services, with_readable_errors
from tuner.aws.changes.cleanup import left_behind, undo_leftovers
from tuner.errors import FunctionChangedError
from tuner.model import Notice, StopReason


@with_readable_errors
def handler(event: Mapping[str, Any], _context: Any) -> None:
    """Undo what an execution made."""
    clean(decode_folder(event), shared_services())


def clean(folder: str, services: Services) -> None:
    """Undo what the execution made.

    Raises:
        LeftBehindError: AWS refused to undo something; the message tells how to finish.
    """
    store = services.store(folder)
    execution, api = store.execution, services.api
    name = str(execution.identity.arn)
    _, failures = undo_leftovers(api, name, run=execution.run, copies=store.copies())
    if failures:
        raise left_behind(name, failures)
    try:
        execution.refuse_changed(api.wait_ready(name))
    except FunctionChangedError as exc:
        notice = Notice("function_changed", f"{exc.message}.")
        store.note(notice)
        store.end(Stop(StopReason.FUNCTION_CHANGED, notice))
    FunctionLock(services.objects, name, lambda _: True).release(execution.arn)
