"""Intervals of draws."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tuner.estimation.belief import ABOVE, BELOW, interval_bounds

DRAWS = arrays(np.float64, array_shapes(max_dims=2, max_side=80), elements=st.floats(-1e9, 1e9))


@given(DRAWS)
def test_bounds_of_draws_are_their_quantiles_to_the_last_bit(draws: np.ndarray) -> None:
    low, high = np.quantile(draws, (BELOW, 1 - ABOVE), axis=0)
    assert np.array_equal(interval_bounds(draws), (low, high))
