"""Which configurations fail more often than others, beyond what chance makes of functions that fail alike.

It looks for memory and architecture as the cause: a configuration fails more often by itself, with all smaller ones,
or with all of its architecture. It knows no limit, and excludes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from tuner.estimation.failures.error_rates import ErrorRate, rate_of_all
from tuner.model import Configuration

LIKELIER, LIKELIER_EACH = 20.0, 2.0
"""Two rates differ when they make the failures so many times as likely as one rate for both does, each at its
likeliest: 20 times, or twice for each group that is compared. Simulated functions (200 in each case) failed alike in 3
to 88% of 2 to 20 runs at each of 5 or 10 sizes. Of these 0.5 to 10% (mean 4.6%) have a size that seems to fail too
often, and more often than others. It was 1 to 98% (mean 55%) when the best other size alone was the measure. Sizes
that fail in a quarter of their runs, where at least half of the sizes never fail, are found as soon as then: 35 to 38%
of them in 5 runs, 70 to 79% in 10, 92 to 94% in 20. Where one of six sizes works alone, 10 runs find 28%, not 76%."""


def is_above(rate: ErrorRate, other: ErrorRate, *, comparisons: int = 1) -> bool:
    """Whether a rate is above another one, by their likelihood ratio.

    Args:
        rate: of one group.
        other: of the rest.
        comparisons: how many are made: of many one seems to differ by chance.
    """
    apart = rate.log_likelihood + other.log_likelihood - rate_of_all((rate, other)).log_likelihood
    return rate.mean > other.mean and apart >= math.log(max(LIKELIER, LIKELIER_EACH * comparisons))


def rates_elsewhere(rates: Mapping[Configuration, ErrorRate]) -> dict[Configuration, float]:
    """The rate outside its group, for every configuration of a group that fails more often than all others.

    It is the lowest one where a configuration is in several such groups. One that is in none fails as others do.

    Args:
        rates: of every configuration that was measured.
    """
    found: dict[Configuration, float] = {}
    everywhere = rate_of_all(rates.values())
    groups = _groups(rates) if everywhere.failures else set()
    for group in groups:
        own = rate_of_all(rates[c] for c in group)
        others = ErrorRate(everywhere.failures - own.failures, everywhere.runs - own.runs)
        if is_above(own, others, comparisons=len(groups)):
            found |= {c: min(others.mean, found.get(c, 1.0)) for c in group}
    return found


def _groups(measured: Collection[Configuration]) -> set[frozenset[Configuration]]:
    """Each configuration alone, those up to each memory size, and those of each architecture; not all together."""
    alone = {frozenset([c]) for c in measured}
    small = {frozenset(c for c in measured if c.memory_mb <= most.memory_mb) for most in measured}
    built = {frozenset(c for c in measured if c.architecture is like.architecture) for like in measured}
    return (alone | small | built) - {frozenset(measured)}
