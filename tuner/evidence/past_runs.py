"""Lets a study begin with runs that a log tells of, and tells in the end whether they were of today's payload.

A log shows the function with the payloads of its users. A search invokes it with a payload of its own. How much longer
the ones last than the others is unknown to the curves, and learned with them: the search asks for a run of the current
size where that is worth its price. Knows nothing of logs: past runs are samples that cost nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.belief import LIKELY_SAME
from tuner.model import Configuration, Sample
from tuner.search.loop import Observer
from tuner.search.study import Study

LEAST_RUNS = 20
"""Warm past runs of the current configuration from which on they tell its level and its noise."""


@dataclass(frozen=True, slots=True)
class PastRuns:
    """What became of past runs.

    Attributes:
        taken: whether they are part of the study.
        chance: that they are of today's payload; None: no run of today was usable, or no curve could be fitted.
        past_ms: median duration of the warm ones.
        today_ms: what a warm run lasts with today's payload, as is believed; None: nothing is.
    """

    taken: bool
    chance: float | None
    past_ms: float
    today_ms: float | None


def take_in(study: Study, past: Sequence[Sample], *, observers: Sequence[Observer] = ()) -> bool:
    """Tell the study of past runs where they are enough; whether they are.

    Args:
        study: a study that was told nothing yet.
        past: past runs, of the current configuration and of others.
        observers: told of all samples.
    """
    if study.current is None or len(warm_ms(past, study.current)) < LEAST_RUNS:
        return False
    first = study.evidence.next_trial_id
    for number, sample in enumerate(past):
        own = replace(sample, trial_id=first + number, free=True)
        study.tell(own)
        for observer in observers:
            observer.told(study, own)
    return True


def settle(study: Study) -> PastRuns | None:
    """Leave past runs out of a study that has ended where they are likely of another payload; None: it has none."""
    past = [sample for sample in study.samples if sample.free]
    if not past or study.current is None:
        return None
    past_ms = float(np.median(warm_ms(past, study.current)))
    if not any(run.usable for sample in study.samples if not sample.free for run in sample.invocations):
        study.leave_out_free()
        return PastRuns(False, None, past_ms, None)
    belief = study.belief()
    index = belief.index(study.current)
    today_ms = None if index is None else float(np.median(belief.duration_ms[:, index]))
    chance = None if belief.fallback else belief.same_payload
    taken = chance is not None and chance >= LIKELY_SAME
    if not taken:
        study.leave_out_free()
    return PastRuns(taken, chance, past_ms, today_ms)


def warm_ms(samples: Sequence[Sample], where: Configuration | None) -> NDArray[np.float64]:
    """Durations of the usable warm runs of a configuration."""
    runs = [run for sample in samples if sample.configuration == where for run in sample.invocations]
    return np.array([run.duration_ms for run in runs if run.usable and not run.cold], dtype=np.float64)
