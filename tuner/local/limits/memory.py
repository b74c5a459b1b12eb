"""Memory of a worker's processes, and its peak: what is resident, and what their memory files (memfd) hold.

Reads only; whoever polls decides what to do about it. Standard library alone on Linux:
the helper process that polls must start fast.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable

MB = 1024 * 1024
_BLOCK_BYTES = 512
"""Unit of st_blocks (stat(3type))."""


_MEMORY_FILE = "/memfd:"
"""How the link of an open descriptor begins that memfd_create(2) made (proc(5))."""


class MemoryMeter:
    """Follows the memory of a tree of processes, in bytes.

    On Linux the kernel's own high-water mark of the worker is read, so that a peak between
    two looks is not missed. Pages that processes share count once, by their
    proportional set, where it would matter for the limit. Memory files count whether or not they are mapped.
    """

    def __init__(self, pid: int, limit_bytes: int) -> None:
        self.pid = pid
        self.limit_bytes = limit_bytes
        self.peak_bytes = 0
        self._in_files_bytes = 0

    @property
    def exceeded(self) -> bool:
        """Whether the peak is above the limit."""
        return self.peak_bytes > self.limit_bytes

    def look(self, descendants: Iterable[int], *, files: bool = True) -> None:
        """Read the memory now and keep the peak.

        Args:
            descendants: of the worker.
            files: read what memory files hold too; without it the last reading stands. It costs time by descriptor.
        """
        worker = read_usage(self.pid)
        others = {pid: read_usage(pid) for pid in descendants}
        resident = worker.resident + sum(one.resident for one in others.values())
        shared = worker.shared + sum(one.shared for one in others.values())
        if others and resident > self.limit_bytes:
            resident = sum(_proportional(pid) for pid in (self.pid, *others))
        if files:
            self._in_files_bytes = _in_memory_files((self.pid, *others))
        together = resident + max(0, self._in_files_bytes - shared)
        self.peak_bytes = max(self.peak_bytes, worker.peak, together)


class Usage:
    """Memory of a process in bytes: peak and present resident set, and the shared part of the latter."""

    __slots__ = ("peak", "resident", "shared")

    def __init__(self, peak: int = 0, resident: int = 0, shared: int = 0) -> None:
        self.peak, self.resident, self.shared = peak, resident, shared


def read_usage(pid: int) -> Usage:
    """Memory of a process; zeros when it is gone."""
    if sys.platform != "linux":
        return _usage_by_psutil(pid)
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            status = file.read()
    except OSError:
        return Usage()
    return Usage(*(_kibibytes(status, field) for field in (b"\nVmHWM:", b"\nVmRSS:", b"\nRssShmem:")))


def _in_memory_files(pids: Iterable[int]) -> int:
    """Bytes in the memory files that processes hold open; each file counts once."""
    held: dict[int, int] = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            for name in os.listdir(f"/proc/{pid}/fd"):
                path = f"/proc/{pid}/fd/{name}"
                with contextlib.suppress(OSError):
                    if os.readlink(path).startswith(_MEMORY_FILE):
                        status = os.stat(path)
                        held[status.st_ino] = status.st_blocks * _BLOCK_BYTES
    return sum(held.values())


def _proportional(pid: int) -> int:
    """Resident bytes of a process with shared pages divided among those that share them."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup", "rb") as file:
        return _kibibytes(file.read(), b"\nPss:")
    return read_usage(pid).resident


def _kibibytes(text: bytes, field: bytes) -> int:
    """A value of a line; the field begins with the line's start, because a process chooses its name itself."""
    start = text.find(field)
    return int(text[start + len(field) :].split(None, 1)[0]) * 1024 if start >= 0 else 0


def _usage_by_psutil(pid: int) -> Usage:
    import psutil

    try:
        resident = int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return Usage()
    return Usage(resident, resident)
