"""JSON values are read as JavaScript reads them: truth, text, numbers, sums."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.documents.javascript import add, as_number, as_text, parse_integer, rewrite, truthy

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


@pytest.mark.parametrize(("value", "number"), [(None, 0), (True, 1), ("", 0), (" 7 ", 7), ("1e3", 1000), ("0x10", 16),
    ("0b11", 3), (".5", 0.5), ("-Infinity", -math.inf), ([], 0), (["3"], 3), (10**400, math.inf)])  # fmt: skip
def test_a_value_holds_a_number(value: Any, number: float) -> None:
    assert as_number(value) == number


@pytest.mark.parametrize("value", ["x", "1_0", "\u0661", "5 runs", "nan", "infinity", {}, [1, 2]])
def test_what_python_or_nobody_reads_as_a_number_is_none(value: Any) -> None:
    assert math.isnan(as_number(value))


@pytest.mark.parametrize(("value", "number"), [("5 runs", 5), ("1e3", 1), ("0x10", 0), (5.9, 5), (-5.9, -5),
    ([7, 8], 7), ("", None), (True, None), (None, None), ({}, None), (math.inf, None), ("+6", 6)])  # fmt: skip
def test_a_whole_number_is_parsed_from_the_beginning_of_a_value(value: Any, number: int | None) -> None:
    assert parse_integer(value) == number


@pytest.mark.parametrize(("first", "second", "total"), [(1, 2, 3), (0, "5", "05"), ("05", "5", "055"), (True, 1, 2),
    (0, [5], "05"), (0, {}, "0[object Object]"), (1.5, None, 1.5)])  # fmt: skip
def test_numbers_are_summed_and_texts_joined(first: Any, second: Any, total: Any) -> None:
    assert add(first, second) == total


@pytest.mark.parametrize(("value", "text"), [([1, None, "a", [2.0]], "1,,a,2"), (1e21, "1e+21"), (False, "false")])
def test_values_are_written_as_text(value: Any, text: str) -> None:
    assert as_text(value) == text


@given(JSON)
def test_no_value_breaks_a_reading_and_a_rewritten_value_is_finite(value: Any) -> None:
    as_number(value)
    parse_integer(value)
    add(0, value)
    assert isinstance(truthy(value), bool)
    assert rewrite(rewrite(value)) == rewrite(value)
