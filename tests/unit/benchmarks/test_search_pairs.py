"""Searches with and without a log, held against each other: averages, errors, and the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.search.__main__ import main
from benchmarks.search.families import generated_records
from benchmarks.search.paired import Pair, paired_quality, paired_table, standard_error
from tuner.model import Architecture, Configuration
from tuner.simulated.search import SimulatedSearch

WHERE = Configuration(512, Architecture.ARM64)


def search_of(function: str, price: float, regret: float, *, high: bool = False, seed: int = 0) -> SimulatedSearch:
    return SimulatedSearch(
        function=function, family=function[0], seed=seed, recommended=WHERE, best=WHERE, regret=regret / 2,
        regret_after_ties=regret, given_to_ties=0.0, cost_ratio=1.0, expected_regret=None, search_cost=price,
        invocations=10, rounds=4, coverage=0.9, cost_coverage=0.8, recommended_cost_covered=True,
        high_confidence=high, allowed=True, past_taken=None, past_chance=None, decisions=5, cpu_seconds=0.5,
    )  # fmt: skip


@pytest.fixture
def curves(tmp_path: Path) -> str:
    path = tmp_path / "curves.json"
    records = [record for record in generated_records(0, 3) if record["family"] in ("compute", "flat", "waiting")]
    path.write_text(json.dumps(records), "utf-8")
    return str(path)


def test_a_log_is_judged_by_ratio_and_paired_difference() -> None:
    pairs = [
        Pair(search_of("a", 40, 0.01, high=True), search_of("a", 20, 0.03, high=True)),
        Pair(search_of("b", 20, 0.02), search_of("b", 10, 0.02)),
    ]
    found = paired_quality(pairs, 0.02)
    assert (found.functions, found.pairs) == (2, 2)
    assert (found.price_ratio, found.price_ratio_se) == pytest.approx((0.5, 0.0))
    assert found.regret_difference == pytest.approx(0.01)
    assert found.regret_difference_se == pytest.approx(0.01)
    assert found.best_regret_difference == pytest.approx(0.005)
    assert (found.high_without, found.right_without, found.right_with) == (0.5, 1.0, 1.0)


def test_seeds_of_one_function_count_as_one_value() -> None:
    once = [
        Pair(search_of("a", 40, 0.01), search_of("a", 20, 0.03)),
        Pair(search_of("b", 20, 0.02), search_of("b", 10, 0.02)),
    ]
    found = paired_quality(once * 4, 0.02)
    assert (found.functions, found.pairs) == (2, 8)
    assert found.regret_difference_se == pytest.approx(0.01)


def test_an_error_is_that_of_a_mean_where_weights_are_even() -> None:
    values = np.array([1.0, 2.0, 4.0])
    assert standard_error(values, np.ones(3)) == pytest.approx(values.std(ddof=1) / np.sqrt(3))
    assert standard_error(values[:1], np.ones(1)) == 0


def test_the_table_has_a_line_for_each_size_in_use() -> None:
    row = paired_quality([Pair(search_of("a", 40, 0.01), search_of("a", 20, 0.03))], 0.02)
    lines = paired_table([(256, row), (512, row)]).splitlines()
    assert len(lines) == 3
    assert "50.0% ± 0.0%" in lines[1]
    assert "+2.00 ± 0.00" in lines[1]


def test_the_command_pairs_searches_of_the_same_function_and_seed(
    curves: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "pairs.jsonl"
    asked = ["--paired", "--current-size", "1024", "--half", "first", "--most-per-family", "1", "--pairs", str(kept)]
    main(["--curves", curves, *asked, "--processes", "1", "--format", "json"])
    (row,) = json.loads(capsys.readouterr().out)
    pairs = [json.loads(line) for line in kept.read_text("utf-8").splitlines()]
    assert {pair["without"]["family"] for pair in pairs} <= {"compute", "waiting"}, "every second family"
    assert (row["current_size_mb"], row["pairs"]) == (1024, len(pairs))
    for pair in pairs:
        assert [pair["without"][name] for name in ("function", "seed")] == [
            pair["logged"][name] for name in ("function", "seed")
        ]
        assert pair["without"]["past_taken"] is None
        assert pair["logged"]["past_taken"] is not None


@pytest.mark.parametrize("asked", [["--paired"], ["--current-size", "256,512"]], ids=" ".join)
def test_pairs_and_sizes_in_use_go_together(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(asked)
    assert "--paired" in capsys.readouterr().err
