"""Lets a search begin with runs that were made before: whether it may, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

from tuner.backend import Backend, KnowsPastRuns
from tuner.errors import InputError
from tuner.estimation.belief import SURELY_SAME
from tuner.evidence.past_runs import settle, take_in
from tuner.model import Notice
from tuner.plain_numbers import plural, significant
from tuner.search.loop import Observer
from tuner.search.study import Study


class PastEvidence(StrEnum):
    """Which runs that were made before a search may begin with."""

    LOGS = "logs"
    """Those of the function's log, where it may be read."""
    OFF = "off"


def past_evidence(text: str) -> PastEvidence:
    """What a user asks for.

    Raises:
        InputError: it is neither.
    """
    try:
        return PastEvidence(text)
    except ValueError:
        raise InputError.single("evidence", f"{text!r} is unknown", f"use {' or '.join(PastEvidence)}") from None


def begin_with_past_runs(study: Study, backend: Backend, observers: Sequence[Observer]) -> None:
    """Tell a study that was told nothing yet of past runs, where the backend knows enough of them."""
    if isinstance(backend, KnowsPastRuns) and study.current is not None:
        past = [sample for sample in backend.past_runs() if sample.configuration == study.current]
        take_in(study, past, observers=observers)


def judge_past_runs(study: Study) -> Iterator[Notice]:
    """Leave past runs out of a study that has ended where they are likely of another payload, and tell it."""
    runs = sum(len(sample.invocations) for sample in study.samples if sample.free)
    found = settle(study)
    if found is None:
        return
    if found.chance is None:
        told = f"{plural(runs, 'run')} of the log were left out: no runs of this payload could be held against them."
        yield Notice("past_runs_differ", told)
    elif found.taken:
        message = f"{plural(runs, 'run')} of {study.current} from the log entered the search. They cost nothing."
        if found.chance < SURELY_SAME:
            message += (
                f" The chance that they last as long as runs of this payload is {found.chance:.0%}: too few runs of "
                f"{study.current} were made with it to tell."
            )
        yield Notice("past_runs", message)
    else:
        today = "" if found.today_ms is None else f" about {significant(found.today_ms)} ms"
        yield Notice(
            "past_runs_differ",
            f"Runs of {study.current} in the log last {significant(found.past_ms)} ms (median), and with this payload "
            f"they last{today or ' another time'}. They were left out. In production the answer may be another one.",
        )
