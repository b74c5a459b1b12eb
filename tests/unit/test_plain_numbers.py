"""Numbers in sentences keep their size and show no exponent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.plain_numbers import significant


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
