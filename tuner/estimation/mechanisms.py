"""Curves that functions are known to have: a large sample of log durations from a mixture of mechanisms.

Shapes come from published curves (single-threaded CPU work, several threads, memory
pressure, 20 ms periods of short functions, and anything monotone); none of them is
fitted to a particular function. Scale is free except for the periods, which are absolute.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.cpu_quota.stairs import PERIOD_MS, Stairs, draw_stairs
from tuner.estimation.cpu_quota.unstopped import flat_where_unstopped
from tuner.estimation.layout import Layout
from tuner.model import MB_PER_VCPU

Floats = NDArray[np.float64]

PARTICLES = 20_000
VCPU_STEPS_MB = (3009, 5308, 7077, 8846)
"""Sizes from which 3, 4, 5 and 6 vCPUs are visible; 2 below."""
LEAST_WORK = 0.02
"""Share of a duration that is taken to be work where a curve is flat."""
SEED = 20_260
"""The particles are the same in every run: they are a prior, not a random choice of the study."""


@dataclass(frozen=True, slots=True, eq=False)
class Particles:
    """Log durations at the nodes.

    Attributes:
        curves: shape (N, G); up to an unknown scale unless `absolute`.
        absolute: shape (N,), whether a curve's scale is known (ms).
        log_busy: log of the vCPUs that are in use on average (CPU time over duration), shape (N, G); NaN
            where the mechanism does not say.
        log_weight: log of the prior weight, shape (N,). Some mechanisms need more particles than their share.
        stair: row in `stairs` of a curve that is one; -1 of others, shape (N,).
        stairs: the staircases among the curves, which are held between the nodes as well.
    """

    curves: NDArray[np.float32]
    absolute: NDArray[np.bool_]
    log_busy: NDArray[np.float16]
    log_weight: NDArray[np.float32]
    stair: NDArray[np.int64]
    stairs: Stairs

    def every(self, step: int) -> Particles:
        """Every n-th of them."""
        return Particles(
            self.curves[::step],
            self.absolute[::step],
            self.log_busy[::step],
            self.log_weight[::step],
            self.stair[::step],
            self.stairs,
        )

    def unstopped(self, layout: Layout, nodes: NDArray[np.int64], seen: Floats) -> Particles:
        """The same, where those without a scale are flat at sizes where no run is stopped. Their work stays the same.

        Args:
            layout: the nodes.
            nodes: of L locations with runs.
            seen: log duration in ms there, shape (L,).
        """
        free = np.flatnonzero(~self.absolute)
        drawn, busy = self.curves[free], self.log_busy[free]
        flat = flat_where_unstopped(drawn, busy, layout.sizes_mb, nodes, seen)
        if flat is drawn:
            return self
        curves, log_busy = self.curves.copy(), self.log_busy.copy()
        curves[free] = flat
        log_busy[free] = busy - (flat - drawn).astype(np.float16)
        return replace(self, curves=curves, log_busy=log_busy)


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Curves of one mechanism: log duration, and log CPU time at the same scale (NaN: unknown), shape (n, G)."""

    log_ms: Floats
    log_cpu_ms: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Waiting, work, and the CPU time of the work, at the same scale; each broadcasts to (n, sizes)."""

    wait: Floats
    work: Floats
    cpu: Floats


Draw = Callable[[Floats, int, np.random.Generator, Floats | None], Drawn]


@lru_cache(maxsize=48)
def draw_particles(layout: Layout, count: int = PARTICLES) -> Particles:
    """Curves at the nodes of a layout, in random order of the mechanisms."""
    seed = zlib.crc32(repr((len(layout.architectures), layout.sizes_mb)).encode())
    rng = np.random.default_rng((SEED, seed))
    memory_mb = np.array(layout.sizes_mb, dtype=np.float64)
    blocks, busy, weights, absolute = [], [], [], []
    for mechanism, weight in MIXTURE:
        size = round(count * weight)
        ratios = _ratios(size, rng) if len(layout.architectures) > 1 else None
        drawn = mechanism(memory_mb, size, rng, ratios)
        curves = drawn.log_ms
        busy.append(drawn.log_cpu_ms - curves)
        if mechanism is not periods:
            curves = curves - curves[:, [len(memory_mb) // 2]]
        blocks.append(curves)
        absolute.append(np.full(size, mechanism is periods))
        weights.append(np.full(size, np.log(PERIODS_WEIGHT / weight) if mechanism is periods else 0.0))
    stairs, drawn = _stairs(layout, round(count * STAIRS_SHARE), rng)
    blocks.append(drawn.log_ms)
    busy.append(drawn.log_cpu_ms - drawn.log_ms)
    absolute.append(np.full(len(stairs), True))
    weights.append(np.full(len(stairs), np.log(STAIRS_WEIGHT / STAIRS_SHARE)))
    smooth = sum(len(block) for block in blocks[:-1])
    stair = np.concatenate([np.full(smooth, -1), np.arange(len(stairs))])
    order = rng.permutation(len(stair))
    return Particles(
        np.concatenate(blocks)[order].astype(np.float32),
        np.concatenate(absolute)[order],
        np.concatenate(busy)[order].astype(np.float16),
        np.concatenate(weights)[order].astype(np.float32),
        stair[order],
        stairs,
    )


def _stairs(layout: Layout, count: int, rng: np.random.Generator) -> tuple[Stairs, Drawn]:
    """Staircases, and their curves at the nodes."""
    rows = layout.architecture_rows
    stairs = draw_stairs(count, rng, _ratios(count, rng) if len(layout.architectures) > 1 else None)
    log_cpu = np.log(stairs.burst_ms + stairs.left_ms)[:, rows]
    return stairs, Drawn(stairs.log_ms(layout.memory_mb, rows), log_cpu)


def single_thread(memory_mb: Floats, n: int, rng: np.random.Generator, ratios: Floats | None) -> Drawn:
    """Waiting plus CPU work that gains up to about one vCPU."""
    return _log_sum(_wait_and_work(memory_mb, n, rng, threads=False), ratios)


def threads(memory_mb: Floats, n: int, rng: np.random.Generator, ratios: Floats | None) -> Drawn:
    """Amdahl's law: a part of the work is shared by two to six threads."""
    return _log_sum(_wait_and_work(memory_mb, n, rng, threads=True), ratios)


def memory_pressure(memory_mb: Floats, n: int, rng: np.random.Generator, ratios: Floats | None) -> Drawn:
    """Work that grows steeply below a working set (garbage collection, caches)."""
    parts = _wait_and_work(memory_mb, n, rng, threads=False)
    working_set = np.exp(rng.uniform(np.log(150), np.log(3000), (n, 1)))
    strength = np.abs(rng.normal(0, 2, (n, 1)))
    pressure = 1 + strength * np.maximum(0, working_set / memory_mb - 1) ** rng.uniform(0.7, 2.0, (n, 1))
    return _log_sum(Parts(parts.wait * pressure, parts.work * pressure, parts.cpu * pressure), ratios)


def periods(memory_mb: Floats, n: int, rng: np.random.Generator, ratios: Floats | None) -> Drawn:
    """Short work below one vCPU, which waits for the rest of each 20 ms period (absolute, in ms)."""
    share = memory_mb / MB_PER_VCPU
    work = np.exp(rng.uniform(np.log(0.3), np.log(120.0), (n, 1)))
    base = np.exp(rng.uniform(np.log(0.2), np.log(60.0), (n, 1))) * (rng.random((n, 1)) < 0.6)
    exponent = rng.uniform(0, 0.6, (n, 1)) * (rng.random((n, 1)) < 0.5)
    sharp, phase = rng.random((n, 1)) < 0.5, rng.uniform(0, 1, (n, 1))
    quota = np.minimum(PERIOD_MS * share, PERIOD_MS)

    def duration(factor: Floats | float) -> Floats:
        needed = work * factor / quota
        waits = np.maximum(0, np.where(sharp, np.ceil(needed) - 1, needed - phase))
        return np.asarray(np.log(work * factor * share**-exponent + (PERIOD_MS - quota) * waits + base))

    log_cpu = np.broadcast_to(np.log(work), (n, len(memory_mb)))
    if ratios is None:
        return Drawn(duration(1.0), log_cpu)
    log_ms = np.concatenate([duration(np.exp(ratios[:, [0]])), duration(1.0)], axis=1)
    return Drawn(log_ms, np.concatenate([log_cpu + ratios[:, [0]], log_cpu], axis=1))


def any_slopes(memory_mb: Floats, n: int, rng: np.random.Generator, ratios: Floats | None) -> Drawn:
    """Slopes (log duration against log memory) that change at random, mostly falling off; steep ones included."""
    step = np.log(2) / 2
    log_memory = np.log(memory_mb)
    knots = np.arange(np.log(128), np.log(10_240) + step, step)
    slopes = np.empty((n, len(knots)))
    slopes[:, 0] = _fresh_slopes(n, rng)
    for i in range(1, len(knots)):
        fresh = _fresh_slopes(n, rng)
        fresh = np.where(rng.random(n) < 0.75, np.minimum(fresh, slopes[:, i - 1]), fresh)
        slopes[:, i] = np.where(rng.random(n) < 0.35, fresh, slopes[:, i - 1])
    reached = np.clip((log_memory[None, :] - knots[:, None]), 0, step)  # how much of each segment lies below a size
    curve = -slopes @ reached
    return _log_sum(Parts(np.zeros((n, 1)), np.exp(curve), _implied_cpu(memory_mb, curve)), ratios)


def _implied_cpu(memory_mb: Floats, log_ms: Floats) -> Floats:
    """CPU time by the slope: while the CPU share is below one vCPU, the part that is work falls as 1 / memory.

    From one vCPU on a flat curve may wait or work, and a slope does not tell: NaN.
    """
    if len(memory_mb) == 1:
        return np.full(log_ms.shape, np.nan)
    slope = np.clip(-np.gradient(log_ms, np.log(memory_mb), axis=1), LEAST_WORK, 1.0)
    share = memory_mb / MB_PER_VCPU
    return np.asarray(np.where(share < 1, np.exp(log_ms) * slope * share, np.nan))


MIXTURE: tuple[tuple[Draw, float], ...] = (
    (single_thread, 0.22),
    (threads, 0.36),
    (memory_pressure, 0.05),
    (periods, 0.12),
    (any_slopes, 0.25),
)
"""Mechanisms with their share of the particles, which is their prior weight but for `periods`."""
PERIODS_WEIGHT = 0.06
"""Prior weight of periods whose edges no size is known to lie at. Those of staircases are."""
STAIRS_WEIGHT, STAIRS_SHARE = 2.0, 0.4
"""Prior weight of staircases, beside 0.94 of all others, and how many particles stand for them: an edge is sharp, so
that it takes many. All of them are short, while the others have any length: a function that is as short is a staircase
unless it waits or its CPU time varies."""


def _wait_and_work(memory_mb: Floats, n: int, rng: np.random.Generator, *, threads: bool) -> Parts:
    share = memory_mb[None, :] / MB_PER_VCPU
    wait = rng.beta(0.6, 1.2, (n, 1))
    exponent = 1 + np.where(rng.random((n, 1)) < 0.6, 0.03, 0.12) * rng.standard_normal((n, 1))
    knee = np.where(rng.random((n, 1)) < 0.7, 1.0, rng.uniform(0.6, 1.15, (n, 1)))
    serial = 1 / np.minimum(1, share / knee) ** exponent
    cpu = serial * np.minimum(share, knee)
    if threads:
        shared = rng.beta(1.0, 0.7, (n, 1))
        workers = rng.integers(2, 7, (n, 1)).astype(np.float64)
        visible = 2.0 + sum((memory_mb >= step).astype(np.float64) for step in VCPU_STEPS_MB)
        work = (1 - shared) * serial + shared / np.minimum(np.minimum(workers, share), visible)
        cpu = (1 - shared) * cpu + shared
    else:
        work = serial
    slow_start = np.abs(rng.normal(0, 0.35, (n, 1))) * (rng.random((n, 1)) < 0.5)
    low_memory = 1 + slow_start * np.exp(-(memory_mb - 128) / rng.uniform(40, 250, (n, 1)))
    return Parts(wait, (1 - wait) * work * low_memory, (1 - wait) * cpu * low_memory)


def _fresh_slopes(n: int, rng: np.random.Generator) -> Floats:
    kind = rng.random(n)
    steep = np.where(kind < 0.85, 1 + 0.06 * rng.standard_normal(n), rng.uniform(1, 2.6, n))
    return np.where(kind < 0.3, 0.02 * rng.random(n), np.where(kind < 0.6, rng.random(n), steep))


def _ratios(n: int, rng: np.random.Generator) -> Floats:
    """Log ratios of the cheaper to the dearer architecture, of CPU work and of waiting, shape (n, 2)."""
    wide = rng.random((n, 1)) < 0.3
    work = np.where(wide, rng.normal(-0.2, 0.35, (n, 1)), rng.normal(-0.06, 0.12, (n, 1)))
    return np.concatenate([work, rng.normal(0, 0.05, (n, 1))], axis=1)


def _log_sum(parts: Parts, ratios: Floats | None) -> Drawn:
    log_cpu = np.log(parts.cpu)
    if ratios is None:
        return Drawn(np.asarray(np.log(parts.wait + parts.work)), log_cpu)
    cheaper = parts.wait * np.exp(ratios[:, [1]]) + parts.work * np.exp(ratios[:, [0]])
    log_ms = np.log(np.concatenate([cheaper, parts.wait + parts.work], axis=1))
    return Drawn(np.asarray(log_ms), np.concatenate([log_cpu + ratios[:, [0]], log_cpu], axis=1))
