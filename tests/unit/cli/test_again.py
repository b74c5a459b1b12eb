"""The command that goes on with a run repeats what was given, but for the folder and what must not be shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuner.cli.again import at_once_told, resuming
from tuner.errors import InterruptedAtOnceError


@pytest.mark.parametrize("place", [["--output", "a b"], ["--output=a b"], ["--resume", "a b"], []])
def test_the_folder_takes_the_place_of_the_one_that_was_given(place: list[str]) -> None:
    words = ["fleet", "orders", *place, "--runs", "2"]
    assert resuming(words, Path("a b")) == "tuner fleet orders --runs 2 --resume 'a b'"


def test_a_payload_that_must_not_be_shown_is_left_to_be_filled_in() -> None:
    for payload in (["--payload", "{}"], ["--payload={}"]):
        assert "{}" in resuming(["fleet", *payload], Path("out"))
        assert "{}" not in resuming(["fleet", *payload], Path("out"), hide=True)
    for file in (["--payload", "@e.json"], ["--payload=@e.json"]):
        assert "@e.json" in resuming(["fleet", *file], Path("out"), hide=True)


def test_after_a_second_interruption_what_may_be_left_is_told_with_the_folder() -> None:
    with pytest.raises(InterruptedAtOnceError) as caught, at_once_told(Path("out"), "", "orders"):
        raise KeyboardInterrupt
    assert caught.value.message == "Interrupted at once. What was measured is kept in out."
    assert caught.value.hint.splitlines()[1:] == ["$ tuner clean orders"]
