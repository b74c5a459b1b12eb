"""Intervals of shares, means and quantiles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.evidence.shares import mean_interval, quantile_interval, share_interval, wilson_upper


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
        mean, p90 = mean_interval(values, seed=seed), quantile_interval(values, 0.9)
        held_mean += mean.low <= np.exp(0.045) <= mean.high
        held_quantile += p90.low <= np.exp(0.3 * 1.2816) <= p90.high
    assert 180 <= held_mean <= 200
    assert 180 <= held_quantile <= 200
