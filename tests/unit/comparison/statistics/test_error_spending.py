"""Looks and their levels: when a test looks, and what each look may spend."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tuner.comparison.statistics.error_spending import (
    least_pairs,
    level_of,
    looks,
    nominal_levels,
)


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


def test_the_look_at_100_invocations_has_over_nine_tenths_of_the_level_of_a_test_that_looks_once() -> None:
    assert nominal_levels(looks(25, 5), 0.04)[-1] > 0.9 * 0.04


@pytest.mark.parametrize("alpha", [0.3, 0.05, 0.001])
def test_with_fewer_pairs_than_the_least_no_signs_are_unlikely_enough(alpha: float) -> None:
    least = least_pairs(alpha)
    assert 0.5**least <= alpha < 0.5 ** (least - 1)


def test_error_that_a_look_could_not_spend_is_left_to_the_next_one() -> None:
    assert level_of((13, 25), (0.02, 0.03)) > level_of((8, 13, 25), (0.01, 0.01, 0.03))
    assert level_of((25,), (0.05,)) == pytest.approx(0.05, rel=1e-3)
