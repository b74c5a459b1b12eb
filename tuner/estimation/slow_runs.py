"""Runs that take a multiple of the usual time: how frequent they are, and how much they add to the mean.

A run is ordinary (Student's t around the location) or slow (a factor, log-normal). Share and factor are held as a
table of cells. Their prior weights come from published single runs, so that a few runs without a slow one do not
prove that there is none. Knows nothing of sizes or curves.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.means.bills import mean_rounded_up

Floats = NDArray[np.float64]

FACTOR_SD = 0.35
"""Spread of slow runs around their factor, log units."""
STEP_SD, SHARE_STEP_SD = 0.2, 0.12
"""How far a factor, and a share, may lie from the one that stands for it in the table: a step spread evenly (log
units)."""
CORE_DOF = 5.0
"""Tail weight of ordinary runs."""
UNSEEN, UNUSUAL = 0.065, 0.02
"""Weights of cells that public runs may have missed: rare slow runs, which need hundreds of runs to show, and
functions of another kind than the public ones, whose slow runs are frequent. The first is divided among the spreads
as the public slow runs are: functions whose ordinary runs hardly spread had none."""
RARE = 0.03
"""Shares below this need more runs to show than a search makes."""
UNSEEN_EXCESS, UNSEEN_EXCESS_SD = 0.45, 0.3
"""What unseen rare slow runs add to the mean (one in a hundred that takes 40 times as long), and its spread (log)."""
NOTABLE_EXCESS = 0.1
"""Slow runs that add less than this to the mean, as a fraction, tell nothing of rare ones that add more."""
UNSEEN_FACTOR, UNSEEN_FACTOR_SD = 40.0, 0.7
"""How many times as long they take, and its spread (log)."""
EXAMPLE_SHARE, EXAMPLE_FACTOR = 0.01, 10.0
"""Rare slow runs by which a message explains what was not seen."""
LEAST_WEIGHT = 1e-9
MOST_SLOW = 0.6
"""Share of slow runs at most."""
LEAST_CHANCE = 1e-4
"""Cells that are less likely have no say in where a factor or a share lies."""
PLACES = 8
"""Quantiles of the runs around which ordinary ones are looked for."""
LEAST_SHIFT = 0.4
"""How far they must lie from the location (log units): nearer ones are within its spread."""
ELSEWHERE = 0.005
"""Weight of all such places together. The ordinary runs of one function in ten may lie elsewhere, within three powers
of ten. What is looked at covers a twentieth of that range."""
BISECTIONS = 30
PROPOSALS = 24
"""Locations that are weighed with each cell."""
NUMBERS_AT_ONCE = 16_384
"""Densities that stay in the processor's cache while their logarithms are summed."""
NEGLIGIBLE = 20.0
"""Cells whose log weight at a robust location lies so far below the best are not weighed elsewhere."""


@dataclass(frozen=True, slots=True, eq=False)
class SlowRuns:
    """Cells of (spread of ordinary runs, share of slow runs, factor) with their weights.

    Attributes:
        core_sd: spread of ordinary runs, log units, shape (K,).
        share: of slow runs, shape (K,).
        log_factor: of their duration over the location, shape (K,).
        log_weight: up to a constant, shape (K,).
        share_sd: how far the share may lie from the one of its cell, log units, shape (K,) or one for all.
    """

    core_sd: Floats
    share: Floats
    log_factor: Floats
    log_weight: Floats
    share_sd: Floats | float = SHARE_STEP_SD

    @classmethod
    def grid(cls, spreads: Floats, shares: Floats, factors: Floats, weights: Floats | None = None) -> SlowRuns:
        """A cell for each combination.

        Args:
            spreads, shares, factors: the values, shapes (A,), (B,), (C,).
            weights: shape (A, B, C). None: all alike.
        """
        core_sd, share, log_factor = np.meshgrid(spreads, shares, np.log(factors), indexing="ij")
        weight = np.ones_like(share) if weights is None else weights
        return cls(core_sd.ravel(), share.ravel(), log_factor.ravel(), np.log(weight.ravel() + LEAST_WEIGHT))

    def given(self, residuals: Floats, *, other_sd: Floats | float = 0.0, strength: float = 1.0) -> SlowRuns:
        """The cells after runs were seen; factors and shares moved to where the slow runs lie and how many they are.

        Args:
            residuals: log duration over the location, shape (n,).
            other_sd: what else spreads ordinary runs, log units, shape (n,) or one for all.
            strength: power of the likelihood: 1 for own runs, less for runs of other configurations.
        """
        if not len(residuals):
            return self
        seen = strength * self.log_likelihood(residuals, other_sd)
        weighed = replace(self, log_weight=self.log_weight + seen)
        return weighed._moved(residuals, np.broadcast_to(other_sd, residuals.shape), strength)

    def _moved(self, residuals: Floats, other_sd: Floats, strength: float) -> SlowRuns:
        """The same with factors and shares where the runs that are slow by them lie, as far as these tell.

        The table has steps of up to twice the factor. Without this a mean that slow runs decide is off by up to 40%.
        And it would seem to be known where they are as many as one of the shares in the table says.
        """
        chance = self._chances
        kept = np.flatnonzero((chance > LEAST_CHANCE) & (self.share > 0))
        share = self.share[kept, None]
        sd = np.hypot(self.core_sd[kept, None], other_sd)
        variance = sd**2 + FACTOR_SD**2
        beyond = residuals - self.log_factor[kept, None]
        slow = share * np.exp(-0.5 * beyond**2 / variance) / np.sqrt(2 * math.pi * variance)
        among = strength * slow / (slow + (1 - share) * _student(residuals / sd) / sd + 1e-300)
        pull, told = (among * beyond / variance).sum(axis=1), (among / variance).sum(axis=1)
        factor, _ = _step(self.log_factor, kept, chance, pull, told, STEP_SD)
        # Of n runs n x share are slow. How many they are tells the share.
        expected, odds = strength * len(residuals) * share[:, 0], 1 / (1 - share[:, 0])
        pull, told = (among.sum(axis=1) - expected) * odds, expected * odds
        log_share = np.log(np.maximum(self.share, LEAST_WEIGHT))
        log_share, share_sd = _step(log_share, kept, chance, pull, told, SHARE_STEP_SD)
        moved = np.where(self.share > 0, np.minimum(np.exp(log_share), MOST_SLOW), 0.0)
        return replace(self, share=moved, log_factor=factor, share_sd=share_sd)

    def draw(self, core_sd: Floats, rng: np.random.Generator) -> Tails:
        """Draws of the mean, and the percentiles of the next run, over the location.

        Args:
            core_sd: spread of ordinary runs in each draw, log units, shape (S,).
            rng: source of the draws.
        """
        cells = self._draw_cells(len(core_sd), rng)
        # Slow runs also widen the spread that is believed of a draw: the cell tells what is left without them.
        mean = self._between(cells, rng).mean(np.arange(len(cells)), np.minimum(core_sd, self.core_sd[cells]))
        return Tails(mean, self._percentile(0.95, core_sd), self._percentile(0.99, core_sd))

    def draw_around(self, residuals: Floats, core_sd: Floats, rng: np.random.Generator, *, other_sd: Floats) -> Tails:
        """Draws as by `draw`, given runs around a location that may be none of ordinary runs.

        Where slow runs are about as frequent as the others, a robust location may lie among them, or between both.
        So ordinary runs may be around any of the runs, as far as that explains them all better.

        Args:
            residuals: log duration over the location, shape (n,).
            core_sd: spread of ordinary runs in each draw, log units, shape (S,).
            rng: source of the draws.
            other_sd: what else spreads ordinary runs, log units, shape (n,).
        """
        here = self.given(residuals, other_sd=other_sd)
        quantiles = np.quantile(residuals, (np.arange(PLACES) + 0.5) / PLACES, method="inverted_cdf")
        shifts = np.unique(quantiles[np.abs(quantiles) > LEAST_SHIFT])
        weights = [self.log_weight + self.log_likelihood(residuals - shift, other_sd) for shift in shifts]
        elsewhere = [_log_sum(weight) + math.log(ELSEWHERE / PLACES) for weight in weights]
        evidence = np.array([_log_sum(here.log_weight), *elsewhere])
        chance = np.exp(evidence - evidence.max())
        places = np.cumsum(chance / chance.sum())
        if places[0] > 1 - LEAST_CHANCE:
            return here.draw(core_sd, rng)
        which = np.minimum(np.searchsorted(places, rng.random(len(core_sd))), len(shifts))
        found = here.draw(core_sd, rng)
        for number in np.unique(which[which > 0]):
            shift, own = shifts[number - 1], which == number
            there = self.given(residuals - shift, other_sd=other_sd).draw(core_sd[own], rng)
            for all_draws, drawn in ((found.mean, there.mean), (found.p95, there.p95), (found.p99, there.p99)):
                all_draws[own] = drawn * math.exp(shift)
        return found

    def _between(self, cells: NDArray[np.intp], rng: np.random.Generator) -> SlowRuns:
        """Cells for draws, the share of each somewhere within the step that it stands for."""
        of = self._some(cells)
        share = of.share * np.exp(of.share_sd * rng.standard_normal(len(cells)))
        return replace(of, share=np.minimum(share, MOST_SLOW))

    def _draw_cells(self, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
        """Indices of cells, evenly spaced over their weights in random order, shape (count,).

        They are spaced in the order of the mean. So luck does not decide how many draws have frequent long runs: one
        more of a thousand whose mean is forty times as large would raise the mean of all by 4%.
        """
        by_mean = np.argsort(self.share * np.exp(self.log_factor), kind="stable")
        levels = (rng.permutation(count) + 0.5) / count
        return by_mean[np.minimum(np.searchsorted(np.cumsum(self._chances[by_mean]), levels), len(by_mean) - 1)]

    def draw_located(
        self, logs: Floats, centre: float, count: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.intp], Floats]:
        """Draw cells and locations together, given runs. Before these, the location may be anything.

        Few runs do not tell which of them are the slow ones. So locations are proposed near every run as well as
        near the centre, and weighed by the likelihood (importance sampling).

        Args:
            logs: log durations, shape (n,), n at least one.
            centre: a robust location of them.
            count: number of draws.
            rng: source of the draws.

        Returns:
            (indices of cells, locations in log units), both of shape (count,).
        """
        seen = self.given(logs - centre).log_weight
        kept = np.flatnonzero(seen > seen.max() - NEGLIGIBLE)
        spreads, of_spread = np.unique(self.core_sd[kept], return_inverse=True)
        locations = np.array([_proposed(logs, centre, sd, rng) for sd in spreads])
        weights = np.empty((len(kept), PROPOSALS))
        for number, (sd, proposed) in enumerate(zip(spreads, locations, strict=True)):
            own = of_spread == number
            cells = self._some(kept[own])
            weights[own] = cells.log_weight[:, None] + cells.log_likelihood(logs - proposed[:, None])
            weights[own] -= _proposal_density(proposed, logs, centre, sd)
        chance = np.exp(weights - weights.max()).ravel()
        cell, proposal = np.divmod(rng.choice(len(chance), count, p=chance / chance.sum()), PROPOSALS)
        return kept[cell], locations[of_spread[cell], proposal]

    def _some(self, cells: NDArray[np.intp]) -> SlowRuns:
        share_sd = np.broadcast_to(self.share_sd, self.share.shape)[cells]
        return SlowRuns(
            self.core_sd[cells], self.share[cells], self.log_factor[cells], self.log_weight[cells], share_sd
        )

    def mean(self, cell: NDArray[np.intp], core_sd: Floats) -> Floats:
        """The mean over the location in each draw, shape (S,).

        Args:
            cell: of each draw.
            core_sd: spread of ordinary runs in each draw, log units.
        """
        share, log_factor = self.share[cell], self.log_factor[cell]
        slow = np.exp(log_factor + (core_sd**2 + FACTOR_SD**2) / 2)
        return np.asarray((1 - share) * np.exp(core_sd**2 / 2) + share * slow)

    def mean_rounded_up(self, cell: NDArray[np.intp], core_sd: Floats, location: Floats, beyond: float) -> Floats:
        """The mean in each draw of durations that are rounded up to whole milliseconds, shape (S,).

        Args:
            cell, core_sd: as in `mean`.
            location: in each draw, log of ms.
            beyond: what rounding adds to long runs, see `tuner.estimation.means.bills`.
        """
        share, slow_sd = self.share[cell], np.hypot(core_sd, FACTOR_SD)
        ordinary = mean_rounded_up(location, core_sd, beyond)
        slow = mean_rounded_up(location + self.log_factor[cell], slow_sd, beyond)
        return np.asarray((1 - share) * ordinary + share * slow)

    @property
    def _chances(self) -> Floats:
        chance = np.exp(self.log_weight - self.log_weight.max())
        return np.asarray(chance / chance.sum())

    def _percentile(self, level: float, core_sd: Floats) -> Floats:
        """The percentile of a run that is drawn from all cells, shape (S,), by bisection of its logarithm."""
        log_factor, at = np.unique(self.log_factor, return_inverse=True)
        share = np.bincount(at, weights=self._chances * self.share)
        sd, back = np.unique(core_sd, return_inverse=True)
        slow_sd = np.hypot(sd[:, None], FACTOR_SD)
        low, high = np.full(len(sd), -1.0), np.maximum(5 * sd, log_factor[-1] + 5 * slow_sd[:, 0])
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            slow = _normal_cdf((middle[:, None] - log_factor) / slow_sd) @ share
            below = (1 - share.sum()) * _normal_cdf(middle / np.maximum(sd, 1e-9)) + slow
            low, high = np.where(below < level, middle, low), np.where(below < level, high, middle)
        return np.asarray(np.exp((low + high) / 2)[back])

    def log_likelihood(self, residuals: Floats, other_sd: Floats | float = 0.0) -> Floats:
        """Log density of runs in each cell, summed over them. Found once for each spread and each factor.

        Args:
            residuals: log duration over the location, shape (…, n).
            other_sd: what else spreads ordinary runs, log units, shape (n,) or one for all.

        Returns:
            Shape (K, …).
        """
        spreads, of_spread = np.unique(self.core_sd, return_inverse=True)
        factors, of_factor = np.unique(self.log_factor, return_inverse=True)
        along = (-1, *[1] * residuals.ndim)
        sd = np.hypot(spreads.reshape(along), other_sd)
        core = _student(residuals / sd) / sd
        slow_sd = np.hypot(sd, FACTOR_SD)[:, None]
        z = (residuals - factors.reshape(along)) / slow_sd
        slow = np.exp(-0.5 * z**2) / (slow_sd * math.sqrt(2 * math.pi))
        share = self.share.reshape(along)
        likelihood = np.empty((len(self.share), *residuals.shape[:-1]))
        at_once = max(1, NUMBERS_AT_ONCE // max(1, residuals.size))
        for cells in (slice(first, first + at_once) for first in range(0, len(self.share), at_once)):
            density = share[cells] * slow[of_spread[cells], of_factor[cells]]
            density += (1 - share[cells]) * core[of_spread[cells]]
            density += 1e-300
            np.log(density, out=density).sum(axis=-1, out=likelihood[cells])
        return likelihood


def _step(
    values: Floats, kept: NDArray[np.intp], chance: Floats, pull: Floats, told: Floats, step_sd: float
) -> tuple[Floats, Floats]:
    """Values of cells after one step of Newton towards the likeliest, and their spread.

    Args:
        values: of every cell, shape (K,). Cells with the same value move together.
        kept: the cells that have a say, shape (k,).
        chance: of every cell, shape (K,).
        pull, told: slope and curvature of the log likelihood of each cell that is kept, shape (k,).
        step_sd: how far a value may lie from that of its cell before.

    Returns:
        (values, their spread), both of shape (K,).
    """
    distinct, of = np.unique(values, return_inverse=True)

    def together(each: Floats | float) -> Floats:
        return np.asarray(np.bincount(of[kept], chance[kept] * each, len(distinct)), dtype=np.float64)

    before = together(step_sd**-2)
    known = np.maximum(before + together(told), LEAST_WEIGHT)
    sd = step_sd * np.sqrt(np.where(before > 0, before / known, 1.0))
    return (distinct + together(pull) / known)[of], sd[of]


def _log_sum(logs: Floats) -> float:
    """Logarithm of the sum of exponentials."""
    most = float(logs.max())
    return most + math.log(float(np.exp(logs - most).sum()))


def _proposed(logs: Floats, centre: float, sd: float, rng: np.random.Generator) -> Floats:
    """Locations to weigh, shape (`PROPOSALS`,): one half near runs, one half near the centre."""
    half = PROPOSALS // 2
    near_runs = np.quantile(logs, (np.arange(half) + 0.5) / half, method="inverted_cdf")
    shocks = sd * rng.standard_t(CORE_DOF, PROPOSALS)
    return np.concatenate([near_runs + shocks[:half], centre + shocks[half:] / math.sqrt(len(logs))])


def _proposal_density(locations: Floats, logs: Floats, centre: float, sd: float) -> Floats:
    """Log density with which `_proposed` finds locations."""
    narrow = sd / math.sqrt(len(logs))
    near_runs = _student((locations[:, None] - logs) / sd).mean(axis=1) / sd
    return np.asarray(np.log((near_runs + _student((locations - centre) / narrow) / narrow) / 2))


def _student(z: Floats) -> Floats:
    """Density of Student's t distribution with `CORE_DOF` degrees of freedom."""
    constant = math.lgamma((CORE_DOF + 1) / 2) - math.lgamma(CORE_DOF / 2) - 0.5 * math.log(CORE_DOF * math.pi)
    return np.asarray(np.exp(constant - (CORE_DOF + 1) / 2 * np.log1p(z**2 / CORE_DOF)))


@dataclass(frozen=True, slots=True, eq=False)
class Tails:
    """Factors over the location, per draw, shape (S,). The mean is uncertain; the percentiles are of the next run."""

    mean: Floats
    p95: Floats
    p99: Floats


@cache
def usual_slow_runs(unseen: float = UNSEEN, unusual: float = UNUSUAL) -> SlowRuns:
    """The cells before any run: what published single runs show, and what they may have missed.

    Args:
        unseen, unusual: weights of the cells that published runs may have missed.
    """
    document = json.loads(files("tuner.estimation").joinpath("slow_runs.json").read_text("utf-8"))
    spreads, shares, factors, weights = (np.array(document[n]) for n in ("spreads", "shares", "factors", "weights"))
    return with_missed_cells(spreads, shares, factors, weights, unseen=unseen, unusual=unusual)


def with_missed_cells(
    spreads: Floats, shares: Floats, factors: Floats, weights: Floats, *, unseen: float, unusual: float
) -> SlowRuns:
    """The cells of a table that published runs were fitted with, and of what they may have missed.

    Args:
        spreads, shares, factors: values of the cells, shapes (A,), (B,), (C,).
        weights: as fitted, shape (A, B, C).
        unseen, unusual: weights of rare slow runs and of functions of another kind.
    """
    seen = _smoothed_table(weights)
    excess = shares[:, None] * (factors - 1)
    rare = (shares[:, None] < RARE) & (shares[:, None] > 0)
    distance = np.log(np.maximum(excess, 1e-9) / UNSEEN_EXCESS)
    apart = np.hypot(distance / UNSEEN_EXCESS_SD, np.log(factors / UNSEEN_FACTOR) / UNSEEN_FACTOR_SD)
    rare_slow = np.where(rare, np.exp(-0.5 * apart**2), 0.0)
    other_kind = np.where(shares[:, None] < RARE, 0.0, np.exp(-np.maximum(distance, 0) / 2))
    by_spread = seen.sum(axis=(1, 2))
    slow_by_spread = seen[:, excess > NOTABLE_EXCESS].sum(axis=1)
    together = (
        (1 - unseen - unusual) * seen
        + unseen * _outer(slow_by_spread / slow_by_spread.sum(), rare_slow)
        + unusual * _outer(by_spread, other_kind)
    )
    return SlowRuns.grid(spreads, shares, factors, together)


def _outer(by_spread: Floats, table: Floats) -> Floats:
    return np.asarray(by_spread[:, None, None] * table / table.sum())


def _smoothed_table(weights: Floats) -> Floats:
    """The table is too fine for the runs behind it: half of each weight goes to its neighbours, along each axis.

    Without slow runs there is no factor, and no neighbour but in the spread.
    """
    none, some = weights.copy(), weights.copy()
    none[:, 1:], some[:, 0] = 0.0, 0.0
    total = some.sum()
    some = _smoothed(_smoothed(some, 1), 2)
    some[:, 0] = 0.0
    both = _smoothed(none + some * total / some.sum(), 0)
    return np.asarray(both / both.sum())


def unseen_bound(
    runs: int, *, share: float = EXAMPLE_SHARE, factor: float = EXAMPLE_FACTOR
) -> tuple[float, float] | None:
    """What so many runs cannot have shown: the rarest share that they would have, and what a rarer one would add.

    Args:
        runs: runs in which no slow one was seen.
        share, factor: an example: this share of the runs takes so many times as long.

    Returns:
        (share that runs of this number show with 95% chance, increase of the mean duration in the example);
        None where the runs suffice to see the example.
    """
    shown = 1 - 0.05 ** (1 / max(runs, 1))
    return None if shown <= share else (shown, share * (factor - 1))


def _smoothed(weights: Floats, axis: int) -> Floats:
    along = np.moveaxis(weights, axis, 0)
    before, after = np.concatenate([along[:1], along[:-1]]), np.concatenate([along[1:], along[-1:]])
    return np.moveaxis(along / 2 + (before + after) / 4, 0, axis)


def _normal_cdf(z: Floats) -> Floats:
    """Chance of a standard normal number below each value; few values, so that scipy need not be imported for it."""
    return np.asarray(_erfc(z / -math.sqrt(2)), dtype=np.float64) / 2


_erfc = np.frompyfunc(math.erfc, 1, 1)
