"""Counts the state transitions of an execution, which cost money, and the events of its history, which are limited.

Counts every state that is entered, those inside a Map once for each item. Tests compare both counts with the
histories of executions. Repetitions (retries, a Publisher that runs out of time) are not counted. Knows no prices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from statemachine.execution import Execution
from statemachine.measuring.lane_groups import fits_one_handler
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
SHORT_ROUNDS = Count(2, 7)
"""Round and Next Step: one handler makes the targets and measures all trials, also of the rounds that follow."""
TRIAL = Count(1, 7)
"""An iteration with its Executor."""
LONG_TRIAL = Count(1, 4)
"""An iteration with Trial Done, for a function that may run as long as a handler lives."""
LONG_PASS = Count(2, 7)
"""Long Executor and More Runs."""
LONG_PAUSE = Count(1, 2)
"""Pause, between two passes."""


def count_execution(
    rounds: Iterable[Sequence[Trial]], execution: Execution, passes: Mapping[int, int], *, entries: int | None = None
) -> Count:
    """Count a successful execution.

    Args:
        rounds: the trials of its rounds.
        execution: what was decided.
        passes: by trial, how many passes a trial of a long function took; absent ones count as the most.
        entries: how often the state machine entered Round. Without it, count the most: once for each short round.
    """
    total, short = EXECUTION, 0
    for trials in rounds:
        if fits_one_handler(trials, execution):
            short += 1
            continue
        total += ROUND
        for trial in trials:
            total += count_trial(trial, execution, passes.get(trial.id))
    return total + SHORT_ROUNDS * (short if entries is None else entries)


def count_trial(trial: Trial, execution: Execution, passes: int | None = None) -> Count:
    """Count what a trial adds to a round. Without `passes`, count the most: two for each run of a lane, and one."""
    if not execution.long:
        return TRIAL
    number = passes or 2 * trial.runs_per_environment + 1
    return LONG_TRIAL + LONG_PASS * number + LONG_PAUSE * (number - 1)
