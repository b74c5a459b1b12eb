"""Runs that take a multiple of the usual time: how frequent they are, and how much they add to the mean.

A run is ordinary (Student's t around the location) or slow (a factor, log-normal). Share and factor are held as a
table of cells. Their prior weights come from published single runs, so that a few runs without a slow one do not
prove that there is none. Knows nothing of sizes or curves.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FACTOR_SD = 0.35
"""Spread of slow runs around their factor, log units."""
CORE_DOF = 5.0
"""Tail weight of ordinary runs."""
UNSEEN, UNUSUAL = 0.05, 0.02
"""Weights of cells that public runs may have missed: rare slow runs, which need hundreds of runs to show, and
functions of another kind than the public ones, whose slow runs are frequent."""
RARE = 0.03
"""Shares below this need more runs to show than a search makes."""
UNSEEN_EXCESS, UNSEEN_EXCESS_SD = 0.4, 0.5
"""What unseen rare slow runs add to the mean (one in a hundred that takes 40 times as long), and its spread (log)."""
UNSEEN_FACTOR, UNSEEN_FACTOR_SD = 40.0, 0.7
"""How many times as long they take, and its spread (log)."""
EXAMPLE_SHARE, EXAMPLE_FACTOR = 0.01, 10.0
"""Rare slow runs by which a message explains what was not seen."""
LEAST_CORE_SD = 0.01
BISECTIONS = 30


@dataclass(frozen=True, slots=True, eq=False)
class SlowRuns:
    """Cells of (share of slow runs, factor) with their weights.

    Attributes:
        share: of slow runs, shape (K,).
        log_factor: of their duration over the location, shape (K,).
        log_weight: up to a constant, shape (K,).
    """

    share: Floats
    log_factor: Floats
    log_weight: Floats

    def given(self, residuals: Floats, core_sd: Floats | float, *, strength: float = 1.0) -> SlowRuns:
        """The cells after runs were seen.

        Args:
            residuals: log duration over the location, shape (n,).
            core_sd: spread of ordinary runs, log units, shape (n,) or one for all.
            strength: power of the likelihood: 1 for own runs, less for runs of other configurations.
        """
        if not len(residuals):
            return self
        seen = strength * self._log_likelihood(residuals, np.maximum(core_sd, LEAST_CORE_SD))
        return SlowRuns(self.share, self.log_factor, self.log_weight + seen)

    def draw(self, core_sd: Floats, rng: np.random.Generator) -> Tails:
        """Draws of the mean, and the percentiles of the next run, over the location.

        Args:
            core_sd: spread of ordinary runs in each draw, log units, shape (S,).
            rng: source of the draws.
        """
        chance = self._chances
        cell = rng.choice(len(chance), len(core_sd), p=chance)
        share, log_factor = self.share[cell], self.log_factor[cell]
        slow = np.exp(log_factor + (core_sd**2 + FACTOR_SD**2) / 2)
        mean = (1 - share) * np.exp(core_sd**2 / 2) + share * slow
        return Tails(mean, self._percentile(0.95, core_sd), self._percentile(0.99, core_sd))

    @property
    def _chances(self) -> Floats:
        chance = np.exp(self.log_weight - self.log_weight.max())
        return np.asarray(chance / chance.sum())

    def _percentile(self, level: float, core_sd: Floats) -> Floats:
        """The percentile of a run that is drawn from all cells, shape (S,), by bisection of its logarithm."""
        from scipy.special import ndtr

        log_factor, at = np.unique(self.log_factor, return_inverse=True)
        share = np.bincount(at, weights=self._chances * self.share)
        sd, back = np.unique(core_sd, return_inverse=True)
        slow_sd = np.hypot(sd[:, None], FACTOR_SD)
        low, high = np.full(len(sd), -1.0), np.maximum(5 * sd, log_factor[-1] + 5 * slow_sd[:, 0])
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            slow = ndtr((middle[:, None] - log_factor) / slow_sd) @ share
            below = (1 - share.sum()) * ndtr(middle / np.maximum(sd, 1e-9)) + slow
            low, high = np.where(below < level, middle, low), np.where(below < level, high, middle)
        return np.asarray(np.exp((low + high) / 2)[back])

    def _log_likelihood(self, residuals: Floats, core_sd: Floats) -> Floats:
        from scipy.special import gammaln

        sd = np.broadcast_to(core_sd, residuals.shape)
        constant = gammaln((CORE_DOF + 1) / 2) - gammaln(CORE_DOF / 2) - 0.5 * math.log(CORE_DOF * math.pi)
        core = np.exp(constant - (CORE_DOF + 1) / 2 * np.log1p((residuals / sd) ** 2 / CORE_DOF)) / sd
        slow_sd = np.hypot(sd, FACTOR_SD)
        slow = np.exp(-0.5 * ((residuals - self.log_factor[:, None]) / slow_sd) ** 2) / (
            slow_sd * math.sqrt(2 * math.pi)
        )
        density = (1 - self.share[:, None]) * core + self.share[:, None] * slow
        return np.asarray(np.log(density + 1e-300).sum(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class Tails:
    """Factors over the location, per draw, shape (S,). The mean is uncertain; the percentiles are of the next run."""

    mean: Floats
    p95: Floats
    p99: Floats


@cache
def usual_slow_runs() -> SlowRuns:
    """The cells before any run: what published single runs show, and what they may have missed."""
    document = json.loads(files("tuner.estimation").joinpath("slow_runs.json").read_text("utf-8"))
    shares, factors = np.array(document["shares"]), np.array(document["factors"])
    weights = np.array(document["weights"])
    seen = _smoothed(_smoothed(weights / weights.sum()).T).T
    excess = shares[:, None] * (factors[None, :] - 1)
    distance = np.log(np.maximum(excess, 1e-9) / UNSEEN_EXCESS)
    rare = shares[:, None] < RARE
    apart = np.hypot(distance / UNSEEN_EXCESS_SD, np.log(factors / UNSEEN_FACTOR) / UNSEEN_FACTOR_SD)
    unseen = np.where(rare, np.exp(-0.5 * apart**2), 0.0)
    unusual = np.where(rare, 0.0, np.exp(-np.maximum(distance, 0) / 2))
    weight = (1 - UNSEEN - UNUSUAL) * seen + UNSEEN * unseen / unseen.sum() + UNUSUAL * unusual / unusual.sum()
    share, log_factor = np.broadcast_arrays(shares[:, None], np.log(factors)[None, :])
    return SlowRuns(share.ravel(), log_factor.ravel(), np.log(weight.ravel()))


def unseen_bound(
    runs: int, *, share: float = EXAMPLE_SHARE, factor: float = EXAMPLE_FACTOR
) -> tuple[float, float] | None:
    """What so many runs cannot have shown: the rarest share that they would have, and what a rarer one would add.

    Args:
        runs: runs in which no slow one was seen.
        share, factor: an example: this share of the runs takes so many times as long.

    Returns:
        (share that runs of this number show with 95% chance, increase of the mean in the example as a fraction);
        None where the runs suffice to see the example.
    """
    shown = 1 - 0.05 ** (1 / max(runs, 1))
    return None if shown <= share else (shown, share * (factor - 1))


def _smoothed(weights: Floats) -> Floats:
    """Half of each row's weight is shared with the rows beside it: the table is too fine for the runs behind it."""
    above = np.concatenate([weights[:1], weights[:-1]])
    below = np.concatenate([weights[1:], weights[-1:]])
    return np.asarray(weights / 2 + (above + below) / 4)
