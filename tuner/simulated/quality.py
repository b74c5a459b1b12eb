"""How good a tuner is over many simulated searches.

Kinds of functions count alike. Where many curves come from one family, a curve weighs one over
the square root of the size of the family.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tuner.simulated.curves import Floats
from tuner.simulated.search import SimulatedSearch

SURE = 0.95
"""Chance from which on a statement counts as sure."""


@dataclass(frozen=True, slots=True)
class SearchQuality:
    """Averages over searches; regrets, coverages and shares are fractions, None where nothing is stated.

    Attributes:
        regret_mean, regret_median, regret_p90: of the objective's own best.
        regret_after_ties_mean, regret_after_ties_p90: of what is recommended.
        cost_ratio: cost of what is recommended over that of the true optimum: under speed, of the fastest.
        expected_regret_mean: of the objective's own best, as the tuner reckons.
        search_cost: in invocations of the true optimum (C*).
        invocations, rounds: of a search.
        coverage: share of the 95% intervals of duration and cost, over all sizes, that hold the true mean.
        cost_coverage: the same of cost alone.
        cost_coverage_recommended: the same at the recommended size alone.
        high_confidence_share: share of the results that say that their confidence is high.
        high_confidence_right: of those, the share that is right: the recommended size runs, fails seldom, and
            its regret beside what was given away on purpose is below twice the tolerance.
        past_taken: share of the searches that took past runs for those of today's payload.
        past_unsure: share of the searches with past runs that say it with a chance below 95%.
        cpu_seconds_per_decision: CPU time of a fit and a choice.
    """

    regret_mean: float
    regret_median: float
    regret_p90: float
    regret_after_ties_mean: float
    regret_after_ties_p90: float
    cost_ratio: float | None
    expected_regret_mean: float | None
    search_cost: float
    invocations: float
    rounds: float
    coverage: float | None
    cost_coverage: float | None
    cost_coverage_recommended: float | None
    high_confidence_share: float | None
    high_confidence_right: float | None
    past_taken: float | None
    past_unsure: float | None
    cpu_seconds_per_decision: float


def quality(searches: Sequence[SimulatedSearch], tolerance: float) -> SearchQuality:
    """Averages over searches (at least one), families weighed by the square root of their size."""
    weights = family_weights([search.family for search in searches])

    def column(name: str) -> Floats:
        return np.array([getattr(search, name) for search in searches], dtype=np.float64)

    def mean(name: str) -> float:
        return float(np.average(column(name), weights=weights))

    def mean_of_stated(name: str) -> float | None:
        stated = ~np.isnan(column(name))
        return float(np.average(column(name)[stated], weights=weights[stated])) if stated.any() else None

    high = np.array([bool(search.high_confidence) for search in searches])
    right = np.array([is_right(search, tolerance) for search in searches])
    return SearchQuality(
        regret_mean=mean("regret"),
        regret_median=weighted_quantile(column("regret"), weights, 0.5),
        regret_p90=weighted_quantile(column("regret"), weights, 0.9),
        regret_after_ties_mean=mean("regret_after_ties"),
        regret_after_ties_p90=weighted_quantile(column("regret_after_ties"), weights, 0.9),
        cost_ratio=mean_of_stated("cost_ratio"),
        expected_regret_mean=mean_of_stated("expected_regret"),
        search_cost=mean("search_cost"),
        invocations=mean("invocations"),
        rounds=mean("rounds"),
        coverage=mean_of_stated("coverage"),
        cost_coverage=mean_of_stated("cost_coverage"),
        cost_coverage_recommended=mean_of_stated("recommended_cost_covered"),
        high_confidence_share=mean_of_stated("high_confidence"),
        high_confidence_right=float(np.average(right[high], weights=weights[high])) if high.any() else None,
        past_taken=mean_of_stated("past_taken"),
        past_unsure=_share_unsure(searches, weights),
        cpu_seconds_per_decision=sum(s.cpu_seconds for s in searches) / sum(s.decisions for s in searches),
    )


def _share_unsure(searches: Sequence[SimulatedSearch], weights: Floats) -> float | None:
    """Share of the searches with past runs that are not sure whether they are of today's payload."""
    stated = np.array([search.past_chance is not None for search in searches])
    unsure = np.array([1 - SURE < (search.past_chance or 0.0) < SURE for search in searches])
    return float(np.average(unsure[stated], weights=weights[stated])) if stated.any() else None


def is_right(search: SimulatedSearch, tolerance: float) -> bool:
    """Whether a result deserves high confidence: nothing fails, and it misses by less than twice the tolerance."""
    return search.allowed and search.regret_after_ties - search.given_to_ties < 2 * tolerance


def family_weights(families: Sequence[str]) -> Floats:
    """One over the square root of the size of each one's family."""
    sizes = Counter(families)
    return np.array([sizes[family] ** -0.5 for family in families])


def weighted_quantile(values: Floats, weights: Floats, level: float) -> float:
    """The smallest value that has at least `level` of the weight at or below it."""
    order = np.argsort(values, kind="stable")
    cumulated = np.cumsum(weights[order])
    position = int(np.searchsorted(cumulated, level * cumulated[-1]))
    return float(values[order][min(position, len(values) - 1)])
