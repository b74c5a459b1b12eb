"""The loop: asks the study for trials, has a backend measure them, tells the study.

Knows nothing of AWS, processes or files. The clock, the stop signal and the observers are arguments.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from tuner.backend import Backend, PreparesAhead
from tuner.errors import FunctionChangedError
from tuner.model import Sample, StopReason, Trial
from tuner.search.study import Study


class Observer(Protocol):
    """Somebody who watches the loop: a recorder of samples, a progress display."""

    def asked(self, study: Study, trials: Sequence[Trial]) -> None:
        """A batch is about to be measured."""
        ...

    def told(self, study: Study, sample: Sample) -> None:
        """A sample has arrived (and is already part of the study)."""
        ...


def run(
    study: Study,
    backend: Backend,
    *,
    stop: threading.Event,
    clock: Callable[[], float],
    observers: Sequence[Observer] = (),
) -> None:
    """Drive a study until it stops asking, or until `stop` is set.

    Args:
        study: what decides.
        backend: what measures; entered by the caller.
        stop: set it to end early; what was measured stays in the study.
        clock: seconds since the study began, earlier sessions included, for the time budget.
        observers: told of every batch and every sample.
    """
    while not stop.is_set() and (trials := study.ask(elapsed_s=clock())):
        if not measure(study, backend, trials, stop=stop, observers=observers):
            return
    if stop.is_set():
        study.interrupt()


def measure(
    study: Study,
    backend: Backend,
    trials: Sequence[Trial],
    *,
    stop: threading.Event,
    observers: Sequence[Observer] = (),
) -> bool:
    """Have a batch measured and tell the study; whether it may go on. It ends where the function was deployed."""
    for observer in observers:
        observer.asked(study, trials)
    if isinstance(backend, PreparesAhead):
        backend.expect(study.likely)
    try:
        for sample in backend.measure(trials, stop):
            study.tell(sample)
            for observer in observers:
                observer.told(study, sample)
    except FunctionChangedError:
        study.interrupt(StopReason.FUNCTION_CHANGED)
        return False
    return True
