"""`tuner advise --logs` prints what a log tells."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tests.unit.evidence.logs import Run, json_lines, tailed
from tuner.cli.main import run

RUNS = [Run(f"r{n}", 100.0 + n % 7, 60.0 * n, init_ms=200.0 if n % 10 == 0 else None) for n in range(60)]


@pytest.fixture
def log(tmp_path: Path) -> str:
    path = tmp_path / "orders.log"
    path.write_text(tailed(RUNS), "utf-8")
    return str(path)


def test_the_text_holds_figures_findings_and_commands(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["advise", "orders", "--logs", log]) == 0
    shown = capsys.readouterr().out
    assert "orders: 512 MB x86_64 in 60 runs" in shown
    assert "\n    tuner tune orders --arch both\n" in shown
    assert all(len(line) <= 100 for line in shown.splitlines() if "$ " not in line)


def test_the_json_is_a_list_with_one_entry_for_the_function(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["advise", "orders", "--logs", log, "--arch", "arm64", "--format", "json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["function"], found["architecture"], found["runs"]) == ("orders", "arm64", 60)


def test_a_dash_reads_stdin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json_lines(RUNS)))
    assert run(["advise", "--logs", "-"]) == 0
    assert "60 runs" in capsys.readouterr().out


def test_several_logs_are_read_together_and_what_both_hold_counts_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    days = [[Run(f"{day}-{n}", 100.0 + n, 3600.0 * n + 86_400.0 * day) for n in range(20)] for day in range(2)]
    files = [tmp_path / f"{day}.log" for day in range(2)]
    files[0].write_text(tailed(days[0]))
    files[1].write_text(json_lines([*days[0][-5:], *days[1]]))
    assert run(["advise", "orders", "--logs", str(files[0]), "--logs", str(files[1]), "--format", "json"]) == 0
    (advice,) = json.loads(capsys.readouterr().out)
    assert advice["runs"] == 40


def test_every_log_that_cannot_be_read_is_told(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["advise"], ["concurrency", "orders", "--cold-share", "1%"]):
        assert run([*command, "--logs", log, "--logs", "missing.log", "--logs", "gone.log"]) == 2
        told = capsys.readouterr().err
        assert "missing.log cannot be read" in told
        assert "gone.log cannot be read" in told


def test_faults_name_their_flags(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["advise", "--logs", log, "--arch", "both", "--discount", "0.1"]) == 2
    assert "--discount" in capsys.readouterr().err
    assert run(["advise", "--logs", f"{log}.gone", "--arch", "both"]) == 2
    told = capsys.readouterr().err
    assert "--arch" in told
    assert "--logs" in told


@pytest.mark.parametrize("seed", ["-1", "1.5", "abc", "nan", ""])
def test_a_seed_that_is_no_whole_number_is_a_fault_of_its_flag(
    log: str, capsys: pytest.CaptureFixture[str], seed: str
) -> None:
    for command in (["advise", "orders", "--logs", log], ["advise", "orders"]):
        assert run([*command, "--seed", seed, "--strategy", "mean"]) == 2
        told = capsys.readouterr().err
        assert f"--seed: {seed} is not a whole number of at least 0 (give one, such as 0)" in told
        assert "--strategy: mean is unknown" in told
