"""Optimizer: applies the recommendation to $LATEST, or through an alias."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from statemachine.execution_store import RESULT
from statemachine.messages import decode_choice, decode_folder
from statemachine.services import Services, shared_services, with_readable_errors
from tuner.aws.changes.apply import apply_recommendation
from tuner.errors import BackendError
from tuner.model import Configuration


@with_readable_errors
def handler(event: Mapping[str, Any], _context: Any) -> None:
    """Apply the recommendation of an execution."""
    optimize(decode_folder(event), decode_choice(event), shared_services())


def optimize(folder: str, chosen: Configuration, services: Services) -> None:
    """Apply the configuration that the output names.

    Args:
        folder: folder of the execution.
        chosen: the configuration.
        services: what handlers are given.

    Raises:
        WeakEvidenceError: the result does not support a change, and `autoOptimizeForce` is not set.
        FunctionChangedError: somebody changed the function during the execution.
        AwsError: AWS refused a change.
    """
    store = services.store(folder)
    text = store.read_text(RESULT)
    if text is None:
        raise BackendError(f"{store.address(RESULT)} is missing", "Was it deleted during the execution?")
    result = json.loads(text)
    result["recommendation"] |= {"memory_mb": chosen.memory_mb, "architecture": chosen.architecture.value}
    settings = store.execution.settings
    apply_recommendation(
        result,
        services.connection,
        alias=settings.auto_optimize_alias,
        releases=True,
        force=settings.auto_optimize_force,
    )
