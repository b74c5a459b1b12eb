"""Pairs of environments from two backends, one for each version: side by side, or one after the other."""

from __future__ import annotations

import random
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
        baseline, candidate: entered backends.
        plan: where, and how many runs in each environment.
        side_by_side: measure both at the same moment (AWS, where they do not disturb each
            other); otherwise pair after pair, each in random order (one machine).
        fresh: ask for environments that no earlier trial has used.
        seed: of the order.
    """

    baseline: Backend
    candidate: Backend
    plan: DuetPlan
    side_by_side: bool
    fresh: bool = False
    seed: int = 0
    _next_trial: int = 0

    def take(self, count: int, stop: threading.Event) -> Iterator[EnvironmentPair]:
        """Measure `count` pairs; see `PairSource`."""
        if self.side_by_side:
            yield from self._together(count, stop)
            return
        for _ in range(count):
            if not stop.is_set():
                yield from self._one_by_one(stop)

    def _one_by_one(self, stop: threading.Event) -> Iterator[EnvironmentPair]:
        trial = self._trial(1)
        order = [self.baseline, self.candidate]
        if random.Random(f"{self.seed}/{trial.id}").random() < 0.5:
            order.reverse()
        found = {id(backend): _runs(backend, trial, stop) for backend in order}
        sides = found[id(self.baseline)], found[id(self.candidate)]
        if all(sides):
            yield EnvironmentPair(tuple(sides[0]), tuple(sides[1]))

    def _together(self, count: int, stop: threading.Event) -> Iterator[EnvironmentPair]:
        trial = self._trial(count)
        with ThreadPoolExecutor(2) as threads:
            futures = [threads.submit(_runs, backend, trial, stop) for backend in (self.baseline, self.candidate)]
            sides = [_environments(future.result()) for future in futures]
        # An environment without a partner still tells of failures.
        for before, after in zip_longest(*sides, fillvalue=()):
            yield EnvironmentPair(before, after)

    def _trial(self, environments: int) -> Trial:
        self._next_trial += 1
        runs = self.plan.runs_per_environment
        return Trial(self._next_trial, self.plan.configuration, environments, runs, fresh=self.fresh)


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
