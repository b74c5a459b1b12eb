"""Locations that outliers do not move, and honest statistics of single values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.studies import ran
from tuner.estimation.means.environments import EnvironmentRatio
from tuner.estimation.robust_statistics import (
    MEASURED_UNSEEN,
    PRIOR_SD,
    Noise,
    fit_noise,
    locate,
    robust_mean,
    slow_runs_of_others,
    statistics,
    steady_runs,
    trimmed_mean,
)
from tuner.estimation.slow_runs import usual_slow_runs
from tuner.model import Invocation, Outcome


def test_an_outlier_does_not_move_a_location() -> None:
    runs = [ran(100 * (1 + 0.001 * i), f"{i % 2}") for i in range(10)]
    with_outlier = [*runs[:-1], ran(25_000, "1")]
    before, after = (locate(group, fit_noise([group])).log_ms for group in (runs, with_outlier))
    assert math.exp(after - before) == pytest.approx(1, abs=0.03)


def test_a_robust_mean_of_agreeing_values_is_their_value() -> None:
    assert robust_mean(np.full(7, 3.5), 0.1) == pytest.approx(3.5)
    assert robust_mean(np.array([1.0, 2.0, 50.0]), 0) == 2.0
    assert robust_mean(np.array([1.0, 1.1, 0.9, 1.0, 40.0]), 0.1) == pytest.approx(1.0, abs=0.01)


def test_noise_is_told_apart_within_and_between_environments() -> None:
    rng = np.random.default_rng(3)

    def group(run_sd: float, environment_sd: float) -> list[Invocation]:
        hosts = np.exp(environment_sd * rng.standard_normal(10))
        return [
            ran(float(100 * host * math.exp(run_sd * rng.standard_normal())), f"{i}")
            for i, host in enumerate(hosts)
            for _ in range(10)
        ]

    steady_hosts = fit_noise([group(0.2, 0.0) for _ in range(10)])
    steady_runs_ = fit_noise([group(0.0, 0.2) for _ in range(10)])
    assert steady_hosts.run_sd == pytest.approx(0.2, rel=0.15)
    assert steady_hosts.environment_sd < 0.06
    assert steady_runs_.environment_sd == pytest.approx(0.2, rel=0.15)
    assert steady_runs_.run_sd < 0.02


def test_noise_of_nothing_is_what_published_functions_show() -> None:
    noise = fit_noise([])
    assert (noise.run_sd, noise.environment_sd) == (PRIOR_SD, PRIOR_SD)


def test_configurations_learn_of_slow_runs_from_the_others_alone() -> None:
    usual = usual_slow_runs()
    alone, clean = slow_runs_of_others([[ran(100), ran(100), ran(1000)], []], usual)
    assert alone.log_weight == pytest.approx(usual.log_weight)
    factors = np.exp(clean.log_weight - usual.log_weight)
    assert factors[usual.share > 0.1].max() > 10 * factors[usual.share == 0].max()


def test_warm_runs_stand_for_a_configuration_and_cold_ones_where_there_is_none() -> None:
    cold, warm = ran(200, init_ms=300.0), ran(100)
    assert steady_runs([cold, warm, Invocation(Outcome.NO_REPORT, "a")]) == [warm]
    assert steady_runs([cold]) == [cold]
    assert steady_runs([]) == []


def test_the_trimmed_mean_leaves_out_a_part_on_each_side() -> None:
    assert trimmed_mean([1, 2, 3, 4, 100], 0.2) == 3
    assert trimmed_mean([100, 1, 3, 2, 4], 0.0) == 22
    assert trimmed_mean([1, 2, 30], 0.4) == 2
    assert trimmed_mean([7], 0.4) == 7


@given(st.lists(st.floats(0.1, 9e5), min_size=1, max_size=20), st.floats(0, 0.4))
def test_a_trimmed_mean_is_within_its_values(values: list[float], discard: float) -> None:
    assert min(values) * (1 - 1e-12) <= trimmed_mean(values, discard) <= max(values) * (1 + 1e-12)


durations = st.sampled_from([0.0, 0.01, 1.0, 1.4, 100.0, 900_000.0]) | st.floats(0, 900_000)
good_runs = st.builds(
    ran, durations, st.sampled_from("abc"), init_ms=st.none() | st.sampled_from([0.0, 0.5, 250.0, 10_000.0])
)


@given(st.lists(good_runs, min_size=1, max_size=30))
def test_statistics_never_fail_and_their_interval_holds_their_mean(runs: list[Invocation]) -> None:
    noise = fit_noise([runs])
    durations_ms, labels = [run.duration_ms or 0.0 for run in runs], [run.environment for run in runs]
    found = statistics(durations_ms, labels, noise, usual_slow_runs())
    assert 0 <= found.low <= found.mean <= found.high < math.inf
    assert found.p50 <= found.p95 <= found.p99


def test_more_environments_tell_more_than_more_runs_in_one() -> None:
    noise = Noise(0.05, 0.05, 30, EnvironmentRatio.seen([], 0.05))
    in_one = locate([ran(100, "a")] * 8, noise)
    in_many = locate([ran(100, f"{i}") for i in range(4)], noise)
    assert in_many.standard_error < in_one.standard_error


def _width(host_sd: float, run_sd: float) -> float:
    """Width of the interval of 24 runs in 6 environments, as a fraction."""
    rng = np.random.default_rng(1)
    hosts = host_sd * rng.standard_normal(6)
    runs = [
        ran(float(100 * math.exp(host + run_sd * rng.standard_normal())), f"{i}")
        for i, host in enumerate(hosts)
        for _ in range(4)
    ]
    durations_ms, labels = [run.duration_ms or 0.0 for run in runs], [run.environment for run in runs]
    found = statistics(durations_ms, labels, fit_noise([runs]), usual_slow_runs(*MEASURED_UNSEEN))
    return (found.high - found.low) / found.mean


def test_environments_of_steady_runs_are_expected_to_agree_unless_they_do_not() -> None:
    steady, apart = _width(0.0, 0.01), _width(0.1, 0.01)
    assert steady < 0.09
    assert apart > 0.12


def test_the_interval_of_few_runs_without_skew_reaches_down_to_what_students_bound_of_them_allows() -> None:
    runs = [ran(ms, label) for ms, label in ((100.0, "a"), (122.47, "b"), (150.0, "c"))]
    values = [run.duration_ms or 0.0 for run in runs]
    logs = np.log(values)
    bound = math.exp(logs.mean() - 3.0 * logs.std(ddof=1) / math.sqrt(3))
    found = statistics(values, ["a", "b", "c"], fit_noise([runs]), usual_slow_runs())
    assert found.low <= bound * 1.02


def test_the_interval_of_few_runs_reaches_lower_where_they_lean_down() -> None:
    leaning = ((100.0, 140.0, 150.0), (100.0, 105.0, 150.0))
    down, up = (_low_over_mean(values) for values in leaning)
    assert down < up


def _low_over_mean(values: tuple[float, ...]) -> float:
    labels = [f"e{number}" for number in range(len(values))]
    runs = [ran(ms, label) for ms, label in zip(values, labels, strict=True)]
    found = statistics(values, labels, fit_noise([runs]), usual_slow_runs())
    return found.low / found.mean
