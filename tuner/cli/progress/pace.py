"""Words for what a round measures, how long rounds take, what usually remains, and where an earlier run is.

Knows no clock and no study, so that it loads nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MOST_SIZES = 6
"""Sizes of a round that a line names."""
_NEAR, _FAR = ((1.5, (1, 2)), (3.0, (1, 3))), (2, 4)
"""Rounds that usually remain, the present one among them, while the expected regret is below so many times the
tolerance, and otherwise: the middle half of 60 simulated searches of published curves, with the prices of a round in
AWS."""

SETTLED_S = 9.0
"""From here on the runs of a round tell its pace. Before, many have begun and few have ended. A local run tells of all
that have ended every 10 s."""


@dataclass(slots=True)
class RoundPace:
    """How long a round still takes, by its own runs, else by those of the rounds before it.

    Between two pieces of news what is left only shrinks: that nothing has ended yet does not make it longer.
    """

    _runs: int = 0
    _made: int = 0
    _began_s: float = 0.0
    _told_s: float = 0.0
    _earlier_runs: int = 0
    _earlier_s: float = 0.0

    def begin(self, now_s: float, runs: int) -> None:
        """A round of so many runs begins."""
        self._earlier_runs += self._made
        self._earlier_s += self._told_s - self._began_s
        self._runs, self._made = runs, 0
        self._began_s = self._told_s = now_s

    def told(self, now_s: float, runs: int) -> None:
        """So many runs of it are made."""
        self._made += runs
        self._told_s = now_s

    def left_s(self, now_s: float) -> float | None:
        """Seconds; None: not known yet, or the round takes longer than was expected."""
        took_s = self._told_s - self._began_s
        if self._made and took_s >= SETTLED_S:
            left_s = took_s / self._made * (self._runs - self._made) - (now_s - self._told_s)
        elif self._earlier_runs:
            left_s = self._earlier_s / self._earlier_runs * self._runs - (now_s - self._began_s)
        else:
            return None
        return left_s if left_s > 0 else None


def time_span(seconds: float) -> str:
    """A time span: 45 s, 3 min 20 s."""
    whole = round(seconds)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60} s"


def pace(
    finished: int, took_s: float, expected_regret: float | None, tolerance: float, left_s: float | None = None
) -> str:
    """What is left of the round, or else how long one has taken, and how long the search usually goes on.

    What is left follows from the runs of this round, which may be many more than those of the rounds before.
    Before the first has ended nothing is told but that.

    Args:
        finished: rounds that have ended.
        took_s: seconds that they took together.
        expected_regret: before the round that begins; None: of a grid, which has no more rounds than it says.
        tolerance: at which a search may stop.
        left_s: seconds that are left of the round that is measured; None: not known.
    """
    known = finished > 0 and took_s >= finished
    round_s = took_s / finished if known else 0.0
    if left_s is not None and left_s >= 1:
        this_s, told = left_s, f"  about {time_span(left_s)} left in this round"
    elif known:
        this_s, told = round_s, f"  about {time_span(round_s)} a round"
    else:
        return ""
    if expected_regret is None or not known:
        return told
    rounds = next((rounds for limit, rounds in _NEAR if expected_regret < limit * tolerance), _FAR)
    low, high = (time_span(this_s + (count - 1) * round_s) for count in rounds)
    return f"{told}, usually {low} to {high} more"


def earlier_run_kept(place: Path) -> str:
    """That a new run has set aside what an earlier one left in its folder."""
    return f"The folder held an earlier run, which is kept: {place}"


def named_sizes(names: Sequence[str]) -> str:
    """The first sizes of a round by name, and how many more there are."""
    more = f" and {len(names) - MOST_SIZES} more" if len(names) > MOST_SIZES else ""
    return ", ".join(names[:MOST_SIZES]) + more
