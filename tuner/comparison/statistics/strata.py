"""The chance of counts in environments when baseline and candidate may be exchanged within each stratum.

A stratum is a configuration. If nothing changed but the tested shift, every choice of its environments is as
likely to be the candidate's. So the chance of the candidate's count is exact, although the runs of an
environment agree. Knows nothing of functions or metrics.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuner.comparison.statistics.plain_shifts import plain_shift

Floats = NDArray[np.float64]
Runs = Sequence[float]

CELLS = 60
"""Shares of an environment are rounded to this part of one, so that their sums are whole numbers."""
STEPS = 20
"""Halvings of the interval that holds a bound: 1e-6 of its width."""


@dataclass(frozen=True, slots=True)
class Stratum:
    """Log values of the runs of each environment of both sides, at one configuration."""

    baseline: tuple[Runs, ...]
    candidate: tuple[Runs, ...]

    def together(self, shift: float) -> Floats:
        """All runs of both sides, the candidate's scaled back by `shift`."""
        before = [value for runs in self.baseline for value in runs]
        return np.array(before + [value - shift for runs in self.candidate for value in runs])

    def scaled_back(self, most: float) -> Stratum:
        """The same without the plain change of the candidate, up to `most`. See `plain_shift`."""
        before, after = ([value for runs in side for value in runs] for side in (self.baseline, self.candidate))
        shift = plain_shift(before, after, most)
        return Stratum(self.baseline, tuple([value - shift for value in runs] for runs in self.candidate))

    def counts(self, cut: float, shift: float) -> tuple[int, int, int, int]:
        """Runs beyond `cut` and all runs of the baseline, then of the candidate scaled back by `shift`."""
        beyond = sum(value > cut for runs in self.baseline for value in runs)
        after = sum(value - shift > cut for runs in self.candidate for value in runs)
        return beyond, sum(map(len, self.baseline)), after, sum(map(len, self.candidate))


def chance_of_more(strata: Sequence[Stratum], cuts: Sequence[float], shift: float) -> float:
    """Chance that so many runs of the candidate or more lie beyond the cut of their stratum."""
    return _chance(strata, cuts, shift, 1)


def chance_of_fewer(strata: Sequence[Stratum], cuts: Sequence[float], shift: float) -> float:
    """Chance that so few runs of the candidate or fewer lie beyond the cut of their stratum."""
    return _chance(strata, cuts, shift, -1)


def quantile_cuts(strata: Sequence[Stratum], quantile: float, shift: float) -> list[float]:
    """The common quantile of each stratum."""
    return [float(np.quantile(stratum.together(shift), quantile)) for stratum in strata]


def quantile_shift(strata: Sequence[Stratum], quantile: float) -> float:
    """The shift at which as many runs of either side lie beyond the common quantile."""

    def above(shift: float) -> bool:
        cuts = quantile_cuts(strata, quantile, shift)
        found = np.array([s.counts(cut, shift) for s, cut in zip(strata, cuts, strict=True)]).sum(axis=0)
        return bool(found[2] * found[1] > found[0] * found[3])

    return _bisect(above, _reach(strata))


def quantile_bounds(strata: Sequence[Stratum], quantile: float, alpha: float) -> tuple[float, float]:
    """Bounds of the shift of a quantile, each wrong with the chance `alpha`; infinite where there is none."""
    reach = _reach(strata)

    def more(shift: float) -> bool:
        return chance_of_more(strata, quantile_cuts(strata, quantile, shift), shift) <= alpha

    def fewer(shift: float) -> bool:
        return chance_of_fewer(strata, quantile_cuts(strata, quantile, shift), shift) <= alpha

    low = _bisect(more, reach) if more(-reach) else -math.inf
    high = _bisect(lambda shift: not fewer(shift), reach) if fewer(reach) else math.inf
    return low, high


def _reach(strata: Sequence[Stratum]) -> float:
    return max(float(np.ptp(stratum.together(0.0))) for stratum in strata) + 1.0


def _bisect(holds_below: Callable[[float], bool], reach: float) -> float:
    low, high = -reach, reach
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds_below(middle) else (low, middle)
    return (low + high) / 2


def _chance(strata: Sequence[Stratum], cuts: Sequence[float], shift: float, sign: int) -> float:
    """Chance of the candidate's sum of shares or more (sign 1), or less (-1)."""
    ways, total = np.ones(1), 0
    for stratum, cut in zip(strata, cuts, strict=True):
        before = [_cells(runs, cut, 0.0) for runs in stratum.baseline]
        after = [_cells(runs, cut, shift) for runs in stratum.candidate]
        total += sum(after)
        if sum(before) + sum(after):
            ways = np.convolve(ways, _sums_of_choices(before + after, len(after)))
    return float(ways[total:].sum() if sign > 0 else ways[: total + 1].sum())


def _cells(runs: Runs, cut: float, shift: float) -> int:
    """The share of runs beyond the cut, in cells."""
    return round(CELLS * sum(value - shift > cut for value in runs) / len(runs))


def _sums_of_choices(shares: Sequence[int], size: int) -> Floats:
    """Chances of the sums of `size` of the shares, all choices being alike."""
    ways = np.zeros((size + 1, sum(shares) + 1))
    ways[0, 0] = 1.0
    for share in shares:
        ways[1:, share:] += ways[:-1, : ways.shape[1] - share].copy()
    return np.asarray(ways[size] / math.comb(len(shares), size))
