"""Runs of the size in use that cost nothing: the benchmark's `--free-size`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.search.__main__ import main
from benchmarks.search.families import generated_records

Found = dict[str, Any]


@pytest.fixture
def curves(tmp_path: Path) -> str:
    path = tmp_path / "curves.json"
    path.write_text(json.dumps([r for r in generated_records(0, 1) if r["family"] == "compute"]), "utf-8")
    return str(path)


def searched(curves: str, capsys: pytest.CaptureFixture[str], *asked: str) -> Found:
    main(["--curves", curves, *asked, "--processes", "1", "--format", "json"])
    found: Found = json.loads(capsys.readouterr().out)
    return found


def test_the_adaptive_tuner_knows_free_runs_as_logs_does(curves: str, capsys: pytest.CaptureFixture[str]) -> None:
    free = searched(curves, capsys, "--free-size", "1024", "--tuners", "adaptive,grid-5")
    logs = searched(curves, capsys, "--current-size", "1024", "--tuners", "logs")
    assert [row["tuner"] for row in free["tuners"]] == ["adaptive", "grid-5"]
    assert free["current_size_mb"] == 1024
    first, second = free["tuners"][0], logs["tuners"][0]
    assert first["past_taken"] is not None
    assert (first["regret_mean"], first["search_cost"]) == (second["regret_mean"], second["search_cost"])


def test_one_size_in_use_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--free-size", "512", "--current-size", "512"])
    assert "--free-size and --current-size" in capsys.readouterr().err
