"""What this machine can offer: cores, processor, architecture, memory sizes, and how steady it is."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from tuner.local.limits import cgroup
from tuner.model import MAX_MEMORY_MB, MB_PER_VCPU, MIN_MEMORY_MB, Architecture

_ARCHITECTURES = {
    "x86_64": Architecture.X86_64,
    "amd64": Architecture.X86_64,
    "arm64": Architecture.ARM64,
    "aarch64": Architecture.ARM64,
}
_CPU_INFO = Path("/proc/cpuinfo")
_CPU_MODEL = re.compile(r"^(?:model name|CPU part)\s*:(.+)$", re.MULTILINE)
"""x86_64 tells a name, arm64 a number."""


def cores() -> float:
    """Cores that this process may use: its affinity, and the quota of a container or a systemd slice."""
    count = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    return min(count, cgroup.granted_cores())


def busy_slots() -> int:
    """Workers that may be busy at once: all cores but one, so that nothing disturbs them; at least one."""
    return max(1, int(cores()) - 1)


def max_memory_mb() -> int:
    """Largest memory size whose CPU share this machine has."""
    return max(MIN_MEMORY_MB, min(MAX_MEMORY_MB, int(cores() * MB_PER_VCPU)))


def architecture() -> Architecture | None:
    """Architecture of this machine, where Lambda has it."""
    return _ARCHITECTURES.get(platform.machine().lower())


def cpu_model() -> str:
    """Name of this machine's processor; empty where the system does not tell it."""
    try:
        found = _CPU_MODEL.search(_CPU_INFO.read_text())
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor()
