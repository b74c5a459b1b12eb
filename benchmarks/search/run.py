"""Searches of known functions by several tuners, all with the same settings and the same seeds.

The adaptive tuner is the one that `tuner tune` uses; `logs` is the same with 100 runs of the size in use that cost
nothing, and `aws` the same where a round costs what it costs in AWS. Observers search as it does, with knowledge that
no tuner has. The grids are Power Tuning's, with its sizes, its statistic and its choice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from benchmarks.search.observers import OBSERVERS, observer
from benchmarks.search.power_tuning import power_tuning_choice, power_tuning_settings
from reports.words.confidence import confidence
from tuner.documents.result_builder import build_result
from tuner.model import FunctionIdentity
from tuner.pricing.price_list import PriceList
from tuner.search.decision import Confidence
from tuner.search.study import Study
from tuner.settings import Settings
from tuner.simulated.backend import SimulatedFunction
from tuner.simulated.search import SimulatedSearch, simulate

ADAPTIVE, WITH_LOGS, IN_AWS = "adaptive", "logs", "aws"
GRID_RUNS = (5, 10, 50)
"""Runs per size of Power Tuning's grids (`num`)."""
TUNERS = (ADAPTIVE, *(f"grid-{runs}" for runs in GRID_RUNS))
"""The tuners that are compared unless others are named."""
TASKS_AT_ONCE = 4
"""Searches that are handed to a process together."""


@dataclass(frozen=True, slots=True)
class Task:
    """One search: by which tuner, of which function, with which seed."""

    tuner: str
    function: SimulatedFunction
    seed: int


@dataclass(frozen=True, slots=True)
class Conditions:
    """What all searches have in common.

    Attributes:
        settings: strategy and bounds.
        prices: of an invocation.
        current_mb: the size in use; None: there is none.
        past_factor: how many times as long past runs last as those of the search's payload.
        published: all functions, whose curves the observers know.
    """

    settings: Settings
    prices: PriceList
    current_mb: int | None = None
    past_factor: float = 1.0
    published: Sequence[SimulatedFunction] = ()

    def search(self, task: Task) -> SimulatedSearch:
        """One search."""
        if task.tuner in (ADAPTIVE, WITH_LOGS, IN_AWS, *OBSERVERS):
            return simulate(
                task.function,
                self.settings,
                task.seed,
                self.prices,
                current_mb=self.current_mb,
                with_logs=task.tuner == WITH_LOGS,
                past_factor=self.past_factor,
                in_aws=task.tuner == IN_AWS,
                sampler=observer(task.tuner, task.function, self.published) if task.tuner in OBSERVERS else None,
                judge=self.is_high,
            )
        runs = int(task.tuner.removeprefix("grid-"))
        settings = power_tuning_settings(self.settings, runs, task.function.bounds_mb)
        return simulate(task.function, settings, task.seed, self.prices, choose=power_tuning_choice)

    def is_high(self, study: Study, identity: FunctionIdentity) -> bool:
        """Whether a reader of the result is told that the confidence is high."""
        result = build_result(study, identity, self.settings, created_at="2026-01-01T00:00:00Z", seconds=0.0)
        return confidence(result).level is Confidence.HIGH


def run_all(
    functions: Sequence[SimulatedFunction],
    conditions: Conditions,
    *,
    seeds: Sequence[int],
    tuners: Sequence[str],
    processes: int = 1,
) -> Iterator[tuple[str, SimulatedSearch]]:
    """Search every function with every tuner and seed; yields (tuner, search) in an order that never changes."""
    tasks = [Task(tuner, function, seed) for seed in seeds for function in functions for tuner in tuners]
    names = [task.tuner for task in tasks]
    if processes == 1:
        yield from zip(names, map(conditions.search, tasks), strict=True)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from zip(names, pool.map(conditions.search, tasks, chunksize=TASKS_AT_ONCE), strict=True)
