"""Executor: measures one trial, and stores its samples before it returns.

A function that may run as long as a handler takes several passes; see `statemachine.measuring.long_lanes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from statemachine.measuring.long_lanes import Pass
from statemachine.measuring.trial_runs import Attempt, measure_trials
from statemachine.messages import Document, decode_folder, decode_trial, encode_progress
from statemachine.services import Services, shared_services, with_readable_errors
from tuner.model import Trial


@with_readable_errors
def handler(event: Mapping[str, Any], context: Any) -> Document:
    """Measure a trial."""
    attempt = Attempt(context.aws_request_id, lambda: context.get_remaining_time_in_millis() / 1000)
    return execute(decode_folder(event), decode_trial(event), services=shared_services(), attempt=attempt)


def execute(folder: str, trial: Trial, *, services: Services, attempt: Attempt) -> Document:
    """Measure a trial, or make one pass over it when its function may run as long as a handler.

    Returns nothing of the samples, which do not pass through the state: only the progress of a pass.

    Raises:
        BackendError: the tool cannot invoke the function. The samples so far are stored.
    """
    store = services.store(folder)
    if store.execution.long:
        return encode_progress(Pass(trial, store, services, attempt.token, attempt.remaining_s).run())
    measure_trials(store, [trial], services=services, attempt=attempt)
    return {}
