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
MORE = 1.05
"""Growth of the sum of resident sets after which what was counted again is read anew."""
_BLOCK_BYTES = 512
"""Unit of st_blocks (stat(3type))."""


_MEMORY_FILE = "/memfd:"
"""How the link of an open descriptor begins that memfd_create(2) made (proc(5))."""


class MemoryMeter:
    """Follows the memory of a tree of processes, in bytes.

    On Linux the kernel's own high-water mark of the worker is read, so that a peak between
    two looks is not missed. Pages that processes share count once, by their proportional
    sets, which are read where the sum has grown. Memory files count whether or not they are mapped.
    """

    def __init__(self, pid: int, limit_bytes: int) -> None:
        self.pid = pid
        self.limit_bytes = limit_bytes
        self.peak_bytes = 0
        self._in_files_bytes = 0
        self._summed_bytes = self._counted_again_bytes = 0

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
        if others and (files or resident > min(self.limit_bytes, self._summed_bytes * MORE)):
            self._summed_bytes = resident
            self._counted_again_bytes = max(0, resident - _together((self.pid, *others)))
        if others:
            resident = max(worker.resident, resident - self._counted_again_bytes)
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
        status = _read(pid, "status")
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


def _together(pids: Iterable[int]) -> int:
    """Resident bytes of processes of one family, pages that they share counted once.

    Their own pages are shared within the family alone, so that parts add up. A page of a file may be shared with the
    whole machine: those of the process that has most of them count.
    """
    own = files = 0
    for pid in pids:
        try:
            parts, status = _read(pid, "smaps_rollup"), _read(pid, "status")
        except OSError:  # not on Linux, not allowed, or gone
            own += read_usage(pid).resident
            continue
        if b"\nPss_Anon:" in parts:
            own += _kibibytes(parts, b"\nPss_Anon:") + _kibibytes(parts, b"\nPss_Shmem:")
            files = max(files, _kibibytes(status, b"\nRssFile:"))
        else:  # before Linux 5.9
            own += _kibibytes(parts, b"\nPss:")
    return own + files


def _read(pid: int, name: str) -> bytes:
    with open(f"/proc/{pid}/{name}", "rb") as file:
        return file.read()


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
