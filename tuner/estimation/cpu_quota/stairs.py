"""Short functions under a CPU quota: plateaus of duration, and edges at E / k megabytes with E to be found.

Below one vCPU a function is stopped when the quota of a 20 ms period is used, until the next period. So
its duration is flat between edges and falls by 20 ms at each of them. The prior draws E, what is left over, the waiting
and the smear. It knows nothing of runs. Source: 5,000 published runs of a burst of 17.3 ms at each of 195 sizes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuner.model import MB_PER_VCPU

Floats = NDArray[np.float64]

PERIOD_MS = 20.0
"""Period in which a CPU share below one vCPU is enforced (Lambda, measured)."""
BURST_MS = (0.5, 120.0)
"""CPU time of the functions that show stairs. Longer ones average over so many periods that none shows."""
TICK_MS = 4.0
"""CPU time is accounted in ticks of this length, so that what is left over of the last one is never stopped for."""
TICKED = 0.6
"""Share of the functions that are charged with whole ticks alone; the work of others is spread over several bursts."""
WHOLE_PERIODS = 7
"""One in so many functions ends with a period below one vCPU: what follows the work has to wait for its quota too."""
SMEARS = (0.0, 0.01, 0.03, 0.08)
"""Spreads of the CPU time from run to run, log units."""
SMEAR_SCORES = (-1.2816, -0.5244, 0.0, 0.5244, 1.2816)
"""Normal scores of five equally likely outcomes of a smeared burst."""
FINE_STEP = 0.01
"""Log distance of the sizes among which the best one of a stair is sought."""
MOST_FINE_SIZES = 32
"""Sizes beside the nodes that become candidates at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Stairs:
    """Staircases, n of them, on A architectures.

    Attributes:
        burst_ms: CPU time that the quota is charged with, shape (n, A).
        left_ms: CPU time beyond it, shape (n, A).
        wait_ms: time that depends on no quota, shape (n, A).
        smear: spread of the CPU time from run to run, log units, shape (n,).
        flat: whether the duration is flat along a plateau; else it falls as a larger quota leaves less, shape (n,).
        whole: whether the duration below one vCPU is a whole number of periods, shape (n,).
    """

    burst_ms: Floats
    left_ms: Floats
    wait_ms: Floats
    smear: Floats
    flat: NDArray[np.bool_]
    whole: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.smear)

    def pick(self, rows: NDArray[np.int64] | slice) -> Stairs:
        """Some of them."""
        return Stairs(
            self.burst_ms[rows],
            self.left_ms[rows],
            self.wait_ms[rows],
            self.smear[rows],
            self.flat[rows],
            self.whole[rows],
        )

    def log_ms(self, memory_mb: Floats, architecture: NDArray[np.int64]) -> Floats:
        """Log mean duration at sizes, each on the architecture of that row, shape (n, sizes)."""
        total = np.empty((len(self), len(memory_mb)))
        sharp = self.smear == 0
        total[sharp] = self.pick(np.flatnonzero(sharp))._duration_ms(memory_mb, architecture, 0.0)
        smeared = self.pick(np.flatnonzero(~sharp))
        total[~sharp] = sum(smeared._duration_ms(memory_mb, architecture, z) for z in SMEAR_SCORES) / len(SMEAR_SCORES)
        return np.asarray(np.log(total))

    def _duration_ms(self, memory_mb: Floats, architecture: NDArray[np.int64], score: float) -> Floats:
        share = np.minimum(1.0, memory_mb / MB_PER_VCPU)
        quota_ms = PERIOD_MS * share
        factor = np.exp(score * self.smear)[:, None]
        burst, left = self.burst_ms[:, architecture] * factor, self.left_ms[:, architecture] * factor
        stops = np.where(share < 1, np.ceil(burst / quota_ms - 1e-9) - 1, 0.0)
        rest = np.where(self.flat[:, None], 0.0, burst - stops * quota_ms)
        wait = self.wait_ms[:, architecture]
        ends = np.maximum(burst + left, PERIOD_MS * stops + rest + left) + wait
        periods = np.ceil((burst + left) / quota_ms + wait / PERIOD_MS - 1e-9)
        return np.asarray(np.where(self.whole[:, None] & (share < 1), PERIOD_MS * periods, ends))


def draw_stairs(count: int, rng: np.random.Generator, ratios: Floats | None) -> Stairs:
    """Staircases before any run.

    Args:
        count: how many.
        rng: source of them.
        ratios: log ratios of the cheaper to the dearer architecture, of CPU work and of waiting, shape (count, 2);
            None: one architecture.
    """
    burst = np.exp(rng.uniform(np.log(BURST_MS[0]), np.log(BURST_MS[1]), (count, 1)))
    left = rng.uniform(0, TICK_MS, (count, 1)) * (rng.random((count, 1)) < 0.7)
    wait = np.exp(rng.uniform(np.log(0.2), np.log(60.0), (count, 1))) * (rng.random((count, 1)) < 0.6)
    smear = rng.choice(SMEARS, count, p=(0.4, 0.2, 0.2, 0.2))
    flat = rng.random(count) < 0.7
    if ratios is not None:
        work, waiting = np.exp(ratios[:, [0]]), np.exp(ratios[:, [1]])
        burst, left = np.hstack([burst * work, burst]), np.hstack([left * work, left])
        wait = np.hstack([wait * waiting, wait])
    whole_ticks = np.maximum(TICK_MS, TICK_MS * np.round(burst / TICK_MS))
    burst = np.where(rng.random((count, 1)) < TICKED, whole_ticks, burst)
    return Stairs(burst, left, wait, smear, flat, whole=np.arange(count) % WHOLE_PERIODS == 0)


def promising_sizes(stairs: Stairs, often: NDArray[np.int64], low_mb: int, high_mb: int) -> tuple[int, ...]:
    """Sizes at which some staircases are cheapest, at most `MOST_FINE_SIZES`, for 1 MB steps to be found.

    Args:
        stairs: n staircases.
        often: how often each of them was drawn, shape (n,).
        low_mb, high_mb: the range.
    """
    high_mb = min(high_mb, MB_PER_VCPU)
    if not len(stairs) or low_mb >= high_mb:
        return ()
    sizes = np.exp(np.arange(np.log(low_mb), np.log(high_mb), FINE_STEP))
    found: set[int] = set()
    architectures = stairs.burst_ms.shape[1]
    for row in range(architectures):
        log_cost = stairs.log_ms(sizes, np.full(len(sizes), row)) + np.log(sizes)
        best = sizes[log_cost.argmin(axis=1)]
        # Up to the next edge a plateau only costs more, so that the edge lies within a step below.
        levels = np.linspace(0, 1, MOST_FINE_SIZES // architectures)
        found |= {round(size) for size in np.quantile(np.repeat(best, often), levels)}
    return tuple(sorted(size for size in found if low_mb <= size <= high_mb))
