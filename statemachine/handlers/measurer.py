"""Measurer: makes the versions or copies of small rounds, and measures all their trials.

One light handler waits for copies and runs alike. It asks the Planner itself what comes next, and goes on while its
time suffices, so that an adaptive search is one task. The rules of the Publisher and the Executor hold: it stores
targets as soon as they exist, and claims trials before their first run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from statemachine.measuring.lane_groups import MAKING_S, longest_lane_s
from statemachine.measuring.next_plan import ask_planner
from statemachine.measuring.round_targets import TargetMaking
from statemachine.measuring.trial_runs import Attempt, measure_trials
from statemachine.messages import Document, NextState, decode_folder, decode_likely, decode_next, decode_trials
from statemachine.services import Services, shared_services, with_readable_errors
from tuner.model import Configuration, Trial


@with_readable_errors
def handler(event: Mapping[str, Any], context: Any) -> Document:
    """Measure a round, and those that follow it."""
    attempt = Attempt(context.aws_request_id, lambda: context.get_remaining_time_in_millis() / 1000)
    return measure_rounds(event, shared_services(), attempt)


def measure_rounds(event: Mapping[str, Any], services: Services, attempt: Attempt) -> Document:
    """Measure the round of a plan, then each round that the Planner asks for, as long as the time suffices.

    Returns:
        The first plan that is not carried out here: another kind of step, or a round for the next handler.

    Raises:
        BackendError: the tool cannot make a target or invoke. The samples so far are stored.
    """
    folder, trials, likely = decode_folder(event), decode_trials(event), decode_likely(event)
    store = services.store(folder)
    store.enter(trials[0].id)
    targets = TargetMaking(store, services, attempt.remaining_s)
    try:
        while True:
            measure_round(trials, likely, targets, attempt)
            plan = ask_planner(folder, services, attempt.remaining_s)
            if decode_next(plan) is not NextState.ROUND:
                return plan
            trials, likely = decode_trials({"plan": plan}), decode_likely({"plan": plan})
            if attempt.remaining_s() < MAKING_S + longest_lane_s(trials, store.execution):
                return plan
    finally:
        targets.end()


def measure_round(
    trials: Sequence[Trial], likely: Sequence[Configuration], targets: TargetMaking, attempt: Attempt
) -> None:
    """Measure the trials of a round. What the time does not suffice for, the Planner asks for again.

    Args:
        trials: the round.
        likely: configurations that later rounds probably measure. Their copies are begun now.
        targets: makes the invocation targets.
        attempt: this attempt of the handler.

    Raises:
        BackendError: the tool cannot make a target or invoke. The samples so far are stored.
    """
    step, ready = targets.make(trials, likely, together=True)
    if step is NextState.MEASURE and ready:  # none is where AWS refuses all of them
        measure_trials(targets.store, ready, services=targets.services, attempt=attempt)
