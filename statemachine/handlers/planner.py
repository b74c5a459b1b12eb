"""Planner: rebuilds the study and asks it what to measure next.

It stores the round before it returns it. Asked twice, it gives the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from statemachine.execution import Execution
from statemachine.execution_store import ExecutionStore, SearchProgress, Stop
from statemachine.execution_study import asked_rounds, elapsed_s, rebuild_study, unfinished_round
from statemachine.measuring.lane_groups import fits_one_handler
from statemachine.messages import Document, NextState, decode_folder, encode_plan
from statemachine.services import Services, shared_services, with_readable_errors
from statemachine.transitions import MAX_EVENTS, ROUND, count_execution, count_trial
from tuner.model import Notice, Round, StopReason, Trial
from tuner.search.study import Study

MAX_ITEMS = 600
"""Most items of one round. The state holds up to 350 bytes for each, and at most 262,144 (Step Functions quotas,
2026-09). A study asks for the rest in the next round."""
MAX_PLANNED_EVENTS = 20_000
"""History events up to which the Planner returns rounds. The rest is room for repetitions."""


@with_readable_errors
def handler(event: Mapping[str, Any], _context: Any) -> Document:
    """Return the next step of an execution."""
    return plan(decode_folder(event), shared_services())


def plan(folder: str, services: Services) -> Document:
    """Return the next round, or the end."""
    store = services.store(folder)
    if store.stop() is not None:
        return encode_plan(NextState.DONE)
    study = rebuild_study(store, store.samples())
    round_ = unfinished_round(study) or _ask(study, store, services)
    if round_ is None:
        return encode_plan(NextState.DONE)
    if fits_one_handler(round_.trials, store.execution):
        return encode_plan(NextState.ROUND, round_.trials, likely=study.likely)
    return encode_plan(NextState.PUBLISH, round_.trials)


def _ask(study: Study, store: ExecutionStore, services: Services) -> Round | None:
    """Ask for a new round and store it; None when the study has ended, with its reason stored."""
    before = asked_rounds(study)
    trials = study.ask(elapsed_s=elapsed_s(store.execution, services.now()))
    if not trials:
        assert study.stopped_by is not None, "a study that asks for nothing has a reason"
        store.end(Stop(study.stopped_by))
        if study.rounds and study.rounds[-1].expected_regret is not None:
            store.add_round(Round((), study.rounds[-1].expected_regret))
        return None
    fitting = _fitting(trials, before, store.execution, store.passes() if store.execution.long else {})
    if not fitting:
        store.end(_history_full(before))
        return None
    round_ = Round(tuple(fitting), study.rounds[-1].expected_regret)
    store.add_round(round_, _progress(study, round_, len(before) + 1))
    return round_


def _progress(study: Study, round_: Round, number: int) -> SearchProgress:
    sizes = dict.fromkeys(str(trial.configuration) for trial in round_.trials)
    used, currency, tolerance = study.spent, study.prices.currency, study.objective.tolerance
    return SearchProgress(number, tuple(sizes), used.invocations, used.usd, currency, round_.expected_regret, tolerance)


def _fitting(
    trials: Sequence[Trial], before: Sequence[Sequence[Trial]], execution: Execution, passes: Mapping[int, int]
) -> Sequence[Trial]:
    """Return the first trials of a round, as many as fit into the state and into the rest of the history."""
    events = (count_execution(before, execution, passes) + ROUND).events
    for index, trial in enumerate(trials):
        events += count_trial(trial, execution).events
        if index >= MAX_ITEMS or events > MAX_PLANNED_EVENTS:
            return trials[:index]
    return trials


def _history_full(rounds: Sequence[object]) -> Stop:
    message = (
        f"The search ended after {len(rounds)} rounds, because an execution's history holds {MAX_EVENTS:,} events. "
        "Fewer memory sizes, fewer runs or the adaptive sampler need fewer events."
    )
    return Stop(StopReason.INVOCATIONS, Notice("history_limit", message))
