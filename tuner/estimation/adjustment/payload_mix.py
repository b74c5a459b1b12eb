"""Sizes compare within payloads: what a size takes with all of them, read off runs that each had one.

Payloads may last very different times, and runs of one size differ by that much more than by chance. A few runs of
one size may have had more of the long payload than those of another, and a mixture of short and long runs looks like
slow runs. So each payload has its own factor, a power of memory that all sizes share, and departs from it at a size
as far as the runs there show. With these a run is brought to what its size takes on average over the payloads.
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
POWER_SD = 0.5
"""How steeply the factor of a payload may change with memory. Work within the CPU quota of a period is not slowed down
at a small size, and longer work is."""
DEPARTURE_SD, USUAL_DEPARTURES = 0.2, 2
"""How far a payload departs at a size from the factor that all sizes share, log units; how many departures that is
worth."""
QUANTILES = 99
"""Evenly spaced outcomes of a run of one payload, of which the mixture of payloads is made."""
STEPS = 20
"""Turns of the fit between sizes and payloads; it ends sooner where runs are balanced."""

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
        log_mb = np.log([configuration.memory_mb for configuration, _ in places])
        shared = _shared(means, counts, log_mb - log_mb.mean(), noise)
        departs, doubt = _departures(means - shared, counts, noise)
        weights = counts.sum(axis=0) / counts.sum()
        levels = np.exp(shared + departs)
        mean = levels @ weights
        factors = mean[:, None] / levels
        # What each payload adds to the mean tells how much its departure matters. Runs differ anyway by their noise.
        parts = levels * weights / mean[:, None]
        doubts = np.maximum(0.0, (parts**2 * doubt).sum(axis=1) - noise / counts.sum(axis=1))
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
        return replace(belief, p95_ms=belief.p95_ms * over[:, 0], p99_ms=belief.p99_ms * over[:, 1])

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


def _shared(means: Floats, counts: Floats, log_mb: Floats, noise: float) -> Floats:
    """What the payloads take at each place by a level of the place and a power law of each payload, log units."""
    levels, factors, powers = np.zeros(len(means)), np.zeros(means.shape[1]), np.zeros(means.shape[1])
    steep = counts.T @ log_mb**2 + noise / POWER_SD**2
    for _ in range(STEPS):
        laws = factors + np.outer(log_mb, powers)
        levels = ((means - laws) * counts).sum(axis=1) / counts.sum(axis=1)
        left = means - levels[:, None]
        factors = ((left - np.outer(log_mb, powers)) * counts).sum(axis=0) / counts.sum(axis=0)
        powers = ((left - factors) * counts).T @ log_mb / steep
    return np.asarray(levels[:, None] + factors + np.outer(log_mb, powers))


def _departures(left: Floats, counts: Floats, noise: float) -> tuple[Floats, Floats]:
    """How far each payload departs at each place, as far as more than noise shows it, and the variance of what is left.

    Where a payload was not seen it may depart as far as others do elsewhere. All in log units.
    """
    known = counts > 0
    own = np.divide(noise, counts, out=np.zeros_like(counts), where=known)
    free = max(0, int(known.sum()) - sum(left.shape) + 1)
    squares = float((left[known] ** 2 - own[known]).sum()) + USUAL_DEPARTURES * DEPARTURE_SD**2
    variance = max(0.0, squares) / (free + USUAL_DEPARTURES)
    if variance == 0.0:
        return np.zeros_like(left), np.zeros_like(left)
    told = np.where(known, variance / (variance + own), 0.0)
    return left * told, variance * (1 - told)


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
