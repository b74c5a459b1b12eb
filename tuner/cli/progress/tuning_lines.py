"""What a run shows of itself on a terminal: a few lines of text for any width.

Decides wording and layout. Knows nothing of terminals, clocks or colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuner.estimation.belief import Belief
from tuner.model import Configuration
from tuner.search.recommendation import recommend
from tuner.search.study import Study

LEVELS = "▁▂▃▄▅▆▇█"
MOST_COLUMNS = 48
"""Width of the curves and of the bar at most."""


@dataclass(frozen=True, slots=True)
class PlottedCurve:
    """Mean cost and duration over memory, of one architecture."""

    memory_mb: tuple[int, ...]
    cost_usd: tuple[float, ...]
    duration_ms: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a study would answer now.

    Attributes:
        best: what would be recommended. None: nothing was usable yet.
        duration_ms, cost_usd: of the best one.
        curve: of its architecture.
    """

    best: Configuration | None = None
    duration_ms: float = 0.0
    cost_usd: float = 0.0
    curve: PlottedCurve | None = None


def standing_of(study: Study) -> Standing:
    """What the study would answer now, by the rule that the result uses."""
    belief = study.belief()
    if not belief.candidates:
        return Standing()
    choice = recommend(belief, study.objective, study.prices)
    mean = belief.duration_ms[:, choice.index].mean(), belief.cost_usd[:, choice.index].mean()
    return Standing(choice.configuration, float(mean[0]), float(mean[1]), _curve(belief, choice.configuration))


def curve_lines(curve: PlottedCurve, width: int) -> list[str]:
    """Cost and duration over memory as two rows of blocks, with the sizes at both ends below."""
    columns = max(2, min(MOST_COLUMNS, width - 8))
    places = _spread(len(curve.memory_mb), columns)
    ends = (f"{curve.memory_mb[0]:,} MB", f"{curve.memory_mb[-1]:,} MB")
    room = len(places) - len(ends[0]) - len(ends[1])
    sizes = f"{ends[0]}{' ' * room}{ends[1]}" if room > 0 else " to ".join(ends)
    return [
        f"  cost  {_blocks([curve.cost_usd[i] for i in places])}",
        f"  time  {_blocks([curve.duration_ms[i] for i in places])}",
        f"        {sizes}",
    ]


def confidence_line(expected_regret: float | None, tolerance: float, width: int) -> str:
    """How close the answer is to being sure enough: a bar that is full when the search may stop."""
    if expected_regret is None:
        return ""
    share = min(1.0, tolerance / expected_regret) if expected_regret > 0 else 1.0
    told = f"expected {expected_regret:.1%} from the best; wanted {tolerance:.1%}"
    columns = min(MOST_COLUMNS // 2, width - len(told) - 9)
    if columns < 4:
        return f"  sure  {told}"
    full = int(share * columns)
    return f"  sure  {'█' * full}{'░' * (columns - full)} {told}"


def _curve(belief: Belief, best: Configuration) -> PlottedCurve | None:
    own = [i for i, c in enumerate(belief.candidates) if c.architecture is best.architecture]
    if len(own) < 2:
        return None
    own.sort(key=lambda i: belief.candidates[i].memory_mb)
    cost, duration = belief.cost_usd.mean(axis=0), belief.duration_ms.mean(axis=0)
    return PlottedCurve(
        tuple(belief.candidates[i].memory_mb for i in own),
        tuple(float(cost[i]) for i in own),
        tuple(float(duration[i]) for i in own),
    )


def _spread(count: int, columns: int) -> list[int]:
    """Indices of at most so many of `count` things, at least two, evenly spaced, both ends among them."""
    if count <= columns:
        return list(range(count))
    return [round(i * (count - 1) / (columns - 1)) for i in range(columns)]


def _blocks(values: Sequence[float]) -> str:
    """Values as blocks of eight heights, the smallest the lowest."""
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    return "".join(LEVELS[round((value - low) / span * (len(LEVELS) - 1))] for value in values)
