"""The helper process that holds workers to their CPU share and memory limit.

It is told on stdin which workers there are and when an invocation runs, stops and
continues them by their CPU clocks, and kills those that exceed their memory. When stdin
ends, however its owner died, it kills every worker: none outlives the tuner.
Started by `tuner.local.limits.governor`; imports the standard library alone.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from math import inf, isinf

from tuner.local.limits.cpu import KernelCpuMeter, PsutilCpuMeter, Quota
from tuner.local.limits.memory import MemoryMeter
from tuner.local.limits.processes import ProcessTree

MEMORY_POLL_S = 0.010
TREE_POLL_S = 0.005 if sys.platform == "linux" else 0.1
"""Elsewhere every look reads the whole process table."""
NOTHING_USED = "0 0 0.0"
_PR_SET_TIMERSLACK = 29  # prctl(2)


class Ward:
    """One worker under supervision.

    A worker is starting (memory watched, CPU free), running (both watched) or frozen
    between invocations, as Lambda freezes its environments.
    """

    def __init__(self, pid: int, share: float, limit_bytes: int, freezes: bool, cgroup: str) -> None:
        self.tree = ProcessTree(pid)
        self.memory = MemoryMeter(pid, limit_bytes)
        self.cgroup = cgroup
        self.due = 0.0
        self._freezes = freezes
        self._quota = Quota(share) if not isinf(share) else None
        self._meter = open_meter(pid) if self._quota else None
        self._invoking = False
        self._stopped = False
        self._tree_due = 0.0
        self._memory_due = 0.0

    def begin(self, now: float) -> None:
        """An invocation starts: the quota counts from now on, and the worker runs."""
        self._invoking = True
        if self._quota and self._meter:
            with contextlib.suppress(OSError):
                cpu = self._meter.read_s(self.tree.descendants)
                self._quota.begin(time.monotonic(), cpu)
        self._let_run(True)
        self.due = now

    def end(self) -> str:
        """An invocation, or the init phase, is over: freeze, and give account of memory and the seconds still owed."""
        owed_s = 0.0
        if self._invoking and self._quota and self._meter:
            with contextlib.suppress(OSError):
                cpu = self._meter.read_s(self.tree.descendants)
                owed_s = self._quota.owed_s(time.monotonic(), cpu)
        self._invoking = False
        self.tree.refresh()
        self.memory.look(self.tree.descendants)
        self._let_run(not self._freezes)
        self.due = inf
        return f"{self.memory.peak_bytes} {self.memory.exceeded:d} {owed_s!r}"

    def look(self, now: float) -> None:
        """Do what the clocks and the memory ask for, and set when to look again."""
        if now >= self._tree_due:
            self.tree.refresh()
            self._tree_due = now + TREE_POLL_S
        if now >= self._memory_due:
            self._memory_due = now + MEMORY_POLL_S
            self.memory.look(self.tree.descendants)
            if self.memory.exceeded:
                self.kill()
                return
        self.due = min(self._memory_due, now + self._hold())

    def kill(self) -> None:
        """End the worker and everything that it started."""
        self.tree.stop()
        self.tree.send(signal.SIGKILL)
        self.due = inf

    def close(self) -> None:
        """Kill, and remove the control group."""
        self.kill()
        if self.cgroup:
            remove_cgroup(self.cgroup)

    def _hold(self) -> float:
        if not (self._invoking and self._quota and self._meter):
            return inf
        try:
            cpu = self._meter.read_s(self.tree.descendants)
        except OSError:  # the worker is gone; its owner sees that on its pipe
            return inf
        # Clock after CPU: one busy thread must never seem to have used more than the time that passed.
        may_run, nap_s = self._quota.look(time.monotonic(), cpu)
        self._let_run(may_run)
        return nap_s

    def _let_run(self, run: bool) -> None:
        if run == self._stopped:
            self.tree.send(signal.SIGCONT if run else signal.SIGSTOP)
            self._stopped = not run


def open_meter(pid: int) -> KernelCpuMeter | PsutilCpuMeter | None:
    """The best CPU meter that this system has for a process; None when it has none or the process is gone."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return KernelCpuMeter(pid)
    try:
        meter = PsutilCpuMeter(pid)
        meter.read_s(())
    except (OSError, ImportError):
        return None
    return meter


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


class Governor:
    """The loop: commands from stdin, answers to stdout, looks at wards when they are due."""

    def __init__(self) -> None:
        self._wards: dict[int, Ward] = {}

    def run(self) -> None:
        """Serve until stdin ends, then kill what is left."""
        buffer = b""
        try:
            while True:
                now = time.monotonic()
                due = min((ward.due for ward in self._wards.values()), default=inf)
                if select.select([0], [], [], None if isinf(due) else max(0.0, due - now))[0]:
                    data = os.read(0, 65536)
                    if not data:
                        return
                    *lines, buffer = (buffer + data).split(b"\n")
                    for line in lines:
                        self._obey(line.decode().split(" "))
                now = time.monotonic()
                for ward in self._wards.values():
                    if now >= ward.due:
                        ward.look(now)
        finally:
            for ward in self._wards.values():
                ward.close()

    def _obey(self, words: list[str]) -> None:
        pid = int(words[1])
        if words[0] == "add":
            share, limit, freezes, cgroup = words[2:]
            self._wards[pid] = Ward(pid, float(share), int(limit), freezes == "1", cgroup)
            return
        ward = self._wards.get(pid)  # None: removed by another thread, or never added
        if words[0] == "begin" and ward:
            ward.begin(time.monotonic())
        elif words[0] == "kill" and ward:
            ward.kill()
        elif words[0] == "end":
            answer(ward.end() if ward else NOTHING_USED)
        elif words[0] == "remove":
            if ward:
                del self._wards[pid]
                ward.close()
            answer("removed")


def answer(text: str) -> None:
    """Write one line to the owner."""
    os.write(1, text.encode() + b"\n")


def sharpen() -> None:
    """Wake up on time: the kernel may round sleeps up by 50 us otherwise, and others may be served first.

    Priority is for whoever may have it; a governor needs 1 to 3% of a core.
    """
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1000, 0, 0, 0)


def main() -> None:
    """Run as the helper process: says hello with whether the CPU clocks can be read."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    sharpen()
    answer("cpu" if open_meter(os.getpid()) else "no-cpu")
    with contextlib.suppress(BrokenPipeError):
        Governor().run()
