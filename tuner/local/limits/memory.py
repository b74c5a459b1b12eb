"""Resident memory of a worker's processes, and its peak.

Reads only; whoever polls decides what to do about it. Standard library alone on Linux:
the helper process that polls must start fast.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable

MB = 1024 * 1024


class MemoryMeter:
    """Follows the resident memory of a tree of processes, in bytes.

    On Linux the kernel's own high-water mark of the worker is read, so that a peak between
    two looks is not missed. Pages that processes share count once, by their
    proportional set, where it would matter for the limit.
    """

    def __init__(self, pid: int, limit_bytes: int) -> None:
        self.pid = pid
        self.limit_bytes = limit_bytes
        self.peak_bytes = 0

    @property
    def exceeded(self) -> bool:
        """Whether the peak is above the limit."""
        return self.peak_bytes > self.limit_bytes

    def look(self, descendants: Iterable[int]) -> None:
        """Read the memory now and keep the peak."""
        peak, resident = high_water(self.pid)
        others = {pid: high_water(pid)[1] for pid in descendants}
        together = resident + sum(others.values())
        if others and together > self.limit_bytes:
            together = sum(_proportional(pid) for pid in (self.pid, *others))
        self.peak_bytes = max(self.peak_bytes, peak, together)


def high_water(pid: int) -> tuple[int, int]:
    """Peak and present resident set of a process in bytes; zeros when it is gone."""
    if sys.platform != "linux":
        return _resident_by_psutil(pid)
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            status = file.read()
    except OSError:
        return 0, 0
    return _kibibytes(status, b"VmHWM:"), _kibibytes(status, b"VmRSS:")


def _proportional(pid: int) -> int:
    """Resident bytes of a process with shared pages divided among those that share them."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup", "rb") as file:
        return _kibibytes(file.read(), b"\nPss:")
    return high_water(pid)[1]


def _kibibytes(text: bytes, field: bytes) -> int:
    start = text.find(field)
    return int(text[start + len(field) :].split(None, 1)[0]) * 1024 if start >= 0 else 0


def _resident_by_psutil(pid: int) -> tuple[int, int]:
    import psutil

    try:
        resident = int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0, 0
    return resident, resident
