"""The search benchmark: its truths, its worlds, and the form of what it prints."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.search.__main__ import main
from benchmarks.search.families import FAMILIES, generated_records
from benchmarks.search.truth import decreasing, paired_functions, single_functions, smooth
from benchmarks.search.world import Noise, World, truth_of
from tuner.model import Architecture, Configuration, Objective, Trial
from tuner.pricing.price_list import price_list

PRICES = price_list("us-east-1")
KEYS = {
    *("tuner", "regret_mean", "regret_median", "regret_p90", "search_cost", "invocations", "coverage"),
    "cpu_seconds_per_decision",
}


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=20))
def test_smoothing_never_rises_and_keeps_the_mean(values: list[float]) -> None:
    smoothed = decreasing(np.array(values))
    assert (np.diff(smoothed) <= 1e-9).all()
    assert smoothed.mean() == pytest.approx(np.mean(values), abs=1e-9)


def test_the_truth_goes_through_points_that_fall() -> None:
    curve = smooth([128, 256, 512], [400.0, 200.0, 100.0])
    np.testing.assert_allclose(curve.duration_ms(np.array([128.0, 181.02, 512.0])), [400, 282.8, 100], rtol=1e-3)


def test_many_measurements_come_to_the_true_mean() -> None:
    function = single_functions(generated_records(0, 1), None)[0]
    architecture = next(iter(function.curves))
    where = Configuration(function.bounds_mb[0], architecture)
    world = World(function, Noise(), np.random.default_rng(0))
    (sample,) = world.measure([Trial(0, where, 4000, 2)])
    warm = [i.duration_ms for i in sample.invocations if not i.cold and i.duration_ms]
    truth = truth_of(function, Objective(), PRICES, Noise())
    assert np.mean(warm) == pytest.approx(truth.duration_ms[truth.index(where)], rel=0.01)


def test_curves_of_one_function_pair_up_and_others_get_a_partner() -> None:
    points = {"memory_mb": [128, 256, 512], "duration_ms": [400.0, 200.0, 100.0], "family": "f"}
    records = [
        {"id": "sort-arm64", "arch": "arm64", **points},
        {"id": "sort-x86_64", "arch": "x86_64", **points},
        {"id": "alone", "arch": "arm64", **points},
    ]
    functions = paired_functions(records, 0)
    assert len(functions) == 2
    assert all(set(function.curves) == set(Architecture) for function in functions)


def test_made_up_families_come_from_their_seed_alone() -> None:
    assert generated_records(3, 2) == generated_records(3, 2)
    assert {record["family"] for record in generated_records(3, 1)} == set(FAMILIES)
    assert generated_records(3, 1) != generated_records(4, 1)


def test_the_json_has_a_row_for_every_tuner(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    curves = tmp_path / "curves.json"
    curves.write_text(json.dumps(generated_records(0, 1)[:2]), "utf-8")
    main(["--curves", str(curves), "--seeds", "1", "--format", "json"])
    rows = json.loads(capsys.readouterr().out)["tuners"]
    assert [row["tuner"] for row in rows] == ["adaptive", "grid-5", "grid-10", "grid-50"]
    assert all(set(row) >= KEYS for row in rows)
