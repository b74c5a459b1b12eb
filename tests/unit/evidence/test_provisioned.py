"""The fewest provisioned environments that keep cold starts within a target."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.evidence.cold_starts import IdleLife, Requests
from tuner.evidence.provisioned import (
    fewest_requests,
    peak_concurrency,
    replay_schedule,
    size_provisioned,
    upper_bound,
)
from tuner.evidence.shares import wilson_upper

LIFE = IdleLife()
HOUR_S = 3600.0


def bursts(per_hour: int, at_once: int, hours: int) -> Requests:
    """Bursts of requests that start together, so far apart that environments die in between."""
    starts = [h * HOUR_S + n * HOUR_S / per_hour for h in range(hours) for n in range(per_hour) for _ in range(at_once)]
    return Requests(np.array(starts), np.full(len(starts), 1.0))


def one_slot(requests: Requests) -> np.ndarray:
    return np.zeros(requests.start_s.size, dtype=np.int64)


def test_bursts_need_as_many_environments_as_requests_start_together() -> None:
    requests = bursts(per_hour=5, at_once=4, hours=100)
    (size,) = size_provisioned(requests, one_slot(requests), LIFE, target_share=0.01)
    assert size.provisioned == 4
    assert size.cold_share == 0
    assert 0 < size.upper_bound <= 0.01


def test_traffic_that_keeps_its_environments_warm_needs_none() -> None:
    starts = np.arange(0, 200_000, 60.0)
    requests = Requests(starts, np.full(starts.size, 1.0))
    (size,) = size_provisioned(requests, one_slot(requests), LIFE, target_share=0.01)
    assert size.provisioned == 0


def test_too_few_requests_get_a_reason_and_no_number() -> None:
    requests = bursts(per_hour=5, at_once=2, hours=3)
    (size,) = size_provisioned(requests, one_slot(requests), LIFE, target_share=0.001)
    assert size.provisioned is None
    assert f"30 requests are too few to show 0.10%: it takes {fewest_requests(0.001)}" in size.reason


def test_every_slot_gets_its_own_number() -> None:
    requests = bursts(per_hour=6, at_once=3, hours=200)
    quiet = bursts(per_hour=6, at_once=1, hours=200)
    both = Requests.of(
        np.concatenate([requests.start_s, quiet.start_s + 200 * HOUR_S]),
        np.concatenate([requests.busy_s, quiet.busy_s]),
    )
    slots = (both.start_s // (200 * HOUR_S)).astype(np.int64)
    sizes = size_provisioned(both, slots, LIFE, target_share=0.02)
    assert [size.provisioned for size in sizes] == [3, 1]
    assert replay_schedule(both, slots, sizes, LIFE).cold_share == 0


@pytest.mark.parametrize("target", [0.1, 0.01, 0.001])
def test_the_fewest_requests_are_just_enough(target: float) -> None:
    enough = fewest_requests(target)
    assert wilson_upper(0, enough) <= target < wilson_upper(0, enough - 1)


@given(st.integers(0, 50), st.integers(1, 500))
def test_a_bound_lies_above_the_share_and_within_one(hits: int, count: int) -> None:
    cold = np.zeros(max(hits, count), dtype=bool)
    cold[:hits] = True
    bound = upper_bound(cold, np.arange(cold.size) // 10)
    assert cold.mean() <= bound <= 1 + 1e-9


def test_cold_starts_that_come_together_widen_the_bound() -> None:
    cold = np.zeros(1000, dtype=bool)
    cold[:50] = True
    together, apart = np.arange(1000) // 50, np.arange(1000) % 20
    assert upper_bound(cold, together) > upper_bound(cold, apart)


def test_peak_concurrency_counts_what_runs_at_once() -> None:
    assert peak_concurrency(Requests(np.array([0.0, 1.0, 2.0, 3.0]), np.array([1.5, 5.0, 5.0, 0.1]))) == 3
    assert peak_concurrency(Requests(np.zeros(0), np.zeros(0))) == 0


def test_a_target_must_be_a_share() -> None:
    requests = bursts(1, 1, 1)
    with pytest.raises(ValueError, match="target 1"):
        size_provisioned(requests, one_slot(requests), LIFE, target_share=1.0)
