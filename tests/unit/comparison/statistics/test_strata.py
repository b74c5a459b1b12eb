"""Counts in environments of several configurations: their chances are exact."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from tuner.comparison.statistics.strata import Stratum, chance_of_fewer, chance_of_more, quantile_bounds

FAST, SLOW = 0.0, 2.0


def stratum(before: list[int], after: list[int], runs: int = 4) -> Stratum:
    """Environments with so many slow runs."""
    return Stratum(*(tuple([SLOW] * n + [FAST] * (runs - n) for n in side) for side in (before, after)))


def test_the_chance_is_that_of_all_choices_of_environments() -> None:
    before, after = [0, 1, 0], [2, 0, 3]
    choices = list(itertools.combinations([*before, *after], 3))
    more = sum(sum(choice) >= sum(after) for choice in choices) / len(choices)
    fewer = sum(sum(choice) <= sum(after) for choice in choices) / len(choices)
    assert chance_of_more([stratum(before, after)], [1.0], 0.0) == pytest.approx(more)
    assert chance_of_fewer([stratum(before, after)], [1.0], 0.0) == pytest.approx(fewer)


def test_runs_of_one_environment_count_once() -> None:
    one = chance_of_more([stratum([0, 0, 0, 0], [4, 0, 0, 0])], [1.0], 0.0)
    assert one == pytest.approx(0.5)


def test_configurations_add_up() -> None:
    alone = stratum([0, 0], [2, 2])
    assert chance_of_more([alone] * 3, [1.0] * 3, 0.0) == pytest.approx((1 / 6) ** 3)


def test_a_95th_percentile_of_many_runs_is_bounded_and_of_few_is_not() -> None:
    rng = np.random.default_rng(0)

    def many(environments: int) -> Stratum:
        before, after = 0.05 * rng.standard_normal((2, environments, 4))
        return Stratum(tuple(before.tolist()), tuple((after + 0.4).tolist()))

    low, high = quantile_bounds([many(30)], 0.95, 0.02)
    assert 0.2 < low < 0.4 < high < 0.6
    assert quantile_bounds([many(3)], 0.95, 0.02) == (-math.inf, math.inf)
