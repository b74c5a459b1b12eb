"""`tuner simulate` tunes known curves and says what was lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tuner.cli.main import run

CPU_BOUND = {"id": "cpu", "arch": "arm64", "memory_mb": [128, 1769, 3008], "duration_ms": [8000, 579, 575]}
FLAT = {"id": "flat", "arch": "x86_64", "memory_mb": [128, 3008], "duration_ms": [300, 300]}


@pytest.fixture
def curves(tmp_path: Path) -> str:
    path = tmp_path / "curves.json"
    path.write_text(json.dumps([CPU_BOUND, FLAT]))
    return str(path)


def test_regret_and_search_cost_of_every_curve_and_seed_are_told(
    curves: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["simulate", curves, "--seeds", "2", "--runs", "3", "--format", "json"]) == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert [(row["id"], row["seed"]) for row in found["runs"]] == [("cpu", 0), ("flat", 0), ("cpu", 1), ("flat", 1)]
    flat = [row for row in found["runs"] if row["id"] == "flat"]
    assert all(row["best_mb"] == 128 and row["recommended_mb"] == 128 and row["regret"] == 0 for row in flat)
    assert all(row["search_cost"] > row["invocations"] for row in flat)
    assert "curve 2/2" in shown.err


def test_the_adaptive_sampler_finds_a_good_size_of_a_clear_curve(
    curves: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["simulate", curves, "--quiet", "--strategy", "speed"]) == 0
    shown = capsys.readouterr()
    assert "regret mean" in shown.out
    assert "cpu" in shown.out
    assert shown.err == ""


def test_a_file_that_holds_no_curves_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "curves.json"
    path.write_text(json.dumps([{"id": "a", "arch": "mips", "memory_mb": [128], "duration_ms": [0]}]))
    assert run(["simulate", str(path)]) == 2
    told = capsys.readouterr().err
    assert f"{path}: $[0].arch" in told
    assert f"{path}: $[0].duration_ms[0]" in told


def test_sizes_and_durations_must_match(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "curves.json"
    path.write_text(json.dumps([{"id": "a", "arch": "arm64", "memory_mb": [128, 256], "duration_ms": [5]}]))
    assert run(["simulate", str(path)]) == 2
    assert f"{path}: $[0].duration_ms: 2 memory sizes, but 1 durations" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("document", "problem"),
    [({"curves": []}, "not a list of curves"), ([], "holds no curve"), (3, "not a list of curves")],
)
def test_a_file_that_is_no_list_of_curves_is_named(
    document: object, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "curves.json"
    path.write_text(json.dumps(document))
    assert run(["simulate", str(path)]) == 2
    assert f"{path}: $: {problem}" in capsys.readouterr().err


def test_faults_of_flags_and_curves_are_told_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "curves.json"
    path.write_text(json.dumps([{**FLAT, "duration_ms": [-1, 5]}]))
    assert run(["simulate", str(path), "--runs", "0"]) == 2
    told = capsys.readouterr().err
    assert "--runs" in told
    assert "$[0].duration_ms[0]: -1" in told


def test_a_curve_that_cannot_be_used_is_named_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "curves.json"
    path.write_text(json.dumps([{**FLAT, "arch": "mips"}, FLAT]))
    assert run(["simulate", str(path), "--runs", "1", "--quiet", "--format", "json"]) == 0
    shown = capsys.readouterr()
    assert len(json.loads(shown.out)["runs"]) == 1
    assert f"left out: {path}: $[0].arch" in shown.err


def test_a_curve_is_true_beyond_the_longest_timeout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "curves.json"
    path.write_text(json.dumps([{**FLAT, "memory_mb": [128], "duration_ms": [1_000_000]}]))
    assert run(["simulate", str(path), "--runs", "1", "--quiet", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"][0]["regret"] == 0


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"null", "$: not a list of curves"),
        (b"[" * 5000, "is not JSON: it has more than 100 levels of nesting"),
        (b'[{"id": "\\ud800"}]', "is not JSON: '\\ud800' is half a character"),
        (
            b'[{"id": "a", "memory_mb": [128, 128], "duration_ms": [9, 5]}]',
            "$[0].memory_mb: [128, 128] names something",
        ),
        (b'[{"id": "a", "memory_mb": [128], "duration_ms": [1e308]}]', "$[0].duration_ms[0]: 1e+308 is above"),
        (b"\x80", "is not JSON: line 1 is not text in UTF-8"),
    ],
)
def test_a_file_that_no_curves_can_be_in_is_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, told: str
) -> None:
    path = tmp_path / "curves.json"
    path.write_bytes(content)
    assert run(["simulate", str(path)]) == 2
    assert told in capsys.readouterr().err
