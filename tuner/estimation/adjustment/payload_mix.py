"""Sizes compare within payloads: what a size takes with all of them, read off runs that each had one.

Payloads may last very different times, and runs of one size differ by that much more than by chance. A few runs of one
size may have had more of the long payload than those of another, and a mixture of short and long runs looks like slow
runs. So each payload has its own factor, which all sizes share, and departs from it at a size as far as the runs there
show. With these a run is brought to what its size takes on average over the payloads.
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
DEPARTURE_SD, USUAL_DEPARTURES = 0.1, 2
"""How far a payload departs at a size from the factor that all sizes share, log units; how many sizes that is worth."""
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
        over: for the 95th and 99th percentile, by how much that of all payloads together lies above that of a run that
            was brought to their mean.
    """

    factors: Mapping[tuple[Place, int], float] = field(default_factory=dict)
    over: tuple[float, float] = (1.0, 1.0)

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
        longer = _shared(means, counts)
        departs = _departures(means - longer, counts, noise)
        weights = counts.sum(axis=0) / counts.sum()
        mean = np.log(np.exp(longer + departs) @ weights)
        factors = np.exp(mean[:, None] - longer - departs)
        return cls(
            {
                (place, payload): float(factors[row, column])
                for row, place in enumerate(places)
                for column, payload in enumerate(payloads)
            },
            _over(cells, factors, places, payloads, weights),
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
        return replace(belief, p95_ms=belief.p95_ms * self.over[0], p99_ms=belief.p99_ms * self.over[1])

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


def _shared(means: Floats, counts: Floats) -> Floats:
    """What the payloads take at each place by a level of the place and a factor of the payload, log units."""
    levels, factors = np.zeros(len(means)), np.zeros(means.shape[1])
    for _ in range(STEPS):
        levels = ((means - factors) * counts).sum(axis=1) / counts.sum(axis=1)
        factors = ((means - levels[:, None]) * counts).sum(axis=0) / counts.sum(axis=0)
    return np.asarray(levels[:, None] + factors)


def _departures(left: Floats, counts: Floats, noise: float) -> Floats:
    """How far each payload departs at each place, as far as more than noise shows it, log units."""
    known = counts > 0
    own = np.divide(noise, counts, out=np.zeros_like(counts), where=known)
    squares = float((left[known] ** 2 - own[known]).sum()) + USUAL_DEPARTURES * DEPARTURE_SD**2
    variance = max(0.0, squares) / (known.sum() + USUAL_DEPARTURES)
    if variance == 0.0:
        return np.zeros_like(left)
    return np.where(known, left * variance / (variance + own), 0.0)


def _over(
    cells: Mapping[tuple[Place, int], Sequence[float]],
    factors: Floats,
    places: Sequence[Place],
    payloads: Sequence[int],
    weights: Floats,
) -> tuple[float, float]:
    """The 95th and 99th percentile of all payloads together over those of runs at the mean payload."""
    brought, as_they_were, often = [], [], []
    for row, place in enumerate(places):
        at_mean = [
            (run * factors[row, column], run, weights[column] / len(cells[place, payload]))
            for column, payload in enumerate(payloads)
            for run in cells.get((place, payload), ())
        ]
        level = math.fsum(one for one, _, _ in at_mean) / len(at_mean)
        brought += [one / level for one, _, _ in at_mean]
        as_they_were += [run / level for _, run, _ in at_mean]
        often += [weight for _, _, weight in at_mean]
    order = np.argsort(as_they_were)
    cumulated = np.cumsum(np.array(often)[order]) / math.fsum(often)
    mixed = np.array(as_they_were)[order]

    def ratio(level: float) -> float:
        found = mixed[min(len(mixed) - 1, int(np.searchsorted(cumulated, level)))]
        return max(1.0, float(found) / float(np.quantile(brought, level)))

    return ratio(0.95), ratio(0.99)
