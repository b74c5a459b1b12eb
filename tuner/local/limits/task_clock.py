"""The task clock of a process and of all that it will start, from the kernel's performance counters.

The clocks of processes that run on another core are told to their last tick, which may be 4 ms ago. This one is told to
the microsecond. It counts time on a core, also what the hypervisor took of it. Not every host allows it: containers
mostly do not. Standard library alone: the helper process that uses it must start fast.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

_OPEN = {"x86_64": 298, "aarch64": 241}
"""Number of perf_event_open by machine."""
_SOFTWARE, _TASK_CLOCK = 1, 1
"""PERF_TYPE_SOFTWARE and PERF_COUNT_SW_TASK_CLOCK of the kernel's perf_event.h."""
_INHERIT, _NO_KERNEL = 1 << 1, 1 << 5
"""Bits of perf_event_attr. Without the second one a user needs a privilege. The kernel counts all the same."""
_CLOSE_ON_EXEC = 8


class TaskClock:
    """An open task clock.

    Args:
        fd: of the counter.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @classmethod
    def open(cls, pid: int) -> Self | None:
        """The clock of a process that has one thread and no child so far; None: this host does not allow it."""
        number = _OPEN.get(platform.machine()) if sys.platform == "linux" else None
        if number is None:
            return None
        # perf_event_attr in its first published size: type, size, config, 3 unused, flags, 2 unused.
        attributes = struct.pack("=IIQQQQQIIQ", _SOFTWARE, 64, _TASK_CLOCK, 0, 0, 0, _INHERIT | _NO_KERNEL, 0, 0, 0)
        words = (ctypes.c_long(word) for word in (pid, -1, -1, _CLOSE_ON_EXEC))
        fd = ctypes.CDLL(None).syscall(ctypes.c_long(number), attributes, *words)
        return cls(fd) if fd >= 0 else None

    def read_s(self) -> float:
        """Seconds on cores since it was opened."""
        return int.from_bytes(os.read(self._fd, 8), sys.byteorder) / 1e9

    def close(self) -> None:
        """Give it back."""
        os.close(self._fd)
