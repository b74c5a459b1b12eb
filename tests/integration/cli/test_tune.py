"""`tuner tune` before anything is started: all faults at once, and the command that goes on with a run."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from tests.full_disk import file_size_limit
from tuner.cli.commands.measure.tune import _again, command
from tuner.cli.main import run
from tuner.redaction import HIDDEN

HANDLER = "def handler(event, context):\n    return event\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a handler."""
    (tmp_path / "app.py").write_text(HANDLER)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def faults_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> set[str]:
    """Where the faults of a command are."""
    before = set(Path().iterdir())
    assert run(["tune", *arguments]) == 2
    assert set(Path().iterdir()) == before, "nothing was started"
    lines = capsys.readouterr().err.splitlines()
    return {line.removeprefix("error: ").strip().split(": ")[0] for line in lines if ": " in line}


def options_of(*arguments: str) -> dict[str, Any]:
    """The options as the command gets them."""
    return command.make_context("tune", list(arguments)).params


def test_every_fault_of_a_local_run_is_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    flags = {
        "--resume": "nowhere",
        "--output": "out",
        "--pre-processor": "absent.py:handler",
        "--post-processor": "app.py:absent",
        "--fail-above": "much",
        "--alias": "live",
        "--isolation": "copy",
        "--arch": "arm64,x86_64",
        "--tolerance": "-1",
    }
    arguments = [word for flag in flags.items() for word in flag]
    found = faults_of(capsys, "absent.py:handler", *arguments, "--apply", "--dry-run", "--format", "json")
    assert found >= {"TARGET", "--apply", "--format", *flags}


def test_a_file_without_a_handler_is_a_handler_that_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tune", "app.py"]) == 2
    assert "TARGET: app.py is a file, and no handler is named (write app.py:NAME" in capsys.readouterr().err


def test_a_variable_without_a_value_is_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tune", "app.py:handler", "--env", "STAGE", "--dry-run"]) == 2
    assert "--env: STAGE has no = (write it as KEY=VALUE)" in capsys.readouterr().err


def test_what_this_machine_cannot_measure_is_told_beside_the_target(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ("--power-values", "10240")
    assert faults_of(capsys, "app.py:absent", *sizes, "--runs", "2") >= {"TARGET", "--power-values"}


def test_a_name_that_no_function_can_have_is_told_beside_the_flags(capsys: pytest.CaptureFixture[str]) -> None:
    assert faults_of(capsys, "my function!", "--runs", "0", "--payload", "{") == {"TARGET", "--runs", "--payload"}


def test_what_is_found_out_later_is_told_under_its_flag(capsys: pytest.CaptureFixture[str]) -> None:
    found = faults_of(capsys, "app.py:handler", "--payload-s3", "http://bucket/key", "--region", "eu-west-1")
    assert found == {"--payload-s3"}


def test_the_command_that_goes_on_repeats_what_was_given_and_is_quoted_for_the_shell() -> None:
    given = ["a b.py:handler", "--payload", '{"n": 1}', "--code-for", "arm64=s3://b/k", "--code-for", "x86_64=s3://b/l"]
    given += ["--profile", "my team", "--only-cold-starts", "--runs", "2", "--seed", "0", "--apply"]
    options = options_of(*given, "--output", "an output", "--format", "text")
    told = shlex.split(_again(options, Path("an output"), target="a b.py:handler", hide=False))
    again = command.make_context("tune", told[2:]).params
    assert again == {**options, "output": None, "resume": "an output"}


def test_a_payload_that_must_not_be_shown_is_left_to_be_filled_in() -> None:
    secret, file = options_of("f", "--payload", '{"token": 1}'), options_of("f", "--payload", "@event.json")
    assert f"--payload '{HIDDEN}'" in _again(secret, Path("out"), target="f", hide=True)
    assert "--payload @event.json" in _again(file, Path("out"), target="f", hide=True)
    long = options_of("f", "--payload", f'"{"x" * 1000}"')
    assert f"--payload '{HIDDEN}'" in _again(long, Path("out"), target="f", hide=False)


def test_debug_shows_the_traceback_and_changes_no_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["tune", "absent.py:handler", "--debug"]
    assert run(arguments) == 2
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert "error: TARGET" in told


def test_a_handler_that_is_spelt_like_a_function_in_aws_gets_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tune", "app:handler", "--dry-run"]) != 0
    assert "If you mean the handler on this machine, write app.py:handler" in capsys.readouterr().err


def test_a_run_that_its_time_ended_goes_on_with_twice_as_much(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """However fast or slow the machine is: each run takes most of a second, and there are forty."""
    (tmp_path / "app.py").write_text("import time\ndef handler(event, context): time.sleep(0.6)")
    target, out = f"{tmp_path}/app.py:handler", str(tmp_path / "out")
    bounds = ("--max-seconds", "2", "--region", "eu-central-1", "--power-values", "512,1024", "--runs", "20")
    assert run(["tune", target, *bounds, "--output", out, "--quiet"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Go on with a higher --max-seconds" in shown
    assert "--max-seconds 4" in shown
    assert "--region eu-central-1" in shown, "its prices decide"
    assert run(["tune", target, "--resume", out, "--quiet"]) == 0
    assert "--max-seconds 4" in " ".join(capsys.readouterr().out.split()), (
        "of a bound that an earlier session was given"
    )


def test_a_run_that_fills_the_disk_tells_the_whole_command_that_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--payload", '{"n": 1}', "--power-values", "512,1024", "--runs", "6", "--quiet")
    with file_size_limit(2500):
        assert run(["tune", "app.py:handler", *options, "--output", "an output"]) == 1
    told = capsys.readouterr().err
    assert "cannot write an output/samples.jsonl: File too large" in told
    shown = told[told.index("tuner tune") :].replace("\\\n", " ")
    again = shlex.split(shown)
    assert again[again.index("--resume") + 1] == "an output"
    assert {"--payload", '{"n": 1}', "--power-values", "512,1024"} <= set(again)
    assert run([*again[1:], "--quiet"]) == 0, "with space it goes on"


def test_an_answer_that_was_recorded_is_taken_out_where_the_run_goes_on_without_payloads() -> None:
    Path("app.py").write_text("def handler(event, context): return event")
    options = ["app.py:handler", "--payload", '{"token": "a-long-secret"}', "--quiet"]
    assert run(["tune", *options, "--power-values", "512,1024", "--runs", "2", "--output", "out"]) == 0
    left = sorted(Path("out").iterdir())
    assert all("a-long-secret" in path.read_text("utf-8") for path in left)
    assert run(["tune", *options, "--resume", "out", "--disable-payload-logs"]) == 0
    assert sorted(Path("out").iterdir()) == left
    assert not any("a-long-secret" in path.read_text("utf-8") for path in left)


def test_where_nothing_could_be_written_down_there_is_no_run_to_go_on_with(capsys: pytest.CaptureFixture[str]) -> None:
    with file_size_limit(10):
        assert run(["tune", "app.py:handler", "--runs", "2", "--quiet", "--output", "out"]) == 1
    told = capsys.readouterr().err
    assert "--resume" not in told
    assert "give another folder with --output" in told


def test_a_tolerance_that_was_given_and_met_is_no_bound(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--tolerance", "50%", "--power-values", "512,1024", "--max-seconds", "600", "--sampler", "adaptive")
    assert run(["tune", "app.py:handler", *options, "--output", "out", "--quiet"]) == 0
    assert json.loads(Path("out/result.json").read_text("utf-8"))["stopped_by"] == "tolerance"
    assert "512 MB" in capsys.readouterr().out


@pytest.mark.skipif(which("node") is None, reason="there is no Node.js")
@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("exports.handler = 1", "Runtime.HandlerNotFound: index.absent is undefined or not exported"),
        ("throw new RangeError('no')", "RangeError: no"),
    ],
)
def test_an_error_of_node_is_told_once(text: str, error: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("index.js").write_text(text)
    assert run(["tune", "index.js:absent", "--dry-run"]) == 2
    assert " ".join(capsys.readouterr().err.split()).count(error) == 1


@pytest.mark.parametrize("command", [["tune"], ["duet", "--baseline", "1", "--candidate", "2"]])
def test_a_folder_with_a_bootstrap_that_is_spelt_like_a_function_in_aws_gets_a_hint(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "compiled").mkdir()
    (tmp_path / "compiled" / "bootstrap").touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    assert run([*command, "compiled"]) != 0
    assert "If you mean the handler on this machine, write ./compiled" in capsys.readouterr().err
