"""Figures in words: few digits, the right unit, and no hidden characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.words import numbers
from reports.words.escape import clip, visible


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0.853, "0.853 ms"),
        (9.5, "9.50 ms"),
        (9.996, "10.0 ms"),
        (99.96, "100 ms"),
        (210.4, "210 ms"),
        (9999, "9,999 ms"),
        (12_345, "12.3 s"),
        (0, "0 ms"),
    ],
)
def test_durations_have_three_digits(value: float, told: str) -> None:
    assert numbers.milliseconds(value) == told


@given(st.floats(1e-5, 999.4))
def test_no_number_below_a_thousand_has_a_fourth_digit(value: float) -> None:
    digits = numbers.number(value).replace(".", "").lstrip("0")
    assert len(digits) <= 3


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0.99968, "$1.00"),
        (0.09996, "$0.100"),
        (412.4, "$412"),
        (41.2, "$41.20"),
        (0.2, "$0.200"),
        (0.000412, "$0.000412"),
        (-3, "-$3.00"),
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
        (846, 1005, "846 to 1,005 ms"),
        (9500, 10_200, "9.5 to 10.2 s"),
        (900, 12_000, "0.9 to 12.0 s"),
        (9.5, 125, "10 to 125 ms"),
        (1.4, 125, "1.4 to 125.0 ms"),
        (0, 125, "0 to 125 ms"),
    ],
)
def test_an_interval_of_durations_has_one_unit_and_equal_digits(low: float, high: float, told: str) -> None:
    assert numbers.milliseconds_range(low, high) == told


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (91.39, 125, "$91 to 125"),
        (3.72, 12.5, "$3.72 to 12.50"),
        (-3, 5, "-$3.00 to $5.00"),
        (99.8, 100.2, "$99.8 to 100.2"),
        (1000, 1_234_567, "$1,000 to 1,234,567"),
    ],
)
def test_an_interval_of_money_has_one_sign_and_equal_digits(low: float, high: float, told: str) -> None:
    assert numbers.money_range(low, high) == told


@pytest.mark.parametrize(
    ("low", "high", "told"), [(0.35, 0.41, "35 to 41%"), (0.042, 0.12, "4 to 12%"), (-0.005, 0.12, "-0.5 to 12.0%")]
)
def test_an_interval_of_shares_has_one_sign_and_equal_digits(low: float, high: float, told: str) -> None:
    assert numbers.percent_range(low, high) == told


@given(st.floats(1e-3, 1e7), st.floats(1, 1e4))
def test_ends_of_an_interval_keep_their_size_where_they_are_of_one_order(low: float, ratio: float) -> None:
    told = numbers.milliseconds_range(low, low * min(ratio, 100))
    first, _, last, unit = told.replace(",", "").split()
    assert float(first) * (1000 if unit == "s" else 1) == pytest.approx(low, rel=0.11)
    assert len(first.partition(".")[2]) == len(last.partition(".")[2])


def test_values_along_an_axis_have_the_unit_of_the_largest() -> None:
    assert [numbers.milliseconds_axis(value, 20_000) for value in (500, 5_000, 20_000)] == ["0.5 s", "5 s", "20 s"]
    assert numbers.milliseconds_axis(5_000, 8_000) == "5,000 ms"


@pytest.mark.parametrize(
    ("ticks", "told"),
    [
        ((20, 50, 100), ["$20", "$50", "$100"]),
        ((1, 5, 50), ["$1", "$5", "$50"]),
        ((2.5, 5, 7.5), ["$2.50", "$5.00", "$7.50"]),
        ((0.5, 1, 1.5), ["$0.50", "$1.00", "$1.50"]),
        ((0.005, 0.1, 1), ["$0.00500", "$0.10", "$1.00"]),
    ],
    ids=str,
)
def test_amounts_along_an_axis_have_cents_only_where_needed(ticks: tuple[float, ...], told: list[str]) -> None:
    assert [numbers.money_unit("USD").axis(value, ticks[-1]) for value in ticks] == told


@pytest.mark.parametrize(
    ("value", "told"), [(20e6, "20 million"), (1.5e6, "1.5 million"), (250_000, "250,000"), (12, "12")]
)
def test_amounts_read_easily(value: float, told: str) -> None:
    assert numbers.count(value) == told


@pytest.mark.parametrize(
    ("value", "told"), [(74.2, "74.2 s"), (30, "30 s"), (200, "3 min 20 s"), (900, "15 min"), (7300, "2 h 1 min")]
)
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
