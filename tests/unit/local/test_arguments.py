"""The words that name a handler again."""

from __future__ import annotations

from tuner.local.arguments import arguments
from tuner.settings import LocalOptions, Settings


def test_a_handler_is_named_as_it_was_given_with_what_differs_from_the_defaults() -> None:
    options = LocalOptions(
        root="src", interpreters={"python": ".venv"}, environment={"TOKEN": "secret"}, timeout_s=3.0, tmp_mb=1024
    )
    told = arguments(Settings("src/app.py:handler", local=options))
    values = ["--root", "src", "--python", ".venv", "--env", "TOKEN=…", "--timeout", "3", "--ephemeral-storage", "1024"]
    assert told == ["src/app.py:handler", *values]


def test_a_command_stands_at_the_end() -> None:
    told = arguments(Settings("-- java 'a b'", local=LocalOptions(handler="x")))
    assert told == ["--handler", "x", "--", "java", "a b"]
