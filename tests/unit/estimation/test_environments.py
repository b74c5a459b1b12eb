"""How far environments differ is learned from their runs, as far as these tell it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.estimation.means.environments import RATIOS, EnvironmentRatio, Squares, shared_variance

SPREADS = st.lists(st.floats(-1, 1), min_size=2, max_size=12).filter(lambda values: np.ptp(values) > 1e-3)


def _ratio(of: list[Squares], run_sd: float = 0.01) -> float:
    """The ratio that is expected after runs were seen."""
    log_weight = EnvironmentRatio.seen(of, run_sd).log_weight
    chance = np.exp(log_weight - log_weight.max())
    return float(chance @ RATIOS / chance.sum())


def _drawn(ratio: float, environments: int = 6, runs: int = 4, configurations: int = 10) -> list[Squares]:
    rng = np.random.default_rng(4)
    labels = np.repeat(np.arange(environments), runs)
    noises = rng.standard_normal((configurations, len(labels)))
    shocks = ratio * rng.standard_normal((configurations, environments))
    return [Squares.of(0.01 * (shock[labels] + noise), labels) for shock, noise in zip(shocks, noises, strict=True)]


def test_the_ratio_is_learned_from_environments_with_several_runs() -> None:
    alike, apart = _ratio(_drawn(0.0)), _ratio(_drawn(1.5))
    assert alike < 0.4
    assert apart > 1.1


@given(SPREADS)
def test_one_run_in_each_environment_tells_no_ratio_and_needs_none(values: list[float]) -> None:
    squares = Squares.of(np.array(values), np.arange(len(values)))
    assert squares.log_likelihood() == pytest.approx(squares.log_likelihood()[0])
    assert squares.standard_error() == pytest.approx(np.std(values, ddof=1) / math.sqrt(len(values)))
    assert shared_variance(np.arange(len(RATIOS)), len(values), len(values)) == pytest.approx(0)


@given(SPREADS)
def test_the_runs_of_one_environment_tell_the_less_of_others_the_more_these_differ(values: list[float]) -> None:
    errors = Squares.of(np.array(values), np.zeros(len(values), dtype=np.intp)).standard_error()
    assert errors[0] == pytest.approx(np.std(values, ddof=1) / math.sqrt(len(values)))
    assert (np.diff(errors) > 0).all()


def test_environments_of_unsteady_runs_are_not_expected_to_spread_as_widely() -> None:
    assert _ratio([], run_sd=0.3) < 0.2 < 0.8 < _ratio([], run_sd=0.01)


def test_runs_that_all_agree_leave_numbers_finite() -> None:
    squares = Squares.of(np.zeros(6), np.array([0, 0, 0, 1, 1, 1]))
    assert np.isfinite(squares.log_likelihood()).all()
    assert (squares.standard_error() < 1e-5).all()


def test_students_interval_with_the_ratio_misses_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    labels = np.repeat(np.arange(4), 3)
    missed = 0
    for _ in range(1000):
        ratio = rng.choice(RATIOS)
        values = 0.01 * (ratio * rng.standard_normal(4)[labels] + rng.standard_normal(12))
        squares = Squares.of(values, labels)
        drawn = EnvironmentRatio.seen([squares], 0.01).draw(400, rng)
        shocks = squares.standard_error()[drawn] * rng.standard_t(11, 400)
        missed += values.mean() + np.quantile(shocks, 0.05) > 0
    assert missed / 1000 == pytest.approx(0.05, abs=0.02)
