"""What a comparison asks: metrics, threshold, confidence, and how the chance of a false alarm is shared out.

Knows nothing of runs, tests or verdicts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Metric(StrEnum):
    """What is compared."""

    DURATION = "duration"
    """Handler time of warm runs. Of cold runs where only cold starts were measured."""
    TAIL = "tail"
    """Share of slow runs: those beyond `SLOW_FACTOR` times the common median."""
    P95 = "p95"
    """95th percentile of the handler time."""
    COST = "cost"
    """Mean cost of a run from its billed duration, both sides at the same prices: the bill."""
    INIT = "init"
    """Init or restore duration of cold starts."""
    MEMORY = "memory"
    """Max Memory Used."""
    FAILURES = "failures"
    """Share of runs that failed. Always compared: a crash must not pass."""


CHOICES = tuple(metric for metric in Metric if metric is not Metric.FAILURES)
"""Metrics that a user can name."""
DECISIVE = (Metric.DURATION, Metric.TAIL)
"""Metrics that have to be decided unless the user names others: the typical run and the slow ones."""
SLOW_FACTOR = 1.5
"""A run is slow beyond this many times the median. Few functions vary so much from run to run by nature."""
SLOW_SHARE_TOLERANCE = 0.02
"""More slow runs up to this share count as the same. Five times as slow, they add 8% to the bill."""
ERROR_SHARES = {
    Metric.DURATION: 0.8,
    Metric.TAIL: 0.1,
    Metric.FAILURES: 0.04,
    Metric.INIT: 0.02,
    Metric.MEMORY: 0.01,
    Metric.COST: 0.015,
    Metric.P95: 0.015,
}
"""How the chance of a false alarm is shared out. Duration carries most of the information. Tail and failures
get enough to be found within 100 invocations. Cost and p95 follow from duration and tail. Steps of init and
memory stand far out of their noise."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to compare, and how sure to be.

    Attributes:
        threshold: a change up to this fraction counts as the same.
        confidence: 1 minus the chance of any false alarm in the whole comparison.
        metrics: what to compare, failures aside.
        decisive: the metrics without which the comparison is not decided.
    """

    threshold: float = 0.05
    confidence: float = 0.95
    metrics: tuple[Metric, ...] = CHOICES
    decisive: tuple[Metric, ...] = DECISIVE

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 10:
            raise ValueError(f"threshold {self.threshold} is not a fraction above 0")
        if not 0.5 < self.confidence < 1:
            raise ValueError(f"confidence {self.confidence} is not within 50%..100%")

    @classmethod
    def of(cls, threshold: float, confidence: float, named: Sequence[Metric]) -> Question:
        """The question of a user who named some metrics, or none."""
        if not named:
            return cls(threshold, confidence)
        return cls(threshold, confidence, tuple(m for m in CHOICES if m in named), tuple(named))

    @property
    def log_threshold(self) -> float:
        """The threshold as a log ratio; the same distance counts in both directions."""
        return math.log1p(self.threshold)

    def alpha(self, metric: Metric) -> float:
        """Chance of a false alarm that one metric may use (Bonferroni with weights)."""
        total = sum(ERROR_SHARES[m] for m in (*self.metrics, Metric.FAILURES))
        return (1 - self.confidence) * ERROR_SHARES[metric] / total
