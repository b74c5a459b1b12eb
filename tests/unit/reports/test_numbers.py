"""Figures in words: few digits, the right unit, and no hidden characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.words import numbers
from reports.words.escape import clip, visible


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.853, "0.853 ms"), (9.5, "9.50 ms"), (210.4, "210 ms"), (9999, "9,999 ms"), (12_345, "12.3 s"), (0, "0 ms")],
)
def test_durations_have_three_digits(value: float, told: str) -> None:
    assert numbers.milliseconds(value) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (412.4, "$412"),
        (41.2, "$41.20"),
        (0.2, "$0.200"),
        (0.000412, "$0.000412"),
        (-3, "−$3.00"),
        (1234567, "$1,234,567"),
    ],
)
def test_money_is_told_in_cents_and_large_sums_without(value: float, told: str) -> None:
    assert numbers.money(value) == told


def test_other_currencies_are_not_dollars() -> None:
    assert numbers.money(3, "CNY") == "CN¥3.00"
    assert numbers.money(3, "XYZ") == "XYZ 3.00"


@pytest.mark.parametrize(
    ("value", "told"), [(0.38, "38%"), (0.042, "4.2%"), (0.0003, "0.03%"), (0, "0%"), (-0.2, "-20%")]
)
def test_shares_are_percentages(value: float, told: str) -> None:
    assert numbers.percent(value) == told


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        ("846 ms", "1,005 ms", "846 to 1,005 ms"),
        ("900 ms", "12.0 s", "900 ms to 12.0 s"),
        ("$3.72", "$4.39", "$3.72 to 4.39"),
        ("−$3.00", "$5.00", "−$3.00 to $5.00"),
    ],
)
def test_a_range_names_a_common_unit_once(low: str, high: str, told: str) -> None:
    assert numbers.span(low, high) == told


@pytest.mark.parametrize(
    ("value", "told"), [(20e6, "20 million"), (1.5e6, "1.5 million"), (250_000, "250,000"), (12, "12")]
)
def test_amounts_read_easily(value: float, told: str) -> None:
    assert numbers.count(value) == told


@pytest.mark.parametrize(("value", "told"), [(74.2, "74.2 s"), (30, "30 s"), (200, "3 min 20 s"), (7300, "2 h 1 min")])
def test_times_are_told_in_their_unit(value: float, told: str) -> None:
    assert numbers.seconds(value) == told


@given(st.text())
def test_visible_text_is_one_line_without_control_or_direction_characters(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    assert "\u202e" not in shown


@given(st.text(), st.integers(1, 50))
def test_clipped_text_is_no_longer_than_asked_for(text: str, length: int) -> None:
    assert len(clip(text, length)) <= length


@given(st.floats(1e-9, 1e12))
def test_a_number_keeps_its_size(value: float) -> None:
    told = float(numbers.number(value).replace(",", ""))
    assert told == pytest.approx(value, rel=0.006, abs=1e-6)
