"""The helper process that starts workers and holds them to their CPU share and memory limit.

It is told on a socket which workers to start and when an invocation runs. It stops and continues them by their CPU
clocks, and kills those that exceed their memory. When its owner ends, however that happens, every worker ends.
Started by `tuner.local.limits.governor`; imports the standard library alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections import deque
from math import inf

from tuner.local.limits import isolation, keeper
from tuner.local.limits.cpu import KernelCpuMeter, PsutilCpuMeter, Quota
from tuner.local.limits.memory import MemoryMeter
from tuner.local.limits.processes import ProcessTree, WaitMeter, any_is_ready, children_of
from tuner.local.limits.task_clock import TaskClock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tuner.local.limits.cgroup import ControlGroup
    from tuner.local.limits.cpu import CpuMeter

MEMORY_POLL_S = 0.010
MEMORY_FILES_POLL_S = 0.050
"""Longer, because it costs time by open descriptor."""
TREE_POLL_S = 0.005 if sys.platform == "linux" else 0.1
"""Elsewhere every look reads the whole process table."""
NOTHING_USED, NOTHING_LOST = "0 0 0.0 0.0 0.0", "0.0 0"
MOST_RAN = 0.1
"""CPU time in the time that passed, at most, of a worker that is said to wait for a core."""
_SOCKET_FD = 0


class Ward:
    """One worker under supervision.

    A worker is starting (memory watched, CPU free), running (both watched) or frozen between invocations, as Lambda
    freezes its environments.

    While a worker runs, its time is the time that passed without what it lost: the time in which it could run and no
    core was free, or in which it was continued too late. Periods of the CPU share are counted in its time.

    Args:
        kept: the worker and its keeper.
        share: vCPUs; None: not limited.
        limit_bytes: resident memory above which it is killed.
        freezes: whether it is stopped between invocations.
        group: control group that limits its CPU share instead; None: there is none.
    """

    def __init__(
        self, kept: keeper.Kept, *, share: float | None, limit_bytes: int, freezes: bool, group: ControlGroup | None
    ) -> None:
        self.kept = kept
        self.tree = ProcessTree(kept.worker, kept.root)
        self.memory = MemoryMeter(kept.worker, limit_bytes)
        self.due = time.monotonic()
        self._group, self._group_share = group, share
        self._freezes = freezes
        self._cores = max(1.0, share or 1.0)
        self._quota = Quota(share) if share is not None and group is None else None
        self._meter = open_meter(kept.worker, kept.root)
        self._task_clock = TaskClock.open(kept.worker)
        self._clock_ahead_s = 0.0
        self._waits = WaitMeter(kept.worker) if group is None else None
        self._starting, self._invoking = True, False
        self._stopped = False
        self._tree_due = 0.0
        self._memory_due = self._memory_files_due = 0.0
        self._last = (time.monotonic(), 0.0)
        self._began_cpu_s = self._lost_s = self._idle_s = 0.0
        self._continue_at = inf
        self._asked = (time.monotonic(), 0.0)

    def begin(self, asked_at: float) -> None:
        """An invocation starts: the quota counts from now on, and the worker runs.

        Args:
            asked_at: monotonic time at which its owner asked for it. The worker loses the time since then.
        """
        if self._group and self._group_share is not None:
            self._group.limit(self._group_share)  # the init phase was free
            self._group_share = None
        self._starting, self._invoking = False, True
        self._idle_s, self._continue_at = 0.0, inf
        cpu = self._began_cpu_s = self._cpu_s(at_rest=True)
        if self._waits:
            self._waits.read_s(self.tree.descendants)
        now = time.monotonic()
        self._lost_s = now - asked_at if self._stopped else 0.0
        self._last = self._asked = (now, cpu)
        if self._quota:
            self._quota.begin(now, cpu)
            self._quota.shift(-self._lost_s)
        self._let_run(True)
        self.due = now

    def end(self) -> str:
        """An invocation, or the init phase, is over: freeze, and give account."""
        owed_s = cpu_s = 0.0
        if self._invoking or self._starting:
            cpu = self._cpu_s(at_rest=True)
            now = self._own_time(cpu)
            cpu_s = max(0.0, cpu - self._began_cpu_s)
            if self._quota and self._invoking:
                owed_s = self._quota.owed_s(now, cpu)
                # The periods went on in the worker's own time. Those to come begin where the machine's clock is.
                self._quota.shift(self._lost_s)
        self._starting = self._invoking = False
        self.tree.refresh()
        self.memory.look(self.tree.descendants)
        self._let_run(not self._freezes)
        self.due = inf
        return f"{self.memory.peak_bytes} {self.memory.exceeded:d} {owed_s!r} {self._lost_s!r} {cpu_s!r}"

    def lost(self) -> str:
        """What the worker has lost of this invocation so far, and whether it waits for a core now.

        The kernel tells of a wait when it is over. A thread that is ready while hardly any CPU time passes is in one.
        """
        cpu = self._cpu_s()
        self._own_time(cpu)
        (now, _), (asked_at, asked_cpu) = self._last, self._asked
        self._asked = self._last
        ready = bool(self._waits) and not self._stopped and any_is_ready((self.kept.worker, *self.tree.descendants))
        return f"{self._lost_s!r} {ready and cpu - asked_cpu < MOST_RAN * (now - asked_at):d}"

    def look(self, now: float) -> None:
        """Do what the clocks and the memory ask for, and set when to look again."""
        if now >= self._tree_due:
            self.tree.refresh()
            if self._quota and not self._stopped:
                self.tree.continue_stopped()
            self._tree_due = now + TREE_POLL_S
        if now >= self._memory_due:
            self._memory_due = now + MEMORY_POLL_S
            files = now >= self._memory_files_due
            if files:
                self._memory_files_due = now + MEMORY_FILES_POLL_S
            self.memory.look(self.tree.descendants, files=files)
            if self.memory.exceeded:
                self.kill()
                return
        self.due = min(self._memory_due, now + self._hold())

    def kill(self) -> None:
        """End the worker and everything that it started."""
        self.kept.kill()
        self.tree.stop()
        self.tree.send(signal.SIGKILL)
        self.due = inf

    def close(self) -> None:
        """Kill, wait for the keeper, and remove the control group."""
        self.kill()
        with contextlib.suppress(OSError):
            os.waitpid(self.kept.keeper, 0)
        if self._task_clock:
            self._task_clock.close()
        if self._group:
            remove_cgroup(str(self._group.path))

    def _hold(self) -> float:
        if not (self._invoking or self._starting):
            return inf
        cpu = self._cpu_s()
        # Clock after CPU: one busy thread must never seem to have used more than the time that passed.
        now = self._own_time(cpu)
        if not self._quota or self._starting:
            return inf
        if self._stopped and now > self._continue_at:  # this process was late
            self._lost_s += now - self._continue_at
            now = self._continue_at
        may_run, nap_s = self._quota.look(now, cpu)
        self._continue_at = inf if may_run else now + nap_s
        self._let_run(may_run)
        return nap_s

    def _own_time(self, cpu: float) -> float:
        """The worker's time now, less what it lost since the last look."""
        waited_s = self._waits.read_s(self.tree.descendants) if self._waits else 0.0
        now = time.monotonic()
        if self._stopped:  # it waited at most to take notice of that
            self._last = (now, cpu)
            return now - self._lost_s
        # A thread that waits beside others that run loses nothing while all granted cores are busy. The kernel tells of
        # a wait when it is over, and counts on while the worker is stopped: so the bound is on the time since then.
        self._idle_s += now - self._last[0] - max(0.0, cpu - self._last[1]) / self._cores
        lost_s = max(0.0, min(waited_s, self._idle_s))
        self._idle_s -= lost_s
        self._lost_s += lost_s
        self._last = (now, cpu)
        return now - self._lost_s

    def _cpu_s(self, *, at_rest: bool = False) -> float:
        """CPU time of the worker and of all that it started.

        The clocks of processes are behind while they run. The task clock is not, but it counts what the hypervisor took
        as well: how far it is ahead is seen while the worker is stopped or waits for an event (`at_rest`). Once a child
        has ended, it alone is exact.
        """
        try:
            cpu_s = self._meter.read_s(self.tree.descendants) if self._meter else 0.0
            if self._task_clock is None:
                return cpu_s
            task_s = self._task_clock.read_s()
        except OSError:  # the worker is gone; its owner sees that
            return self._last[1]
        if isinstance(self._meter, KernelCpuMeter) and self._meter.counts_ended:
            return task_s - self._clock_ahead_s
        if at_rest or self._stopped:
            self._clock_ahead_s = task_s - cpu_s
        return max(cpu_s, task_s - self._clock_ahead_s)

    def _let_run(self, run: bool) -> None:
        if run == self._stopped:
            self.tree.send(signal.SIGCONT if run else signal.SIGSTOP)
            self._stopped = not run
            self._idle_s = 0.0


def open_meter(pid: int, root: int) -> CpuMeter | None:
    """The best CPU meter that this system has for a worker; None when it has none or the worker is gone."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return KernelCpuMeter(pid, root)
    try:
        meter = PsutilCpuMeter(pid)
        meter.read_s(())
    except (OSError, ImportError):
        return None
    return meter


def make_group(parent: str, pid: int) -> ControlGroup:
    """A control group with a worker in it.

    Raises:
        OSError: it cannot be made.
    """
    from pathlib import Path

    from tuner.local.limits.cgroup import ControlGroup

    try:
        return ControlGroup.create(Path(parent), pid)
    except OSError as error:
        raise OSError(f"cannot make a control group below {parent}: {error}") from error


def remove_cgroup(path: str, attempts: int = 50) -> None:
    """Remove a control group once the kernel has let its last process go."""
    for _ in range(attempts):
        try:
            os.rmdir(path)
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.01)
        else:
            return


class GovernorLoop:
    """The loop: commands from the owner, answers to it, looks at wards when they are due.

    Args:
        owner: socket to the owner.
        restore: undoes in a worker what this process did to its own priority.
        isolated: whether workers have their own /tmp and processes.
    """

    def __init__(self, owner: socket.socket, priority: Priority, *, isolated: bool) -> None:
        self._owner = owner
        self._priority = priority
        self._isolated = isolated
        self._wards: dict[int, Ward] = {}
        self._fds: deque[int] = deque()

    def run(self) -> None:
        """Serve until the owner is gone, then kill what is left."""
        buffer = b""
        try:
            while True:
                now = time.monotonic()
                due = min((ward.due for ward in self._wards.values()), default=inf)
                if select.select([self._owner], [], [], min(1.0, max(0.0, due - now)))[0]:
                    data, fds, _, _ = socket.recv_fds(self._owner, 1 << 16, 8)
                    if not data:
                        return
                    for fd in fds:
                        os.set_inheritable(fd, False)
                        self._fds.append(fd)
                    *lines, buffer = (buffer + data).split(b"\n")
                    for line in lines:
                        self._obey(*line.decode().split(" ", 1))
                self._attend()
        finally:
            for ward in self._wards.values():
                ward.close()
            self._wards.clear()
            self._end_orphans()

    def _attend(self) -> None:
        now = time.monotonic()
        for ward in self._wards.values():
            if now >= ward.due:
                ward.look(now)

    def _obey(self, verb: str, rest: str) -> None:
        if verb == "start":
            self._answer(self._start(json.loads(rest)))
            return
        pid, _, asked_at = rest.partition(" ")
        ward = self._wards.get(int(pid))  # None: removed by another thread, or never started
        if verb == "begin" and ward:
            ward.begin(float(asked_at))
        elif verb == "kill" and ward:
            ward.kill()
        elif verb == "lost":
            self._answer(ward.lost() if ward else NOTHING_LOST)
        elif verb == "end":
            self._answer(ward.end() if ward else NOTHING_USED)
        elif verb == "remove":
            if ward:
                del self._wards[ward.kept.worker]
                ward.close()
            self._end_orphans()
            self._answer("removed")

    def _start(self, wanted: dict[str, Any]) -> str:
        """Start a worker; its pid, or why it cannot be started."""
        output_fd, status_fd = self._fds.popleft(), self._fds.popleft()
        launch = keeper.Launch(
            wanted["command"],
            wanted["variables"],
            wanted["folder"],
            output_fd=output_fd,
            status_fd=status_fd,
            tmp_mb=wanted["tmp_mb"],
            keep=wanted["keep"],
            read_only=wanted["read_only"],
            isolated=self._isolated,
        )
        try:
            kept = keeper.start(launch, self._priority.restore)
            group = None
            try:
                if wanted["group"] and wanted["share"] is not None:
                    group = make_group(wanted["group"], kept.worker)
                self._wards[kept.worker] = Ward(
                    kept,
                    share=wanted["share"],
                    limit_bytes=wanted["limit_bytes"],
                    freezes=wanted["freezes"],
                    group=group,
                )
                kept.begin()
            except OSError:
                kept.kill()
                raise
        except (OSError, IndexError) as error:
            return f"error {error}".replace("\n", " ")
        finally:
            os.close(output_fd)
            os.close(status_fd)
        return f"pid {kept.worker}"

    def _end_orphans(self) -> None:
        """Kill whatever came to this process because its keeper has ended, and what comes to it by that."""
        known = {ward.kept.keeper for ward in self._wards.values()}
        ended: set[int] = set()
        while orphans := set(children_of(os.getpid())) - known - ended:
            for pid in orphans:
                ended.add(pid)
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)

    def _answer(self, text: str) -> None:
        self._owner.sendall(text.encode() + b"\n")


class Priority:
    """Wakes this process up on time: the kernel may round sleeps up by 50 us otherwise, and others may be served first.

    Priority is for whoever may have it; a governor needs 1 to 3% of a core.
    """

    def __init__(self) -> None:
        self._before: tuple[int, int] | None = None
        with contextlib.suppress(OSError, AttributeError):
            self._before = os.sched_getscheduler(0), os.sched_getparam(0).sched_priority

    def raise_own(self) -> None:
        """Be served first."""
        with contextlib.suppress(OSError, AttributeError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1 + (self._before or (0, 0))[1]))
        isolation.set_timer_slack(1000)

    def restore(self) -> None:
        """Have the priority of the owner again."""
        if self._before:
            with contextlib.suppress(OSError):
                os.sched_setscheduler(0, self._before[0], os.sched_param(self._before[1]))


def main() -> None:
    """Run as the helper process: says hello with what this system can do."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    priority = Priority()
    isolated = isolation.available()
    isolation.adopt_orphans()
    priority.raise_own()
    with socket.socket(fileno=_SOCKET_FD) as owner:
        cpu = "cpu" if open_meter(os.getpid(), os.getpid()) else "no-cpu"
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the owner was killed
            owner.sendall(f"{cpu} {'isolated' if isolated else 'shared'}\n".encode())
            GovernorLoop(owner, priority, isolated=isolated).run()
