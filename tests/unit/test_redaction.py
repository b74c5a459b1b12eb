"""Nothing of what must not be shown is left in a text: short, cut, encoded or in other case."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from functools import partial
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cpu import cpu_s
from tuner.model import FunctionError
from tuner.payloads import without_payload
from tuner.redaction import GRAM, HIDDEN, MOST_CHARACTERS, Redaction

PAYLOAD = {"user": "Zoë O'Neil", "pin": "4711", "token": "tk_live/51+Hx?9=z", "card": 4111111111111111, "ok": "no"}
SECRETS = ("Zoë O'Neil", "4711", "tk_live/51+Hx?9=z", "4111111111111111")
ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "upper case": str.upper,
    "lower case": str.lower,
    "repr": repr,
    "JSON": json.dumps,
    "URL": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 of more": lambda text: base64.b64encode(f"a{text}b".encode()).decode(),
    "base64 of still more": lambda text: base64.b64encode(f"ab{text}c".encode()).decode(),
    "hexadecimal": lambda text: text.encode().hex(),
    "upper hexadecimal": lambda text: text.encode().hex().upper(),
}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
def test_no_encoding_of_a_value_is_left(encode: Callable[[str], str], secret: str) -> None:
    error = FunctionError("E", f"got {encode(secret)} instead", (f"  value: <{encode(secret)}>",))
    found = without_payload(error, json.dumps(PAYLOAD).encode())
    assert found == FunctionError("E", found.message, found.stack)
    assert found.message.startswith("got")
    assert encode(secret).strip("'\"") not in found.message + found.stack[0]
    assert HIDDEN in found.message
    assert HIDDEN in found.stack[0]


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
def test_the_whole_payload_written_anew_is_not_left_in_any_encoding(encode: Callable[[str], str]) -> None:
    hide = Redaction.of(["user", "pin", "token", "card", "ok", "no", *SECRETS])
    shown = hide(f"payload: {encode(json.dumps(PAYLOAD, indent=1))}")
    for text in (encode(secret) for secret in SECRETS):
        assert text.strip("'\"") not in shown


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG"),
        ("GITHUB_TOKEN", "ghp_0123456789"),
        ("DB_PWD", "correct horse"),
        ("DATABASE_URL", "postgres://shop:hunter22@db/shop"),
    ],
)
def test_credentials_of_the_shell_are_hidden_where_a_function_sees_them(name: str, value: str) -> None:
    hide = Redaction.of_local_variables(
        {}, {name: value, "PWD": "/home/anna/shop", "SSH_AUTH_SOCK": "/tmp/ssh-1/agent"}
    )
    assert hide(f"cannot reach {value} in /home/anna/shop") == "cannot reach … in /home/anna/shop"


def test_where_a_credential_lies_is_shown() -> None:
    shell = {"GOOGLE_APPLICATION_CREDENTIALS": "/home/anna/key.json", "AWS_WEB_IDENTITY_TOKEN_FILE": "/home/anna/token"}
    text = "cannot read /home/anna/shop/data.json"
    assert Redaction.of_local_variables({}, shell)(text) == text


def test_a_short_value_is_hidden_as_a_word_and_no_other_word_with_it() -> None:
    assert Redaction.of(["42", "no"])("no: 42 of 4242, not '42'") == "…: … of 4242, not '…'"


def test_a_piece_of_a_long_value_is_hidden() -> None:
    value = "correct horse battery staple"
    hide = Redaction.of([value])
    for start in range(len(value) - GRAM):
        assert hide(f"<{value[start : start + GRAM]}>") == "<…>"


def test_the_name_of_the_error_is_hidden_too() -> None:
    assert without_payload(FunctionError("Bad_hunter2", "no"), b'"hunter2"').type == "Bad_…"


def test_beside_a_very_large_payload_no_text_is_shown() -> None:
    body = json.dumps("x" * MOST_CHARACTERS).encode()
    assert without_payload(FunctionError("E", "anything", ("line",)), body) == FunctionError("…", "…", ("…",))


@given(st.text(min_size=GRAM, max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_no_long_value_is_left_whatever_stands_around_it(value: str, before: str, after: str) -> None:
    assert value not in Redaction.of([value])(before + value + after) or not any(map(str.isalnum, value))


def test_the_time_grows_with_the_text_and_not_with_its_square() -> None:
    hide = Redaction.of([f"value{number:08}" for number in range(500)])
    spent = []
    for length in (2_000, 20_000):
        text = ("value0000000" + "A" * 50 + " ") * (length // 63)
        spent.append(min(cpu_s(partial(hide, text)) for _ in range(3)))
    assert spent[1] < 40 * spent[0]


def test_variables_that_lambda_does_not_tell_hide_every_text() -> None:
    told = {"Variables": {"TOKEN": "hunter2-hunter3"}}
    assert Redaction.of_environment(told)("no hunter2-hunter3 here") == "no … here"
    assert Redaction.of_environment({"Error": {"ErrorCode": "AccessDeniedException"}})("no") == HIDDEN
    assert Redaction.of_environment(None)("no") == "no"
