"""The CPU share of real workers, and what reads their CPU time (the rule itself: `test_quota`)."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.local.workers import python_spec
from tuner.local.limits import cgroup
from tuner.local.limits.cpu import KernelCpuMeter, PsutilCpuMeter
from tuner.local.limits.governor import Governor
from tuner.local.limits.task_clock import TaskClock
from tuner.local.worker.environment import ExecutionEnvironment


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
    # A run's own wait for a core is left out, to a fraction of a millisecond: one run may end just below 50 ms.
    assert statistics.median(times) >= 50
    assert min(times) < 60


def test_both_meters_see_the_cpu_time_of_a_child_before_and_after_its_end() -> None:
    burner = "import time\nwhile time.process_time() < 0.15: pass\nprint(flush=True)\nimport sys; sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    for meter in (KernelCpuMeter(os.getpid(), os.getpid()), PsutilCpuMeter(os.getpid())):
        before = meter.read_s(())
        with subprocess.Popen([sys.executable, "-S", "-c", burner], **pipes) as child:  # type: ignore[call-overload]
            child.stdout.readline()
            alive = meter.read_s([child.pid])
        after = meter.read_s(())
        assert alive - before > 0.12
        assert after - before > 0.12


def test_the_task_clock_tells_what_a_process_and_its_children_use_while_they_run() -> None:
    burner = "import subprocess, sys, time\ninput()\nwhile time.process_time() < 0.1: pass\nprint(flush=True)\n"
    child = "import time\nwhile time.process_time() < 0.1: pass"
    burner += f"subprocess.run([sys.executable, '-S', '-c', {child!r}])\nprint(flush=True)\ninput()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-S", "-c", burner], **pipes, text=True) as process:  # type: ignore[call-overload]
        clock = TaskClock.open(process.pid)
        if clock is None:
            process.kill()
            pytest.skip("this host does not tell the task clock")
        process.stdin.write("\n")
        process.stdin.flush()
        process.stdout.readline()
        alone_s = clock.read_s()
        process.stdout.readline()
        both_s = clock.read_s()
        clock.close()
        process.communicate("\n")
    assert 0.07 < alone_s < 0.13
    assert alone_s + 0.09 < both_s < alone_s + 0.2


def test_a_process_that_is_gone_has_no_meter() -> None:
    child = subprocess.Popen([sys.executable, "-S", "-c", ""])
    child.wait()
    with pytest.raises(OSError):
        KernelCpuMeter(child.pid, os.getpid())
    with pytest.raises(OSError):
        PsutilCpuMeter(child.pid)


def test_a_control_group_limits_by_the_kernel_where_one_may_be_written() -> None:
    parent = cgroup.writable_parent()
    if parent is None:
        pytest.skip("this process may make no control group")
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
