"""One row per candidate: the figures that are shown of it, as means with intervals."""

from __future__ import annotations

from dataclasses import dataclass

from tuner.estimation.belief import LEVEL, Belief, Draws, interval_bounds
from tuner.model import Configuration, Interval


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """What is shown of one candidate: duration and p95 in ms, cost of an invocation in USD, whether it was measured."""

    configuration: Configuration
    duration_ms: Interval
    cost_usd: Interval
    p95_ms: Interval
    measured: bool = False


def summarise(belief: Belief) -> tuple[CandidateRow, ...]:
    """Mean and 95% interval of duration, cost and p95 of every candidate."""
    columns = [_intervals(draws) for draws in (belief.duration_ms, belief.cost_usd, belief.p95_ms)]
    measured = map(bool, belief.measured)
    return tuple(CandidateRow(*values) for values in zip(belief.candidates, *columns, measured, strict=True))


def _intervals(draws: Draws) -> list[Interval]:
    """The interval of each column."""
    low, high = interval_bounds(draws)
    ends = zip(draws.mean(axis=0), low, high, strict=True)
    return [Interval(float(mean), float(below), float(above), LEVEL) for mean, below, above in ends]
