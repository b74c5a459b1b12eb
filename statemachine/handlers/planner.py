"""Planner: replays the samples and asks the study what to measure next.

Writes the round down before it hands it out. Asked twice, it gives the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from statemachine import costs
from statemachine.contract import Document, Work, decode_folder, encode_plan
from statemachine.record import Record, Stop
from statemachine.replay import elapsed_s, replay, unfinished
from statemachine.wiring import Wiring, framed, wire
from tuner.model import Notice, Step, StopReason
from tuner.study import Study

MAX_TRIALS = 200
"""Trials in one round: the state holds a line for each. A study asks for the rest in the next round."""
MAX_PLANNED_EVENTS = 20_000
"""History events at which a study is ended, with room left for what follows."""


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
    if stop := _history_full(study):
        record.end(stop)
        return encode_plan("done")
    step = unfinished(study) or _ask(study, record, wiring)
    if step is None:
        return encode_plan("done")
    return encode_plan("publish", map(Work, step.trials))


def _ask(study: Study, record: Record, wiring: Wiring) -> Step | None:
    """A new round, written down; None when the study has ended, its reason written down."""
    trials = study.ask(elapsed_s=elapsed_s(record.header, wiring.now()))[:MAX_TRIALS]
    if not trials:
        assert study.stopped_by is not None, "a study that asks for nothing says why"
        record.end(Stop(study.stopped_by))
        if study.steps and study.steps[-1].expected_regret is not None:
            record.add_step(Step((), study.steps[-1].expected_regret))
        return None
    step = Step(trials, study.steps[-1].expected_regret)
    record.add_step(step)
    return step


def _history_full(study: Study) -> Stop | None:
    rounds = [costs.Round(len(step.trials)) for step in study.steps]
    if costs.transitions(rounds) * costs.EVENTS_PER_TRANSITION < MAX_PLANNED_EVENTS:
        return None
    message = (
        f"Ended after {len(study.steps)} rounds: an execution's history holds {costs.MAX_EVENTS:,} events. "
        "Fewer memory sizes, fewer runs or the adaptive sampler need fewer of them."
    )
    return Stop(StopReason.INVOCATIONS, Notice("history_limit", message))
