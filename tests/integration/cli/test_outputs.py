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


def test_a_reader_that_has_gone_is_no_defect() -> None:
    done = tuner("schema", "input", shell="| head -c 1")
    assert done.stdout == b"{"
    assert done.stderr == b""


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
def test_an_error_that_cannot_be_told_keeps_its_exit_code() -> None:
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
