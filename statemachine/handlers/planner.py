"""Planner: replays the samples and asks the study what to measure next.

Writes the round down before it hands it out. Asked twice, it gives the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from statemachine import transitions
from statemachine.execution import Execution
from statemachine.execution_store import ExecutionStore, Stop
from statemachine.execution_study import asked, elapsed_s, rebuild_study, unfinished
from statemachine.messages import Document, MapItem, decode_folder, encode_plan
from statemachine.services import Services, shared_services, with_readable_errors
from tuner.model import Notice, Round, StopReason, Trial
from tuner.search.study import Study

MAX_ITEMS = 600
"""Items of one round: the state holds up to 350 bytes for each, and at most 262,144 (Step Functions quotas, 2026-09). A
study asks for the rest in the next round."""
MAX_PLANNED_EVENTS = 20_000
"""History events up to which rounds are handed out: the rest is room for what is repeated."""


@with_readable_errors
def handler(event: Mapping[str, Any], _context: Any) -> Document:
    """Say what to do next."""
    return plan(decode_folder(event), shared_services())


def plan(folder: str, services: Services) -> Document:
    """The next round, or `done`."""
    store = services.store(folder)
    if store.stop() is not None:
        return encode_plan("done")
    study, _ = rebuild_study(store)
    round_ = unfinished(study) or _ask(study, store, services)
    if round_ is None:
        return encode_plan("done")
    return encode_plan("publish", map(MapItem, round_.trials))


def _ask(study: Study, store: ExecutionStore, services: Services) -> Round | None:
    """A new round, written down; None when the study has ended, its reason written down."""
    before = asked(study)
    trials = study.ask(elapsed_s=elapsed_s(store.execution, services.now()))
    if not trials:
        assert study.stopped_by is not None, "a study that asks for nothing says why"
        store.end(Stop(study.stopped_by))
        if study.rounds and study.rounds[-1].expected_regret is not None:
            store.add_round(Round((), study.rounds[-1].expected_regret))
        return None
    fitting = _fitting(trials, before, store.execution)
    if not fitting:
        store.end(_history_full(before))
        return None
    round_ = Round(tuple(fitting), study.rounds[-1].expected_regret)
    store.add_round(round_)
    return round_


def _fitting(trials: Sequence[Trial], before: Sequence[Sequence[Trial]], execution: Execution) -> Sequence[Trial]:
    """The first trials of a round, as many as the state and what is left of the history hold."""
    items, events = 0, (transitions.count_execution(before, execution) + transitions.ROUND).events
    for index, trial in enumerate(trials):
        items += transitions.items(trial, execution)
        events += transitions.count_trial(trial, execution).events
        if items > MAX_ITEMS or events > MAX_PLANNED_EVENTS:
            return trials[:index]
    return trials


def _history_full(rounds: Sequence[object]) -> Stop:
    message = (
        f"Ended after {len(rounds)} rounds: an execution's history holds {transitions.MAX_EVENTS:,} events. "
        "Fewer memory sizes, fewer runs or the adaptive sampler need fewer of them."
    )
    return Stop(StopReason.INVOCATIONS, Notice("history_limit", message))
