"""Regret and its averages."""

from __future__ import annotations

import numpy as np
import pytest

from tuner.model import Architecture, Configuration
from tuner.simulated.regret import SearchRun, Truth, family_weights, quality, weighted_quantile


def run_of(family: str, regret: float) -> SearchRun:
    return SearchRun(family, regret, regret, None, 20.0, 10, 0.9, 5, 0.5)


def test_regret_is_the_excess_over_the_true_best() -> None:
    configurations = tuple(Configuration(m, Architecture.ARM64) for m in (128, 256, 512))
    cost = np.array([2e-6, 1e-6, 3e-6])
    truth = Truth(configurations, np.array([400.0, 100.0, 150.0]), cost, cost)
    assert truth.regret(configurations[0]) == pytest.approx(1.0)
    assert truth.regret(configurations[1]) == 0
    assert truth.best_cost_usd == 1e-6


def test_a_family_counts_by_the_square_root_of_its_size() -> None:
    weights = family_weights(["big"] * 4 + ["small"])
    assert weights[:4].sum() == pytest.approx(2 * weights[4])


def test_quantiles_follow_the_weights() -> None:
    values = np.array([3.0, 1.0, 2.0])
    assert weighted_quantile(values, np.array([1.0, 1.0, 1.0]), 0.5) == 2.0
    assert weighted_quantile(values, np.array([8.0, 1.0, 1.0]), 0.5) == 3.0


def test_quality_averages_runs_and_keeps_what_is_not_stated_unstated() -> None:
    found = quality([run_of("a", 0.0), run_of("b", 0.02)])
    assert found.regret_mean == pytest.approx(0.01)
    assert found.expected_regret_mean is None
    assert found.coverage == pytest.approx(0.9)
    assert found.cpu_seconds_per_decision == pytest.approx(0.1)
