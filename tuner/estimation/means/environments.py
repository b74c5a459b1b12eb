"""How far execution environments of one configuration differ, beside its runs, and what that does to a mean.

Runs of one environment resemble each other. The ratio of both spreads is held as a few values with their weights:
few environments hardly tell it. Given the ratio, everything is Student's one-way analysis of variance.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RATIOS = np.arange(0.0, 2.0, 0.25)
"""Spread of environments over that of runs. In 11 published days of one function whose containers are told it was 0.5
to 1.8, in published inference 0.5 to 1.2. Where runs spread widely, environments need not."""
USUAL_SD = 0.05
"""Spread of environments (log units) beyond which they are the less expected."""
LEAST_SQUARES = 1e-12


@dataclass(frozen=True, slots=True)
class Squares:
    """Sums of squared distances of n runs: within k environments, and of the means of these from their mean.

    Attributes:
        within: around the mean of the own environment.
        between: of the means, each as often as its environment has runs.
        environments: k.
        runs: n.
    """

    within: float
    between: float
    environments: int
    runs: int

    @classmethod
    def of(cls, values: Floats, labels: NDArray[np.intp]) -> Squares:
        """Of values with the number of their environment (0 to k - 1), both of shape (n,)."""
        sizes = np.bincount(labels)
        means = np.bincount(labels, weights=values) / sizes
        within = float(np.sum((values - means[labels]) ** 2))
        return cls(within, float(np.sum(sizes * (means - values.mean()) ** 2)), len(sizes), len(values))

    def _inflation(self) -> Floats:
        """Variance of the mean of an environment over that of as many independent runs, for each of `RATIOS`."""
        return np.asarray(1 + self.runs / self.environments * RATIOS**2)

    def run_variance(self) -> Floats:
        """Variance of runs within environments, for each of `RATIOS`; two runs or more."""
        pooled = self.within + self.between / self._inflation()
        return np.asarray(np.maximum(pooled, LEAST_SQUARES) / (self.runs - 1))

    def log_likelihood(self) -> Floats:
        """Of each of `RATIOS`, whatever the mean and the variance of the runs are."""
        if self.runs < 2:
            return np.zeros(len(RATIOS))
        dof = self.runs - 1
        inflated = (self.environments - 1) * np.log(self._inflation())
        return np.asarray(-(inflated + dof * np.log(self.run_variance())) / 2)

    def standard_error(self) -> Floats:
        """Of the mean, for each of `RATIOS`, with n - 1 degrees of freedom; two runs or more."""
        return np.asarray(np.sqrt(self.run_variance() * self._inflation() / self.runs))


@dataclass(frozen=True, slots=True, eq=False)
class EnvironmentRatio:
    """What is believed of the ratio: the logs of the weights of `RATIOS`, up to a constant."""

    log_weight: Floats

    @classmethod
    def seen(cls, configurations: Iterable[Squares], run_sd: float) -> EnvironmentRatio:
        """After runs of some configurations, whose environments differ by one ratio.

        Args:
            configurations: their squares, in log units.
            run_sd: spread of their runs, log units.
        """
        expected = -((RATIOS * run_sd / USUAL_SD) ** 2) / 2
        return cls(expected + sum((one.log_likelihood() for one in configurations), np.zeros(len(RATIOS))))

    def draw(self, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
        """Indices of `RATIOS`, drawn by their weights, shape (count,)."""
        chance = np.exp(self.log_weight - self.log_weight.max())
        return rng.choice(len(RATIOS), count, p=chance / chance.sum())


def shared_variance(ratio: NDArray[np.intp], runs: int, environments: int) -> Floats:
    """What environments add to the variance of a mean of runs, over the variance of one run.

    Args:
        ratio: indices of `RATIOS`, shape (S,).
        runs, environments: numbers of them.
    """
    share = RATIOS**2 / (1 + RATIOS**2)
    return np.asarray(((runs / environments - 1) * share / runs)[ratio])
