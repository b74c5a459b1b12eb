"""Slow runs raise the mean that is billed, and a few clean runs do not prove that there are none."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.unit.studies import PRICES, ran, sample_of
from tuner.estimation.belief import interval_bounds
from tuner.estimation.measured_belief import measured_belief
from tuner.estimation.robust_statistics import fit_noise, statistics
from tuner.estimation.slow_runs import SlowRuns, Tails, unseen_bound, usual_slow_runs

SD = 0.05


def drawn(residuals: list[float], sd: float = SD) -> Tails:
    found: SlowRuns = usual_slow_runs().given(np.array(residuals))
    return found.draw(np.full(2000, sd), np.random.default_rng(0))


@pytest.mark.parametrize("runs", [0, 1, 300, 9_000])
def test_cells_are_weighed_as_each_would_be_alone(runs: int) -> None:
    """They are taken as many at once as there is room for: here all, 27, or one."""
    cells = SlowRuns.grid(np.array([0.02, 0.3]), np.linspace(0, 0.2, 9), np.array([2.0, 40.0]))
    residuals = SD * np.random.default_rng(runs).standard_t(3, runs)
    weighed = cells.log_likelihood(np.stack([residuals, residuals + 0.1]))
    alone = [
        SlowRuns(*(field[i : i + 1] for field in (cells.core_sd, cells.share, cells.log_factor, cells.log_weight)))
        for i in range(len(cells.share))
    ]
    for number, cell in enumerate(alone):
        for place, logs in enumerate((residuals, residuals + 0.1)):
            assert cell.log_likelihood(logs) == pytest.approx(weighed[number, place], rel=1e-12)


@pytest.mark.parametrize("factor", [1.7, 5, 6.5, 18, 30, 60, 110, 125, 180, 250])
def test_slow_runs_raise_the_mean_as_far_as_they_did_wherever_their_factor_lies(factor: float) -> None:
    """The table has factors in steps: 80, 160, 320. Slow runs between them counted 40% too much, or 14% too little."""
    rng = np.random.default_rng(7)
    slow = rng.permutation(np.arange(240) < 30)
    residuals = np.where(slow, math.log(factor), 0.0) + 0.02 * rng.standard_normal(240)
    assert drawn(list(residuals)).mean.mean() == pytest.approx(np.exp(residuals).mean(), rel=0.1)


@pytest.mark.parametrize("runs", [60, 381])
@pytest.mark.parametrize("share", [0.07, 0.1, 0.125, 0.14, 0.17, 0.2, 0.25, 0.3])
def test_the_mean_is_known_as_well_as_the_number_of_slow_runs_tells(runs: int, share: float) -> None:
    """Of n slow runs the share is known to one over the root of n, wherever it lies in the steps of the table."""
    slow = round(runs * share)
    residuals = np.where(np.arange(runs) < slow, math.log(150), 0.0)
    residuals += 0.03 * np.random.default_rng(1).standard_normal(runs)
    assert np.log(drawn(list(residuals), 0.03).mean).std() == pytest.approx(math.sqrt((1 - share) / slow), rel=0.3)


def test_many_clean_runs_leave_no_room_for_slow_ones() -> None:
    mean = drawn([0.0, 0.03, -0.04] * 200).mean
    assert mean.mean() == pytest.approx(1.0, abs=0.03)
    assert np.quantile(mean, 0.975) < 1.2


def test_a_few_clean_runs_leave_room_for_one_slow_run_in_a_hundred_that_takes_forty_times_as_long() -> None:
    mean = drawn([0.0, 0.06, -0.08, 0.07] * 5).mean
    assert np.quantile(mean, 0.025) < 1.01
    assert np.quantile(mean, 0.975) > 1.39
    assert mean.mean() < 1.1


def test_runs_that_hardly_spread_leave_little_room_as_public_functions_show() -> None:
    assert np.quantile(drawn([0.0, 0.01, -0.01, 0.012, -0.008] * 4, 0.01).mean, 0.975) < 1.1


@pytest.mark.parametrize(("slow", "total", "factor"), [(3, 30, 5.0), (4, 32, 150.0), (2, 20, 20.0)])
def test_the_interval_of_the_mean_holds_what_the_slow_runs_add(slow: int, total: int, factor: float) -> None:
    mean = drawn([float(np.log(factor))] * slow + [0.0] * (total - slow)).mean
    true = 1 + slow / total * (factor - 1)
    low, high = interval_bounds(mean)
    assert low < true < high
    assert true / 1.6 < np.median(mean) < true * 1.6


def test_percentiles_are_those_of_the_mixture() -> None:
    tails = drawn([float(np.log(5.0))] * 30 + [0.0] * 270)
    assert np.median(tails.p95) > 3
    assert (tails.p99 >= tails.p95).all()
    assert drawn([0.0] * 600, 0.1).p95 == pytest.approx(np.exp(1.645 * 0.1), rel=0.05)


def test_slow_runs_of_one_size_cancel_between_sizes() -> None:
    clean = [ran(100, f"{i}") for i in range(10)]
    told = [sample_of(128, clean), sample_of(256, [*clean[:-1], ran(20_000, "9")])]
    belief = measured_belief(told, PRICES, seed=0)
    ratio = belief.duration_ms[:, 1] / belief.duration_ms[:, 0]
    assert np.median(ratio) == pytest.approx(1.0, rel=0.15)
    assert belief.duration_ms.mean() > 110


def test_the_interval_of_a_measured_mean_holds_the_mean_that_a_slow_run_moved() -> None:
    runs = [ran(1.0, f"{i}") for i in range(14)] + [ran(200.0, "14"), ran(200.0, "15")]
    noise = fit_noise([runs])
    durations_ms, labels = [run.duration_ms or 0.0 for run in runs], [run.environment for run in runs]
    found = statistics(durations_ms, labels, noise, usual_slow_runs())
    assert found.p50 == 1.0
    assert found.low < 20 < found.mean == pytest.approx(25.9, rel=0.01)
    assert 26 < found.high < 400


def test_few_runs_may_all_be_slow_ones_where_runs_have_two_levels() -> None:
    two_levels = SlowRuns(np.array([0.05]), np.array([0.45]), np.log([3.0]), np.zeros(1))
    rng = np.random.default_rng(0)
    cells, locations = two_levels.draw_located(np.log([300.0, 305.0, 102.0]), float(np.log(300.0)), 2000, rng)
    means = np.exp(locations) * two_levels.mean(cells, two_levels.core_sd[cells])
    assert np.mean(np.abs(locations - np.log(100.0)) < 0.2) > 0.9
    assert np.median(means) == pytest.approx(100 * 0.55 + 300 * 0.45, rel=0.15)


@pytest.mark.parametrize("centre", ["ordinary", "slow"])
def test_the_mean_of_two_levels_is_the_same_wherever_the_location_lies(centre: str) -> None:
    logs = np.random.default_rng(3).normal(np.repeat([0.0, math.log(30)], [9, 7]), SD)
    location = 0.0 if centre == "ordinary" else math.log(30)
    around = usual_slow_runs().draw_around(
        logs - location, np.full(2000, SD), np.random.default_rng(0), other_sd=np.zeros(16)
    )
    assert np.median(around.mean) * math.exp(location) == pytest.approx(np.exp(logs).mean(), rel=0.25)
    assert np.median(around.p95) * math.exp(location) == pytest.approx(30, rel=1.0)


def test_runs_close_to_each_other_leave_the_location_where_it_is() -> None:
    residuals = np.random.default_rng(3).normal(0.0, SD, 16)
    core_sd = np.full(2000, SD)
    around = usual_slow_runs().draw_around(residuals, core_sd, np.random.default_rng(0), other_sd=np.zeros(16))
    assert np.array_equal(around.mean, drawn(list(residuals)).mean)


def test_the_location_of_many_runs_is_known() -> None:
    rng = np.random.default_rng(1)
    logs = np.log(100) + 0.1 * rng.standard_normal(400)
    _, locations = usual_slow_runs().draw_located(logs, float(np.median(logs)), 2000, rng)
    assert np.mean(locations) == pytest.approx(np.log(100), abs=0.015)
    assert np.std(locations) < 0.012


def test_what_so_many_runs_cannot_show_has_a_bound() -> None:
    bound = unseen_bound(30)
    assert bound is not None
    assert bound[0] == pytest.approx(0.095, abs=0.001)
    assert bound[1] == pytest.approx(0.09)
    assert unseen_bound(400) is None
