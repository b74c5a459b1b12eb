"""`tuner watch --once` reads exported logs, and its exit code says whether a function became slower."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.unit.comparison.documents import result
from tuner.cli.main import run
from tuner.documents.result import dumps

DAY_S = 86_400.0


def write(folder: Path, *, slower: float) -> list[str]:
    """A result that is eight weeks old, and the log of 25 runs a day since; the last two weeks are slower."""
    now_s = time.time()
    document = result(sizes=(512,), environments=2, runs=4, name="checkout-render")
    document["created_at"] = datetime.fromtimestamp(now_s - 56 * DAY_S, UTC).isoformat()
    (folder / "result.json").write_text(dumps(document), "utf-8")
    lines = []
    for day in range(55):
        for i in range(25):
            ended = datetime.fromtimestamp(now_s - (day + 0.1 + i / 60) * DAY_S, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
            ms = 100.0 * (slower if day < 14 else 1.0) + i % 5
            lines.append(
                f"{ended} REPORT RequestId: {day:08d}-0000-0000-0000-{i:012d}\tDuration: {ms} ms\t"
                f"Billed Duration: {ms:.0f} ms\tMemory Size: 512 MB\tMax Memory Used: 90 MB\n"
            )
    (folder / "app.log").write_text("".join(lines))
    return ["watch", "--once", str(folder / "result.json"), "--logs", f"checkout-render={folder / 'app.log'}"]


@pytest.mark.parametrize(("slower", "code", "decision"), [(1.6, 3, "tune"), (1.05, 0, "leave")])
def test_the_exit_code_says_whether_a_function_became_slower(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], slower: float, code: int, decision: str
) -> None:
    assert run([*write(tmp_path, slower=slower), "--format", "json"]) == code
    (found,) = json.loads(capsys.readouterr().out)
    assert found["decision"] == decision
    assert found["memory_mb"] == 512
    assert found["excess"]["low"] < slower - 1 < found["excess"]["high"]


def test_a_watch_that_does_not_say_once_is_told_what_that_means(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["watch", "result.json"]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "--once: is missing: the command looks once and ends" in told
    assert "repeats it (add --once)" in told
    assert "result.json: does not exist (" in told


def test_logs_of_another_function_are_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = write(tmp_path, slower=1.0)
    command[-1] = command[-1].replace("checkout-render", "orders")
    assert run(command) == 2
    assert "--logs: no result is of orders (known are checkout-render)" in capsys.readouterr().err


def test_a_result_of_this_machine_has_no_log_in_aws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = write(tmp_path, slower=1.0)
    document = json.loads((tmp_path / "result.json").read_text("utf-8"))
    document["function"] |= {"arn": None, "backend": "local"}
    (tmp_path / "result.json").write_text(json.dumps(document), "utf-8")
    assert run(command[:3]) == 2
    assert "RESULT: checkout-render was not measured in AWS: there is no log to read" in capsys.readouterr().err
    assert run(command) == 0, "an exported log is one"
