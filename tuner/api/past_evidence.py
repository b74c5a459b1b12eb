"""Lets a search begin with runs that were made before: whether it may, and what is said of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from enum import StrEnum

from tuner.backend import Backend, KnowsPastRuns
from tuner.errors import InputError
from tuner.evidence.past_runs import LEAST_RUNS, PastRuns, take_in, warm_ms
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


def begin_with_past_runs(
    study: Study, backend: Backend, stop: threading.Event, observers: Sequence[Observer]
) -> Sequence[Notice]:
    """Tell a study that was told nothing yet of past runs, where the backend knows enough of them."""
    if not isinstance(backend, KnowsPastRuns) or study.current is None:
        return ()
    past = [sample for sample in backend.past_runs() if sample.configuration == study.current]
    if len(warm_ms(past, study.current)) < LEAST_RUNS:
        return ()
    found = take_in(study, backend, past, stop=stop, observers=observers)
    return tuple(_told(found, study, sum(len(sample.invocations) for sample in past)))


def _told(found: PastRuns, study: Study, runs: int) -> Iterator[Notice]:
    if found.past_ms is None or found.today_ms is None:
        return
    if found.taken:
        message = f"{plural(runs, 'run')} of {study.current} from the log entered the search. They cost nothing."
        yield Notice("past_runs", message)
        return
    yield Notice(
        "past_runs_differ",
        f"Runs of {study.current} in the log last {significant(found.past_ms)} ms (median), and one with this payload "
        f"lasted {significant(found.today_ms)} ms. They were left out. In production the answer may be another one.",
    )
