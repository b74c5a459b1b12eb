"""Averages over searches: families count alike, and what is not stated stays unstated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tuner.model import Architecture, Configuration
from tuner.simulated.quality import family_weights, is_right, quality, weighted_quantile
from tuner.simulated.search import SimulatedSearch

WHERE = Configuration(512, Architecture.ARM64)


def search_of(
    family: str, regret: float, *, high: bool | None = None, allowed: bool = True, past: float | None = None
) -> SimulatedSearch:
    return SimulatedSearch(
        function="f", family=family, seed=0, recommended=WHERE, best=WHERE, regret=regret, regret_after_ties=regret,
        given_to_ties=0.0, cost_ratio=0.8, expected_regret=None, search_cost=20.0, invocations=10, rounds=4,
        coverage=0.9, cost_coverage=0.8, recommended_cost_covered=True, high_confidence=high, allowed=allowed,
        past_taken=None if past is None else past >= 0.5, past_chance=past, decisions=5, cpu_seconds=0.5,
    )  # fmt: skip


def test_a_family_counts_by_the_square_root_of_its_size() -> None:
    weights = family_weights(["big"] * 4 + ["small"])
    assert weights[:4].sum() == pytest.approx(2 * weights[4])


def test_quantiles_follow_the_weights() -> None:
    values = np.array([3.0, 1.0, 2.0])
    assert weighted_quantile(values, np.array([1.0, 1.0, 1.0]), 0.5) == 2.0
    assert weighted_quantile(values, np.array([8.0, 1.0, 1.0]), 0.5) == 3.0


def test_averages_keep_what_is_not_stated_unstated() -> None:
    found = quality([search_of("a", 0.0), search_of("b", 0.02)], 0.02)
    assert found.regret_mean == pytest.approx(0.01)
    assert found.regret_after_ties_p90 == pytest.approx(0.02)
    assert found.expected_regret_mean is None
    assert found.cost_coverage == pytest.approx(0.8)
    assert found.cost_coverage_recommended == 1
    assert found.cost_ratio == pytest.approx(0.8)
    assert found.rounds == 4
    assert found.high_confidence_share is None
    assert found.high_confidence_right is None
    assert found.cpu_seconds_per_decision == pytest.approx(0.1)


def test_past_runs_are_counted_where_there_are_any() -> None:
    found = quality([search_of("a", 0.0, past=0.99), search_of("b", 0.0, past=0.7), search_of("c", 0.0)], 0.02)
    assert (found.past_taken, found.past_unsure) == (1.0, 0.5)
    none = quality([search_of("a", 0.0)], 0.02)
    assert (none.past_taken, none.past_unsure) == (None, None)


def test_high_confidence_is_right_where_nothing_fails_and_the_miss_is_small() -> None:
    searches = [
        search_of("a", 0.0, high=True),
        search_of("b", 0.05, high=True),
        search_of("c", 0.0, high=True, allowed=False),
        search_of("d", 0.5, high=False),
    ]
    found = quality(searches, 0.02)
    assert found.high_confidence_share == pytest.approx(3 / 4)
    assert found.high_confidence_right == pytest.approx(1 / 3)


def test_what_is_given_away_on_purpose_is_no_miss() -> None:
    given = replace(search_of("a", 0.07), given_to_ties=0.05)
    assert is_right(given, 0.02)
    assert not is_right(replace(given, given_to_ties=0.0), 0.02)
