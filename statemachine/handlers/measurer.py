"""Measurer: makes the versions or copies of a small round, and measures all its trials.

One light handler waits for copies and runs alike, so that a round of an adaptive search is one task. The rules of
the Publisher and the Executor hold: it stores targets as soon as they exist, and claims trials before their first run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from statemachine.measuring.round_targets import make_targets
from statemachine.measuring.trial_runs import Attempt, measure_trials
from statemachine.messages import Document, NextState, decode_folder, decode_likely, decode_trials
from statemachine.services import Services, shared_services, with_readable_errors
from tuner.model import Configuration, Trial


@with_readable_errors
def handler(event: Mapping[str, Any], context: Any) -> Document:
    """Measure a round."""
    attempt = Attempt(context.aws_request_id, lambda: context.get_remaining_time_in_millis() / 1000)
    measure_round(decode_folder(event), decode_trials(event), decode_likely(event), shared_services(), attempt)
    return {}


def measure_round(
    folder: str, trials: Sequence[Trial], likely: Sequence[Configuration], services: Services, attempt: Attempt
) -> None:
    """Measure the trials of a round. What the time does not suffice for, the Planner asks for again.

    Args:
        folder: folder of the execution.
        trials: the round.
        likely: configurations that later rounds probably measure. Their copies are begun now.
        services: what handlers are given.
        attempt: this attempt of the handler.

    Raises:
        BackendError: the tool cannot make a target or invoke. The samples so far are stored.
    """
    store = services.store(folder)
    step, ready = make_targets(store, trials, services, attempt.remaining_s, likely, together=True)
    if step is NextState.MEASURE:
        measure_trials(store, ready, services=services, attempt=attempt)
