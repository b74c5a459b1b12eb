"""CPU share by the kernel's own bandwidth control, where a control group may be written.

Exact for any number of threads and processes, but needs privileges that a tuner rarely
has; `tuner.local.limits.cpu` does without. Knows cgroup v2 and v1.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path

from tuner.local.limits.cpu import PERIOD_S

_MOUNT = Path("/sys/fs/cgroup")
_LISTED = Path("/proc/self/cgroup")
_PERIOD_US = round(PERIOD_S * 1_000_000)
_MIN_QUOTA_US = 1000  # the kernel's minimum (sched-bwc.rst)


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """One control group with a CPU quota, for one worker."""

    path: Path

    @classmethod
    def create(cls, parent: Path, pid: int | None = None) -> ControlGroup:
        """Make a group below `parent`, with a process in it; its children will be in it too.

        Raises:
            OSError: not permitted, no CPU controller, or not for such a process (one with real-time priority).
        """
        path = parent / f"tuner-{uuid.uuid4().hex[:12]}"
        path.mkdir()
        try:
            if not (path / "cpu.max").exists() and not (path / "cpu.cfs_quota_us").exists():
                raise OSError(f"{parent} has no CPU controller")
            if pid is not None:
                (path / "cgroup.procs").write_text(str(pid))
        except OSError:
            path.rmdir()
            raise
        return cls(path)

    def limit(self, share: float) -> None:
        """Grant so many vCPUs in every period of 20 ms."""
        quota = max(_MIN_QUOTA_US, round(share * _PERIOD_US))
        if (self.path / "cpu.max").exists():
            (self.path / "cpu.max").write_text(f"{quota} {_PERIOD_US}")
        else:
            (self.path / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
            (self.path / "cpu.cfs_quota_us").write_text(str(quota))


def writable_parent() -> Path | None:
    """The control group below which this process may make groups with a CPU quota; None: there is none."""
    for parent in _own_groups():
        with contextlib.suppress(OSError):
            ControlGroup.create(parent).path.rmdir()
            return parent
    return None


def granted_cores(listed: Path = _LISTED, mount: Path = _MOUNT) -> float:
    """Cores that the quotas of this process's control groups, and of those above them, leave; infinite without one.

    Args:
        listed: the list of the process's control groups, as /proc tells it.
        mount: where control groups are mounted.
    """
    return min(map(_quota_cores, _own_groups(listed, mount)), default=inf)


def _quota_cores(group: Path) -> float:
    try:
        if (group / "cpu.max").exists():
            quota, period = (group / "cpu.max").read_text().split()
        else:
            quota, period = ((group / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period"))
        return inf if quota in ("max", "-1") else int(quota) / int(period)
    except (OSError, ValueError):  # it has no CPU controller
        return inf


def _own_groups(listed: Path = _LISTED, mount: Path = _MOUNT) -> Iterator[Path]:
    """The control groups of this process that may have a CPU controller, each followed by those above it.

    In a container the list may tell the path on its host, of which only the top is mounted.
    """
    try:
        lines = listed.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, own = line.split(":", 2)
        if not controllers or "cpu" in controllers.split(","):
            top = mount / controllers
            group = Path(os.path.normpath(f"{top}/{own}"))
            yield from (one for one in (group, *group.parents) if one.is_relative_to(top))
