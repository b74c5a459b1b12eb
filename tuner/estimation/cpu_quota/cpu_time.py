"""What the CPU time of runs says of a curve: how much of the duration was work.

CPU time per call hardly depends on memory, and a throttled function gets exactly its share. So one size
with its CPU time tells waiting from work, which durations alone only tell from two sizes on. Knows nothing of
where CPU times come from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuner.model import MB_PER_VCPU, Invocation

MECHANISM_SD = 0.06
"""CPU time of one function against another size, log units (counters of published runs, 256 MB to 8 GB)."""
DEPARTURE_SD = 0.05
"""How far the duration may be from the mechanism at the size that was seen, log units."""
CONSTANT = 0.9
"""Share of the functions whose CPU time is the same at every size, within `MECHANISM_SD`; of others it is free."""
COUNTER_MS = 1.0
"""Resolution of the counters of a single run."""


@dataclass(frozen=True, slots=True, order=True)
class CpuTime:
    """How busy runs were at a node.

    Attributes:
        node: where.
        log_busy: log of CPU time over duration, the vCPUs in use on average.
        sd: standard deviation of that.
        log_share: log of the vCPUs that one thread may use there.
    """

    node: int
    log_busy: float
    sd: float
    log_share: float

    @property
    def unknown_log_density(self) -> float:
        """Log density of `log_busy` where a mechanism does not say: any part of the share, each as likely."""
        return min(0.0, self.log_busy - self.log_share)


def cpu_time_at(node: int, memory_mb: int, invocations: Iterable[Invocation]) -> list[CpuTime]:
    """What the warm runs of a node say together; empty where no CPU time is known."""
    pairs = [
        (run.cpu_ms, run.duration_ms)
        for run in invocations
        if run.usable and not run.cold and run.cpu_ms and run.duration_ms
    ]
    if not pairs:
        return []
    cpu_ms, duration_ms = (math.fsum(values) / len(pairs) for values in zip(*pairs, strict=True))
    counter_sd = COUNTER_MS / (cpu_ms * math.sqrt(len(pairs)))
    sd = math.hypot(MECHANISM_SD, DEPARTURE_SD, counter_sd)
    return [CpuTime(node, math.log(cpu_ms / duration_ms), sd, math.log(min(1.0, memory_mb / MB_PER_VCPU)))]


def cpu_time_scores(
    seen: Sequence[CpuTime], log_busy: NDArray[np.float16], log_ms: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Log likelihood of what was seen under each particle, shape (N,); 0 without any.

    Args:
        seen: CPU times.
        log_busy: of each particle at the nodes, NaN where it does not say, shape (N, G).
        log_ms: log duration of each particle at the nodes, shape (N, G).
    """
    total = np.zeros(len(log_busy))
    if seen:
        total += _constancy_scores(log_busy + log_ms, [one.node for one in seen])
    for one in seen:
        z = (log_busy[:, one.node].astype(np.float64) - one.log_busy) / one.sd
        known = -0.5 * z**2 - math.log(one.sd * math.sqrt(2 * math.pi))
        total += np.where(np.isnan(z), one.unknown_log_density, known)
    return total


def _constancy_scores(log_cpu: NDArray[np.float32], seen: Sequence[int]) -> NDArray[np.float64]:
    """Log weight of each particle by how far its CPU time (log, shape (N, G)) varies from where it was seen.

    A counter tells the work of every size at once, where work does not depend on memory.
    """
    apart = log_cpu.astype(np.float64) - log_cpu[:, list(seen)].mean(axis=1, keepdims=True)
    known = ~np.isnan(apart)
    variance = (np.where(known, apart, 0.0) ** 2).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.asarray(np.log(1 - CONSTANT + CONSTANT * np.exp(-0.5 * variance / MECHANISM_SD**2)))
