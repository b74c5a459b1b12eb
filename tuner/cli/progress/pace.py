"""Words for what a round measures, how long rounds take, and what usually remains.

Knows no clock and no study, so that it loads nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

MOST_SIZES = 6
"""Sizes of a round that a line names."""
_NEAR, _FAR = ((1.5, (1, 2)), (3.0, (1, 3))), (2, 4)
"""Rounds that usually follow while the expected regret is below so many times the tolerance, and otherwise: the middle
half of 60 simulated searches of published curves, with the prices of a round in AWS."""


def time_span(seconds: float) -> str:
    """A time span: 45 s, 3 min 20 s."""
    whole = round(seconds)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60} s"


def pace(finished: int, took_s: float, expected_regret: float | None, tolerance: float) -> str:
    """How long a round has taken so far, and how long the search usually goes on; empty before the first has ended.

    Args:
        finished: rounds that have ended.
        took_s: seconds that they took together.
        expected_regret: before the round that begins; None: of a grid, which has no more rounds than it says.
        tolerance: at which a search may stop.
    """
    if not finished or took_s < finished:
        return ""
    round_s = took_s / finished
    each = f"  about {time_span(round_s)} a round"
    if expected_regret is None:
        return each
    low, high = next((rounds for limit, rounds in _NEAR if expected_regret < limit * tolerance), _FAR)
    return f"{each}, usually {time_span(low * round_s)} to {time_span(high * round_s)} more"


def named_sizes(names: Sequence[str]) -> str:
    """The first sizes of a round by name, and how many more there are."""
    more = f" and {len(names) - MOST_SIZES} more" if len(names) > MOST_SIZES else ""
    return ", ".join(names[:MOST_SIZES]) + more
