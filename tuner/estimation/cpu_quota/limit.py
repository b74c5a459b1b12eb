"""How long work without a pause takes under the CPU limit of a machine whose limiter is known (`tuner.local`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.cpu_quota.stairs import PERIOD_MS

Floats = NDArray[np.float64]


def limited_ms(cpu_ms: Floats, share: float) -> Floats:
    """Duration of one thread that never waits, as `tuner.local.limits.cpu.Quota` limits it.

    Args:
        cpu_ms: its CPU times in ms, any shape.
        share: vCPUs; from one on a thread is not limited.

    Returns:
        Durations in ms, of the same shape. They rise by what a period stops wherever a quota more is needed.
    """
    if share >= 1:
        return cpu_ms
    quota_ms = share * PERIOD_MS
    charge_ms = quota_ms * (1 - share) / 2
    periods, rest_ms = np.divmod(cpu_ms + charge_ms, quota_ms)
    # The charge is due with the first quota that is used up, and counts against the second one.
    rest_ms = np.where(periods == 1, rest_ms - charge_ms, rest_ms)
    return np.asarray(np.where(cpu_ms < quota_ms, cpu_ms, periods * PERIOD_MS + rest_ms))
