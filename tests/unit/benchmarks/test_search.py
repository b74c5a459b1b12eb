"""The search benchmark: made-up functions, and the form of what it prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.search.__main__ import main
from benchmarks.search.families import FAMILIES, generated_records
from benchmarks.search.observers import KNOWS_OTHERS, KNOWS_OWN, OBSERVERS, observer
from benchmarks.search.run import ADAPTIVE
from benchmarks.search.staircases import burst_ms, mean_duration_ms, staircase_functions
from tuner.cli.main import run
from tuner.estimation.layout import Layout
from tuner.estimation.posterior import SCREENING
from tuner.model import Architecture
from tuner.simulated.curve_file import decode_records, single_functions
from tuner.simulated.curves import TruthKind

KEYS = {
    *("regret_mean", "regret_p90", "regret_after_ties_mean", "regret_after_ties_p90", "search_cost", "invocations"),
    *("rounds", "cost_coverage", "high_confidence_share", "high_confidence_right", "cpu_seconds_per_decision"),
}
"""Fields that checks of the benchmark read."""


@pytest.fixture
def curves(tmp_path: Path) -> str:
    path = tmp_path / "curves.json"
    flat, other = {"id": "flat", "memory_mb": [128, 3008], "duration_ms": [900, 900]}, generated_records(0, 1)[0]
    path.write_text(json.dumps([flat, other, {"id": "broken", "memory_mb": []}]), "utf-8")
    return str(path)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    main([*arguments, "--processes", "1", "--format", "json"])
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_made_up_families_come_from_their_seed_alone() -> None:
    assert generated_records(3, 2) == generated_records(3, 2)
    assert {record["family"] for record in generated_records(3, 1)} == set(FAMILIES)
    assert generated_records(3, 1) != generated_records(4, 1)


def test_a_published_burst_has_its_published_plateaus() -> None:
    plateaus = burst_ms(np.array([400.0, 640.0, 1300.0, 1769.0]), 17.3)
    np.testing.assert_allclose(plateaus, [61.3, 41.3, 21.3, 17.3])


def test_a_smear_rounds_the_edges_and_leaves_the_plateaus() -> None:
    sizes = np.array([1000.0, 1414.0, 1416.0, 3008.0])
    sharp, smeared = mean_duration_ms(sizes, 17.3), mean_duration_ms(sizes, 17.3, smear=0.08)
    assert sharp[1] - sharp[2] > smeared[1] - smeared[2]
    np.testing.assert_allclose(smeared[[0, 3]], sharp[[0, 3]], rtol=0.05)


def test_staircases_come_from_their_seed_and_never_rise() -> None:
    first, again = staircase_functions(3, 1), staircase_functions(3, 1)
    for one, other in zip(first, again, strict=True):
        durations = one.curves[Architecture.X86_64].duration_ms(np.arange(128.0, 3009.0))
        np.testing.assert_array_equal(durations, other.curves[Architecture.X86_64].duration_ms(np.arange(128.0, 3009)))
        assert (np.diff(durations) <= 1e-6).all()


def test_a_record_that_cannot_be_used_is_named_and_left_out(curves: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--curves", curves, "--tuners", "grid-5", "--processes", "1", "--format", "json"])
    shown = capsys.readouterr()
    assert json.loads(shown.out)["functions"] == 2
    assert "left out: $[2]" in shown.err


def test_it_gives_the_figures_of_tuner_simulate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "flat.json"
    path.write_text(json.dumps([{"id": "flat", "memory_mb": [128, 3008], "duration_ms": [900, 900]}]), "utf-8")
    adaptive, grid = printed(capsys, "--curves", str(path), "--tuners", "adaptive,grid-5")["tuners"]
    assert (adaptive["tuner"], grid["tuner"]) == ("adaptive", "grid-5")
    assert set(adaptive) == set(grid) >= KEYS
    assert run(["simulate", str(path), "--quiet", "--format", "json"]) == 0
    summary = json.loads(capsys.readouterr().out)["summary"]
    same = ("regret_mean", "regret_p90", "regret_after_ties_mean", "search_cost", "rounds", "cost_coverage")
    assert {name: adaptive[name] for name in same} == {name: summary[name] for name in same}


@pytest.mark.parametrize(
    "asked",
    [
        ["--noise", "rare"],
        ["--truth", "published", "--arch", "both"],
        ["--failing", "small"],
        ["--failing", "mostly"],
        ["--without", "compute"],
    ],
    ids=" ".join,
)
def test_a_grid_is_searched_under_every_condition(
    asked: list[str], curves: str, capsys: pytest.CaptureFixture[str]
) -> None:
    document = printed(capsys, "--curves", curves, "--tuners", "grid-5", *asked)
    assert document["functions"] == (1 if "--without" in asked else 2)
    assert document["tuners"][0]["search_cost"] > 0


def test_an_observer_expects_the_published_curves_and_leaves_the_own_family_out_unless_it_knows_it() -> None:
    made_up, _ = decode_records(generated_records(0, 1))
    published = single_functions(made_up, TruthKind.SMOOTHED, architecture=Architecture.X86_64)
    function = published[0]
    layout = Layout((Architecture.X86_64,), tuple(int(size) for size in function.bounds_mb))
    own, others = (observer(name, function, published).prior.curves(layout, 1) for name in (KNOWS_OWN, KNOWS_OTHERS))
    true = np.log(function.curves[Architecture.X86_64].duration_ms(layout.memory_mb))
    shape = true - true[len(true) // 2]
    assert np.isclose(own.every(SCREENING).curves, shape, atol=1e-5).all(axis=1).any()
    assert len(own.every(SCREENING).curves) == len(others.every(SCREENING).curves) + 1


def test_observers_are_searched_and_told_beside_the_tuner(capsys: pytest.CaptureFixture[str]) -> None:
    names = [ADAPTIVE, *OBSERVERS]
    document = printed(capsys, "--per-family", "1", "--only", "compute,waiting", "--tuners", ",".join(names))
    assert [row["tuner"] for row in document["tuners"]] == names
    assert all(row["high_confidence_share"] is not None for row in document["tuners"])


def test_observers_of_both_architectures_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        printed(capsys, "--arch", "both", "--tuners", KNOWS_OWN)
    assert "one architecture" in capsys.readouterr().err
