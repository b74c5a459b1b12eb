"""Short functions as the CPU quota makes them: plateaus of duration, and edges between them.

Below one vCPU a function may use 20 ms x memory / 1769 MB of CPU time in each period of 20 ms, and is
stopped for the rest of the period. The kernel accounts in ticks of 4 ms, so that a burst runs over its
quota and is paid back later. Duration is therefore flat between edges at E / k (k = 1, 2, 3 …), where
E = 1769 MB x burst / 20 ms, and falls by 20 ms at each of them. Source: 5,000 published runs of a burst
of 17.3 ms at each of 195 sizes: plateaus of 61, 41, 21.5 and 17.3 ms.
"""

from __future__ import annotations

import numpy as np

from tuner.model import MB_PER_VCPU, Architecture
from tuner.simulated.backend import SimulatedFunction
from tuner.simulated.curves import Curve, Floats

PERIOD_MS = 20.0
"""Length of a CPU quota period on AWS Lambda."""
TICK_MS = 4.0
"""CPU time is accounted in ticks of this length."""
CPU_MS = (6.0, 75.0)
"""CPU time of the functions that are made up."""
SMEARS = (0.0, 0.01, 0.03, 0.08)
"""Spreads (log units) of the CPU time from run to run, which smear the edges."""
WAITS_MS = (0.0, 0.0, 3.0, 12.0)
"""Time that they wait for others, at every size."""
BOUNDS_MB = ((128, 3008), (128, 10_240))
QUANTILES = 201
"""Evenly spaced outcomes of the CPU time that the mean is taken over."""


def staircase_functions(count: int, seed: int) -> list[SimulatedFunction]:
    """Short functions with the CPU time, the waiting and the smear that the seed draws."""
    functions = []
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        cpu_ms = float(np.exp(rng.uniform(*np.log(CPU_MS))))
        low, high = BOUNDS_MB[rng.integers(len(BOUNDS_MB))]
        sizes = np.arange(low, high + 1, dtype=np.float64)
        duration = mean_duration_ms(sizes, cpu_ms, smear=float(rng.choice(SMEARS))) + float(rng.choice(WAITS_MS))
        curve = Curve(np.log(sizes), np.log(duration))
        name = f"staircase-{seed}-{number}"
        functions.append(SimulatedFunction({Architecture.X86_64: curve}, name=name, family="staircase", timeout_s=None))
    return functions


def mean_duration_ms(sizes_mb: Floats, cpu_ms: float, *, smear: float = 0.0) -> Floats:
    """Mean duration at each size (shape (G,)) of a burst whose CPU time varies by `smear` (log units)."""
    from scipy.special import ndtri

    if not smear:
        return burst_ms(sizes_mb, cpu_ms)
    bursts = cpu_ms * np.exp(smear * ndtri((np.arange(QUANTILES) + 0.5) / QUANTILES))
    return np.asarray(np.mean([burst_ms(sizes_mb, burst) for burst in bursts], axis=0))


def burst_ms(sizes_mb: Floats, cpu_ms: float) -> Floats:
    """Duration of one burst at each size: 20 ms for every stop, and what the accounting leaves over."""
    accounted = max(TICK_MS, TICK_MS * np.floor(cpu_ms / TICK_MS))
    quota = PERIOD_MS * np.minimum(1.0, sizes_mb / MB_PER_VCPU)
    stops = np.where(sizes_mb >= MB_PER_VCPU, 0.0, np.ceil(accounted / quota - 1e-9) - 1)
    return np.asarray(np.maximum(cpu_ms, PERIOD_MS * stops + cpu_ms - accounted))
