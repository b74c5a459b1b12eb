"""Reading JSON that may be damaged: a value that can be used, or one clear error."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.documents.result import loads
from tuner.documents.strict_json import DEEPEST, decode_text, parse_strictly
from tuner.errors import InputError

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@given(values)
def test_what_a_document_holds_is_read_as_it_is(value: object) -> None:
    assert parse_strictly(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1"),
        ('{"a":\n5,}', "line 2"),
        ("9" * 400, "too large a number"),
        ("-" + "9" * 30, "too large a number"),
        ("[" * 900 + "]" * 900, f"more than {DEEPEST} levels"),
        ("[" * 100_000, "levels"),
        ('{"a": "\\ud800"}', "half a character"),
        ('{"\\udfff": 1}', "half a character"),
    ],
)
def test_what_no_document_holds_is_one_clear_error(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_strictly(text)
    with pytest.raises(InputError, match=r"result\.json"):
        loads(text, name="result.json")


@given(st.binary(max_size=40))
def test_any_bytes_are_text_or_one_clear_error(content: bytes) -> None:
    with contextlib.suppress(ValueError):
        parse_strictly(decode_text(content))


def test_bytes_that_are_no_text_name_their_line() -> None:
    with pytest.raises(ValueError, match="line 3 is not text"):
        decode_text(b"a\nb\nc\xff")
