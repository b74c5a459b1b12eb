"""Which configurations fail more often than others, beyond what chance makes of functions that fail alike.

It looks for memory and architecture as the cause: all sizes up to one fail more often, all of an architecture do, or
one configuration alone. It knows no limit, and excludes nothing.

Rates are compared anew after every round of a search, which goes on measuring where runs failed. A ratio of likelihoods
at their likeliest rates then exceeds any bound by luck, sooner or later. The evidence here is a ratio of averages: how
often each rate is expected is told beforehand, and so is how likely each of the groups is. Such a ratio reaches E, at
any look of however many, for at most one of E functions that fail alike (Ville's inequality), averaged over rates.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from tuner.estimation.failures.error_rates import JEFFREYS, ErrorRate, RatePrior, rate_of_all
from tuner.model import Architecture, Configuration

EVIDENCE = 5.0
"""How much likelier the failures must be if a configuration fails more often. Luck reaches it in one of 5 functions at
most, and a size is ruled out only if it also is believably above the limit. 400 functions of six sizes each, which
fail in 3 to 88% of their runs alike and are looked at 40 times, lose one at any look in 0 to 20% (at 30%). It was 12
to 31% when two rates differed by the ratio of their likelihoods, each at its likeliest, of 20. Looked at once, after 3,
8 or 20 runs of each size, it is 0 to 5 instead of 0 to 14%. Of sizes that fail in a quarter of their runs, where at
least half of the sizes never fail, about as many are found as then: 32 to 38% in 5 runs (36 to 39), 71 to 74% in 10
(74 to 77), 90% in 20. Where one of six sizes works alone, 10 runs find 20%, not 28%."""
FAILING = RatePrior(1.0, 2.0, 0.5), RatePrior(1.0, 1.0, 0.5)
"""Rates that are expected where configurations fail more often: a third on average, or any."""
WORKING = RatePrior(0.5, 5.0, 0.8), RatePrior(1.0, 2.0, 0.2)
"""Rates that are expected elsewhere: seldom any, but a third where the function itself fails."""
MEMORY, ARCHITECTURE, ALONE = 9.0, 6.0, 1.0
"""How likely each cause is beside the others, of those that can be told apart. Each stands for all of its groups."""
LARGEST_EXPONENT = 700.0
"""Of an evidence that is still a number."""


def log_evidence(rate: ErrorRate, other: ErrorRate) -> float:
    """Logarithm of how much likelier the failures are if a rate is above another one than if both are the same."""
    if rate.mean <= other.mean:
        return -math.inf
    apart = rate.log_chance(*FAILING) + other.log_chance(*WORKING)
    return apart - rate_of_all((rate, other)).log_chance(JEFFREYS)


def is_above(rate: ErrorRate, other: ErrorRate) -> bool:
    """Whether a rate is above another one, where nothing else is compared."""
    return log_evidence(rate, other) >= math.log(EVIDENCE)


def rates_elsewhere(rates: Mapping[Configuration, ErrorRate]) -> dict[Configuration, float]:
    """The rate outside its group, for every configuration that fails more often than others.

    Its evidence is that of all groups it is in, weighed by how likely they are. The rate is that of the others where
    the evidence is strongest. A configuration that is not told fails as others do.

    Args:
        rates: of every configuration that was measured.
    """
    found: dict[Configuration, list[_Group]] = {}
    for group in _told(rates):
        for configuration in group.members:
            found.setdefault(configuration, []).append(group)
    believed = {c: groups for c, groups in found.items() if sum(g.evidence for g in groups) >= EVIDENCE}
    return {c: max(groups, key=lambda group: group.evidence).elsewhere for c, groups in believed.items()}


def chances_to_differ(rates: Mapping[Configuration, ErrorRate]) -> dict[Configuration, float]:
    """The chance that a configuration fails more often than others, of every one that was measured.

    That some do is as likely from the start as that all fail alike.

    Args:
        rates: of every configuration that was measured.
    """
    groups = _told(rates)
    total = 1 + sum(group.evidence for group in groups)
    return {c: sum(group.evidence for group in groups if c in group.members) / total for c in rates}


@dataclass(frozen=True, slots=True)
class _Group:
    """Configurations that may fail more often than others.

    Attributes:
        members: which ones.
        evidence: how much likelier the failures are if they do, weighed by how likely that is from the start.
        elsewhere: the rate of the others.
    """

    members: Collection[Configuration]
    evidence: float
    elsewhere: float


def _told(rates: Mapping[Configuration, ErrorRate]) -> list[_Group]:
    """What the failures tell of every group; nothing where no run failed."""
    everywhere = rate_of_all(rates.values())
    found = []
    for members, weight in _groups(rates) if everywhere.failures else ():
        own = rate_of_all(rates[c] for c in members)
        others = ErrorRate(everywhere.failures - own.failures, everywhere.runs - own.runs)
        evidence = math.exp(min(math.log(weight) + log_evidence(own, others), LARGEST_EXPONENT))
        found.append(_Group(members, evidence, others.mean))
    return found


def _groups(measured: Collection[Configuration]) -> Iterator[tuple[list[Configuration], float]]:
    """Those up to each memory size, those of each architecture, and each alone; how likely each group is, 1 in all.

    The size from which on a function works is equally likely everywhere between those measured, in log memory: many
    sizes that lie close together take no weight from others.
    """
    sizes = sorted({c.memory_mb for c in measured})
    small = [([c for c in measured if c.memory_mb <= low], math.log(high / low)) for low, high in pairwise(sizes)]
    built = [([c for c in measured if c.architecture is a], 1.0) for a in Architecture]
    alone = [([c], 1.0) for c in measured]
    causes = ((MEMORY, small), (ARCHITECTURE, built), (ALONE, alone))
    apart = [(likely, [g for g in groups if 0 < len(g[0]) < len(measured)]) for likely, groups in causes]
    total = sum(likely for likely, groups in apart if groups)
    for likely, groups in apart:
        share = sum(weight for _, weight in groups)
        yield from ((group, likely / total * weight / share) for group, weight in groups)
