"""The processes of a worker: itself and whatever it started, however deep.

Reads the process table and sends signals; knows nothing of limits.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys


class ProcessTree:
    """A worker, which leads a session of its own, and its living descendants, children before their parents."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.descendants: tuple[int, ...] = ()

    def refresh(self) -> None:
        """Read again which descendants live.

        One whose parent has ended is kept as long as it stays in the worker's session.
        """
        found: dict[int, None] = {}
        waiting = [self.pid]
        for pid in waiting:
            children = [child for child in children_of(pid) if child not in found]
            found.update(dict.fromkeys(children))
            waiting += children
        orphans = [pid for pid in self.descendants if pid not in found and _session(pid) == self.pid]
        self.descendants = (*orphans, *reversed(found))

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


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None
