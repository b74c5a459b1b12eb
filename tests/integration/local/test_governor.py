"""No worker outlives its owner, and the limits hold whichever way they are set."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from tests.integration.local.workers import lives, python_spec, returned, shadow, soon
from tuner.errors import BackendError
from tuner.local.limits import cgroup
from tuner.local.limits.governor import Governor
from tuner.local.limits.memory import MemoryMeter
from tuner.local.pool import Pool
from tuner.local.worker.environment import ExecutionEnvironment

ROOT = Path(__file__).parents[3]
OWNER = """
import sys, threading
from pathlib import Path
from tests.integration.local.workers import python_spec
from tuner.local.worker.environment import ExecutionEnvironment
from tuner.local.limits.governor import Governor
governor = Governor()
environments = [ExecutionEnvironment(python_spec(Path(sys.argv[1]), "burn"), governor) for _ in range(2)]
assert [environment.load() for environment in environments] == [None, None]
print(*[environment.pid for environment in environments], governor.pid, flush=True)
environments[1].invoke(b'{"s": 600}')
"""


def test_no_worker_and_no_helper_survives_the_sudden_death_of_the_tuner(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER, tmp_path], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        idle, busy, helper = map(int, owner.stdout.readline().split())
        assert all(map(lives, (idle, busy, helper)))
        owner.send_signal(signal.SIGKILL)
    assert soon(lambda: not any(map(lives, (idle, busy, helper))))


def test_a_helper_killed_from_outside_ends_the_work_and_the_worker(tmp_path: Path) -> None:
    governor = Governor()
    environment = ExecutionEnvironment(python_spec(tmp_path, "sleep"), governor)
    threading.Timer(0.1, os.kill, (governor.pid, signal.SIGKILL)).start()
    with pytest.raises(BackendError, match="helper process"):
        environment.invoke(b'{"s": 20}')
    environment.close()
    assert not lives(environment.pid)
    governor.close()


def test_a_helper_starts_beside_modules_that_are_named_like_those_of_the_standard_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shadow(tmp_path)
    monkeypatch.chdir(tmp_path)
    with Governor() as governor:
        assert governor.limits_cpu


def test_a_helper_that_cannot_be_started_is_told_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "nothing-of-that-name")
    with pytest.raises(BackendError, match="cannot start the helper process") as caught:
        Governor()
    assert "another process" in caught.value.hint


def test_a_helper_asked_for_a_worker_that_it_no_longer_knows_goes_on() -> None:
    with Governor() as governor:
        governor.begin(1, 0.0)
        governor.kill(1)
        assert governor.end(1).peak_bytes == 0
        governor.remove(1)


def test_this_system_tells_the_cpu_time_of_workers() -> None:
    with Governor() as governor:
        assert governor.limits_cpu


def test_a_control_group_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    with Governor(cgroup_parent=tmp_path / "absent") as governor, pytest.raises(BackendError, match="control group"):
        ExecutionEnvironment(python_spec(tmp_path, "burn"), governor)


def test_the_kernel_limits_where_a_control_group_may_be_written(tmp_path: Path) -> None:
    parent = cgroup.writable_parent()
    if parent is None:
        pytest.skip("this process may make no control group")
    before = set(parent.iterdir())
    with Governor(cgroup_parent=parent) as governor:
        with ExecutionEnvironment(python_spec(tmp_path, "burn", memory_mb=442), governor) as environment:
            assert set(parent.iterdir()) != before
            result = environment.invoke(b'{"s": 0.1}')
        assert soon(lambda: set(parent.iterdir()) == before)
    assert result.duration_ms > 250


def test_memory_is_that_of_all_processes_and_keeps_its_peak() -> None:
    meter = MemoryMeter(os.getpid(), limit_bytes=1 << 40)
    meter.look(())
    alone = psutil.Process().memory_info().rss
    hold = "data = bytearray(b'x') * (50 << 20); print(flush=True); import sys; sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-S", "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        meter.look([child.pid])
        together = meter.peak_bytes
    assert together >= alone + (45 << 20)  # this process may have shrunk by a little meanwhile
    assert not meter.exceeded


def test_pages_that_processes_share_count_once_far_below_the_limit_too() -> None:
    hold = (
        "import os, sys; data = bytearray(b'x') * (60 << 20); os.fork() and os.fork()\n"
        "os.write(1, b'%d\\n' % os.getpid()); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-S", "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        pids = {int(first.stdout.readline()) for _ in range(3)}
        meter = MemoryMeter(first.pid, limit_bytes=1 << 40)
        for files in (False, True, False):
            meter.look(pids - {first.pid}, files=files)
    assert 60 << 20 < meter.peak_bytes < 90 << 20


def test_a_pool_uses_warm_environments_again_unless_a_fresh_one_is_asked_for(tmp_path: Path) -> None:
    spec = python_spec(tmp_path, "echo")
    with Pool() as pool:
        first, second = (pool.invoke(spec, b"{}") for _ in range(2))
        third = pool.invoke(spec, b"{}", fresh=True)
        other = pool.invoke(python_spec(tmp_path, "echo", memory_mb=512), b"{}")
        assert [r.init_duration_ms is not None for r in (first, second, third, other)] == [True, False, True, True]
        assert first.environment == second.environment != third.environment
        pool.discard(spec.name)
        assert pool.invoke(spec, b"{}").init_duration_ms is not None


def test_a_pool_never_lets_more_than_its_bound_be_busy_but_unthrottled_ones_may_call_others(tmp_path: Path) -> None:
    spans: list[tuple[float, float]] = []

    def call(pool: Pool) -> None:
        result = pool.invoke(python_spec(tmp_path, "clock"), b'{"s": 0.05}')
        spans.append(tuple(returned(result)))

    with Pool(max_busy=1, max_idle=1) as pool:
        blocked = threading.Thread(
            target=pool.invoke, args=(python_spec(tmp_path, "sleep", throttled=False), b'{"s": 0.5}')
        )
        callers = [blocked, *(threading.Thread(target=call, args=(pool,)) for _ in range(3))]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    spans.sort()
    assert len(spans) == 3
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))


def test_a_pool_replaces_an_environment_that_has_ended(tmp_path: Path) -> None:
    spec = python_spec(tmp_path, "leave")
    with Pool() as pool:
        results = [pool.invoke(spec, b"{}") for _ in range(2)]
    assert all(result.error and result.init_duration_ms is not None for result in results)
    assert results[0].environment != results[1].environment


def test_closing_a_pool_ends_what_is_running(tmp_path: Path) -> None:
    pool = Pool()
    ended: list[str] = []

    def call() -> None:
        result = pool.invoke(python_spec(tmp_path, "sleep"), b'{"s": 60}')
        assert result.error is not None
        ended.append(result.error.type)

    caller = threading.Thread(target=call)
    caller.start()
    assert soon(lambda: bool(pool.busy))
    pool.close()
    caller.join(timeout=10)
    assert ended == ["Runtime.ExitError"]


def test_a_helper_whose_owner_was_killed_before_its_first_word_ends_without_a_traceback() -> None:
    program = "from tuner.local.limits.governor_process import main; main()"
    owner, helper = socket.socketpair()
    owner.close()
    with helper:
        done = subprocess.run(
            [sys.executable, "-c", program], stdin=helper, cwd=ROOT, capture_output=True, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (0, "")
