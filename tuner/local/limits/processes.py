"""The processes of a worker: itself and whatever it started, however deep.

Reads the process table and sends signals. It knows nothing of limits.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterable


class ProcessTree:
    """A worker, which leads a process group of its own, and its living descendants, children before their parents.

    Args:
        pid: the worker.
        root: its parent, which is the parent of every orphan of it too.
    """

    def __init__(self, pid: int, root: int) -> None:
        self.pid = pid
        self.root = root
        self.descendants: tuple[int, ...] = ()

    def refresh(self) -> None:
        """Read again which descendants live."""
        found = [self.root]
        for pid in found:
            found += children_of(pid)
        self.descendants = tuple(pid for pid in reversed(found) if pid not in (self.root, self.pid))

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the worker's process group and to descendants that left it."""
        with contextlib.suppress(OSError):
            os.killpg(self.pid, number)
        for pid in self.descendants:
            with contextlib.suppress(OSError):
                if os.getpgid(pid) != self.pid:
                    os.kill(pid, number)

    def continue_stopped(self) -> None:
        """Continue descendants that are stopped: one that is made while its group is stopped can stay so."""
        for pid in self.descendants:
            with contextlib.suppress(OSError):
                if _is_stopped(pid):
                    os.kill(pid, signal.SIGCONT)

    def stop(self) -> None:
        """Stop all of them, whatever they start meanwhile."""
        before = None
        while before != self.descendants:
            before = self.descendants
            self.send(signal.SIGSTOP)
            self.refresh()


class WaitMeter:
    """How long a worker could run and had no core, because other programs had them all.

    Of the threads that waited at the same time, the one that waited longest counts.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._seen: dict[str, int] = {}

    def read_s(self, descendants: tuple[int, ...]) -> float:
        """Seconds of waiting since the last reading; 0 where the system does not tell."""
        seen = {}
        for pid in (self._pid, *descendants):
            with contextlib.suppress(OSError):
                for thread in os.listdir(f"/proc/{pid}/task"):
                    path = f"/proc/{pid}/task/{thread}/schedstat"
                    with contextlib.suppress(OSError, IndexError):
                        seen[path] = _waited_ns(path)
        longest_ns = max((waited - self._seen.get(path, waited) for path, waited in seen.items()), default=0)
        self._seen = seen
        return max(0, longest_ns) / 1e9


def any_is_ready(pids: Iterable[int]) -> bool:
    """Whether a thread of these processes runs or waits for a core (proc(5)); False where the system does not tell."""
    for pid in pids:
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):
                with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/stat", "rb") as file:
                    if file.read().rpartition(b")")[2].split()[0] == b"R":
                        return True
    return False


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


def _is_stopped(pid: int) -> bool:
    """Whether a process is stopped by a signal (proc(5)); False where the system does not tell."""
    if sys.platform != "linux":
        return False
    with open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()[0] == b"T"


def waited_for_core_ms() -> float:
    """Time so far that the calling thread was ready to run but had no core; 0 where the system does not tell."""
    try:
        return _waited_ns("/proc/thread-self/schedstat") / 1e6
    except (OSError, IndexError):
        return 0.0


def _waited_ns(path: str) -> int:
    """Second field of schedstat: time on a run queue (kernel documentation, sched-stats)."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return int(os.read(fd, 128).split()[1])
    finally:
        os.close(fd)


def _children_by_psutil(pid: int) -> list[int]:
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []
