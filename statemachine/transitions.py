"""How many state transitions an execution makes, which are paid for, and how many events its history gets.

Counts every state that is entered, those inside a Map for each item; tests compare both counts with the history of
real executions. What is repeated (retries, a Publisher that runs out of time) is not foreseen. Knows no prices: see
`tuner.pricing.price_list`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from statemachine.execution import Execution
from statemachine.lane_groups import lanes
from tuner.model import Trial

MAX_EVENTS = 25_000
"""Events of one execution's history (Step Functions quotas, 2026-09)."""


@dataclass(frozen=True, slots=True)
class Count:
    """State transitions, and the events that they leave: 5 of a task, 4 of a Map, 2 of any other state or iteration."""

    transitions: int
    events: int

    def __add__(self, other: Count) -> Count:
        return Count(self.transitions + other.transitions, self.events + other.events)

    def __mul__(self, times: int) -> Count:
        return Count(self.transitions * times, self.events * times)


EXECUTION = Count(8, 33)
"""Initializer, the last Planner and Next Step, Cleaner, Analyzer, Reporter, Outcome and Done; with the execution's
own begin and end."""
ROUND = Count(5, 18)
"""Planner, Next Step, Publisher, Next Step once more, and the Map itself."""
TRIAL = Count(1, 7)
"""An iteration with its Executor."""
DIRECT_LANE = Count(3, 11)
"""An iteration with ExecutionStore, More Runs and Lane Done."""
DIRECT_RUN = Count(4, 14)
"""ExecutionStore, More Runs, Pause and Invoke."""


def count_execution(rounds: Iterable[Sequence[Trial]], execution: Execution) -> Count:
    """Of a successful execution, by the trials of its rounds."""
    return sum((count_round(trials, execution) for trials in rounds), EXECUTION)


def count_round(trials: Sequence[Trial], execution: Execution) -> Count:
    """Of a round of the search, as if no configuration of it were refused."""
    return sum((count_trial(trial, execution) for trial in trials), ROUND)


def count_trial(trial: Trial, execution: Execution) -> Count:
    """Of what a trial adds to a round."""
    if not execution.direct:
        return TRIAL
    return DIRECT_LANE * lanes(trial, execution) + DIRECT_RUN * trial.invocations


def items(trial: Trial, execution: Execution) -> int:
    """Iterations of the Map that a trial takes."""
    return lanes(trial, execution) if execution.direct else 1
