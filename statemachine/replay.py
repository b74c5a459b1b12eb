"""The study of an execution, rebuilt from what it has written down.

The same settings, samples and seed give the same study as on the command line, and so the same
recommendation to the last digit.
"""

from __future__ import annotations

from datetime import datetime

from statemachine.header import Header
from statemachine.record import Measured, Record
from tuner.model import Step, Trial
from tuner.pricing.price_list import DEFAULT_REGION, PriceList, price_list
from tuner.search.setup import make_study
from tuner.search.study import Study


def replay(record: Record) -> tuple[Study, Measured]:
    """The study as far as it has come, and what was noticed on the way."""
    header = record.header
    study = make_study(header.settings, header.identity, prices_of(header))
    steps, measured = record.steps(), record.measured()
    study.replay(measured.samples, steps)
    return study, measured


def prices_of(header: Header) -> PriceList:
    """Prices of the function's region, with the user's discount."""
    return price_list(header.identity.region or DEFAULT_REGION).with_discount(header.settings.discount)


def asked(study: Study) -> list[tuple[Trial, ...]]:
    """The trials of each round; a last step without any is none."""
    return [step.trials for step in study.steps if step.trials]


def unfinished(study: Study) -> Step | None:
    """A round that was asked for and not measured: the handler that asked was repeated."""
    if not study.steps:
        return None
    done = {sample.trial_id for sample in study.samples}
    last = study.steps[-1]
    missing = tuple(trial for trial in last.trials if trial.id not in done)
    return Step(missing, last.expected_regret) if missing else None


def elapsed_s(header: Header, now: datetime) -> float:
    """Seconds since the execution began."""
    return (now - header.began).total_seconds()
