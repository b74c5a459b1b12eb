"""The sequential signed-rank test: its errors, its looks, its laws."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.comparison.statistics.error_spending import looks, nominal_levels
from tuner.comparison.statistics.signed_ranks import critical_rank, least_pairs, shift, walsh_averages

differences = st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=8, max_size=40)


def test_a_bound_exists_only_when_no_outcome_beyond_it_is_likelier_than_the_level() -> None:
    # All eight signs alike has the chance 2^-8.
    assert critical_rank(8, 2**-8) == 1
    assert critical_rank(8, 2**-8 - 1e-6) == 0


def test_the_normal_limit_continues_the_exact_distribution() -> None:
    exact, limit = critical_rank(150, 0.01), critical_rank(151, 0.01)
    assert 0 < limit - exact < 0.02 * exact


@pytest.mark.parametrize("most", [8, 25, 100, 400])
def test_looks_grow_and_end_with_the_budget(most: int) -> None:
    schedule = looks(most)
    assert schedule[-1] == most
    assert list(schedule) == sorted(set(schedule))
    assert schedule[0] == 8


def test_batches_of_five_are_asked_for_where_a_batch_is_dear() -> None:
    schedule = looks(100, 5)
    assert 25 in schedule
    assert all(later - sooner >= 3 for sooner, later in itertools.pairwise(schedule))


def test_the_error_over_all_looks_is_what_was_asked_for() -> None:
    """Checked on Brownian motion seen at the looks, on which the levels are built."""
    from scipy.special import ndtri

    schedule = looks(100)
    bounds = -ndtri(np.array(nominal_levels(schedule, 0.04)))
    rng = np.random.default_rng(1)
    steps = rng.standard_normal((40_000, len(schedule))) * np.sqrt(np.diff(schedule, prepend=0))
    crossed = (np.cumsum(steps, axis=1) / np.sqrt(schedule) > bounds).any(axis=1)
    assert crossed.mean() == pytest.approx(0.04, abs=0.004)


@pytest.mark.parametrize(("most", "step"), [(100, 5), (125, 1)])
def test_at_the_threshold_either_default_schedule_errs_as_often_as_it_may(most: int, step: int) -> None:
    """The lower bound passes zero when the ranks of the negative pairs sum to less than its own rank."""
    schedule, alpha, repetitions = looks(most, step), 0.05, 3000
    levels = nominal_levels(schedule, alpha)
    pairs = np.random.default_rng(3).standard_t(4, size=(repetitions, most))
    passed = np.zeros(repetitions, dtype=bool)
    for count, level in zip(schedule, levels, strict=True):
        ranks = np.abs(pairs[:, :count]).argsort(axis=1).argsort(axis=1) + 1
        passed |= (ranks * (pairs[:, :count] < 0)).sum(axis=1) < critical_rank(count, level)
    allowed = 3 * math.sqrt(alpha * (1 - alpha) / repetitions)
    assert alpha * 0.7 < passed.mean() < alpha + allowed


@given(differences, st.floats(-2, 2))
def test_a_shift_of_all_pairs_moves_estimate_and_bounds_by_as_much(values: list[float], by: float) -> None:
    plain = shift(values, looks(40), 0.05)
    moved = shift([value + by for value in values], looks(40), 0.05)
    assert plain is not None
    assert moved is not None
    assert moved.estimate == pytest.approx(plain.estimate + by, abs=1e-9)
    assert moved.low == pytest.approx(plain.low + by, abs=1e-9)


@pytest.mark.parametrize("alpha", [0.3, 0.05, 0.001])
def test_fewer_pairs_than_the_least_never_give_a_bound(alpha: float) -> None:
    least = least_pairs(alpha)
    for count, bounded in ((least - 1, False), (least, True)):
        found = shift([1.0 + i for i in range(count)], looks(count), alpha)
        assert found is not None
        assert math.isfinite(found.low) is bounded


@given(differences)
def test_swapping_the_sides_mirrors_the_bounds(values: list[float]) -> None:
    plain, mirrored = shift(values, looks(40), 0.05), shift([-value for value in values], looks(40), 0.05)
    assert plain is not None
    assert mirrored is not None
    assert (mirrored.low, mirrored.high) == (-plain.high, -plain.low)
    assert plain.low <= plain.estimate <= plain.high


def test_one_wild_pair_does_not_move_the_estimate() -> None:
    values = [0.1 + 0.001 * i for i in range(20)]
    plain, wild = shift(values, looks(20), 0.05), shift([*values[:-1], 50.0], looks(20), 0.05)
    assert plain is not None
    assert wild is not None
    assert wild.estimate == pytest.approx(plain.estimate, abs=0.002)


def test_before_the_first_look_nothing_is_said() -> None:
    assert shift([0.1] * 7, looks(40), 0.05) is None


def test_walsh_averages_are_those_of_all_pairs() -> None:
    assert walsh_averages(np.array([1.0, 3.0])).tolist() == [1.0, 2.0, 3.0]
