"""The rule of the CPU share, on clocks that only move when asked to."""

from __future__ import annotations

import statistics
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.estimation.cpu_quota.limit import limited_ms
from tuner.local.limits.cpu import PERIOD_S, Quota


class Clocks:
    """A busy worker with `threads` cores, on clocks that only move when asked to."""

    def __init__(self, quota: Quota, *, threads: int = 1, lag_s: float = 0.0) -> None:
        self.quota, self.threads, self.lag_s = quota, threads, lag_s
        self.now, self.cpu = 100.0, 5.0

    def work(self, cpu_s: float) -> float:
        """Wall seconds that an invocation of so much CPU time takes."""
        self.quota.begin(self.now, self.cpu)
        began, end = self.now, self.cpu + cpu_s
        while True:
            may_run, nap_s = self.quota.look(self.now, self.cpu)
            nap_s += self.lag_s
            if may_run and (end - self.cpu) / self.threads <= nap_s:
                self.now += (end - self.cpu) / self.threads
                self.cpu = end
                return self.now - began + self.quota.owed_s(self.now, self.cpu)
            self.now += nap_s
            self.cpu += nap_s * self.threads if may_run else 0.0


shares = st.floats(min_value=128 / 1769, max_value=0.99)


@given(share=shares, cpu_s=st.floats(min_value=0.06, max_value=2.0), lag_s=st.floats(min_value=0.0, max_value=0.005))
def test_long_work_takes_its_cpu_time_over_its_share_to_within_half_of_what_a_period_stops(
    share: float, cpu_s: float, lag_s: float
) -> None:
    wall_s = Clocks(Quota(share), lag_s=lag_s).work(cpu_s)
    assert wall_s == pytest.approx(cpu_s / share, abs=PERIOD_S * (1 - share) / 2 + 2 * lag_s + 0.0005)


@given(share=shares)
def test_long_work_takes_its_cpu_time_over_its_share_on_average(share: float) -> None:
    works = [0.2 + share * PERIOD_S * step / 50 for step in range(50)]
    walls = [Clocks(Quota(share)).work(cpu_s) for cpu_s in works]
    assert statistics.fmean(walls) == pytest.approx(statistics.fmean(works) / share, abs=PERIOD_S / 40)


@given(share=shares, part=st.floats(min_value=0.01, max_value=0.95))
def test_work_within_one_quota_is_not_slowed_down(share: float, part: float) -> None:
    cpu_s = share * PERIOD_S * part
    assert Clocks(Quota(share)).work(cpu_s) == pytest.approx(cpu_s, abs=1e-6)


@given(share=shares)
def test_short_work_again_and_again_cannot_escape_its_share(share: float) -> None:
    clocks = Clocks(Quota(share))
    cpu_s, runs = share * PERIOD_S * 0.6, 40
    wall_s = sum(clocks.work(cpu_s) for _ in range(runs))
    assert wall_s >= 0.9 * runs * cpu_s / share - PERIOD_S


@given(memory_mb=st.integers(min_value=1769, max_value=10_240), cpu_s=st.floats(min_value=0.001, max_value=1.0))
def test_one_thread_is_never_stopped_from_one_vcpu_up(memory_mb: int, cpu_s: float) -> None:
    assert Clocks(Quota(memory_mb / 1769)).work(cpu_s) == pytest.approx(cpu_s, abs=1e-6)


def test_threads_together_stay_within_a_share_above_one() -> None:
    wall_s = Clocks(Quota(1.16), threads=2).work(1.0)
    assert wall_s == pytest.approx(1.0 / 1.16, rel=0.02)


@given(share=shares, ghost_s=st.floats(min_value=0.01, max_value=1.0))
def test_cpu_time_that_was_counted_twice_for_one_look_costs_two_periods_at_most(share: float, ghost_s: float) -> None:
    quota = Quota(share)
    quota.begin(0.0, 0.0)
    _, nap_s = quota.look(0.001, 0.001 * share + ghost_s)
    _, nap_again_s = quota.look(0.001 + nap_s, 0.001 * share)
    assert nap_s <= PERIOD_S
    assert quota.look(0.001 + nap_s + nap_again_s, 0.001 * share)[0]
    assert nap_again_s <= PERIOD_S


def test_a_quota_that_was_granted_too_early_is_taken_back() -> None:
    quota = Quota(0.5)
    quota.begin(0.0, 0.0)
    assert quota.look(0.009, 0.009)[0], "within the first quota"
    # 15 ms seem to pass, and a second quota is granted.
    assert quota.look(0.024, 0.009)[0]
    # They turn out to have been waiting for a core: the clock is at 12 ms, and the first quota is used up.
    may_run, nap_s = quota.look(0.012, 0.0115)
    assert not may_run
    assert nap_s == pytest.approx(0.008)


@given(
    share=st.floats(min_value=0.3, max_value=0.95),
    cpu_s=st.floats(min_value=0.005, max_value=0.1),
    waits=st.lists(st.tuples(st.floats(0.0, 0.1), st.floats(0.0, 0.03)), max_size=6),
)
def test_waiting_for_a_core_changes_nothing_but_for_the_charge(
    share: float, cpu_s: float, waits: list[tuple[float, float]]
) -> None:
    """The worker waits after so much CPU time for so long, and nobody knows it before it goes on."""
    quota, left = Quota(share), sorted(waits)
    now = cpu = lost = waited = 0.0
    quota.begin(0.0, 0.0)
    while cpu < cpu_s:
        may_run, nap_s = quota.look(now - lost, cpu)
        until = now + min(nap_s, 0.01)
        while may_run and now < until and cpu < cpu_s:
            if left and left[0][0] <= cpu:  # waits go on beyond a look
                step = min(left[0][1] - waited, until - now)
                waited += step
                now += step
                if waited >= left[0][1] - 1e-12:
                    lost += left.pop(0)[1]
                    waited = 0.0
                continue
            step = min(until - now, cpu_s - cpu, left[0][0] - cpu if left else inf)
            now, cpu = now + step, cpu + step
        if not may_run:
            now = until
    took = now - lost + quota.owed_s(now - lost, cpu)
    alone = Clocks(Quota(share)).work(cpu_s)
    assert took == pytest.approx(alone, abs=share * PERIOD_S * (1 - share) / 2 + 0.0005)


@given(share=shares, cpu_s=st.floats(min_value=0.001, max_value=0.5))
def test_the_estimates_know_how_long_work_takes_under_the_limit(share: float, cpu_s: float) -> None:
    told_ms = float(limited_ms(np.array(cpu_s * 1000), share))
    took_ms = Clocks(Quota(share)).work(cpu_s) * 1000
    stops_ms = PERIOD_S * 1000 * (1 - share)
    # Within a microsecond of an edge either side is right.
    assert min(abs(told_ms - took_ms), abs(abs(told_ms - took_ms) - stops_ms)) < 0.2
