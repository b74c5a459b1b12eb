"""Tests of fixed size of the same pairs, beside which a duet stands.

Each errs in 5%, looks once at all pairs, and at warm durations alone. Knows nothing of looks or of other metrics.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from scipy.special import ndtri

from benchmarks.regression.real_runs import Floats
from tuner.comparison.duets.plan import EnvironmentPair
from tuner.comparison.question import Question
from tuner.comparison.statistics.paired_tests import TypicalShift, chance_above
from tuner.comparison.statistics.sign_flips import chance_of_sum

Z95 = 1.6449


@dataclass(frozen=True, slots=True)
class FixedSize:
    """Whether tests of all pairs find the change.

    Attributes:
        known_variance: a z test of the log ratios that knows their variance.
        normal_scores: van der Waerden's test of ranks, with the sides of pairs exchanged.
        own_scores: the test that a duet takes.
    """

    known_variance: bool
    normal_scores: bool
    own_scores: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """A duet beside the best of the tests of fixed size, on the same pairs.

    The best test of one half of the duets stands beside the other half. Taken from all of them, it would partly be the
    one that was lucky in these.

    Attributes:
        duets: how many.
        found: share in which the duet finds the change.
        best: the test of fixed size that finds it most often, of each half beside the other; one name where they agree.
        best_found: share in which that one does.
        gap: how much less the duet finds.
        error: standard error of the gap by chance; the pairs are the same, so that most of their noise cancels.
    """

    duets: int
    found: float
    best: str
    best_found: float
    gap: float
    error: float


def fixed_size(pairs: Sequence[EnvironmentPair], spread: float) -> FixedSize:
    """What tests of fixed size say of the warm runs of the pairs, whose logs spread by `spread`."""
    logs = np.log(np.array([[p.baseline[1].duration_ms, p.candidate[1].duration_ms] for p in pairs], dtype=float))
    threshold, alpha = Question().log_threshold, 1 - Question().confidence
    gap = float((logs[:, 1] - logs[:, 0]).mean()) - threshold
    return FixedSize(
        gap > Z95 * spread * math.sqrt(2 / len(pairs)),
        chance_of_sum(_normal_scores(logs - [0, threshold])) <= alpha,
        chance_above(TypicalShift(logs[:, 0], logs[:, 1]), threshold) <= alpha,
    )


def shares(tests: Sequence[FixedSize]) -> dict[str, float]:
    """How often each test finds the change."""
    return {item.name: float(np.mean([getattr(test, item.name) for test in tests])) for item in fields(FixedSize)}


def gap(found: Sequence[bool], tests: Sequence[FixedSize]) -> Gap:
    """What duets lose to the best test.

    Args:
        found: whether each duet finds the change.
        tests: the same of the tests of its pairs.
    """
    duets = np.array(found, dtype=float)
    beside = np.zeros(len(duets))
    chosen = []
    for half, other in ((slice(0, None, 2), slice(1, None, 2)), (slice(1, None, 2), slice(0, None, 2))):
        by_test = shares(tests[other] or tests)
        chosen.append(max(by_test, key=lambda name: by_test[name]))
        beside[half] = [getattr(test, chosen[-1]) for test in tests[half]]
    lost = beside - duets
    best = " or ".join(dict.fromkeys(chosen))
    error = float(lost.std() / math.sqrt(len(lost)))
    return Gap(len(lost), float(duets.mean()), best, float(beside.mean()), float(lost.mean()), error)


def _normal_scores(logs: Floats) -> Floats:
    """Difference of the normal scores of the sides of each pair."""
    from scipy.stats import rankdata  # takes a second to import

    scores = ndtri(rankdata(logs) / (logs.size + 1)).reshape(logs.shape)
    return np.asarray(scores[:, 1] - scores[:, 0])
