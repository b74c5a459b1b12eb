"""Optimizer: applies the recommendation, to $LATEST or through an alias."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from statemachine.contract import decode_folder
from statemachine.record import RESULT
from statemachine.wiring import Wiring, framed, wire
from tuner.aws.changes.apply import apply_recommendation
from tuner.errors import BackendError


@framed
def handler(event: Mapping[str, Any], _context: Any) -> None:
    """Apply what the Analyzer recommends."""
    optimize(decode_folder(event), wire())


def optimize(folder: str, wiring: Wiring) -> None:
    """Apply the recommendation of the result.

    Raises:
        FunctionChangedError: somebody changed the function meanwhile.
        AwsError: a change was refused.
    """
    record = wiring.record(folder)
    text = record.read_text(RESULT)
    if text is None:
        raise BackendError(f"{record.address(RESULT)} is missing", "Was it deleted while the execution ran?")
    apply_recommendation(json.loads(text), wiring.connection, alias=record.header.settings.auto_optimize_alias)
