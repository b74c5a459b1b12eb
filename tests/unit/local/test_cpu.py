"""The CPU share: the rule on simulated clocks, then the limit on real workers."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.local.workers import python_spec
from tuner.local import cgroup
from tuner.local.cpu import PERIOD_S, KernelCpuMeter, PsutilCpuMeter, Quota
from tuner.local.environment import ExecutionEnvironment
from tuner.local.governor import Governor


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


@pytest.fixture(scope="module")
def governor() -> Iterator[Governor]:
    with Governor() as one:
        yield one


@pytest.mark.parametrize("memory_mb", [256, 885])
@pytest.mark.parametrize("handler", ["burn", "burn_in_grandchild"])
def test_a_real_worker_gets_its_share_and_its_children_count(
    tmp_path: Path, governor: Governor, handler: str, memory_mb: int
) -> None:
    spec = python_spec(tmp_path, handler, memory_mb=memory_mb)
    with ExecutionEnvironment(spec, governor) as environment:
        environment.invoke(b'{"s": 0.02}')
        ratios = []
        for _ in range(3):
            result = environment.invoke(b'{"s": 0.1}')
            assert result.cpu_ms is not None
            ratios.append(result.duration_ms / (result.cpu_ms * 1769 / memory_mb))
    # A machine that is busy with other things makes it slower, never faster.
    assert statistics.median(ratios) > 0.85
    assert min(ratios) < 3


def test_threads_of_a_real_worker_share_one_quota(tmp_path: Path, governor: Governor) -> None:
    spec = python_spec(tmp_path, "burn_in_threads", memory_mb=885)
    with ExecutionEnvironment(spec, governor) as environment:
        result = environment.invoke(b'{"s": 0.1}')
    assert result.cpu_ms is not None
    assert result.cpu_ms > 190
    assert result.duration_ms > 0.85 * result.cpu_ms * 2


def test_an_unthrottled_worker_runs_freely(tmp_path: Path, governor: Governor) -> None:
    spec = python_spec(tmp_path, "burn", memory_mb=128, throttled=False)
    with ExecutionEnvironment(spec, governor) as environment:
        assert environment.invoke(b'{"s": 0.1}').duration_ms < 700  # 1382 ms by its share


def test_sleep_is_not_stretched(tmp_path: Path, governor: Governor) -> None:
    with ExecutionEnvironment(python_spec(tmp_path, "sleep", memory_mb=128), governor) as environment:
        times = [environment.invoke(b'{"s": 0.05}').duration_ms for _ in range(5)]
    assert 50 <= min(times) < 60


def test_both_meters_see_the_cpu_time_of_a_child_before_and_after_its_end() -> None:
    burner = "import time\nwhile time.process_time() < 0.15: pass\nprint(flush=True)\nimport sys; sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    for meter in (KernelCpuMeter(os.getpid()), PsutilCpuMeter(os.getpid())):
        before = meter.read_s(())
        with subprocess.Popen([sys.executable, "-S", "-c", burner], **pipes) as child:  # type: ignore[call-overload]
            child.stdout.readline()
            alive = meter.read_s([child.pid])
        after = meter.read_s(())
        assert alive - before > 0.12
        assert after - before > 0.12


def test_a_process_that_is_gone_has_no_meter() -> None:
    child = subprocess.Popen([sys.executable, "-S", "-c", ""])
    child.wait()
    for kind in (KernelCpuMeter, PsutilCpuMeter):
        with pytest.raises(OSError):
            kind(child.pid)


def test_a_control_group_limits_by_the_kernel_where_one_may_be_written() -> None:
    parent = cgroup.writable_parent()
    if parent is None:  # nothing to limit with: said so, and nothing is left behind
        return
    burner = (
        "import time; input(); t = time.monotonic()\nwhile time.process_time() < .1: pass\nprint(time.monotonic() - t)"
    )
    with subprocess.Popen(
        [sys.executable, "-S", "-c", burner], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        group = cgroup.ControlGroup.create(parent, child.pid)
        group.limit(0.25)
        wall_s = float(child.communicate("\n")[0])
    deadline = time.monotonic() + 5
    while group.path.exists() and time.monotonic() < deadline:
        try:
            group.path.rmdir()
        except OSError:
            time.sleep(0.01)
    assert wall_s > 0.25
    assert not group.path.exists()
