"""The processes of a worker: itself and whatever it started, however deep.

Reads the process table and sends signals; knows nothing of limits.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys


class ProcessTree:
    """A worker, which leads a process group of its own, and its living descendants, children before their parents."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.descendants: tuple[int, ...] = ()
        self._births: dict[int, float] = {}

    def refresh(self) -> None:
        """Read again which descendants live.

        One whose parent has ended is no longer below the worker, but was seen there before: it
        is known again by its pid and the time of its start.
        """
        births: dict[int, float] = {}
        self._add_children(self.pid, births)
        for pid in reversed(self.descendants):  # parents first
            if pid not in births and 0 < self._births[pid] == birth_of(pid):
                births[pid] = self._births[pid]
                self._add_children(pid, births)
        self.descendants, self._births = tuple(reversed(births)), births

    def stop(self) -> None:
        """Stop all of them, whatever they start meanwhile."""
        before = None
        while before != self.descendants:
            before = self.descendants
            self.send(signal.SIGSTOP)
            self.refresh()

    def _add_children(self, parent: int, births: dict[int, float]) -> None:
        waiting = [parent]
        for pid in waiting:
            children = [child for child in children_of(pid) if child not in births]
            births.update((child, self._births.get(child) or birth_of(child)) for child in children)
            waiting += children

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the worker's process group and to descendants that left it."""
        with contextlib.suppress(OSError):
            os.killpg(self.pid, number)
        for pid in self.descendants:
            with contextlib.suppress(OSError):
                if os.getpgid(pid) != self.pid:
                    os.kill(pid, number)


def children_of(pid: int) -> list[int]:
    """Pids of the living children of a process, started by whichever of its threads."""
    if sys.platform != "linux":
        return _children_by_psutil(pid)
    children: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return children
    for thread in threads:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
            children += map(int, file.read().split())
    return children


def birth_of(pid: int) -> float:
    """When a process was started, on a clock of the system's own; 0: it is gone."""
    if sys.platform != "linux":
        return _birth_by_psutil(pid)
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return float(file.read().rpartition(b")")[2].split()[19])  # starttime of proc(5), in ticks
    except OSError:
        return 0.0


def waited_for_core_ms(pid: int) -> float | None:
    """Time that the main thread of a process was ready to run but had no core; None where it is not told.

    A process that is stopped does not wait.
    """
    try:
        with open(f"/proc/{pid}/schedstat", "rb") as file:
            return int(file.read().split()[1]) / 1e6
    except (OSError, IndexError):
        return None


def _children_by_psutil(pid: int) -> list[int]:
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []


def _birth_by_psutil(pid: int) -> float:
    import psutil

    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0.0
