"""Whether runs that a log tells of may enter a study: only where a run of today's request lasts as long as they did.

A log shows the function with the payloads of its users. A search invokes it with a payload of its own. Runs of
different payloads must not be put on one curve. Knows nothing of logs: past runs are samples that cost nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tuner.backend import Backend
from tuner.model import Configuration, Round, Sample, Trial
from tuner.search.loop import Observer, measure
from tuner.search.study import Study

LEAST_RUNS = 20
"""Warm past runs of the current configuration from which on they are worth a comparison."""
SIMILAR = (0.2, 0.7)
"""Differences of two durations (log units) that are always, and never, put down to the noise of the runs."""
SPREADS = 3.0
"""Differences between these bounds are noise up to so many standard deviations of a past run."""
NORMAL_MAD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""
CHECK_RUNS = 2
"""Runs of the trial that compares: the first one is cold, the second one is compared."""


@dataclass(frozen=True, slots=True)
class PastRuns:
    """What became of past runs.

    Attributes:
        taken: whether they are part of the study.
        past_ms: median duration of the past warm runs; None: they are too few.
        today_ms: median duration of the warm runs of the comparison; None: there was none.
    """

    taken: bool
    past_ms: float | None = None
    today_ms: float | None = None


def take_in(
    study: Study,
    backend: Backend,
    past: Sequence[Sample],
    *,
    stop: threading.Event,
    observers: Sequence[Observer] = (),
) -> PastRuns:
    """Run the current configuration once, and tell the study of its past runs where they last as long.

    Args:
        study: a study that was told nothing yet.
        backend: what measures; entered by the caller.
        past: past runs, of the current configuration and of others.
        stop: ends the trial.
        observers: told of the trial, and of all samples.
    """
    before = warm_ms(past, study.current)
    if study.current is None or len(before) < LEAST_RUNS:
        return PastRuns(False)
    trial = Trial(study.evidence.next_trial_id, study.current, 1, CHECK_RUNS)
    study.rounds.append(Round((trial,), None))
    if not measure(study, backend, (trial,), stop=stop, observers=observers):
        return PastRuns(False)
    today = warm_ms(study.samples, study.current)
    found = PastRuns(
        bool(len(today)) and similar(before, today), _median(before), _median(today) if len(today) else None
    )
    if found.taken:
        first = study.evidence.next_trial_id
        for number, sample in enumerate(past):
            own = replace(sample, trial_id=first + number, free=True)
            study.tell(own)
            for observer in observers:
                observer.told(study, own)
    return found


def similar(past_ms: NDArray[np.float64], today_ms: NDArray[np.float64]) -> bool:
    """Whether runs of today last as long as past runs, as far as the noise of the past runs tells."""
    logs = np.log(past_ms)
    spread = NORMAL_MAD * float(np.median(np.abs(logs - np.median(logs))))
    allowed = float(np.clip(SPREADS * spread, *SIMILAR))
    return abs(float(np.median(np.log(today_ms)) - np.median(logs))) <= allowed


def warm_ms(samples: Sequence[Sample], where: Configuration | None) -> NDArray[np.float64]:
    """Durations of the usable warm runs of a configuration."""
    runs = [run for sample in samples if sample.configuration == where for run in sample.invocations]
    return np.array([run.duration_ms for run in runs if run.usable and not run.cold], dtype=np.float64)


def _median(values: NDArray[np.float64]) -> float:
    return float(np.median(values))
