"""Searches of known functions: what is found, and what counts as spent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.studies import PRICES, QUIET, X86, function_of
from tuner.model import Budget, Configuration
from tuner.settings import Settings
from tuner.simulated.curves import Curve
from tuner.simulated.noise import SimulatedFaults, SimulatedNoise
from tuner.simulated.search import SimulatedSearch, simulate

GRID = Settings("simulated", sampler="grid", runs=3)
ONE = replace(function_of(QUIET), curves={X86: Curve.through({128: 2000.0, 1769: 145.0, 3008: 145.0})}, current=None)


def untimed(search: SimulatedSearch) -> SimulatedSearch:
    return replace(search, cpu_seconds=0.0)


def test_without_noise_a_grid_finds_the_best_of_its_sizes() -> None:
    found = simulate(ONE, GRID, 0, PRICES)
    assert found.recommended is not None
    assert found.regret_after_ties < 0.05
    assert found.allowed
    assert found.rounds == 1
    assert found.invocations == 18
    assert found.search_cost > found.invocations


def test_a_seed_gives_the_same_search_again() -> None:
    noisy = replace(ONE, noise=SimulatedNoise())
    assert untimed(simulate(noisy, GRID, 3, PRICES)) == untimed(simulate(noisy, GRID, 3, PRICES))
    assert simulate(noisy, GRID, 3, PRICES).search_cost != simulate(noisy, GRID, 4, PRICES).search_cost


def test_functions_of_one_seed_have_noise_of_their_own() -> None:
    noisy = replace(ONE, noise=SimulatedNoise())
    costs = {simulate(replace(noisy, name=name), GRID, 0, PRICES).search_cost for name in ("a", "b")}
    assert len(costs) == 2


def test_free_runs_are_known_and_not_paid_for() -> None:
    flat = replace(ONE, curves={X86: Curve.through({128: 500.0, 3008: 500.0})})
    short = Settings("simulated", budget=Budget(max_invocations=4))
    free = simulate(flat, short, 0, PRICES, current_mb=1024, with_logs=True)
    assert 0 < free.invocations <= 4
    assert free.search_cost < 100
    assert free.cost_coverage is not None


def test_a_function_that_fails_everywhere_has_no_recommendation() -> None:
    failing = replace(ONE, faults=SimulatedFaults(error_share=1.0))
    found = simulate(failing, GRID, 0, PRICES)
    assert found.recommended is None
    assert not found.allowed
    assert found.cost_coverage is None


def test_another_tool_may_choose_and_a_reader_may_judge() -> None:
    chosen = Configuration(256, X86)
    found = simulate(ONE, GRID, 0, PRICES, choose=lambda study: chosen, judge=lambda study, identity: True)
    assert found.recommended == chosen
    assert found.regret == found.regret_after_ties > 0
    assert found.high_confidence is True
    assert found.coverage is None


def test_cpu_time_is_that_of_the_clock_that_is_given() -> None:
    ticks = iter([2.0, 5.0])
    assert simulate(ONE, GRID, 0, PRICES, cpu_clock=lambda: next(ticks)).cpu_seconds == pytest.approx(3.0)
