"""Intervals of shares, means and quantiles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.evidence.shares import fewest_for_percentile, mean_interval, percentile, share_interval, wilson_upper


@given(st.integers(1, 5000), st.data())
def test_a_share_lies_within_its_interval_and_that_within_one(count: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, count))
    found = share_interval(hits, count)
    assert 0 <= found.low <= found.mean + 1e-12
    assert found.mean - 1e-12 <= found.high <= 1 + 1e-12


def test_a_published_example_of_wilson() -> None:
    found = share_interval(10, 100)
    assert (found.low, found.high) == (pytest.approx(0.0552, abs=1e-3), pytest.approx(0.1744, abs=1e-3))
    assert wilson_upper(0, 1000) == pytest.approx(0.0027, abs=1e-4)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    held_mean, held_quantile = 0, 0
    for seed in range(200):
        values = rng.lognormal(0, 0.3, 200)
        mean, p90 = mean_interval(values, seed=seed), percentile(values, 0.9)
        held_mean += mean.low <= np.exp(0.045) <= mean.high
        held_quantile += p90.high is not None and p90.low <= np.exp(0.3 * 1.2816) <= p90.high
    assert 180 <= held_mean <= 200
    assert 180 <= held_quantile <= 200


@pytest.mark.parametrize("count", [5, 10, 20])
def test_intervals_of_few_values_hold_the_mean(count: int) -> None:
    rng = np.random.default_rng(1)
    held = 0
    for seed in range(200):
        found = mean_interval(rng.normal(100, 5, count), seed=seed)
        held += found.low <= 100 <= found.high
    assert held >= 184


@pytest.mark.parametrize(("level", "fewest"), [(0.95, 72), (0.99, 368)])
def test_a_percentile_has_an_upper_bound_from_enough_values_on(level: float, fewest: int) -> None:
    assert fewest_for_percentile(level) == fewest
    before, after = (percentile(np.arange(count, dtype=np.float64), level) for count in (fewest - 1, fewest))
    assert (before.mean, before.high) == (None, None)
    assert after.high == fewest - 1


def test_few_values_still_bound_a_percentile_from_below() -> None:
    rng = np.random.default_rng(2)
    truth = float(np.exp(0.3 * 2.3263))
    held = sum(percentile(rng.lognormal(0, 0.3, 30), 0.99).low <= truth for _ in range(300))
    assert held >= 285
