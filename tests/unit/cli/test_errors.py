"""Errors on a terminal: text from outside is text, and names of new folders never meet."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tuner.cli.main import show_error
from tuner.cli.values import unique_time
from tuner.errors import TunerError


def test_control_and_direction_characters_of_an_error_are_made_visible(capsys: pytest.CaptureFixture[str]) -> None:
    show_error(TunerError("first \x1b[2J\u202e\nsecond \x07\x9b31m", "try \x1b]0;title\x07"))
    assert capsys.readouterr().err == (
        "error: first \\u001b[2J\\u202e\n       second \\u0007\\u009b31m\n  try \\u001b]0;title\\u0007\n"
    )


def test_two_runs_that_begin_in_one_second_write_into_different_folders() -> None:
    now = datetime(2026, 9, 18, 4, 12, tzinfo=UTC)
    names = {unique_time(now) for _ in range(100)}
    assert len(names) == 100
    assert all(name.startswith("20260918T041200Z-") for name in names)
