"""Planner: replays the samples and asks the study what to measure next.

Writes the round down before it hands it out. Asked twice, it gives the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from statemachine import costs
from statemachine.contract import Document, Work, decode_folder, encode_plan
from statemachine.header import Header
from statemachine.record import Record, Stop
from statemachine.replay import asked, elapsed_s, replay, unfinished
from statemachine.wiring import Wiring, framed, wire
from tuner.model import Notice, Step, StopReason, Trial
from tuner.search.study import Study

MAX_ITEMS = 600
"""Items of one round: the state holds up to 350 bytes for each, and at most 262,144 (Step Functions quotas, 2026-09). A
study asks for the rest in the next round."""
MAX_PLANNED_EVENTS = 20_000
"""History events up to which rounds are handed out: the rest is room for what is repeated."""


@framed
def handler(event: Mapping[str, Any], _context: Any) -> Document:
    """Say what to do next."""
    return plan(decode_folder(event), wire())


def plan(folder: str, wiring: Wiring) -> Document:
    """The next round, or `done`."""
    record = wiring.record(folder)
    if record.stop() is not None:
        return encode_plan("done")
    study, _ = replay(record)
    step = unfinished(study) or _ask(study, record, wiring)
    if step is None:
        return encode_plan("done")
    return encode_plan("publish", map(Work, step.trials))


def _ask(study: Study, record: Record, wiring: Wiring) -> Step | None:
    """A new round, written down; None when the study has ended, its reason written down."""
    before = asked(study)
    trials = study.ask(elapsed_s=elapsed_s(record.header, wiring.now()))
    if not trials:
        assert study.stopped_by is not None, "a study that asks for nothing says why"
        record.end(Stop(study.stopped_by))
        if study.steps and study.steps[-1].expected_regret is not None:
            record.add_step(Step((), study.steps[-1].expected_regret))
        return None
    fitting = _fitting(trials, before, record.header)
    if not fitting:
        record.end(_history_full(before))
        return None
    step = Step(tuple(fitting), study.steps[-1].expected_regret)
    record.add_step(step)
    return step


def _fitting(trials: Sequence[Trial], before: Sequence[Sequence[Trial]], header: Header) -> Sequence[Trial]:
    """The first trials of a round, as many as the state and what is left of the history hold."""
    items, events = 0, (costs.of_execution(before, header) + costs.ROUND).events
    for index, trial in enumerate(trials):
        items += costs.items(trial, header)
        events += costs.of_trial(trial, header).events
        if items > MAX_ITEMS or events > MAX_PLANNED_EVENTS:
            return trials[:index]
    return trials


def _history_full(rounds: Sequence[object]) -> Stop:
    message = (
        f"Ended after {len(rounds)} rounds: an execution's history holds {costs.MAX_EVENTS:,} events. "
        "Fewer memory sizes, fewer runs or the adaptive sampler need fewer of them."
    )
    return Stop(StopReason.INVOCATIONS, Notice("history_limit", message))
