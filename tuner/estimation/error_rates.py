"""How often the runs of a configuration fail, with honest doubt about few runs.

A failure is the function's own error, unless it is allowed, or a timeout. Out of memory has a rule of its own.
Knows nothing of durations.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tuner.model import Interval, Invocation, Outcome

PRIOR_FAILURES = PRIOR_SUCCESSES = 0.5
"""Jeffreys' prior of a share."""
BELIEVABLE = 0.95
"""Chance from which a rate counts as above a limit."""
FEWEST_FAILURES = 2
"""One failure may be chance, whatever the number of runs."""


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
        return (self.failures + PRIOR_FAILURES) / (self.runs + PRIOR_FAILURES + PRIOR_SUCCESSES)

    @property
    def interval(self) -> Interval:
        """Observed rate with its 95% interval (Jeffreys)."""
        from scipy.special import betaincinv

        low, high = (float(betaincinv(*self._beta, level)) for level in (0.025, 0.975))
        share = self.failures / self.runs if self.runs else self.mean
        return Interval(share, min(low, share), max(high, share))

    def chance_above(self, limit: float) -> float:
        """Chance that the rate is above a limit."""
        from scipy.special import betainc

        return 1 - float(betainc(*self._beta, min(max(limit, 0.0), 1.0)))

    def believably_above(self, limit: float) -> bool:
        """Whether the rate is above a limit beyond reasonable doubt; never for a single failure."""
        return self.failures >= FEWEST_FAILURES and self.chance_above(limit) >= BELIEVABLE

    @property
    def _beta(self) -> tuple[float, float]:
        return self.failures + PRIOR_FAILURES, self.runs - self.failures + PRIOR_SUCCESSES


def error_rate(runs: Iterable[Invocation]) -> ErrorRate:
    """The rate of one configuration."""
    outcomes = [
        run.outcome is Outcome.TIMEOUT or (run.outcome is Outcome.ERROR and not run.allowed)
        for run in runs
        if run.outcome in (Outcome.OK, Outcome.ERROR, Outcome.TIMEOUT)
    ]
    return ErrorRate(sum(outcomes), len(outcomes))
