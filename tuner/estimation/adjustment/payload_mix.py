"""Sizes compare within payloads: what a size takes with all of them, read off runs that each had one.

Payloads may last very different times, and runs of one size differ by that much more than by chance. A few runs of
one size may have had more of the long payload than those of another, and a mixture of short and long runs looks like
slow runs. So each payload has its own factor, a power of memory that all sizes share, and departs from it at a size.
With these a run is brought to what its size takes on average over the payloads. Given how steep powers and how large
departures are, all of it is Gaussian; both are summed over by how well they explain the runs.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.belief import Belief
from tuner.model import Configuration, Invocation, Sample

Floats = NDArray[np.float64]

RUN_SD, USUAL_RUNS = 0.1, 4
"""Runs of one payload at one size differ by so much, log units, expected beforehand; how many runs that is worth."""
FACTOR_SD = 1.5
"""How far payloads may differ, log units."""
POWERS = ((0.02, 0.5), (0.15, 0.3), (0.6, 0.2))
"""How steeply the factor of a payload may change with memory, with its chance. Work within the CPU quota of a period is
not slowed down at a small size, and longer work is."""
DEPARTURES = ((0.03, 0.4), (0.1, 0.3), (0.3, 0.2), (1.0, 0.1))
"""How far a payload departs at a size from its factor, log units, with its chance."""
ANY_LEVEL_SD = 10.0
"""A size may take anything, log units around what all take."""
QUANTILES = 99
"""Evenly spaced outcomes of a run of one payload, of which the mixture of payloads is made."""

Place = tuple[Configuration, bool]
"""A size, warm or cold."""


@dataclass(frozen=True, slots=True)
class PayloadMix:
    """What payloads do to the durations of a study.

    Attributes:
        factors: for each place and payload, by how much to multiply a run to have the mean over the payloads. Empty:
            all runs had one payload.
        doubts: for each configuration, how far its runs may be from that mean because payloads were seen there seldom
            or not at all, beyond what runs differ anyway; log units.
        over: for each configuration, by how much the 95th and the 99th percentile of all payloads together lie above
            that of a run that was brought to their mean.
    """

    factors: Mapping[tuple[Place, int], float] = field(default_factory=dict)
    doubts: Mapping[Configuration, float] = field(default_factory=dict)
    over: Mapping[Configuration, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> PayloadMix:
        """Read off the usable runs of samples that were measured for this study."""
        cells: dict[tuple[Place, int], list[float]] = defaultdict(list)
        for sample in samples:
            for run in () if sample.free else sample.invocations:
                if run.usable and run.duration_ms:
                    cells[(sample.configuration, run.cold), run.payload].append(run.duration_ms)
        payloads = sorted({payload for _, payload in cells})
        if len(payloads) < 2:
            return cls()
        places = sorted({place for place, _ in cells})
        means, counts, noise = _table(cells, places, payloads)
        fits = _fits(means, counts, noise, np.log([configuration.memory_mb for configuration, _ in places]))
        weights = counts.sum(axis=0) / counts.sum()
        levels = np.exp(sum(fit.chance * fit.log_ms for fit in fits))
        mean = levels @ weights
        factors = mean[:, None] / levels
        # What each payload adds to the mean tells how much it matters. Runs differ anyway by their noise.
        parts = levels * weights / mean[:, None]
        doubts = np.maximum(0.0, _variance_of_means(fits, parts) - noise / counts.sum(axis=1))
        ratios = _ratios(cells, places, payloads, levels)
        return cls(
            {
                (place, payload): float(factors[row, column])
                for row, place in enumerate(places)
                for column, payload in enumerate(payloads)
            },
            {
                configuration: math.sqrt(float(np.average(doubts[rows], weights=counts[rows].sum(axis=1))))
                for configuration, rows in _rows(places).items()
            },
            {configuration: _over(levels[rows[0]], weights, ratios) for configuration, rows in _rows(places).items()},
        )

    def at_mean_payload(self, samples: Sequence[Sample]) -> tuple[Sample, ...]:
        """The samples, had every run taken what its size takes on average over the payloads."""
        if not self.factors:
            return tuple(samples)
        return tuple(sample if sample.free else self._at_mean(sample) for sample in samples)

    def of_all_payloads(self, belief: Belief) -> Belief:
        """A belief in runs at the mean payload, with the percentiles of runs that each have one."""
        if not self.factors:
            return belief
        over = np.array([self._over_at(configuration) for configuration in belief.candidates])
        p95_ms, p99_ms = belief.p95_ms * over[:, 0], belief.p99_ms * over[:, 1]
        return replace(belief, p95_ms=p95_ms, p99_ms=np.maximum(p95_ms, p99_ms))

    def _over_at(self, configuration: Configuration) -> tuple[float, float]:
        """See `over`; between the sizes that were measured it is linear in the logarithms."""
        alike = [c for c in self.over if c.architecture is configuration.architecture] or list(self.over)
        known = sorted(alike, key=lambda c: c.memory_mb)
        log_mb, log_over = np.log([c.memory_mb for c in known]), np.log([self.over[c] for c in known])
        p95, p99 = (math.exp(np.interp(math.log(configuration.memory_mb), log_mb, over)) for over in log_over.T)
        return p95, p99

    def _at_mean(self, sample: Sample) -> Sample:
        configuration = sample.configuration
        return replace(sample, invocations=tuple(self._brought(configuration, run) for run in sample.invocations))

    def _brought(self, configuration: Configuration, run: Invocation) -> Invocation:
        factor = self.factors.get(((configuration, run.cold), run.payload))
        if factor is None or run.duration_ms is None or run.billed_duration_ms is None:
            return run
        duration_ms = run.duration_ms * factor
        billed_ms = run.billed_duration_ms + math.ceil(duration_ms) - math.ceil(run.duration_ms)
        return replace(run, duration_ms=duration_ms, billed_duration_ms=billed_ms)


def _table(
    cells: Mapping[tuple[Place, int], Sequence[float]], places: Sequence[Place], payloads: Sequence[int]
) -> tuple[Floats, Floats, float]:
    """Log means and counts of runs, shape (places, payloads), and the variance of a run in log units."""
    means, counts = np.zeros((len(places), len(payloads))), np.zeros((len(places), len(payloads)))
    squares, free = USUAL_RUNS * RUN_SD**2, float(USUAL_RUNS)
    for row, place in enumerate(places):
        for column, payload in enumerate(payloads):
            if runs := cells.get((place, payload)):
                means[row, column] = math.log(math.fsum(runs) / len(runs))
                counts[row, column] = len(runs)
                logs = np.log(runs)
                squares, free = squares + float(((logs - logs.mean()) ** 2).sum()), free + len(runs) - 1
    return means, counts, squares / free


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """What L places take with P payloads, if powers and departures are of a certain size.

    Attributes:
        chance: of these sizes, given the runs.
        log_ms: shape (L, P).
        law: how much of `log_ms` is of the law that all places share; the rest is of own runs, shape (L, P).
        own: variance of the departures that own runs leave, shape (L, P).
        covariance: of levels, factors and powers, shape (L + 2 P, L + 2 P).
        log_mb: of the places, around their mean, shape (L,).
    """

    chance: float
    log_ms: Floats
    law: Floats
    own: Floats
    covariance: Floats
    log_mb: Floats


def _fits(means: Floats, counts: Floats, noise: float, log_mb: Floats) -> list[_Fit]:
    """The fits for every size of powers and of departures.

    Args:
        means: log mean of the runs of each place and payload, shape (L, P).
        counts: how many they are, shape (L, P).
        noise: variance of a run, log units.
        log_mb: of the places, shape (L,).
    """
    places, payloads = means.shape
    log_mb = log_mb - log_mb.mean()
    rows, columns = np.nonzero(counts)
    seen = np.arange(len(rows))
    design = np.zeros((len(rows), places + 2 * payloads))
    design[seen, rows], design[seen, places + columns] = 1.0, 1.0
    design[seen, places + payloads + columns] = log_mb[rows]
    middle = float(np.average(means, weights=counts))
    values, own = means[rows, columns] - middle, noise / counts[rows, columns]
    fits: list[_Fit] = []
    scores: list[float] = []
    for power_sd, power_chance in POWERS:
        before = np.repeat([ANY_LEVEL_SD, FACTOR_SD, power_sd], [places, payloads, payloads]) ** -2.0
        for departure_sd, departure_chance in DEPARTURES:
            spread = departure_sd**2 + own
            weighted = design / spread[:, None]
            covariance = np.asarray(np.linalg.inv(np.diag(before) + design.T @ weighted), dtype=np.float64)
            law = covariance @ (weighted.T @ values)
            left = values - design @ law
            told = np.zeros_like(means)
            told[rows, columns] = departure_sd**2 / spread
            log_ms = law[:places, None] + law[places : places + payloads] + np.outer(log_mb, law[places + payloads :])
            log_ms[rows, columns] += told[rows, columns] * left
            squares = float(left @ (left / spread) + law @ (before * law))
            log_det = float(np.log(spread).sum() - np.log(before).sum() - np.linalg.slogdet(covariance)[1])
            scores.append(math.log(power_chance * departure_chance) - (squares + log_det) / 2)
            fits.append(_Fit(1.0, middle + log_ms, 1 - told, departure_sd**2 * (1 - told), covariance, log_mb))
    chances = np.exp(np.array(scores) - max(scores))
    return [replace(fit, chance=float(c)) for fit, c in zip(fits, chances / chances.sum(), strict=True)]


def _variance_of_means(fits: Sequence[_Fit], parts: Floats) -> Floats:
    """Variance of the log of the mean over the payloads, of which each is a part (shape (L, P)), shape (L,)."""
    places, payloads = parts.shape
    means = np.array([(parts * fit.log_ms).sum(axis=1) for fit in fits])
    chances = np.array([fit.chance for fit in fits])
    variances = []
    for fit in fits:
        shared = parts * fit.law
        slopes = np.zeros((places, places + 2 * payloads))
        slopes[:, :places] = np.diag(shared.sum(axis=1))
        slopes[:, places : places + payloads], slopes[:, places + payloads :] = shared, shared * fit.log_mb[:, None]
        of_law = np.einsum("li,ij,lj->l", slopes, fit.covariance, slopes, optimize=True)
        variances.append(of_law + (parts**2 * fit.own).sum(axis=1))
    between = chances @ (means - chances @ means) ** 2
    return np.asarray(chances @ np.array(variances) + between)


def _rows(places: Sequence[Place]) -> dict[Configuration, list[int]]:
    """The rows of each configuration, warm runs first."""
    found: dict[Configuration, list[int]] = defaultdict(list)
    for row, (configuration, _) in enumerate(places):
        found[configuration].append(row)
    return found


def _ratios(
    cells: Mapping[tuple[Place, int], Sequence[float]], places: Sequence[Place], payloads: Sequence[int], levels: Floats
) -> Floats:
    """Evenly spaced outcomes of a run over what its payload takes at its place, shape (`QUANTILES`,)."""
    ratios = [
        duration / levels[row, column]
        for row, place in enumerate(places)
        for column, payload in enumerate(payloads)
        for duration in cells.get((place, payload), ())
    ]
    return np.asarray(np.quantile(ratios, (np.arange(QUANTILES) + 0.5) / QUANTILES))


def _over(levels: Floats, weights: Floats, ratios: Floats) -> tuple[float, float]:
    """Percentiles of payloads that take `levels` in shares of `weights`, over those of runs at their mean."""
    mixed = np.outer(levels, ratios).ravel()
    order = np.argsort(mixed)
    cumulated = np.cumsum(np.repeat(weights, len(ratios))[order]) / len(ratios)
    mean = float(levels @ weights)

    def over(level: float) -> float:
        found = mixed[order[min(len(mixed) - 1, int(np.searchsorted(cumulated, level)))]]
        return max(1.0, float(found) / (mean * float(np.quantile(ratios, level))))

    return over(0.95), over(0.99)
