"""A CPU share in periods of 20 ms, as Lambda grants it below and above one vCPU.

`Quota` decides from two clocks when a worker must pause; the meters read how much CPU
time a tree of processes has used. Neither sends a signal. Standard library alone:
the helper process that uses them must start fast.
"""

from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Iterable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class CpuMeter(Protocol):
        """Reads the CPU time that a tree of processes has used."""

        def read_s(self, descendants: Iterable[int]) -> float:
            """CPU seconds of the worker, of living descendants and of those that have ended.

            Raises:
                OSError: the worker is gone.
            """
            ...


PERIOD_S = 0.020
"""Length of the period in which Lambda enforces the share (measured, see docs/local.md)."""
MIN_NAP_S = 0.00005
"""Shortest wait between two looks: below it the looking would cost more than it gains."""

_KEPT_PERIODS = 256
"""Periods that are remembered for a clock that is set back: 5 s."""


class Quota:
    """Tells when a worker has used up its share of the current period.

    Unused quota is lost with its period; what was used too much is owed to the next ones.

    Quotas are used up at the start of their periods, so work that ends in the middle of a period
    has on average run (1 - share) / 2 periods ahead of its share. That is charged when an
    invocation first exhausts a quota: the expected wall time of long work is then CPU time /
    share, and work that fits into its first quota is not slowed down.

    All times are seconds of a clock and of the worker's CPU clock. The clock may be set back by time that turns out
    not to count: a quota that was granted too early is taken back then.

    Args:
        share: vCPUs granted; above 1 all threads and processes of the worker together.
        period_s: length of a period.
    """

    def __init__(self, share: float, period_s: float = PERIOD_S) -> None:
        self._quota = share * period_s
        self._cores = max(1, math.ceil(share))
        self._charge = self._quota * max(0.0, 1.0 - share) / 2
        self._period = period_s
        self._start = float("-inf")
        self._base = 0.0
        self._charged = False
        self._charged_at = 0.0
        self._earlier: deque[tuple[float, float]] = deque(maxlen=_KEPT_PERIODS)
        self._last = (0.0, 0.0)
        self._seen = 0.0
        self._parallel = 1.0

    def begin(self, now: float, cpu: float) -> None:
        """An invocation starts: in the running period if one is still going or owed, else in a new one."""
        if now - self._start < self._period or self._owes(now, cpu):
            self._refill(now, cpu)
        else:
            self._start, self._base, self._charged = now, cpu, False
        self._earlier.clear()
        self._last, self._seen, self._parallel = (now, cpu), cpu, 1.0

    def look(self, now: float, cpu: float) -> tuple[bool, float]:
        """Whether the worker may run, and in how many seconds to look again."""
        self._take_back(now, cpu)
        self._refill(now, cpu)
        self._observe(now, cpu)
        used = self._used(cpu)
        if used >= self._quota:
            periods = int(used / self._quota)
            # Looked at again every period: a child that ends may have counted twice this once.
            return False, max(min(self._start + periods * self._period - now, self._period), MIN_NAP_S)
        return True, max(min((self._quota - used) / self._parallel, self._period), MIN_NAP_S)

    def shift(self, seconds: float) -> None:
        """Move the running period to a clock that is ahead by so much."""
        self._start += seconds
        self._charged_at += seconds
        self._earlier.clear()

    def owed_s(self, now: float, cpu: float) -> float:
        """Seconds that an exact limit would have delayed the end of an invocation that ends now.

        Work that went beyond its quota before anybody looked would have been done in later
        periods. On an idle machine that is a few microseconds of work; on a busy one, where
        whoever looks must wait for a core too, it may be several quotas. Nor can more be used of a period than
        has passed of it on all cores.
        """
        self._take_back(now, cpu)
        self._refill(now, cpu)
        periods, rest = divmod(self._used(cpu), self._quota)
        begins = self._start + periods * self._period
        if self._charged and begins - self._charged_at < 1.5 * self._period:
            rest -= self._charge  # it counts against this period and is not used in it
        return max(0.0, begins + rest / self._cores - now)

    def _used(self, cpu: float) -> float:
        """CPU seconds that count against the present period, with the charge once it is due."""
        if cpu - self._base >= self._quota and not self._charged:
            self._charged, self._charged_at = True, self._start
            self._base -= self._charge
            self._earlier = deque(((start, base - self._charge) for start, base in self._earlier), _KEPT_PERIODS)
        return cpu - self._base

    def _owes(self, now: float, cpu: float) -> bool:
        if self._start == float("-inf"):
            return False
        refilled = int((now - self._start) / self._period) * self._quota
        return cpu - self._base > refilled

    def _refill(self, now: float, cpu: float) -> None:
        """Begin the period that the clock is in."""
        periods = int((now - self._start) / self._period)
        if periods > 0:
            self._earlier.append((self._start, self._base))
            self._start += periods * self._period
            self._base = min(cpu, self._base + periods * self._quota)

    def _take_back(self, now: float, cpu: float) -> None:
        """Return to the period in which the worker went on, where a later one had begun too early.

        What it has used since the last look it used at the end of that time: before, it had waited or slept.
        """
        went_on = now - (cpu - self._seen) / self._cores
        self._seen = cpu
        while went_on < self._start and self._earlier:
            self._start, self._base = self._earlier.pop()

    def _observe(self, now: float, cpu: float) -> None:
        """Several busy threads use the quota up sooner, so the next look must be sooner."""
        elapsed, used = now - self._last[0], cpu - self._last[1]
        if elapsed > MIN_NAP_S:
            self._parallel = max(1.0, used / elapsed)
            self._last = (now, cpu)


class KernelCpuMeter:
    """Linux: the CPU clock of each process, in nanoseconds, without any privilege.

    What has ended and been waited for is in the figures of whoever waited (10 ms ticks). The
    living are read by their clocks.

    Args:
        pid: the worker.
        root: its parent, which waits for its orphans.

    Attributes:
        counts_ended: whether a process that has ended is in the figures, which are in ticks of 10 ms from then on.
    """

    _CPUCLOCK_SCHED = 2  # MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED) of the kernel's posix-timers.h
    _TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")

    def __init__(self, pid: int, root: int) -> None:
        self._pid, self._root = pid, root
        self.counts_ended = False
        self._read_one_s(pid)

    def read_s(self, descendants: Iterable[int]) -> float:
        """See `CpuMeter`.

        Descendants must come before their parents: one that ends meanwhile then counts twice for
        one look. The other way round it would be missing for one, and charged again after it.
        """
        total = 0.0
        for pid in descendants:
            try:
                total += self._read_one_s(pid)
            except OSError:  # ended since the tree was read
                continue
        return total + self._read_one_s(self._pid) + self._read_waited_for_s(self._root)

    def _read_one_s(self, pid: int) -> float:
        return time.clock_gettime((~pid << 3) | self._CPUCLOCK_SCHED) + self._read_waited_for_s(pid)

    def _read_waited_for_s(self, pid: int) -> float:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
        try:
            fields = os.read(fd, 1024).rpartition(b")")[2].split()
        finally:
            os.close(fd)
        self.counts_ended |= fields[8] != b"0"  # cminflt of proc(5): every process has page faults
        return (int(fields[13]) + int(fields[14])) * self._TICK_S  # cutime, cstime


class PsutilCpuMeter:
    """Elsewhere (macOS): what psutil tells of each process."""

    def __init__(self, pid: int) -> None:
        import psutil

        self._psutil = psutil
        try:
            self._worker = psutil.Process(pid)
        except psutil.Error as error:
            raise ProcessLookupError(str(error)) from error
        self._ended_s = 0.0
        self._seen: dict[int, float] = {}

    def read_s(self, descendants: Iterable[int]) -> float:
        """See `CpuMeter`. What a child used after the last look at it is not seen."""
        seen: dict[int, float] = {}
        try:
            own = self._worker.cpu_times()
            for pid in descendants:
                try:
                    times = self._psutil.Process(pid).cpu_times()
                except self._psutil.Error:
                    continue
                seen[pid] = times.user + times.system
        except self._psutil.Error as error:
            raise ProcessLookupError(str(error)) from error
        self._ended_s += sum(used for pid, used in self._seen.items() if pid not in seen)
        self._seen = seen
        return float(own.user + own.system + self._ended_s + sum(seen.values()))
