"""Requests against a pool of environments: who waits for a new one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.evidence.cold_starts import IdleLife, Requests, replay

LIFE = IdleLife(300, 300)


def requests(*pairs: tuple[float, float]) -> Requests:
    return Requests(np.array([start for start, _ in pairs], dtype=float), np.array([busy for _, busy in pairs]))


TRAFFIC = st.lists(st.tuples(st.floats(0, 400), st.floats(0.01, 50)), min_size=1, max_size=15).map(
    lambda gaps: Requests(np.cumsum([gap for gap, _ in gaps]), np.array([busy for _, busy in gaps]))
)


def test_the_first_request_is_cold_and_the_next_one_finds_its_environment() -> None:
    assert replay(requests((0, 1), (10, 1)), LIFE).cold.tolist() == [True, False]


def test_a_request_beside_a_running_one_needs_an_environment_of_its_own() -> None:
    assert replay(requests((0, 10), (5, 10), (20, 1), (21, 1)), LIFE).cold.tolist() == [True, True, False, False]


@pytest.mark.parametrize(("gap_s", "cold"), [(299.0, False), (301.0, True)])
def test_an_environment_is_gone_after_its_idle_life(gap_s: float, cold: bool) -> None:
    assert replay(requests((0, 1), (1 + gap_s, 1)), LIFE).cold[1] == cold


def test_the_environment_that_was_freed_last_is_taken_first() -> None:
    # Two environments; single requests keep the one warm that was freed last, and the other one dies.
    steady = [(100.0 * n, 1.0) for n in range(1, 6)]
    again = [(505.0, 50.0), (506.0, 50.0)]
    assert replay(requests((0, 1), (0.5, 1), *steady, *again), LIFE).cold.tolist()[-2:] == [False, True]


def test_idle_lives_come_from_their_seed() -> None:
    spread = requests(*[(331.0 * n, 1.0) for n in range(60)])
    first, again, other = (replay(spread, IdleLife(), seed=seed).cold for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
    assert 0.2 < first.mean() < 0.8


@settings(max_examples=50)
@given(TRAFFIC, st.integers(0, 4))
def test_more_ready_environments_never_serve_fewer(traffic: Requests, count: int) -> None:
    fewer, more = (replay(traffic, LIFE, provisioned=n) for n in (count, count + 1))
    assert more.provisioned.sum() >= fewer.provisioned.sum()
    assert not (more.provisioned & more.cold).any()


@settings(max_examples=50)
@given(TRAFFIC)
def test_as_many_ready_environments_as_requests_leave_none_cold(traffic: Requests) -> None:
    assert not replay(traffic, LIFE, provisioned=traffic.start_s.size).cold.any()


def test_a_schedule_changes_how_many_are_ready() -> None:
    four = requests((0, 1), (10, 1), (20, 1), (30, 1))
    assert replay(four, LIFE, provisioned=np.array([1, 0, 0, 1])).provisioned.tolist() == [True, False, False, True]


def test_requests_must_be_in_order_and_complete() -> None:
    with pytest.raises(ValueError, match="order"):
        requests((5, 1), (0, 1))
    with pytest.raises(ValueError, match="1 starts, but 2 durations"):
        Requests(np.zeros(1), np.zeros(2))
    assert Requests.of(np.array([5.0, 0.0]), np.array([1.0, 2.0])).busy_s.tolist() == [2.0, 1.0]


def test_the_share_of_no_requests_is_zero() -> None:
    assert replay(Requests(np.zeros(0), np.zeros(0)), LIFE).cold_share == 0
