"""Which real runs tell of false alarms, what is claimed of comparisons, and a benchmark that goes on where it ended."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.regression import real
from benchmarks.regression.claims import Check, State
from benchmarks.regression.fixed_size import FixedSize, gap
from benchmarks.regression.intervals import FORMER_WIDTH, Width, environment, error_by_functions
from benchmarks.regression.levels import Cell, chosen
from benchmarks.regression.real_runs import Curve, Order, split

THRESHOLD = math.log(1.05)


def curve(runs: np.ndarray, environments: tuple[str, ...] = ()) -> Curve:
    return Curve("family", "function", 128, runs, environments)


def noisy(second_half: float = 1.0, count: int = 200) -> np.ndarray:
    runs = 100 * np.exp(0.02 * np.random.default_rng(0).standard_normal(count))
    runs[count // 2 :] *= second_half
    return runs


def test_a_series_moves_when_its_second_half_lies_beyond_the_threshold() -> None:
    assert not curve(noisy()).level_moves(THRESHOLD)
    assert not curve(noisy(1.03)).level_moves(THRESHOLD)
    assert curve(noisy(1.1)).level_moves(THRESHOLD)
    assert curve(noisy(0.9)).level_moves(THRESHOLD)


def test_the_runs_that_tell_whether_a_series_moves_are_not_compared() -> None:
    ms = np.arange(1.0, 101.0)
    first, second = split(curve(ms), Order.HALVES, 100, np.random.default_rng(0))
    assert sorted(first) == list(ms[:50:2])
    assert sorted(second) == list(ms[50::2])


def test_runs_logged_as_they_ended_have_no_order_in_time() -> None:
    assert curve(noisy()).in_order
    assert not curve(np.sort(noisy())).in_order


def test_an_environment_holds_runs_of_one_environment_of_the_file() -> None:
    ms = np.arange(1.0, 41.0)
    labels = tuple("ab"[int(value) % 2] for value in ms)
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert len({int(value) % 2 for value in environment(curve(ms, labels), 5, rng)}) == 1


@pytest.mark.parametrize(
    ("figure", "count", "state"), [(0.02, 100, State.HOLDS), (0.04, 100, State.OPEN), (0.04, 2000, State.FAILS)]
)
def test_a_figure_beyond_its_bound_fails_only_beyond_chance(figure: float, count: int, state: State) -> None:
    error = math.sqrt(figure * (1 - figure) / count)
    assert Check("false alarms", count, figure, error, 0.02, True).state is state


def test_a_duet_is_held_against_the_best_test_of_the_same_pairs() -> None:
    tests = [FixedSize(False, True, True)] * 2 + [FixedSize(False, False, True)] * 2
    found = gap([True, True, False, False], tests)
    assert (found.best, found.best_found, found.gap) == ("own_scores", 1.0, 0.5)


def test_the_best_test_of_one_half_of_the_duets_is_held_against_the_other_half() -> None:
    lucky = [FixedSize(True, False, False), FixedSize(False, True, False)] * 4
    found = gap([True, True] * 4, lucky)
    assert (found.best, found.best_found) == ("normal_scores or known_variance", 0.0)


def test_duets_that_a_file_holds_are_not_run_again(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    assert real.read_results(path) == []
    lines = [json.dumps({"repetition": 0, "candidate": candidate}) for candidate in ("same", "slower")]
    path.write_text("\n".join(lines) + '\n{"repetition": 1, "cand')
    results = real.read_results(path)
    assert list(real.missing(results, 2)) == [(1, "same"), (1, "slower")]
    assert path.read_text().endswith("}\n")


def cell(family: str, missed: tuple[float, ...], width: float = 0.1) -> Cell:
    """Of 100 results of four steady functions, so many of which miss at each of some levels."""
    below = np.array([np.arange(100) < 100 * share for share in missed])
    numbers = np.arange(100) % 4
    widths = np.full(below.shape, width)
    return Cell(family, 12, numbers, below, np.zeros_like(below), widths, np.ones(100, dtype=bool))


def test_levels_are_chosen_by_the_family_that_is_nearest_its_bounds() -> None:
    assert chosen([cell("a", (0.0, 0.05, 0.06)), cell("b", (0.05, 0.06, 0.2))]) == 1


def test_levels_that_keep_steady_functions_narrow_come_first() -> None:
    wide = cell("a", (0.05, 0.08))
    wide.width[0] = 1.0
    assert chosen([wide]) == 1


def test_functions_that_differ_make_the_share_of_others_uncertain() -> None:
    numbers = np.repeat([0, 1], 50)
    assert error_by_functions(np.ones(100), numbers) == 0
    assert error_by_functions(np.where(numbers == 0, 1.0, 0.5), numbers) == pytest.approx(0.25)
    assert error_by_functions(np.ones(100), np.zeros(100, dtype=np.intp)) is None


def test_a_width_has_an_error_by_the_results_and_one_by_the_functions() -> None:
    numbers, steady = np.repeat([0, 1, 2], 40), np.ones(120, dtype=bool)
    noise = np.random.default_rng(0).standard_normal(120)
    alike = Width.of(FORMER_WIDTH[3] * (1 + 0.1 * noise), steady, numbers, 3)
    apart = Width.of(FORMER_WIDTH[3] * (1 + numbers), steady, numbers, 3)
    assert alike
    assert apart
    assert alike.over_former == pytest.approx(1, abs=0.05)
    assert 0.005 < alike.error < 0.03
    assert apart.error == 0 < 0.3 < apart.by_functions
    assert Width.of(noise, ~steady, numbers, 3) is None
