"""Pairs of environments from two backends that do not disturb each other, both measured at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest

from tuner.duet import DuetPlan, EnvironmentPair
from tuner.errors import BackendError
from tuner.loop import Backend
from tuner.model import Invocation, Trial


@dataclass(slots=True)
class BackendPairs:
    """Pairs from two backends, one for each version.

    Attributes:
        baseline, candidate: entered backends, each of which gives every trial new environments.
        plan: where, and how many runs in each environment.
    """

    baseline: Backend
    candidate: Backend
    plan: DuetPlan
    _next_trial: int = 0

    def take(self, count: int, stop: threading.Event) -> Iterator[EnvironmentPair]:
        """Measure `count` pairs; see `PairSource`."""
        self._next_trial += 1
        trial = Trial(self._next_trial, self.plan.configuration, count, self.plan.runs_per_environment)
        with ThreadPoolExecutor(2) as threads:
            futures = [threads.submit(_runs, backend, trial, stop) for backend in (self.baseline, self.candidate)]
            sides = [_environments(future.result()) for future in futures]
        # An environment without a partner still tells of failures.
        for before, after in zip_longest(*sides, fillvalue=()):
            yield EnvironmentPair(before, after)


def _runs(backend: Backend, trial: Trial, stop: threading.Event) -> list[Invocation]:
    """The runs of a trial that were started.

    Raises:
        BackendError: the configuration was refused.
    """
    runs: list[Invocation] = []
    for sample in backend.measure([trial], stop):
        if sample.refused:
            errors = [run.error.message for run in sample.invocations if run.error]
            message = f"{trial.configuration} was refused: {'; '.join(errors)}"
            raise BackendError(message, "Choose another size with --power-values.")
        runs.extend(run for run in sample.invocations if run.ran)
    return runs


def _environments(runs: Sequence[Invocation]) -> list[tuple[Invocation, ...]]:
    grouped: dict[str, list[Invocation]] = {}
    for run in runs:
        grouped.setdefault(run.environment, []).append(run)
    return [tuple(group) for group in grouped.values()]
