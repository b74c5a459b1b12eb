"""The study of an execution, rebuilt from what it has written down.

The same settings, samples and seed give the same study as on the command line, and so the same
recommendation to the last digit.
"""

from __future__ import annotations

from datetime import datetime

from statemachine.execution import Execution
from statemachine.execution_store import ExecutionStore, Measured
from tuner.model import Round, Trial
from tuner.pricing.price_list import DEFAULT_REGION, PriceList, price_list
from tuner.search.setup import make_study
from tuner.search.study import Study


def rebuild_study(store: ExecutionStore) -> tuple[Study, Measured]:
    """The study as far as it has come, and what was noticed on the way."""
    execution = store.execution
    study = make_study(execution.settings, execution.identity, prices_of(execution))
    rounds, measured = store.rounds(), store.measured()
    study.replay(measured.samples, rounds)
    return study, measured


def prices_of(execution: Execution) -> PriceList:
    """Prices of the function's region, with the user's discount."""
    return price_list(execution.identity.region or DEFAULT_REGION).with_discount(execution.settings.discount)


def asked(study: Study) -> list[tuple[Trial, ...]]:
    """The trials of each round; a last step without any is none."""
    return [round_.trials for round_ in study.rounds if round_.trials]


def unfinished(study: Study) -> Round | None:
    """A round that was asked for and not measured: the handler that asked was repeated."""
    if not study.rounds:
        return None
    done = {sample.trial_id for sample in study.samples}
    last = study.rounds[-1]
    missing = tuple(trial for trial in last.trials if trial.id not in done)
    return Round(missing, last.expected_regret) if missing else None


def elapsed_s(execution: Execution, now: datetime) -> float:
    """Seconds since the execution began."""
    return (now - execution.began).total_seconds()
