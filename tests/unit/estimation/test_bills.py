"""Means of whole milliseconds: rounded up as they are billed, and bounded whatever the runs are drawn from."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betaincinv, ndtr, ndtri

from tests.unit.estimation.simulation import invocation
from tuner.estimation.means.bills import least_above, mean_rounded_up, rounded_beyond, upper_tail
from tuner.estimation.robust_statistics import MEASURED_UNSEEN, Statistics, billed_statistics, fit_noise, statistics
from tuner.estimation.slow_runs import usual_slow_runs

EACH_ITS_OWN = np.arange(1000)


def billed(durations_ms: list[float], besides: float = 0.0) -> Statistics:
    """Statistics of the bills of runs in environments of their own."""
    runs = [invocation(ms, f"{number}") for number, ms in enumerate(durations_ms)]
    labels = [run.environment for run in runs]
    bills = [math.ceil(ms) + besides for ms in durations_ms]
    return billed_statistics(durations_ms, bills, labels, fit_noise([runs]), usual_slow_runs(*MEASURED_UNSEEN))


@pytest.mark.parametrize(("median_ms", "sd"), [(0.4, 0.1), (0.9, 0.1), (2.5, 0.5), (15.5, 0.3), (300.0, 1.0)])
def test_a_mean_of_rounded_durations_is_that_of_many_runs(median_ms: float, sd: float) -> None:
    runs = median_ms * np.exp(sd * ndtri((np.arange(400_000) + 0.5) / 400_000))
    found = mean_rounded_up(np.log([median_ms]), np.array([sd]), rounded_beyond(runs))
    assert found[0] == pytest.approx(np.ceil(runs).mean(), rel=2e-3)


@given(st.floats(-5, 10), st.floats(0, 2))
def test_rounding_up_adds_a_millisecond_at_most(log_median: float, sd: float) -> None:
    mean = math.exp(log_median + sd**2 / 2)
    (found,) = mean_rounded_up(np.array([log_median]), np.array([sd]))
    assert max(1.0, mean) * (1 - 1e-6) <= found <= (mean + 1) * (1 + 1e-6)


def test_the_tail_of_the_normal_distribution_is_right() -> None:
    z = np.linspace(-8, 8, 201)
    assert upper_tail(z) == pytest.approx(ndtr(-z), abs=1e-6)


@pytest.mark.parametrize(("longer", "runs"), [(0, 6), (1, 3), (1, 24), (5, 12), (12, 12)])
def test_of_two_bills_the_bound_is_that_of_clopper_and_pearson(longer: int, runs: int) -> None:
    bills = np.array([2.0] * longer + [1.0] * (runs - longer))
    draws = np.concatenate([least_above(bills, 1.0, EACH_ITS_OWN[:runs], np.random.default_rng(n)) for n in range(20)])
    exact = 1 + (betaincinv(longer, runs - longer + 1, 0.05) if longer else 0.0)
    assert np.quantile(draws, 0.05) == pytest.approx(exact, abs=0.01)


def test_runs_that_are_billed_alike_are_not_taken_for_steady() -> None:
    steady, varied = billed([0.40, 0.40, 0.40]), billed([0.30, 0.40, 0.55])
    assert steady.mean == varied.mean == steady.low == varied.low == 1.0
    assert varied.high > 1.5 * steady.high


def test_one_longer_bill_in_three_rules_out_that_longer_bills_are_rare() -> None:
    assert billed([0.40, 0.42, 1.06]).low > 1.01


@given(st.lists(st.floats(0.01, 50.0), min_size=1, max_size=24))
def test_no_mean_bill_is_below_a_millisecond_and_its_interval_holds_it(durations_ms: list[float]) -> None:
    found = billed(durations_ms)
    assert 1.0 <= found.low <= found.mean * (1 + 1e-12) <= found.high * (1 + 1e-12) < math.inf


def test_what_is_billed_besides_the_duration_moves_the_interval() -> None:
    plain, more = billed([20.2, 21.4, 22.9]), billed([20.2, 21.4, 22.9], besides=100.0)
    assert more.mean == pytest.approx(plain.mean + 100)
    assert more.high == pytest.approx(plain.high + 100)


def test_bills_of_long_runs_have_the_interval_of_their_durations() -> None:
    durations_ms = [200.2, 204.4, 207.9, 211.5, 190.3, 199.9]
    runs = [invocation(ms, f"{number}") for number, ms in enumerate(durations_ms)]
    labels = [run.environment for run in runs]
    slow = usual_slow_runs(*MEASURED_UNSEEN)
    duration, bill = statistics(durations_ms, labels, fit_noise([runs]), slow), billed(durations_ms)
    assert 0 < bill.low - duration.low < 1
    assert 0 < bill.high - duration.high < 2


def test_a_price_moves_every_figure_in_a_straight_line() -> None:
    assert Statistics(2.0, 1.0, 4.0, 2.0, 3.0, 3.5).each(lambda ms: 1 + 2 * ms) == Statistics(5, 3, 9, 5, 7, 8)
