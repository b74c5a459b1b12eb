"""The flags of a question ask exactly the same question again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.cli.values import as_share
from tuner.question import as_percent, plain, raised_budget


@given(value=st.floats(1e-300, 1e300) | st.integers(0, 10**30))
def test_a_number_is_told_to_its_last_digit_and_without_exponent(value: float) -> None:
    assert float(plain(value)) == float(value)
    assert "e" not in plain(value).lower()


@given(share=st.floats(1e-12, 1, exclude_max=True))
def test_a_share_is_told_to_its_last_digit(share: float) -> None:
    told = as_share(as_percent(share))
    assert told == pytest.approx(share, rel=1e-14)


@pytest.mark.parametrize(("share", "told"), [(0.02, "2%"), (0.015, "1.5%"), (0.07, "7%"), (0.9999999, "99.99999%")])
def test_a_share_is_told_as_people_write_it(share: float, told: str) -> None:
    assert as_percent(share) == told


def test_a_budget_of_nothing_cannot_be_raised() -> None:
    result = {"stopped_by": "max_usd", "request": {"budget": {"max_usd": None}}, "tuning": {"cost_usd": 0.0}}
    assert raised_budget(result) is None
