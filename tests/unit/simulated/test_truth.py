"""The truth of a simulated function, and the regret of a choice."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.studies import ARM, PRICES, X86, function_of
from tuner.model import Configuration, Objective, Trial
from tuner.simulated.backend import SimulatedBackend
from tuner.simulated.curves import Curve
from tuner.simulated.noise import NOISE_WORLDS, NoiseWorld, SimulatedFaults
from tuner.simulated.truth import FAILED_REGRET, Truth, truth_of


@pytest.mark.parametrize("world", NoiseWorld)
def test_many_runs_come_to_the_true_mean_in_every_world(world: NoiseWorld) -> None:
    function = replace(function_of(NOISE_WORLDS[world]), timeout_s=None)
    where = Configuration(512, X86)
    backend = SimulatedBackend(function, seed=1)
    (sample,) = backend.measure([Trial(0, where, 300, 30)], threading.Event())
    warm = [run.duration_ms for run in sample.invocations if not run.cold and run.duration_ms]
    truth = truth_of(function, Objective(), PRICES)
    assert np.mean(warm) == pytest.approx(truth.duration_ms[truth.index(where)], rel=0.06)


@pytest.mark.parametrize("world", NoiseWorld)
@pytest.mark.parametrize("shortest_ms", [0.3, 1.2, 4.0, 20.0])
def test_many_runs_of_a_short_function_are_billed_its_true_mean(world: NoiseWorld, shortest_ms: float) -> None:
    curves = {X86: Curve.through({128: 80 * shortest_ms, 10_240: shortest_ms})}
    function = replace(function_of(NOISE_WORLDS[world]), curves=curves, timeout_s=None)
    where = Configuration(10_240, X86)
    (sample,) = SimulatedBackend(function, seed=1).measure([Trial(0, where, 1_000, 4)], threading.Event())
    billed = [run.billed_duration_ms for run in sample.invocations if not run.cold and run.billed_duration_ms]
    truth = truth_of(function, Objective(), PRICES)
    expected = np.mean(billed) / 1000 * 10 * PRICES.gb_second_usd(X86) + PRICES.request_usd
    assert truth.cost_usd[truth.index(where)] == pytest.approx(expected, rel=0.06)


def test_regret_is_the_excess_over_the_true_best() -> None:
    configurations = tuple(Configuration(m, ARM) for m in (128, 256, 512))
    cost = np.array([2e-6, 1e-6, 3e-6])
    truth = Truth(configurations, np.array([400.0, 100.0, 150.0]), cost, cost, np.ones(3, dtype=bool))
    assert truth.regret(configurations[0]) == pytest.approx(1.0)
    assert truth.regret(configurations[1]) == 0
    assert truth.best_cost_usd == 1e-6


def test_under_speed_the_price_is_told_beside_the_time_that_is_lost() -> None:
    configurations = tuple(Configuration(m, ARM) for m in (512, 1024))
    duration = np.array([103.0, 100.0])
    truth = Truth(configurations, duration, np.array([1.0e-6, 2.0e-6]), duration, np.ones(2, dtype=bool))
    assert truth.regret(configurations[0]) == pytest.approx(0.03)
    assert truth.cost_ratio(configurations[0]) == pytest.approx(0.5)
    assert truth.cost_ratio(None) is None


def test_every_size_that_the_curves_cover_may_be_chosen() -> None:
    truth = truth_of(function_of(), Objective(), PRICES)
    assert len(truth.configurations) == 2 * (10_240 - 128 + 1)
    for configuration in (Configuration(128, X86), Configuration(1000, ARM)):
        assert truth.configurations[truth.index(configuration)] == configuration
    assert truth.duration_ms[truth.index(Configuration(128, X86))] == pytest.approx(2000.0)


def test_a_size_that_fails_often_is_not_the_best_and_costs_a_full_regret() -> None:
    faults = SimulatedFaults(small_error_share=0.25, small_mb=1024)
    truth = truth_of(function_of(faults=faults), Objective(), PRICES)
    assert truth.configurations[truth.best].memory_mb >= 1024
    assert not truth.is_allowed(Configuration(1023, X86))
    assert truth.regret(Configuration(1023, X86)) >= FAILED_REGRET
    assert truth.regret(None) == FAILED_REGRET


def test_where_everything_fails_no_answer_is_the_right_one() -> None:
    truth = truth_of(function_of(faults=SimulatedFaults(error_share=0.9)), Objective(), PRICES)
    assert truth.regret(None) == 0
    assert not truth.is_allowed(truth.configurations[truth.best])
