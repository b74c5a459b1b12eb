"""`tuner concurrency --logs` replays a log and prints every way; faults name their flags."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.evidence.logs import Run, tailed
from tuner.cli.main import run


@pytest.fixture
def log(tmp_path: Path) -> str:
    path = tmp_path / "orders.log"
    runs = [Run(f"r{n}", 100.0, 400.0 * n, init_ms=200.0) for n in range(600)]
    path.write_text(tailed(runs), "utf-8")
    return str(path)


def test_ways_and_settings_are_printed(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["concurrency", "orders", "--logs", log, "--cold-share", "1%"]
    assert run([*arguments, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["cheapest"] == "fixed"
    assert run([*arguments, "--format", "cli", "--alias", "blue"]) == 0
    assert "put-provisioned-concurrency-config --function-name orders --qualifier blue" in capsys.readouterr().out


def test_test_calls_of_a_tuning_with_versions_are_left_out_and_told(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["concurrency", "orders", "--logs", log, "--cold-share", "1%", "--format", "json"]
    assert run(arguments) == 0
    before = json.loads(capsys.readouterr().out)
    calls = [
        Run(f"t{version}-{n}", 100.0, 240_000.0 + 10 * n, f"2026/11/04/[{version}]b", 128 << version, init_ms=500.0)
        for version in range(1, 5)
        for n in range(5)
    ]
    Path(log).write_text("\n".join([Path(log).read_text("utf-8"), tailed(calls)]), "utf-8")
    assert run(arguments) == 0
    found = capsys.readouterr()
    assert json.loads(found.out) == before
    assert "Left out: 20 runs that look like test calls of a tuning with versions." in found.err


def test_settings_of_no_environments_are_refused(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["concurrency", "--logs", log, "--p99-ms", "5000", "--format", "sam"]) == 2
    assert "without any provisioned concurrency" in capsys.readouterr().err


def test_faults_name_their_flags(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["concurrency", "--logs", f"{log}.gone"]) == 2
    told = capsys.readouterr().err
    assert "--cold-share" in told
    assert "--logs" in told


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1e400"])
@pytest.mark.parametrize("command", [("concurrency", "orders", "--cold-share", "1%"), ("advise", "orders")])
def test_money_is_a_finite_number_and_not_negative(
    command: tuple[str, ...], value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, "--max-usd", value]) == 2
    assert "--max-usd" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["nan", "inf", "0"])
def test_a_time_is_a_finite_number_above_zero(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["concurrency", "orders", "--p99-ms", value]) == 2
    assert "--p99-ms" in capsys.readouterr().err
