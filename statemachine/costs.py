"""How many state transitions an execution makes, and what they cost.

Counts every state that is entered, those inside a Map for each item; a test compares the count with the
history of a real execution. Knows no prices: see `tuner.pricing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ALWAYS = 6
"""Initializer, Cleaner, Analyzer, Reporter, Outcome, and Done or Optimizer."""
LAST_ASK = 2
"""Planner and Next Step, when there is nothing more to measure."""
PER_ROUND = 5
"""Planner, Next Step, Publisher, Next Step once more, and the Map itself."""
PER_DIRECT_LANE = 3
"""Record, More Runs and Lane Done, when a lane ends."""
PER_DIRECT_RUN = 4
"""Record, More Runs, Pause and Invoke."""

EVENTS_PER_TRANSITION = 5
"""Entered, exited, scheduled, started, succeeded, and a share of the iterations'; measured: 4.9."""
MAX_EVENTS = 25_000
"""Events of one execution's history (Step Functions quotas, 2026-09)."""


@dataclass(frozen=True, slots=True)
class Round:
    """What a round of the search had to do.

    Attributes:
        items: iterations of its Map.
        direct_runs: invocations that the state machine made itself; None: handlers made them.
    """

    items: int
    direct_runs: int | None = None


def transitions(rounds: Sequence[Round]) -> int:
    """State transitions of a successful execution."""
    return ALWAYS + LAST_ASK + sum(_of_round(item) for item in rounds)


def _of_round(item: Round) -> int:
    inside = item.items
    if item.direct_runs is not None:
        inside = item.items * PER_DIRECT_LANE + item.direct_runs * PER_DIRECT_RUN
    return PER_ROUND + inside
