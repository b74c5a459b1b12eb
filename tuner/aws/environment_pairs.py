"""Pairs of environments from two backends that do not disturb each other, both measured at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tuner.backend import Backend
from tuner.comparison.duets.plan import DuetPlan, EnvironmentPair
from tuner.errors import BackendError
from tuner.model import Invocation, Trial

Lanes = dict[int, list[Invocation]]
"""The started runs of each environment of a batch, by the number of the environment."""


@dataclass(slots=True)
class BackendPairs:
    """Environment pairs from two backends, one for each version.

    Pairs environments by their number, which is fixed before the measurement. If it paired them in the order in
    which they end, fast ones would meet fast ones, and differences would spread less than by chance.

    Attributes:
        baseline, candidate: entered backends. Each gives every trial new, numbered environments.
        plan: the configuration, and the runs in each environment.
        at_once: pairs that are measured at the same time.
        start: the barrier at which both wait for each other before the runs of a batch. A side that fails
            breaks it, so that the other side does not wait for ever. None: nobody waits.
    """

    baseline: Backend
    candidate: Backend
    plan: DuetPlan
    at_once: int = 5
    start: threading.Barrier | None = None
    _batches: int = field(default=0, init=False)

    def take(self, count: int, runs: int, stop: threading.Event) -> Iterator[tuple[EnvironmentPair, ...]]:
        """Measure `count` pairs; see `PairSource`."""
        for taken in range(0, count, self.at_once):
            if stop.is_set():
                return
            yield from self._batch(min(self.at_once, count - taken), runs, stop)

    def _batch(self, size: int, runs: int, stop: threading.Event) -> Iterator[tuple[EnvironmentPair, ...]]:
        """The pairs of one batch. A failure is raised after the pairs were yielded."""
        self._batches += 1
        trial = Trial(self._batches, self.plan.configuration, size, runs)
        before: Lanes = {}
        after: Lanes = {}
        with ThreadPoolExecutor(2) as threads:
            sides = ((self.baseline, before), (self.candidate, after))
            futures = [threads.submit(self._measure, backend, trial, lanes, stop) for backend, lanes in sides]
        # An environment without a partner still shows failures.
        numbers = [number for number in range(size) if before.get(number) or after.get(number)]
        yield tuple(EnvironmentPair(tuple(before.get(n, ())), tuple(after.get(n, ()))) for n in numbers)
        failures = [failure for future in futures if (failure := future.exception())]
        if failures:
            # The side that broke the barrier has the reason. The other side only knows that it broke.
            raise min(failures, key=lambda failure: isinstance(failure, threading.BrokenBarrierError))

    def _measure(self, backend: Backend, trial: Trial, lanes: Lanes, stop: threading.Event) -> None:
        """Collect the runs of a trial that were started.

        Raises:
            BackendError: the configuration was refused, or the backend cannot go on.
        """
        try:
            for sample in backend.measure([trial], stop):
                if sample.refused:
                    errors = [run.error.message for run in sample.invocations if run.error]
                    message = f"{trial.configuration} was refused: {'; '.join(errors)}"
                    raise BackendError(message, "Choose another size with --power-values.")
                assert sample.lane is not None, "the lane is the number of the environment"
                lanes.setdefault(sample.lane, []).extend(run for run in sample.invocations if run.ran)
        except BaseException:
            if self.start:
                self.start.abort()
            raise
