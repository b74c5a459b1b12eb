"""Publisher: makes a version or a copy for each configuration of the round that has none yet.

It stores each as soon as it exists. When the time does not suffice for all, it stops and asks to be called again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from statemachine.measuring.lane_groups import parallel_trials
from statemachine.measuring.round_targets import TargetMaking
from statemachine.messages import Document, decode_folder, decode_trials, encode_plan
from statemachine.services import Services, shared_services, with_readable_errors
from tuner.model import Trial


@with_readable_errors
def handler(event: Mapping[str, Any], context: Any) -> Document:
    """Make the versions of a round."""
    remaining_s = lambda: context.get_remaining_time_in_millis() / 1000  # noqa: E731
    return publish(decode_folder(event), decode_trials(event), shared_services(), remaining_s)


def publish(folder: str, trials: Sequence[Trial], services: Services, remaining_s: Callable[[], float]) -> Document:
    """Make the missing versions and copies, and return the plan of what to measure."""
    store = services.store(folder)
    targets = TargetMaking(store, services, remaining_s)
    try:
        step, ready = targets.make(trials)
    finally:
        targets.end()
    return encode_plan(step, ready, at_once=parallel_trials(trials, store.execution))
