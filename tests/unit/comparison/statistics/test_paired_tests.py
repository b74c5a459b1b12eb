"""Tests of pairs: their chances are exact, and their bounds move with the data."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.comparison.statistics.error_spending import looks, nominal_levels
from tuner.comparison.statistics.paired_tests import (
    MeanShift,
    QuantileShift,
    RunsByPair,
    SlowShare,
    TypicalShift,
    chance_above,
    chance_below,
    estimate,
    lower_bound,
    upper_bound,
)
from tuner.comparison.statistics.sign_flips import chance_of_sum

counts = st.lists(st.integers(-3, 3), min_size=1, max_size=10)


@st.composite
def logs(draw: st.DrawFn) -> list[tuple[float, float]]:
    """Pairs without ties."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    return [(float(b), float(c)) for b, c in rng.standard_t(3, (draw(st.integers(8, 40)), 2))]


def typical(pairs: list[tuple[float, float]]) -> TypicalShift:
    values = np.array(pairs)
    return TypicalShift(values[:, 0], values[:, 1])


@given(counts)
def test_the_chance_of_counts_is_that_of_all_their_signs(values: list[int]) -> None:
    signs = itertools.product((-1, 1), repeat=len(values))
    as_much = [sum(s * abs(v) for s, v in zip(sign, values, strict=True)) >= sum(values) for sign in signs]
    assert chance_of_sum(np.array(values, dtype=float)) == pytest.approx(sum(as_much) / len(as_much))


def test_beyond_the_exact_length_the_series_continues_the_exact_distribution() -> None:
    rng = np.random.default_rng(0)
    for shift in (0.2, 0.4, 0.55):
        values = rng.standard_normal(31) + shift
        # Whole numbers of a large sum are exact as well.
        exact = chance_of_sum(np.round(values * 400 / np.abs(values).sum()))
        assert chance_of_sum(values) == pytest.approx(exact, rel=0.1)


@settings(max_examples=25, deadline=None)
@given(logs(), st.floats(-2, 2))
def test_a_shift_of_the_candidate_moves_the_bounds_by_as_much(pairs: list[tuple[float, float]], by: float) -> None:
    plain, moved = typical(pairs), typical([(b, c + by) for b, c in pairs])
    low = lower_bound(plain, 0.05)
    assert low <= estimate(plain) + 1e-6
    assert lower_bound(moved, 0.05) == pytest.approx(low + by, abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(logs())
def test_swapping_the_sides_mirrors_the_chances(pairs: list[tuple[float, float]]) -> None:
    plain, swapped = typical(pairs), typical([(c, b) for b, c in pairs])
    assert chance_above(plain, 0.0) == pytest.approx(chance_below(swapped, 0.0))
    assert upper_bound(plain, 0.05) == pytest.approx(-lower_bound(swapped, 0.05), abs=1e-5)


def test_one_wild_pair_hardly_moves_the_estimate() -> None:
    rng = np.random.default_rng(1)
    pairs = [(float(b), float(c) + 0.1) for b, c in 0.01 * rng.standard_normal((30, 2))]
    assert estimate(typical([*pairs[:-1], (0.0, 50.0)])) == pytest.approx(estimate(typical(pairs)), abs=0.005)


def test_what_moves_both_sides_of_a_pair_cancels() -> None:
    rng = np.random.default_rng(2)
    hosts = rng.standard_normal(25)
    test = TypicalShift(hosts + 0.02 * rng.standard_normal(25), hosts + 0.02 * rng.standard_normal(25) + math.log(1.15))
    assert chance_above(test, math.log(1.05)) < 0.001


@pytest.mark.parametrize(("most", "step"), [(100, 5), (125, 1)])
def test_at_the_threshold_either_default_schedule_errs_as_often_as_it_may(most: int, step: int) -> None:
    schedule, alpha, repetitions = looks(most, step), 0.05, 200
    levels = nominal_levels(schedule, alpha)
    rng = np.random.default_rng(3)
    passed = 0
    for _ in range(repetitions):
        before, after = rng.standard_t(4, (2, most))
        tests = ((TypicalShift(before[:n], after[:n]), level) for n, level in zip(schedule, levels, strict=True))
        passed += any(chance_above(test, 0.0) <= level for test, level in tests)
    assert alpha * 0.2 < passed / repetitions < alpha + 3 * math.sqrt(alpha * (1 - alpha) / repetitions)


def slow(before: list[list[float]], after: list[list[float]]) -> SlowShare:
    return SlowShare([(RunsByPair.of(before), RunsByPair.of(after))], 1.5)


def test_slow_runs_are_those_beyond_a_multiple_of_the_common_median() -> None:
    test = slow([[0.0, 0.0]] * 10, [[0.0, math.log(3)]] * 10)
    before, after = test.counts(0.0)
    assert (before.sum(), after.sum()) == (0, 10)
    assert chance_above(test, 0.0) == pytest.approx(2**-10)


def test_a_plain_slowdown_within_the_shift_makes_no_run_slow() -> None:
    rng = np.random.default_rng(4)
    runs = rng.standard_t(3, (40, 1)) / 10
    test = slow(runs.tolist(), (rng.permutation(runs) + math.log(1.05)).tolist())
    assert test.contributions(math.log(1.05)).sum() == 0


@pytest.mark.parametrize("allowed", [0.05, 0.3, 1.0])
def test_a_slower_tail_shows_whatever_plain_slowdown_is_allowed(allowed: float) -> None:
    rng = np.random.default_rng(7)
    before, after = 0.1 * rng.standard_normal((2, 200, 1))
    after[::8] += math.log(3)
    test = slow(before.tolist(), after.tolist())
    assert chance_above(test, math.log1p(allowed)) < 1e-4
    counts = [int(side.sum()) for side in test.counts(math.log1p(allowed))]
    assert counts == [0, 25]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_any_plain_slowdown_within_a_large_shift_makes_no_run_slow(share: float) -> None:
    rng = np.random.default_rng(8)
    before, after = 0.1 * rng.standard_normal((2, 200, 1))
    test = slow(before.tolist(), (after + share * math.log(1.5)).tolist())
    assert sum(int(side.sum()) for side in test.counts(math.log(1.5))) == 0


def test_a_quantile_moves_where_only_the_slow_runs_do() -> None:
    rng = np.random.default_rng(5)
    before, after = 0.05 * rng.standard_normal((2, 200, 1))
    after[::8] += math.log(2)
    high = QuantileShift(RunsByPair.of(before.tolist()), RunsByPair.of(after.tolist()), 0.95)
    middle = TypicalShift(before[:, 0], after[:, 0])
    assert lower_bound(high, 0.01) > 0.3
    assert upper_bound(middle, 0.01) < 0.05


def test_the_mean_counts_every_run() -> None:
    before = np.ones(60)
    after = np.where(np.arange(60) % 10 == 0, 3.0, 1.0)
    assert estimate(MeanShift(before, after)) == pytest.approx(math.log(1.2), abs=1e-4)


def test_too_few_pairs_have_no_bound() -> None:
    pairs = [(0.0, 1.0 + i) for i in range(8)]
    assert lower_bound(typical(pairs), 2**-9) == -math.inf
    assert lower_bound(typical(pairs), 2**-8) > -math.inf
