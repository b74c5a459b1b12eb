"""The loop: everything measured is told, at once, and an end from outside keeps it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import pytest

from tests.unit.studies import SIZES, function_of, ran, sample_of, study_of
from tuner.errors import BackendError, FunctionChangedError
from tuner.model import Budget, Sample, StopReason, Trial
from tuner.search.grid import GridSampler
from tuner.search.loop import run
from tuner.search.study import Study
from tuner.simulated.backend import SimulatedBackend


class Watcher:
    """Remembers what it saw, and may do something at a sample."""

    def __init__(self, stop: threading.Event | None = None, after: int = 0) -> None:
        self.stop, self.after = stop, after
        self.batches: list[int] = []
        self.seen: list[Sample] = []

    def asked(self, study: Study, trials: Sequence[Trial]) -> None:
        self.batches.append(len(trials))
        assert study.rounds[-1].trials == tuple(trials)

    def told(self, study: Study, sample: Sample) -> None:
        assert study.samples[-1] is sample
        self.seen.append(sample)
        if self.stop and len(self.seen) == self.after:
            self.stop.set()


class Breaking(SimulatedBackend):
    """Measures one trial, then cannot go on."""

    def __init__(self, error: Exception) -> None:
        super().__init__(function_of())
        self.error = error

    def measure(self, trials: Sequence[Trial], stop: threading.Event) -> Iterator[Sample]:
        yield from super().measure(trials[:1], stop)
        raise self.error


def drive(study: Study, backend: SimulatedBackend, stop: threading.Event | None = None, *watchers: Watcher) -> None:
    run(study, backend, stop=stop or threading.Event(), clock=lambda: 0.0, observers=watchers)


def test_observers_see_every_batch_and_every_sample_in_order() -> None:
    study, watcher = study_of(SIZES, GridSampler(4)), Watcher()
    drive(study, SimulatedBackend(function_of()), None, watcher)
    assert watcher.batches == [len(SIZES)]
    assert tuple(watcher.seen) == study.samples


def test_a_stop_keeps_what_was_measured_and_interrupts() -> None:
    stop = threading.Event()
    study, watcher = study_of(SIZES, GridSampler(4)), Watcher(stop, after=2)
    drive(study, SimulatedBackend(function_of()), stop, watcher)
    assert len(study.samples) == 2
    assert study.stopped_by is StopReason.INTERRUPTED


def test_an_interrupted_study_is_finished_by_another_without_repeating_a_run() -> None:
    stop = threading.Event()
    first = study_of(SIZES, GridSampler(4))
    drive(first, SimulatedBackend(function_of()), stop, Watcher(stop, after=2))
    second = study_of(SIZES, GridSampler(4))
    second.replay(first.samples, first.rounds)
    drive(second, SimulatedBackend(function_of()))
    assert second.stopped_by is StopReason.COMPLETE
    assert second.spent.invocations == 4 * len(SIZES)


def test_a_stop_before_the_start_measures_nothing() -> None:
    stop = threading.Event()
    stop.set()
    study = study_of()
    drive(study, SimulatedBackend(function_of()), stop)
    assert study.samples == ()
    assert study.stopped_by is StopReason.INTERRUPTED


def test_a_function_that_changed_meanwhile_ends_the_study_with_what_it_has() -> None:
    study = study_of()
    drive(study, Breaking(FunctionChangedError("deployed")))
    assert len(study.samples) == 1
    assert study.stopped_by is StopReason.FUNCTION_CHANGED


def test_a_backend_that_cannot_go_on_leaves_what_was_measured() -> None:
    study = study_of()
    with pytest.raises(BackendError):
        drive(study, Breaking(BackendError("no network")))
    assert len(study.samples) == 1


def test_the_clock_ends_a_study_between_batches() -> None:
    study = study_of(SIZES, GridSampler(100), budget=Budget(max_seconds=15))
    seconds = iter(range(10, 1000, 10))
    run(study, SimulatedBackend(function_of()), stop=threading.Event(), clock=lambda: float(next(seconds)))
    assert study.stopped_by is StopReason.SECONDS
    assert len(study.rounds) == 1


def test_a_sample_of_a_part_of_a_trial_counts_for_that_part() -> None:
    study = study_of((128,), GridSampler(10))
    study.tell(sample_of(128, [ran(5)] * 3))
    study.tell(sample_of(128, [ran(5)] * 3))
    assert sum(trial.invocations for trial in study.ask()) == 4
