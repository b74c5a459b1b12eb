"""How often the runs of a configuration fail, with honest doubt about few runs.

A failure is the function's own error, unless it is allowed, or a timeout. Out of memory has a rule of its own.
Knows nothing of durations.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tuner.vocabulary import Interval, Outcome

if TYPE_CHECKING:
    from tuner.model import Invocation

PRIOR = 0.5
"""Of failures and of successes: Jeffreys' prior of a rate."""
BELIEVABLE = 0.95
"""Chance from which a rate counts as above a limit."""
FEWEST_FAILURES = 2
"""One failure may be chance, whatever the number of runs."""
MOST_COUNTED = 10_000
"""Runs that are counted at most, in their shares: the sum of the distribution has a term for each."""
BISECTIONS = 50


class RatePrior(NamedTuple):
    """What is expected of a rate before any run: as if so many failures and successes had been seen (Beta).

    Attributes:
        failures, successes: parameters of the distribution.
        weight: how likely it is beside others.
    """

    failures: float
    successes: float
    weight: float = 1.0


JEFFREYS = RatePrior(PRIOR, PRIOR)


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """Failures among the runs that were started and whose end is known.

    Attributes:
        failures: runs that failed.
        runs: all of them.
    """

    failures: int
    runs: int

    @property
    def mean(self) -> float:
        """Expected rate, a fraction."""
        return (self.failures + PRIOR) / (self.runs + 2 * PRIOR)

    @property
    def interval(self) -> Interval:
        """Observed rate with its 95% interval (Jeffreys)."""
        low, high = (self._belief.quantile(level) for level in (0.025, 0.975))
        share = self.failures / self.runs if self.runs else self.mean
        return Interval(share, min(low, share), max(high, share))

    def log_chance(self, *expected: RatePrior) -> float:
        """Logarithm of the chance of these failures in this order, averaged over the rates that were expected.

        Args:
            expected: what may be expected; their weights add up to 1.
        """
        succeeded = self.runs - self.failures
        logs = [math.log(p.weight) + _log_beta(p.failures + self.failures, p.successes + succeeded) for p in expected]
        logs = [log - _log_beta(p.failures, p.successes) for log, p in zip(logs, expected, strict=True)]
        most = max(logs)
        return most + math.log(sum(math.exp(log - most) for log in logs))

    def chance_above(self, limit: float) -> float:
        """Chance that the rate is above a limit."""
        return 1 - self._belief.below(limit)

    def believably_above(self, limit: float) -> bool:
        """Whether the rate is above a limit beyond reasonable doubt; never for a single failure."""
        return self.failures >= FEWEST_FAILURES and self.chance_above(limit) >= BELIEVABLE

    @property
    def _belief(self) -> JeffreysRate:
        scale = min(1.0, MOST_COUNTED / max(self.runs, 1))
        return JeffreysRate(round(scale * self.failures), round(scale * (self.runs - self.failures)))


class JeffreysRate:
    """What is believed of a rate after events were counted: Beta(events + 1/2, others + 1/2).

    The distribution function is a finite sum where both parameters are halves of odd numbers: arcsine distribution,
    then the recurrences that raise either parameter by one (NIST DLMF 8.17.20 and 8.17.21). scipy has it too, and
    tests hold both equal; importing its special functions takes longer than all that a search decides with this.

    Args:
        events: how often it happened.
        others: how often it did not.
    """

    def __init__(self, events: int, others: int) -> None:
        import numpy as np

        self._raised_b = np.arange(others) + PRIOR
        self._raised_a = np.arange(events) + PRIOR
        self._b = others + PRIOR
        self._log_b = np.array([_log_factor(PRIOR, b, b) for b in self._raised_b])
        self._log_a = np.array([_log_factor(a, self._b, a) for a in self._raised_a])

    def below(self, rate: float) -> float:
        """Chance that the rate is below a value from 0 to 1."""
        if not 0 < rate < 1:
            return float(rate >= 1)
        import numpy as np

        log, log_other = math.log(rate), math.log1p(-rate)
        gained = np.exp(PRIOR * log + self._raised_b * log_other + self._log_b).sum()
        lost = np.exp(self._raised_a * log + self._b * log_other + self._log_a).sum()
        return min(1.0, max(0.0, 2 / math.pi * math.asin(math.sqrt(rate)) + float(gained - lost)))

    def quantile(self, chance: float) -> float:
        """The rate below which the true one is with a chance, by bisection."""
        low, high = 0.0, 1.0
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            low, high = (middle, high) if self.below(middle) < chance else (low, middle)
        return (low + high) / 2


def error_rate(runs: Iterable[Invocation]) -> ErrorRate:
    """The rate of one configuration."""
    outcomes = [
        run.outcome is Outcome.TIMEOUT or (run.outcome is Outcome.ERROR and not run.allowed)
        for run in runs
        if run.outcome in (Outcome.OK, Outcome.ERROR, Outcome.TIMEOUT)
    ]
    return ErrorRate(sum(outcomes), len(outcomes))


def rate_of_all(rates: Iterable[ErrorRate]) -> ErrorRate:
    """The rate of several configurations, taken together."""
    counted = list(rates)
    return ErrorRate(sum(rate.failures for rate in counted), sum(rate.runs for rate in counted))


def _log_factor(a: float, b: float, raised: float) -> float:
    """Logarithm of 1 / (raised · B(a, b))."""
    return -_log_beta(a, b) - math.log(raised)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
