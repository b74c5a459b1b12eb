"""The benchmark of evidence: what it counts, and the form of what it prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.evidence import Answer, Case, evidence_quality, main, past_runs
from tuner.model import MB_PER_VCPU, Architecture, Configuration
from tuner.simulated.backend import SimulatedFunction
from tuner.simulated.cpu_time import cpu_time_ms
from tuner.simulated.curves import Curve


def answer_of(*, regret: float, saving: float, recommended: bool) -> Answer:
    return Answer("f", regret, 0.3, 0.95, recommended, regret if recommended else 0.3, saving)


def test_a_recommendation_is_right_where_it_saves_what_it_promises() -> None:
    found = evidence_quality(
        [
            answer_of(regret=0.0, saving=0.3, recommended=True),
            answer_of(regret=0.5, saving=-0.2, recommended=True),
            answer_of(regret=0.1, saving=0.2, recommended=False),
        ]
    )
    assert found.recommended_share == pytest.approx(2 / 3)
    assert found.right_share == pytest.approx(1 / 2)
    assert found.harmful_share == pytest.approx(1 / 2)
    assert found.regret_mean == pytest.approx(0.2)
    assert found.policy_regret_mean == pytest.approx((0 + 0.5 + 0.3) / 3)


def test_runs_use_no_more_cpu_time_than_their_share_allows() -> None:
    curve = Curve.through({128: 20000.0, 256: 6000.0, 512: 1500.0, 1769: 300.0, 3008: 290.0})
    function = SimulatedFunction({Architecture.X86_64: curve}, name="steep")
    here = Configuration(MB_PER_VCPU, Architecture.X86_64)
    [sample] = past_runs(function, {here: None}, Case(function, (256,), True, 0))
    busy = [run.cpu_ms / run.duration_ms for run in sample.invocations if run.cpu_ms and run.duration_ms]
    assert cpu_time_ms(curve) > 1.2 * curve.duration_ms(MB_PER_VCPU), "no constant CPU time explains such a curve"
    assert max(busy) < 1.2, "give or take what counters err by"


def test_without_recommendations_none_is_right_or_wrong() -> None:
    found = evidence_quality([answer_of(regret=0.0, saving=0.3, recommended=False)])
    assert found.right_share is None
    assert found.harmful_share is None


@pytest.mark.parametrize("asked", [["--cpu"], ["--sizes", "512,1024"]], ids=" ".join)
def test_the_json_has_the_fields_that_checks_read(
    asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    curve = {"id": "a", "memory_mb": [128, 512, 1769, 3008], "duration_ms": [8000, 2000, 580, 575]}
    path = tmp_path / "curves.json"
    path.write_text(json.dumps([curve, {"id": "broken"}]), "utf-8")
    main(["--curves", str(path), "--processes", "1", "--format", "json", *asked])
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert found["functions"] == 1
    assert set(found) >= {"regret_mean", "regret_p90", "coverage", "recommended_share", "right_share"}
    assert "left out: $[1]" in shown.err


def test_several_files_are_judged_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = []
    for name in ("a", "b"):
        curve = {"id": name, "family": name, "memory_mb": [128, 512, 3008], "duration_ms": [8000, 2000, 575]}
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(json.dumps([curve]), "utf-8")
    main(["--curves", *map(str, paths), "--processes", "1", "--format", "json"])
    assert json.loads(capsys.readouterr().out)["functions"] == 2
