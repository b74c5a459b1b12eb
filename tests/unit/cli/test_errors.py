"""Errors on a terminal: text from outside is text, and names of new folders never meet."""

from __future__ import annotations

import signal
from datetime import UTC, datetime
from pathlib import Path

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


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["tune", "app.py:handler", "--python", "absent"], "--python: there is no absent (give a program that runs"),
        (
            ["tune", "app.py:handler", "--payload", "@absent.json"],
            "--payload: absent.json cannot be read: No such file",
        ),
        (["tune", "app.py:handler", "--payload", "@"], "--payload: @ names no file (write @FILE)"),
        (["tune", "app.py:handler", "--payload", ""], "--payload: an empty text is not JSON"),
        (["tune", "app.py:handler", "--env-file", "absent"], "--env-file: absent cannot be read: No such file"),
        (["tune", "app.py:handler", "--env", "=s3cret"], "--env: a value has no name (write it as KEY=VALUE)"),
        (["tune", "app.py:handler", "--event", "A=a.json"], "--event: is of a project, and there is no --from"),
        (["tune", "app.py:handler", "--apply"], "--apply: works in AWS alone (leave it out"),
        (["tune", "app.py:handler", "app.py:handler"], "a function is one word: its name, or FILE:HANDLER)"),
        (["execute", "arn", "absent.json"], "INPUT: absent.json cannot be read: No such file"),
        (
            ["duet", "gone/app.py:handler", "--baseline", "old", "--candidate", "b"],
            "TARGET: gone/app.py does not exist",
        ),
        (
            ["duet", "orders", "--baseline", "1", "--candidate", "2", "--timeout", "3"],
            "--timeout: works on this machine alone (leave it out",
        ),
        (["tune", "orders", "--python", "x"], "--python: works on this machine alone (leave it out"),
        (["tune", "orders", "--env", "A=1", "--log", "x"], "--log: works on this machine alone (leave it out"),
        (["tune", "app.py:handler", "--force"], "--force: does nothing without --apply (add --apply"),
        (["tune", "orders", "--strict"], "--strict: does nothing without --fail-above (add --fail-above"),
        (["fleet"], "LIST: no function is named (give a list"),
        (["workflow", "a.json"], "--deadline: neither it nor --budget-per-million is given (give one of the two"),
    ],
)
def test_a_mistake_is_told_under_its_flag_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text("def handler(event, context):\n    return 1\n")
    # The backend first: imported after the other it would take the stand-in for good.
    monkeypatch.setattr("tuner.local.backend.load_faults", lambda handler, **_: ())
    monkeypatch.setattr("tuner.local.handler.load_faults", lambda handler, **_: ())
    assert run([*command, "--dry-run"] if command[0] == "tune" else command) == 2
    error = capsys.readouterr().err
    assert told in " ".join(error.split())
    assert "Errno" not in error
    assert ". (" not in error


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (
            ["compare", "a", "b", "--metric", "speed", "--threshold", "nan", "--drift", "-5"],
            ("--metric: speed is not known (", "--threshold: nan is out of range (", "--drift: -5 is out of range ("),
        ),
        (
            ["compare", "a", "b", "--threshold", "nan"],
            ("--threshold: nan is", "a: does not exist", "b: does not exist"),
        ),
        (["execute", "arn:bad", "absent.json"], ("STATE_MACHINE_ARN: 'arn:bad' is", "INPUT: absent.json cannot")),
        (
            ["watch", "a", "--max-usd", "nan", "--threshold", "x", "--logs", "b"],
            ("--max-usd: nan is not allowed (", "--threshold: x is not", "--logs: b is not", "--once: is missing"),
        ),
        (
            ["simulate", "absent.json", "--seeds", "0", "--runs", "0"],
            ("--seeds: 0 is not allowed (", "--runs: 0 is below 1 (", "CURVES: absent.json cannot be read"),
        ),
        (
            ["advise", "--logs", "a", "--all", "--fixed-usd", "-1", "--savings-plan", "200%"],
            ("--fixed-usd: -1 is not allowed (", "--savings-plan: 200% is out of range (", "--logs: stands in"),
        ),
        (
            ["tune", "app.py:handler", "--evidence", "no", "--region", "mars", "--runs", "0", "--event", "a"],
            ("--evidence: no is not known (", "--region: mars is no AWS region (", "--runs: 0 is below", "--event: is"),
        ),
        (
            ["advise", "b!d", "--tag", "a", "--from", "c", "--days", "0", "--strategy", "d", "--discount", "e"],
            ("FUNCTION: 'b!d' is neither", "--tag: a has", "c: cannot", "--days: 0", "--strategy: d", "--discount: e"),
        ),
        (["advise", "--logs", "a", "--arch", "b", "--savings-plan", "c"], ("--logs: a", "--arch: b", "--savings-plan")),
        (
            ["concurrency", "b!d", "--days", "x", "--cold-share", "y", "--max-usd", "-1"],
            ("--days: x is not a number (", "--cold-share: y is not", "FUNCTION: 'b!d' is neither", "--max-usd: -1.0"),
        ),
        (
            ["concurrency", "--p99-ms", "x", "--logs", "a"],
            ("--p99-ms: x is not a number (", "--logs: a cannot be read"),
        ),
        (["concurrency", "--p99-ms", "-1"], ("--p99-ms: -1 is not", "FUNCTION: is missing, and no log is given (")),
        (
            ["fleet", "b!d", "--tag", "a", "--from", "c", "--runs", "0", "--at-once", "0", "--payload", "{"],
            ("TARGET: 'b!d' is", "--tag: a has", "c: cannot be", "--runs: 0 is", "--at-once: 0 is", "--payload: { is"),
        ),
        (["fleet", "a.csv", "--tag", "a=b", "--runs", "0"], ("LIST: a.csv cannot", "--tag: does not go", "--runs: 0")),
        (
            ["fleet", "orders", "--resume", "a", "--output", "b"],
            ("--output: a resumed run goes on in its own folder", "--resume: a holds no run of a fleet"),
        ),
        (
            ["tune", "app.py:handler", "--node", "a", "--handler", "b", "--profile", "c", "--balanced-weight", "0.3"],
            ("--node: runs Node.js", "--handler: is for", "--profile: reaches AWS", "--balanced-weight: counts with"),
        ),
        (
            ["tune", "app.py:handler", "--sampler", "adaptive", "--runs", "3", "--root", "nowhere"],
            ("--runs: is of the grid, and the sampler is adaptive", "app.py is not below --root"),
        ),
        (
            ["tune", ".:app.handler", "--root", "..", "--role-arn", "a", "--endpoint-url", "b"],
            ("--root: does not count: the target names its folder", "--role-arn: reaches", "--endpoint-url: reaches"),
        ),
        (
            ["tune", "--from", "a", "--root", "b", "--handler", "c", "--profile", "d"],
            ("--root: is of one target", "--handler: is of one", "--profile: reaches AWS", "a: cannot be read"),
        ),
        (
            [
                "duet",
                "app.py:handler",
                "--baseline",
                "app.py",
                "--candidate",
                "app.py",
                "--node",
                "a",
                "--profile",
                "b",
            ],
            ("--node: runs Node.js, and nothing here needs it (", "--profile: reaches AWS"),
        ),
        (
            ["advise", "--logs", "a", "--days", "3", "--no-query", "--profile", "b", "--utilisation", "0.2"],
            ("--days: is for AWS", "--no-query: is for", "--profile: is for", "--utilisation: is for --compare"),
        ),
        (
            ["advise", "a", "--arch", "arm64", "--fixed-usd", "1"],
            ("--arch: is of --logs", "--fixed-usd: is for --compare"),
        ),
        (
            ["concurrency", "a", "--arch", "arm64", "--runtime", "b", "--alias", "c", "--cold-share", "1%"],
            ("--arch: is of --logs", "--runtime: is of --logs", "--alias: is for settings"),
        ),
        (
            ["concurrency", "--logs", "a", "--max-usd", "1", "--p99-ms", "1"],
            ("--max-usd: is for AWS", "--logs: a cannot"),
        ),
        (
            ["workflow", "a", "--undo", "b", "--force", "--deadline", "3s"],
            ("--force: does nothing beside --undo", "--deadline: does nothing", "STATE_MACHINE: is named"),
        ),
        (
            ["workflow", "a", "--force", "--deadline", "3s"],
            ("--force: does nothing without --apply", "STATE_MACHINE: a"),
        ),
        (["prices", "--profile", "a"], ("--profile: is for --refresh (add --refresh",)),
        (["simulate", "a", "--balanced-weight", "0.3"], ("--balanced-weight: counts with", "CURVES: a cannot")),
        (
            ["fleet", "a", "--balanced-weight", "0.3", "--runs", "3", "--sampler", "adaptive"],
            ("--balanced-weight: counts with", "--runs: is of the grid"),
        ),
        (
            ["workflow", "a", "--deadline", "3", "--history", "b", "--logs", "C=c", "--nested", "D=d"],
            (
                "--deadline: '3' has",
                "--history: b is not",
                "--logs: c is not",
                "--nested: d is not",
                "STATE_MACHINE: a",
            ),
        ),
        (
            ["duet", "orders:1", "--baseline", "!", "--candidate", "?", "--power-values", "1"],
            ("TARGET: orders:1 names a", "--baseline: '!' is", "--candidate: '?' is", "--power-values[0]: 1 is below"),
        ),
        (
            ["execute", "arn:bad", "absent.json", "--format", "x"],
            ("STATE_MACHINE_ARN: 'arn:bad' is", "INPUT: absent.json cannot", "--format: x is not known"),
        ),
        (["clean", "b!d", "--region", "mars"], ("FUNCTION: 'b!d' is neither", "--region: mars is no AWS region")),
        (["apply", "a", "--alias", "b c"], ("a: does not exist", "--alias: 'b c' cannot be an alias")),
        (
            ["patch", "a", "b", "--from", "c", "--write", "--branch", "d", "--function", "e"],
            (
                "a: does not",
                "b: does not",
                "c: cannot be read",
                "--write: is given, and so is --branch",
                "--function: ",
            ),
        ),
        (["patch", "a", "--pull-requests", "--force"], ("a: does not exist", "--force: does not go with")),
        (["report", "a", "b", "--output", "c.d"], ("a: does not exist", "b: does not exist", "--output: c.d: no form")),
        (["watch", "--once", "a", "b", "--threshold", "x"], ("a: does not", "b: does not", "--threshold: x is not")),
        (["tune", "orders", "--alias", "7", "--runs", "0"], ("--alias: '7' cannot be an alias", "--runs: 0 is below")),
        (
            ["tune", "--from", "a", "--evidence", "no", "--open", "--format", "json"],
            ("--evidence: no is not known (", "--open: each function", "--format: --from prints"),
        ),
        (["workflow", "--seed", "-1"], ("--seed: -1 is not allowed (", "STATE_MACHINE: is missing (")),
        (
            ["workflow", "a.json", "--budget-per-million", "0", "--deadline", "3"],
            (
                "--budget-per-million: 0 is not allowed (",
                "--deadline: '3' has no unit (",
                "STATE_MACHINE: a.json cannot",
            ),
        ),
        (["workflow", "--undo", "absent.json", "--seed", "x"], ("--seed: x is not allowed (",)),
        (
            ["duet", "app.py:handler", "--runs", "0", "--baseline", "a"],
            ("--runs: 0 is not allowed (", "--candidate: is missing (add it)"),
        ),
        (
            [
                "duet",
                "app.py:handler",
                "--runs",
                "0",
                "--baseline",
                "app.py",
                "--candidate",
                "app.py",
                "--confidence",
                "1",
            ],
            ("--runs: 0 is not allowed (", "--confidence: 1 is out of range ("),
        ),
        (["report", "a", "--format", "pdf", "--region", "x"], ("--format: pdf is not known (", "--region: x is no")),
    ],
)
def test_what_options_do_not_take_is_told_together_with_every_other_fault(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    told: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text("def handler(event, context):\n    return 1\n")
    monkeypatch.setattr("tuner.local.backend.load_faults", lambda handler, **_: ())
    monkeypatch.setattr("tuner.local.handler.load_faults", lambda handler, **_: ())
    assert run(command) == 2
    error = capsys.readouterr().err
    assert [text for text in told if text not in error] == []


NO_PATH = "x" * 300
"""No file has so long a name: the system refuses it, as it refuses a folder that nobody else may use."""


@pytest.mark.parametrize(
    "command",
    [
        ["report", NO_PATH],
        ["compare", NO_PATH, NO_PATH],
        ["patch", "--from", NO_PATH, NO_PATH],
        ["advise", "--from", NO_PATH],
        ["fleet", "--from", NO_PATH],
        ["tune", "--from", NO_PATH],
        ["tune", f"{NO_PATH}.py:handler"],
        ["tune", f"{NO_PATH}:app.handler"],
        ["tune", "app.py:handler", "--root", NO_PATH],
        ["tune", "app.py:handler", "--python", NO_PATH],
        ["duet", "app.py:handler", "--baseline", NO_PATH, "--candidate", "app.py"],
        ["workflow", "machine.json", "--deadline", "3s", "--results", NO_PATH],
    ],
)
def test_a_path_that_the_system_refuses_is_no_defect_of_the_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text("def handler(event, context):\n    return 1\n")
    (tmp_path / "machine.json").write_text('{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}')
    monkeypatch.setattr("tuner.local.backend.load_faults", lambda handler, **_: ())
    monkeypatch.setattr("tuner.local.handler.load_faults", lambda handler, **_: ())
    assert run(command) == 2
    error = capsys.readouterr().err
    assert NO_PATH in error
    assert "File name too long" in error
    assert "defect" not in error
    assert "Errno" not in error


def test_a_current_folder_that_was_removed_is_no_defect_of_the_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert run(["tune", "app.py:handler", "--dry-run"]) == 2
    assert capsys.readouterr().err == "error: the current folder: was removed (change into one that is there)\n"
