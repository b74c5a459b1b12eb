"""Regret, where the truth is known: what a recommendation loses against the true best.

Kinds of functions count alike: where many curves come from one family, a curve weighs one
over the square root of the family's size. Knows nothing of how curves are searched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuner.model import Configuration

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """True mean duration and cost of every configuration, and what an objective makes of them.

    Attributes:
        configurations: all that may be chosen, G of them.
        duration_ms, cost_usd: shape (G,).
        value: what the objective minimises, shape (G,).
    """

    configurations: Sequence[Configuration]
    duration_ms: Floats
    cost_usd: Floats
    value: Floats

    @property
    def best(self) -> int:
        """The true optimum."""
        return int(self.value.argmin())

    @property
    def best_cost_usd(self) -> float:
        """C*: the cost of one invocation at the true optimum."""
        return float(self.cost_usd[self.best])

    def index(self, configuration: Configuration) -> int:
        """Position of a configuration; ValueError when it may not be chosen."""
        return self.configurations.index(configuration)

    def regret(self, configuration: Configuration) -> float:
        """Excess of the objective over the true best, as a fraction."""
        return float(self.value[self.index(configuration)] / self.value[self.best] - 1)


@dataclass(frozen=True, slots=True)
class SearchRun:
    """One search of one function.

    Attributes:
        family: of the function.
        regret: of the objective's own best, before ties are given away; a fraction.
        regret_after_ties: of what is recommended.
        expected_regret: what the tuner itself reckoned with; None: it does not say.
        search_cost: money spent, in C*.
        invocations: made.
        coverage: share of the stated 95% intervals that held the truth; None: none stated.
        decisions: fits and choices made.
        cpu_seconds: CPU time of all decisions.
    """

    family: str
    regret: float
    regret_after_ties: float
    expected_regret: float | None
    search_cost: float
    invocations: int
    coverage: float | None
    decisions: int
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class SearchQuality:
    """How a tuner does over many functions; regrets and coverage are fractions."""

    regret_mean: float
    regret_median: float
    regret_p90: float
    regret_after_ties_mean: float
    expected_regret_mean: float | None
    search_cost: float
    invocations: float
    coverage: float | None
    cpu_seconds_per_decision: float


def quality(runs: Sequence[SearchRun]) -> SearchQuality:
    """Averages over runs (at least one), families weighed by the square root of their size."""
    weights = family_weights([run.family for run in runs])

    def mean(name: str) -> float | None:
        values = [getattr(run, name) for run in runs]
        return None if None in values else float(np.average(values, weights=weights))

    regrets = np.array([run.regret for run in runs])
    return SearchQuality(
        regret_mean=float(np.average(regrets, weights=weights)),
        regret_median=weighted_quantile(regrets, weights, 0.5),
        regret_p90=weighted_quantile(regrets, weights, 0.9),
        regret_after_ties_mean=mean("regret_after_ties") or 0.0,
        expected_regret_mean=mean("expected_regret"),
        search_cost=mean("search_cost") or 0.0,
        invocations=mean("invocations") or 0.0,
        coverage=mean("coverage"),
        cpu_seconds_per_decision=sum(r.cpu_seconds for r in runs) / max(1, sum(r.decisions for r in runs)),
    )


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
