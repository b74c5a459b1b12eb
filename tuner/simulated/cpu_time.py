"""The CPU time behind a known curve: the split into waiting and work that explains its durations best.

Published curves seldom come with CPU times. The work of a call is done by one thread for a part, and by
several for the rest; each part is as fast as the share of vCPUs that it can use (Amdahl's law).
"""

from __future__ import annotations

import itertools

import numpy as np

from tuner.model import MB_PER_VCPU
from tuner.simulated.curves import Curve, Floats

THREADS = (2.0, 3.0, 4.0, 6.0)
"""Numbers of threads that are tried for the parallel part."""
PARALLEL_SHARES = np.linspace(0, 1, 11)
"""Parts of the work that are tried to be parallel."""
WAITING_SHARES = np.linspace(0, 1, 101)[:, None]
"""Parts of the duration at one vCPU that are tried to be waiting."""
STEPS = 24
"""Sizes of a curve that the split is fitted to, evenly spaced in the logarithm."""


def cpu_time_ms(curve: Curve) -> float:
    """CPU time of a call, the same at every size, by least squares in the logarithms."""
    sizes = np.exp(np.linspace(curve.log_memory[0], curve.log_memory[-1], STEPS))
    log_ms, share = np.log(curve.duration_ms(sizes)), sizes / MB_PER_VCPU
    tried = [
        _fit(log_ms, (1 - parallel) / np.minimum(1, share) + parallel / np.minimum(threads, share))
        for threads, parallel in itertools.product(THREADS, PARALLEL_SHARES)
    ]
    return min(tried)[1]


def _fit(log_ms: Floats, work: Floats) -> tuple[float, float]:
    """Squared error and CPU time of the best split, for the time that one ms of work takes at each size."""
    shape = np.log(WAITING_SHARES + (1 - WAITING_SHARES) * work)
    log_scale = (log_ms - shape).mean(axis=1, keepdims=True)
    errors = ((log_ms - shape - log_scale) ** 2).sum(axis=1)
    best = int(errors.argmin())
    return float(errors[best]), float(np.exp(log_scale[best, 0]) * (1 - WAITING_SHARES[best, 0]))
