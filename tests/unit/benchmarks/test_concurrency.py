"""The benchmark of cold starts: one row for each trace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.concurrency import main


def test_every_trace_has_its_observed_and_its_replayed_share(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = {"start_s": [0.0, 10.0, 700.0], "elapsed_s": [1.0, 1.0, 1.0], "cold": [True, False, True]}
    (tmp_path / "a.json").write_text(json.dumps(trace), "utf-8")
    main(["--traces", str(tmp_path), "--idle-life-s", "600", "--format", "json"])
    assert json.loads(capsys.readouterr().out) == [
        {"trace": "a", "requests": 3, "observed": pytest.approx(2 / 3), "simulated": pytest.approx(2 / 3)}
    ]
    main(["--traces", str(tmp_path)])
    assert "66.67%" in capsys.readouterr().out
