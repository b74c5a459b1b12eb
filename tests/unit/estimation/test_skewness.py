"""The lower bound of the mean of skewed runs, and how much room steady and other runs have above."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import stdtrit

from tuner.estimation.means.skewness import (
    ENOUGH_RUNS,
    FEW_RUNS,
    STEADY_SD,
    WIDE_SD,
    Levels,
    least_means,
    skewness,
    without_skew,
)

LEVELS = Levels(below=0.05, above_steady=0.03, above=0.01)
VALUES = st.lists(st.floats(1, 1000), min_size=2, max_size=24)


@given(st.floats(-4, 4), st.integers(2, 50), st.floats(-30, 30), st.floats(0, 30))
def test_a_higher_score_stays_higher_whatever_the_skew(skew: float, runs: int, score: float, more: float) -> None:
    low, high = without_skew(np.array([score, score + more]), skew, runs)
    assert math.isfinite(low)
    assert low <= high + 1e-9


def test_runs_without_skew_keep_students_score() -> None:
    scores = np.linspace(-5, 5, 11)
    assert without_skew(scores, 0.0, 5) == pytest.approx(scores)
    assert without_skew(scores, 1e-4, 5) == pytest.approx(scores, abs=1e-2)
    assert skewness(np.array([1.0, 1.0, 1.0])) == 0
    assert skewness(np.array([1.0, 2.0, 3.0])) == pytest.approx(0)


@given(VALUES, st.floats(0.01, 100))
def test_bounds_of_longer_runs_are_longer_by_the_same_factor(values: list[float], factor: float) -> None:
    labels = np.arange(len(values))
    ratio = np.zeros(50, dtype=np.intp)
    once = least_means(np.array(values), labels, ratio, np.random.default_rng(0))
    longer = least_means(factor * np.array(values), labels, ratio, np.random.default_rng(0))
    for before, after in zip(once, longer, strict=True):
        assert after == pytest.approx(factor * before, rel=1e-3, abs=1e-6 * factor)


def test_the_bound_of_skewed_runs_is_nearer_its_level_than_students() -> None:
    rng = np.random.default_rng(2)
    count, level, ratio = 24, 0.05, np.zeros(1000, dtype=np.intp)
    student, bounded = 0, 0
    for _ in range(1000):
        values = 100 + rng.exponential(30, count)
        mean, geometric = (np.quantile(d, level) for d in least_means(values, np.arange(count), ratio, rng))
        bounded += max(mean, geometric) > 130
        student += values.mean() - stdtrit(count - 1, 1 - level) * values.std(ddof=1) / math.sqrt(count) > 130
    assert student / 1000 < 0.02 < bounded / 1000 < level + 0.015


@given(st.floats(0, 3), st.integers(1, 50))
def test_steady_runs_leave_more_out_above_than_others(spread: float, runs: int) -> None:
    assert LEVELS.above / 2 - 1e-12 <= LEVELS.above_at(spread, runs) <= LEVELS.above_steady + 1e-12
    assert LEVELS.above_at(spread * 1.1, runs) <= LEVELS.above_at(spread, runs) + 1e-12


@given(st.floats(0, 3), st.integers(1, 50))
def test_few_runs_leave_less_out_above_than_many(spread: float, runs: int) -> None:
    assert LEVELS.above_at(spread, runs) <= LEVELS.above_at(spread, runs + 1) + 1e-12
    assert LEVELS.above_at(WIDE_SD, FEW_RUNS) == pytest.approx(LEVELS.above / 2)


def test_room_above_changes_between_the_two_spreads_alone() -> None:
    for runs in (FEW_RUNS, ENOUGH_RUNS):
        assert LEVELS.above_at(STEADY_SD / 2, runs) == pytest.approx(LEVELS.above_steady)
    assert LEVELS.above_at(WIDE_SD, ENOUGH_RUNS) == pytest.approx(LEVELS.above)
    assert LEVELS.above_at(math.inf, ENOUGH_RUNS) == pytest.approx(LEVELS.above)


def test_few_runs_show_the_skewness_of_what_they_are_drawn_from_without_shrinking_it() -> None:
    assert skewness(np.array([0.0, 0.0, 1.0])) == pytest.approx(math.sqrt(3))
    assert skewness(np.array([1.0, 1.0, 0.0])) == pytest.approx(-math.sqrt(3))
    assert skewness(np.array([1.0, 2.0])) == 0
