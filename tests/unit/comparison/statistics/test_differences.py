"""Differences between few environments: what moderated variances and exact tests must satisfy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.comparison.statistics.counts import fisher_exact
from tuner.comparison.statistics.differences import Units, differences, overall_difference


def pairs_of(
    rng: np.random.Generator, configurations: int, environments: int, by: float = 0.0
) -> list[tuple[Units, Units]]:
    return [
        (
            Units(tuple(0.07 * rng.standard_normal(environments))),
            Units(tuple(by + 0.07 * rng.standard_normal(environments))),
        )
        for _ in range(configurations)
    ]


def test_bounds_hold_as_often_as_they_say_with_two_environments_a_side() -> None:
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(400):
        found = overall_difference(pairs_of(rng, 4, 2))
        assert found is not None
        wrong += found.bounds(0.05)[0] > 0
    assert wrong / 400 == pytest.approx(0.05, abs=0.035)


def test_bounds_hold_where_configurations_spread_unequally() -> None:
    rng = np.random.default_rng(1)
    wrong = 0
    for _ in range(400):
        spreads = 0.05 * np.exp(1.2 * rng.standard_normal(10))
        sides = [[Units(tuple(sd * rng.standard_normal(2))) for sd in spreads] for _ in range(2)]
        found = overall_difference(list(zip(*sides, strict=True)))
        assert found is not None
        wrong += found.bounds(0.0165)[0] > 0
    assert wrong / 400 < 0.04


def test_one_environment_a_side_at_one_configuration_tells_nothing() -> None:
    alone = [(Units((1.0,)), Units((1.2,)))]
    assert overall_difference(alone) is None
    assert differences(alone) is None


def test_three_configurations_of_single_environments_tell_the_spread_over_all() -> None:
    pairs = [(Units((1.0,)), Units((1.0 + step,))) for step in (0.09, 0.1, 0.11)]
    found = overall_difference(pairs)
    assert found is not None
    assert found.estimate == pytest.approx(0.1)
    assert found.bounds(0.025)[0] > 0
    assert differences(pairs) is None


def test_values_that_do_not_spread_are_as_uncertain_as_their_rounding() -> None:
    found = overall_difference([(Units((4.0, 4.0), 0.01), Units((4.0, 4.0), 0.01))])
    assert found is not None
    assert found.standard_error == pytest.approx(0.01)


def test_drift_between_sessions_widens_the_interval() -> None:
    pairs = pairs_of(np.random.default_rng(3), 3, 4)
    plain, wide = overall_difference(pairs), overall_difference(pairs, 0.1)
    assert plain is not None
    assert wide is not None
    assert wide.bounds(0.05)[0] < plain.bounds(0.05)[0] - 0.1
    assert wide.with_units(1e6, 1e6).bounds(0.05)[1] > wide.estimate + 0.16


@given(st.integers(0, 12), st.integers(0, 12), st.integers(12, 20), st.integers(12, 20))
def test_fisher_is_a_probability_and_more_failures_are_never_likelier(a: int, b: int, n: int, m: int) -> None:
    chance = fisher_exact((a, b), (n, m))
    assert 0 < chance <= 1 + 1e-12
    assert fisher_exact((a, b + 1), (n, m + 1)) <= chance + 1e-12 or b + 1 > m


def test_fisher_agrees_with_the_tea_tasting() -> None:
    assert fisher_exact((1, 3), (4, 4)) == pytest.approx(17 / 70)
