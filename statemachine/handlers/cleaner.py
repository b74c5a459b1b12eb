"""Cleaner: puts the function back as it was found, and gives the lock back.

Goes by the descriptions, names and tags that carry the execution's run: so it may be repeated, and
it never touches what somebody else made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from statemachine.contract import decode_folder
from statemachine.lock import Lock
from statemachine.record import Stop
from statemachine.wiring import Wiring, framed, wire
from tuner.aws.changes.cleanup import left_behind, sweep
from tuner.errors import FunctionChangedError
from tuner.model import Notice, StopReason


@framed
def handler(event: Mapping[str, Any], _context: Any) -> None:
    """Undo everything."""
    clean(decode_folder(event), wire())


def clean(folder: str, wiring: Wiring) -> None:
    """Undo what the execution made.

    Raises:
        LeftBehindError: something could not be undone; says how to finish.
    """
    record = wiring.record(folder)
    header, api = record.header, wiring.api
    name = str(header.identity.arn)
    _, failures = sweep(api, name, run=header.run, copies=record.copies())
    if failures:
        raise left_behind(name, failures)
    try:
        header.refuse_changed(api.wait_ready(name))
    except FunctionChangedError as exc:
        notice = Notice("function_changed", f"{exc.message}.")
        record.note(notice)
        record.end(Stop(StopReason.FUNCTION_CHANGED, notice))
    Lock(wiring.objects, name, lambda _: True).release(header.execution)
