"""The loop: ask the study for trials, have a backend measure them, tell the study.

Owns the `Backend` protocol. Knows nothing of AWS, processes or files; the clock,
the stop signal and whoever wants to watch are handed in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from tuner.errors import FunctionChangedError
from tuner.model import FunctionIdentity, Notice, Sample, StopReason, Trial
from tuner.study import Study


class Backend(Protocol):
    """Something that can invoke the function at a configuration.

    Used as a context manager: leaving it, however that happens, puts everything back
    as it was found and leaves no process, version or copy behind.
    """

    def __enter__(self) -> Backend: ...

    def __exit__(self, *exc: object) -> None: ...

    def describe(self) -> FunctionIdentity:
        """Which function it is, where it runs, and its current configuration."""
        ...

    def notices(self) -> Sequence[Notice]:
        """What the user should know of the measuring so far (left out sizes, noise of the host)."""
        ...

    def measure(self, trials: Sequence[Trial], stop: threading.Event) -> Iterator[Sample]:
        """Measure a batch, interleaved and in parallel, yielding samples as they complete.

        Every trial ends in at least one sample, unless `stop` is set: then running
        invocations are ended, what is complete is yielded, and the iterator ends. What
        happens to the function is an outcome in a sample; only what makes going
        on impossible raises (`BackendError`; `FunctionChangedError` ends the study with
        what it has, and a notice says what changed).
        """
        ...


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
        clock: seconds since the study began, earlier sittings included, for the time budget.
        observers: told of every batch and every sample.
    """
    while not stop.is_set() and (trials := study.ask(elapsed_s=clock())):
        for observer in observers:
            observer.asked(study, trials)
        try:
            for sample in backend.measure(trials, stop):
                study.tell(sample)
                for observer in observers:
                    observer.told(study, sample)
        except FunctionChangedError:
            study.interrupt(StopReason.FUNCTION_CHANGED)
            return
    if stop.is_set():
        study.interrupt()
