"""What a command does when its stdout or stderr is closed, full, or in another encoding."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.golden.situations import document_of
from tests.unit.comparison.documents import result
from tuner.documents.result import dumps

ROOT = Path(__file__).parents[3]
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")


def tuner(*arguments: str, shell: str = "", encoding: str = "utf-8") -> subprocess.CompletedProcess[bytes]:
    """Run the command line under a shell, whose redirections `shell` holds."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding}
    command: list[Any] = ["sh", "-c", f'exec "$@" {shell}', "sh", sys.executable, "-m", "tuner", *arguments]
    return subprocess.run(command, env=environment, check=False, timeout=120, capture_output=True)


@needs_full
@pytest.mark.parametrize("arguments", [("schema", "input"), ("prices", "us-east-1")])
def test_a_full_stdout_is_a_clear_failure(arguments: tuple[str, ...]) -> None:
    done = tuner(*arguments, shell=">/dev/full")
    assert done.returncode == 1
    assert b"cannot write to stdout: No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr
    assert b"defect" not in done.stderr


def without_reader(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command line into a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "tuner", *arguments]
        return subprocess.run(command, env=environment, check=False, timeout=120, stdout=writer, stderr=subprocess.PIPE)
    finally:
        os.close(writer)


def test_a_reader_that_has_gone_is_no_defect() -> None:
    done = tuner("schema", "input", shell="| head -c 1")
    assert done.stdout == b"{"
    assert done.stderr == b""


@pytest.mark.parametrize("unbuffered", ["1", ""])
@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("schema", "input"), ("prices", "us-east-1")])
def test_a_command_without_reader_ends_as_its_work_does(
    arguments: tuple[str, ...], unbuffered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    done = without_reader(*arguments)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_threshold_is_told_also_without_reader(tmp_path: Path) -> None:
    many: dict[str, Any] = {"sizes": (512,), "environments": 50, "runs": 200, "outlier_share": 0.0}
    places = [tmp_path / name for name in ("fast.json", "slow.json")]
    for place, document in zip(places, (result(**many), result(0.25, seed=1, **many)), strict=True):
        place.write_text(dumps(document), "utf-8")
    read, unread = tuner("compare", *map(str, places)), without_reader("compare", *map(str, places))
    assert (unread.returncode, unread.stderr) == (read.returncode, read.stderr) == (3, b"")


def test_a_run_without_reader_leaves_its_files(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("def handler(event, context):\n    return event\n", "utf-8")
    target, folder = f"{tmp_path / 'app.py'}:handler", tmp_path / "run"
    done = without_reader("tune", target, "--power-values", "512", "--runs", "1", "--output", str(folder), "--quiet")
    assert done.returncode == 0, done.stderr
    assert {"result.json", "report.html", "samples.jsonl"} <= {file.name for file in folder.iterdir()}


@pytest.mark.parametrize("shell", [">&-", ">&- 2>&-", "2>&-"])
def test_a_closed_stream_ends_no_command_in_a_traceback(shell: str) -> None:
    done = tuner("schema", "input", shell=shell)
    assert done.returncode == 0
    assert done.stderr == b""


@pytest.mark.parametrize("arguments", [("report", "{result}"), ("advise", "--logs", "-"), ("mcp",)])
def test_closed_streams_lead_to_nowhere(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = tmp_path / "result.json"
    result.write_text(dumps(document_of("already-best")), "utf-8")
    done = tuner(*(part.format(result=result) for part in arguments), shell="<&- >&-")
    assert b"defect" not in done.stderr


@needs_full
@pytest.mark.parametrize("unbuffered", ["1", ""])
def test_an_error_that_cannot_be_told_keeps_its_exit_code(unbuffered: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    assert tuner("report", "missing.json", shell="2>/dev/full").returncode == 2


def test_what_an_encoding_lacks_is_escaped(tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    result.write_text(dumps(document_of("already-best")), "utf-8")
    done = tuner("report", str(result), "--format", "text", encoding="latin-1")
    assert done.returncode == 0
    assert done.stderr == b""
    assert b"\\u" in done.stdout


def test_json_stays_json_in_any_encoding() -> None:
    done = tuner("schema", "input", encoding="latin-1")
    assert json.loads(done.stdout.decode("latin-1"))["$schema"]
