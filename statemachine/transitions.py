"""Counts the state transitions of an execution, which cost money, and the events of its history, which are limited.

Counts every state that is entered, those inside a Map once for each item. Tests compare both counts with the
histories of executions. Repetitions (retries, a Publisher that runs out of time) are not counted. Knows no prices.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from statemachine.execution import Execution
from statemachine.lane_groups import lane_count
from tuner.model import Trial

MAX_EVENTS = 25_000
"""Events of one execution's history (Step Functions quotas, 2026-09)."""


@dataclass(frozen=True, slots=True)
class Count:
    """State transitions and history events: 5 events of a task, 4 of a Map, 2 of any other state or iteration."""

    transitions: int
    events: int

    def __add__(self, other: Count) -> Count:
        return Count(self.transitions + other.transitions, self.events + other.events)

    def __mul__(self, times: int) -> Count:
        return Count(self.transitions * times, self.events * times)


EXECUTION = Count(8, 33)
"""Initializer, the last Planner and Next Step, Cleaner, Analyzer, Reporter, Outcome and Done; plus the events of the
execution's own start and end."""
ROUND = Count(5, 18)
"""Planner, Next Step, Publisher, Next Step again, and the Map itself."""
TRIAL = Count(1, 7)
"""An iteration with its Executor."""
DIRECT_LANE = Count(3, 11)
"""An iteration with Record, More Runs and Lane Done."""
DIRECT_RUN = Count(4, 14)
"""Record, More Runs, Pause and Invoke."""


def count_execution(rounds: Iterable[Sequence[Trial]], execution: Execution) -> Count:
    """Count a successful execution by the trials of its rounds."""
    return sum((count_round(trials, execution) for trials in rounds), EXECUTION)


def count_round(trials: Sequence[Trial], execution: Execution) -> Count:
    """Count a round as if AWS refused none of its configurations."""
    return sum((count_trial(trial, execution) for trial in trials), ROUND)


def count_trial(trial: Trial, execution: Execution) -> Count:
    """Count what a trial adds to a round."""
    if not execution.direct:
        return TRIAL
    return DIRECT_LANE * lane_count(trial, execution) + DIRECT_RUN * trial.invocations


def map_items(trial: Trial, execution: Execution) -> int:
    """Return how many iterations of the Map a trial takes."""
    return lane_count(trial, execution) if execution.direct else 1
