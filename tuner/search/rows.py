"""One row per candidate: the figures that are shown of it, as means with intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tuner.estimation.belief import Belief, Draws
from tuner.model import Configuration, Interval

LEVEL = 0.95
"""Level of every interval that is shown."""
_TAIL = (1 - LEVEL) / 2


@dataclass(frozen=True, slots=True)
class Row:
    """What is shown of one candidate: duration and p95 in ms, cost of an invocation in USD."""

    configuration: Configuration
    duration_ms: Interval
    cost_usd: Interval
    p95_ms: Interval


def summarise(belief: Belief) -> tuple[Row, ...]:
    """Mean and 95% interval of duration, cost and p95 of every candidate."""
    columns = [_intervals(draws) for draws in (belief.duration_ms, belief.cost_usd, belief.p95_ms)]
    return tuple(Row(*intervals) for intervals in zip(belief.candidates, *columns, strict=True))


def _intervals(draws: Draws) -> list[Interval]:
    low, high = np.quantile(draws, (_TAIL, 1 - _TAIL), axis=0)
    return [
        Interval(float(mean), float(bottom), float(top), LEVEL)
        for mean, bottom, top in zip(draws.mean(axis=0), low, high, strict=True)
    ]
