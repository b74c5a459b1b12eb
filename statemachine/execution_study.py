"""Rebuilds the study of an execution from its store.

The same settings, prices, samples and seed give the same study as on the command line, and so the same
recommendation to the last digit. Knows no handler and no state.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from statemachine.execution import Execution
from statemachine.execution_store import ExecutionStore
from tuner.model import Round, Sample, Trial
from tuner.search.setup import make_study
from tuner.search.study import Study


def rebuild_study(store: ExecutionStore, samples: Sequence[Sample]) -> Study:
    """Return the study as far as it has come with the samples so far."""
    execution = store.execution
    study = make_study(execution.settings, execution.identity, execution.prices)
    study.replay(samples, store.rounds())
    return study


def asked_rounds(study: Study) -> list[tuple[Trial, ...]]:
    """Return the trials of each round. A last round without trials does not count."""
    return [round_.trials for round_ in study.rounds if round_.trials]


def unfinished_round(study: Study) -> Round | None:
    """Return the last round with the trials that have no sample; None when it is complete.

    Such a round exists when a Planner asked for it and was then repeated.
    """
    if not study.rounds:
        return None
    done = {sample.trial_id for sample in study.samples}
    last = study.rounds[-1]
    missing = tuple(trial for trial in last.trials if trial.id not in done)
    return Round(missing, last.expected_regret) if missing else None


def elapsed_s(execution: Execution, now: datetime) -> float:
    """Return the seconds since the execution began."""
    return (now - execution.began).total_seconds()
