"""What is believed of every configuration, as joint draws.

One form serves the strategies whatever it came from: the posterior over curves or
the plain statistics of a grid. Row s is one possible world, column g one candidate,
so that differences between candidates keep their correlation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.failures.exclusions import Exclusion
from tuner.model import Configuration, Interval
from tuner.pricing.price_list import PriceList

Draws = NDArray[np.float64]

LEVEL = 0.95
"""Level of every interval that is shown."""
BELOW, ABOVE = 0.035, 0.015
"""Shares of the draws that an interval leaves out at its two ends. Slow runs that were not seen can only raise a mean,
so that less is left out above."""

LIKELY_SAME, SURELY_SAME = 0.5, 0.95
"""Chances that runs known from a log are of today's payload, from which on they count, and are not tested."""


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """Draws of every figure of every candidate.

    Attributes:
        candidates: the G configurations that may be recommended.
        duration_ms: mean handler time of a warm invocation, shape (S, G).
        cost_usd: mean cost of an invocation (billed duration and request), shape (S, G).
        p95_ms: 95th percentile of the handler time, shape (S, G).
        p99_ms: 99th percentile of the handler time, shape (S, G).
        init_ms: mean init duration of a cold start, shape (S, G); None: no cold start seen.
        measured: for each candidate, whether it was measured itself, shape (G,).
        excluded: configurations that cannot be recommended, with the reason.
        fallback: why plain statistics stand in for the curves; empty when they do not.
        same_payload: chance that runs known from a log are of today's payload; 1 where none are known.
    """

    candidates: tuple[Configuration, ...]
    duration_ms: Draws
    cost_usd: Draws
    p95_ms: Draws
    p99_ms: Draws
    measured: NDArray[np.bool_]
    init_ms: Draws | None = None
    excluded: Mapping[Configuration, Exclusion] = field(default_factory=dict)
    fallback: str = ""
    same_payload: float = 1.0

    def index(self, configuration: Configuration) -> int | None:
        """Column of a configuration, or None when it is no candidate."""
        try:
            return self.candidates.index(configuration)
        except ValueError:
            return None


def cost_of_billed(candidates: Sequence[Configuration], billed_ms: Draws, prices: PriceList) -> Draws:
    """Cost of invocations that are billed for `billed_ms`, shape (S, G), one column per candidate."""
    per_ms = np.array([prices.gb_second_usd(c.architecture) * c.memory_mb / 1024 / 1000 for c in candidates])
    return np.asarray(billed_ms * per_ms + prices.request_usd)


def interval_bounds(draws: Draws) -> tuple[Draws, Draws]:
    """Low and high ends of the interval of level `LEVEL`, over the first axis.

    The same as `numpy.quantile`, to the last bit, in a fifth of its time: a document has hundreds of intervals.
    """
    last = len(draws) - 1
    places = [level * last for level in (BELOW, 1 - ABOVE)]
    near = [(int(place), min(int(place) + 1, last)) for place in places]
    ordered = np.partition(draws, sorted({*near[0], *near[1]}), axis=0)
    low, high = (
        _between(ordered[below], ordered[above], place - below)
        for (below, above), place in zip(near, places, strict=True)
    )
    return low, high


def _between(low: Draws, high: Draws, share: float) -> Draws:
    """The point that divides the way from low to high, rounded as `numpy.quantile` rounds it."""
    way = high - low
    return np.asarray(high - way * (1 - share) if share >= 0.5 else low + way * share)


def interval_of(draws: Draws) -> Interval:
    """Mean and interval of the draws of one value."""
    low, high = interval_bounds(draws.reshape(-1))
    return Interval(float(draws.mean()), float(low), float(high), LEVEL)
