"""Numbers in sentences keep their size and show no exponent."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.plain_numbers import days_words, listed, significant


@pytest.mark.parametrize(
    ("value", "told"),
    [(12345.6, "12,350"), (1234.5, "1,234"), (0.40, "0.4"), (99.999, "100"), (0, "0"), (-3.25, "-3.25")],
)
def test_a_number_has_four_digits_and_no_exponent(value: float, told: str) -> None:
    assert significant(value) == told


@given(st.floats(1e-9, 1e12), st.integers(1, 6))
def test_a_number_keeps_its_size(value: float, digits: int) -> None:
    told = significant(value, digits)
    assert "e" not in told
    assert float(told.replace(",", "")) == pytest.approx(value, rel=5.01 * 10.0**-digits)


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (14.0, "14 days"), (1.0, "1 day"), (1.5, "1.5 days"), (0.7, "16.8 hours"), (1 / 24, "1 hour"),
        (0.002, "3 minutes"), (0.0, "1 minute"),
    ],
)  # fmt: skip
def test_a_span_of_days_has_a_unit_that_suits_it(days: float, told: str) -> None:
    assert days_words(days) == told


@pytest.mark.parametrize(
    ("values", "told"),
    [((1024,), "1024"), ((128, 512, 1024), "128, 512, 1024"), (range(128, 3009, 64), "46 from 128 to 3,008")],
)
def test_many_numbers_are_told_by_their_ends(values: Sequence[int], told: str) -> None:
    assert listed(values) == told
