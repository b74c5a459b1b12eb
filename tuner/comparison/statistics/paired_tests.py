"""Tests of the shift between the sides of pairs: of the typical value, of a quantile, of the mean.

Each test scores the runs of a pair for an assumed shift and sums candidate minus baseline. The scores do
not know which side a run is of, so that the chance of the sum is exact (see `sign_flips`). Values are logs.
Knows nothing of functions, metrics or verdicts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tuner.comparison.statistics.plain_shifts import plain_shift
from tuner.comparison.statistics.sign_flips import chance_of_sum

Floats = NDArray[np.float64]

BLOCK_PAIRS = 10
"""Pairs whose common median a run is compared with. Over more pairs the hour moves; fewer tell the median badly."""
FARTHEST = 4.0
"""A slow run counts up to this many times the bound, so that one run cannot decide alone."""
MOST_ASYMMETRY = 4.0
"""Spreads of the two sides of a distribution differ by this factor at most: few runs do not tell more."""
STEPS = 24
"""Halvings of the interval that holds a bound: 6e-8 of its width."""


class PairedTest(Protocol):
    """A test of a shift between the sides of pairs."""

    @property
    def span(self) -> tuple[float, float]:
        """Shifts below and above all that the values can show, in log units."""
        ...

    def contributions(self, shift: float) -> Floats:
        """What each pair contributes to the candidate being more than `shift` above the baseline."""
        ...


@dataclass(frozen=True, slots=True)
class TypicalShift:
    """Tests the shift of the typical value: scores of the ranks of both sides together, compared within pairs.

    In ranks of both sides together, a run that takes ten times as long is one rank like any other. The scores are
    those of a normal distribution with a spread of its own on either side of the median: where runs have a sharp
    lower edge, that edge tells most of a shift. Where the sides of a pair agree more than pairs do, the pair's mean
    is removed in part, so that what moves both sides cancels.

    Attributes:
        baseline, candidate: one log value for each pair.
    """

    baseline: Floats
    candidate: Floats

    @property
    def span(self) -> tuple[float, float]:
        """Shifts beyond all values."""
        return _span(self.baseline, self.candidate)

    def contributions(self, shift: float) -> Floats:
        """Difference of the scores of each pair."""
        count = len(self.baseline)
        moved = self.candidate - shift
        half, middle = (moved - self.baseline) / 2, (moved + self.baseline) / 2
        rest = middle * (1 - _agreement(self.baseline, moved))
        both = np.concatenate([rest - half, rest + half])
        scores = _two_piece_scores(both)
        return np.asarray(scores[count:] - scores[:count])


@dataclass(frozen=True, slots=True)
class RunsByPair:
    """Log values of the runs of one side.

    Attributes:
        values: of all runs.
        pair: the number of the pair of each run, from 0.
        pairs: how many pairs there are.
    """

    values: Floats
    pair: NDArray[np.int64]
    pairs: int

    @classmethod
    def of(cls, runs: Sequence[Sequence[float]]) -> RunsByPair:
        """From the runs of each pair."""
        values = np.array([value for own in runs for value in own], dtype=np.float64)
        return cls(values, np.repeat(np.arange(len(runs)), [len(own) for own in runs]), len(runs))

    @property
    def block(self) -> NDArray[np.int64]:
        """The number of the block of neighbouring pairs of each run."""
        return np.minimum(self.pair // BLOCK_PAIRS, max(0, self.pairs // BLOCK_PAIRS - 1))

    def sum(self, weights: Floats) -> Floats:
        """The sum of the weights of the runs of each pair."""
        return np.bincount(self.pair, weights, minlength=self.pairs).astype(np.float64)

    def count(self, beyond: NDArray[np.bool_]) -> Floats:
        """Marked runs of each pair."""
        return np.bincount(self.pair[beyond], minlength=self.pairs).astype(np.float64)


@dataclass(frozen=True, slots=True)
class QuantileShift:
    """Tests the shift of a quantile: runs beyond the common quantile, counted within pairs.

    Attributes:
        baseline, candidate: log values of the runs.
        quantile: such as 0.95.
    """

    baseline: RunsByPair
    candidate: RunsByPair
    quantile: float

    @property
    def span(self) -> tuple[float, float]:
        """Shifts beyond all values."""
        return _span(self.baseline.values, self.candidate.values)

    def contributions(self, shift: float) -> Floats:
        """Runs beyond the common quantile, candidate minus baseline."""
        before, after = _over_median(self.baseline, self.candidate, shift)
        together = np.concatenate([before, after])
        at = math.ceil(self.quantile * len(together)) - 1
        cut = float(np.partition(together, at)[at])
        return self.candidate.count(after > cut) - self.baseline.count(before > cut)


@dataclass(frozen=True, slots=True)
class SlowShare:
    """Tests whether more runs of the candidate are slow: how far runs lie beyond a common bound, within pairs.

    A run counts by the log of how far beyond it lies, up to `FARTHEST`: where many runs lie just beyond the
    bound by nature, those far beyond it show the change.

    Attributes:
        kinds: baseline and candidate of each kind of run (warm, cold). Each kind has a bound of its own.
        factor: a run is slow beyond this many times the common median of neighbouring pairs.
    """

    kinds: Sequence[tuple[RunsByPair, RunsByPair]]
    factor: float

    @property
    def span(self) -> tuple[float, float]:
        """Shifts beyond all values."""
        spans = [_span(before.values, after.values) for before, after in self.kinds if len(before.values)]
        return min(low for low, _ in spans), max(high for _, high in spans)

    def contributions(self, shift: float) -> Floats:
        """Slow runs, candidate minus baseline; the candidate is scaled back by its plain change, up to `shift`."""
        total = np.zeros(self.kinds[0][0].pairs)
        for baseline, candidate in self.kinds:
            before, after = _over_median(baseline, candidate, _plain(baseline, candidate, shift))
            total += candidate.sum(self._beyond(after)) - baseline.sum(self._beyond(before))
        return total

    def _beyond(self, over_median: Floats) -> Floats:
        return np.clip(over_median - math.log(self.factor), 0.0, math.log(FARTHEST))

    def counts(self, shift: float) -> tuple[Floats, Floats]:
        """Slow runs of each pair, of baseline and candidate; the candidate is scaled back as above."""
        pairs = self.kinds[0][0].pairs
        before, after = np.zeros(pairs), np.zeros(pairs)
        for baseline, candidate in self.kinds:
            over = _over_median(baseline, candidate, _plain(baseline, candidate, shift))
            before += baseline.count(over[0] > math.log(self.factor))
            after += candidate.count(over[1] > math.log(self.factor))
        return before, after


@dataclass(frozen=True, slots=True)
class MeanShift:
    """Tests the shift of the mean: differences of the means of pairs.

    Attributes:
        baseline, candidate: mean value of the runs of each pair, in units of the metric (no logs).
    """

    baseline: Floats
    candidate: Floats

    @property
    def span(self) -> tuple[float, float]:
        """Shifts beyond all values."""
        return _span(np.log(self.baseline), np.log(self.candidate))

    def contributions(self, shift: float) -> Floats:
        """Difference of each pair when the candidate is scaled back by `shift`."""
        return self.candidate * math.exp(-shift) - self.baseline


def chance_above(test: PairedTest, shift: float) -> float:
    """Chance of pairs like these or more extreme ones if the true shift is at most `shift`."""
    return chance_of_sum(test.contributions(shift))


def least_chance(test: PairedTest, shift: float) -> float:
    """The smallest chance that any assignment of signs to these pairs has at a shift."""
    return float(0.5 ** np.count_nonzero(test.contributions(shift)))


def chance_below(test: PairedTest, shift: float) -> float:
    """Chance of pairs like these or more extreme ones if the true shift is at least `shift`."""
    return chance_of_sum(-test.contributions(shift))


def estimate(test: PairedTest) -> float:
    """The shift at which the contributions of all pairs cancel."""
    return _root(lambda shift: float(test.contributions(shift).sum()) > 0, test.span)


def lower_bound(test: PairedTest, level: float) -> float:
    """The largest shift that the pairs refute at `level`; minus infinity where they refute none."""
    if never_above(test, level):
        return -math.inf
    return _root(lambda shift: chance_above(test, shift) <= level, test.span)


def upper_bound(test: PairedTest, level: float) -> float:
    """The smallest shift that the pairs refute at `level`; infinity where they refute none."""
    if chance_below(test, test.span[1]) > level:
        return math.inf
    return _root(lambda shift: chance_below(test, shift) > level, test.span)


def never_above(test: PairedTest, level: float) -> bool:
    """Whether so few pairs refute no shift at all at `level`."""
    return chance_above(test, test.span[0]) > level


def _span(before: Floats, after: Floats) -> tuple[float, float]:
    """Shifts at which all values of one side lie beyond all of the other."""
    return float(after.min() - before.max()) - 1.0, float(after.max() - before.min()) + 1.0


def _root(holds_below: Callable[[float], bool], span: tuple[float, float]) -> float:
    """Where a condition that holds for small shifts ceases to hold, by bisection."""
    low, high = span
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds_below(middle) else (low, middle)
    return (low + high) / 2


def _plain(baseline: RunsByPair, candidate: RunsByPair, most: float) -> float:
    return plain_shift(baseline.values, candidate.values, most)


def _over_median(baseline: RunsByPair, candidate: RunsByPair, shift: float) -> tuple[Floats, Floats]:
    """The values of both sides over the common median of their block; the candidate is scaled back by `shift`."""
    before, after = baseline.values.copy(), candidate.values - shift
    first, second = baseline.block, candidate.block
    for block in range(max(1, baseline.pairs // BLOCK_PAIRS)):
        own, other = first == block, second == block
        together = np.concatenate([before[own], after[other]])
        if len(together):
            middle = _median(together)
            before[own] -= middle
            after[other] -= middle
    return before, after


def _agreement(before: Floats, after: Floats) -> float:
    """Part of a pair's mean that is noise of the pair, 0 to 1: the squared intra-class correlation of normal scores.

    It depends on the pairs alone, not on which side is which. Where pairs share nothing it is about 0 whatever the
    distribution. Squared, because few pairs tell it badly.
    """
    scores = _scores_of(np.concatenate([before, after]))
    first, second = scores[: len(before)], scores[len(before) :]
    total = float(scores @ scores)
    return max(0.0, 2 * float(first @ second) / total) ** 2 if total else 0.0


def _median(values: Floats) -> float:
    """The lower median: `numpy.median` takes most of the time of a look."""
    middle = (len(values) - 1) // 2
    return float(np.partition(values, middle)[middle])


def _doubled_ranks(values: Floats) -> NDArray[np.int64]:
    """Twice the ranks (from 1) of values; ties share the middle of theirs."""
    ordered = np.sort(values)
    ranks = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right") + 1
    return np.asarray(ranks, dtype=np.int64)


def _two_piece_scores(values: Floats) -> Floats:
    """Scores of the ranks of `values`, efficient for a two-piece normal distribution.

    Its log density falls on either side of the median with a spread of its own, so that the scores are normal scores
    (van der Waerden) over that spread.
    """
    scores = _scores_of(values)
    root = math.sqrt(_asymmetry(values))
    return np.asarray(np.where(scores < 0, scores * root, scores / root))


def _scores_of(values: Floats) -> Floats:
    """Normal scores of the ranks of values."""
    return np.asarray(_normal_scores(len(values))[_doubled_ranks(values) - 2])


def _asymmetry(values: Floats) -> float:
    """The spread above the median over that below it, within `MOST_ASYMMETRY`.

    It does not know which side a value is of, so that a test whose scores depend on it stays exact (Hogg 1974, Journal
    of the American Statistical Association 69, 909, on adaptive tests).
    """
    apart = values - _median(values)
    lower, upper = -float(apart[apart < 0].sum()), float(apart[apart > 0].sum())
    if not lower or not upper:
        return 1.0
    return min(MOST_ASYMMETRY, max(1 / MOST_ASYMMETRY, upper / lower))


@lru_cache(maxsize=512)
def _normal_scores(count: int) -> Floats:
    """Normal scores of the ranks 1, 1.5, 2 … `count`."""
    from scipy.special import ndtri

    return np.asarray(ndtri(np.arange(2, 2 * count + 1) / 2 / (count + 1)))
