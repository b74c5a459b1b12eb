"""Errors on a terminal: text from outside is text, and names of new folders never meet."""

from __future__ import annotations

import signal
from datetime import UTC, datetime

import pytest

from tuner.cli.flags import converted
from tuner.cli.main import _end_in_order, _show_warning, run, show_error
from tuner.cli.values import unique_time
from tuner.errors import Fault, TunerError


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


def test_a_ctrl_c_ends_whatever_a_command_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuner.documents.comparison.comparison_schema", lambda: signal.raise_signal(signal.SIGINT))
    before = signal.signal(signal.SIGINT, _end_in_order)
    try:
        assert run(["schema", "comparison"]) == 130
        assert signal.getsignal(signal.SIGINT) is _end_in_order, "once it is over a Ctrl-C changes nothing"
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_warning_without_words_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    _show_warning("")
    assert capsys.readouterr().err.strip() == "warning:"


def test_a_variable_that_a_suggested_command_hides_must_be_filled_in() -> None:
    faults: list[Fault] = []
    assert converted({"env": ("KEY=…", "OTHER=a…")}, faults)["env"] == {"KEY": "…", "OTHER": "a…"}
    assert [(fault.path, fault.problem) for fault in faults] == [("--env", "the value of KEY is not filled in")]
