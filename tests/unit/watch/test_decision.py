"""A function is tuned again when it became slower itself, and left alone when only its hosts moved."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.watch import Hosts, simulate, simulate_ceiling
from tuner.watch.decision import ENOUGH, Watched, decide
from tuner.watch.weeks import Week


def weeks(*durations_ms: float) -> list[Week]:
    return [Week(float(i), (math.log(ms),) * 7, runs=700) for i, ms in enumerate(durations_ms)]


def test_two_slow_weeks_after_a_release_are_enough() -> None:
    found = decide(weeks(100, 100, 100, 100, 130, 130), threshold=0.1, released=True)
    assert found.outcome is Watched.TUNE
    assert found.chance >= ENOUGH
    assert found.excess is not None
    assert found.excess.mean == pytest.approx(0.3)
    assert found.excess.low < 0.3 < found.excess.high


def test_one_slow_week_is_not_enough_however_slow() -> None:
    assert decide(weeks(100, 100, 100, 100, 100, 300), threshold=0.1, released=True).outcome is Watched.LEAVE


def test_few_weeks_tell_nothing() -> None:
    assert decide(weeks(100, 300, 300), threshold=0.1, released=True).outcome is Watched.TOO_FEW_WEEKS


@given(st.lists(st.floats(90, 110), min_size=4, max_size=13), st.floats(0.21 / 0.9, 1.0))
def test_nothing_within_the_threshold_is_ever_tuned(durations: list[float], threshold: float) -> None:
    assert decide(weeks(*durations), threshold=threshold, released=True).outcome is Watched.LEAVE


@given(st.floats(1.0, 3.0), st.floats(1.0, 1.5))
def test_a_slower_function_has_no_smaller_chance(ratio: float, more: float) -> None:
    def chance(by: float) -> float:
        return decide(weeks(100, 100, 100, 100 * by, 100 * by), threshold=0.1, released=False).chance

    assert chance(ratio * more) >= chance(ratio) - 1e-9


def test_a_release_on_steady_hosts_is_always_noticed_and_tuned_once() -> None:
    found = simulate(20, Hosts.STEADY, seed=1)
    assert (found.noticed, found.tuned_once, found.left_alone) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("hosts", [Hosts.UNIFORM, Hosts.NORMAL])
def test_quarters_notice_a_release_and_leave_hosts_alone(hosts: Hosts) -> None:
    found = simulate(60, hosts, seed=3)
    assert found.left_alone >= 0.95
    assert found.noticed >= 0.85
    assert found.tuned_once >= 0.95


def test_months_of_executions_at_once_stay_within_the_ceiling() -> None:
    found = simulate_ceiling(60, seed=3)
    assert 0.5 < found.worst_share <= 1.0
    assert found.refused_writes > 60
    assert 0 < found.granted < found.asked
