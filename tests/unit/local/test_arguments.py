"""The words that name a handler again."""

from __future__ import annotations

from tuner.local.arguments import arguments
from tuner.local.host import architecture
from tuner.model import Architecture
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


def test_the_size_in_use_is_repeated_where_it_can_be_measured_here() -> None:
    here = architecture()
    other = next(each for each in Architecture if each is not here)
    for told, repeated in ((None, True), (here, True), (other, False)):
        options = LocalOptions(memory_mb=512, architecture=told)
        words = arguments(Settings("app.py:handler", local=options))
        assert (words[1:] == ["--memory-in-use", "512"]) is repeated
