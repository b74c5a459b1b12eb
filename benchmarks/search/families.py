"""Curve families made up from a seed, as varied as published ones are, and as noisy.

Each family stands for a kind of function, written down from how such functions work rather
than from what the tuner assumes. Points are "published" at the sizes that people
measure, with the noise of few runs; the truth is made of them as of real ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuner.model import Architecture

Floats = NDArray[np.float64]
Draw = Callable[[Floats, np.random.Generator], Floats]

SIZES_MB: tuple[tuple[int, ...], ...] = (
    (128, 256, 512, 1024, 1536, 3008),
    (128, 256, 512, 1024, 2048),
    (128, 256, 512, 1024, 1769, 2048),
    (128, 256, 512, 768, 1024, 1536, 2048, 3008),
    (256, 512, 1024, 2048, 4096, 8192, 10_240),
    (512, 1024, 1769, 3008, 5308, 7076, 8845, 10_240),
    (1024, 2048, 3072, 4096, 5120, 6144),
    (128, 512, 1024, 3008),
    tuple(range(128, 3009, 192)),
    tuple(range(256, 10_241, 512)),
)
"""Sets of sizes as people publish them."""
PUBLISHED_SD = (0.003, 0.02, 0.05, 0.12)
"""Noise of published points, from CPU-bound averages to single runs of I/O-bound functions."""
VCPU_MB = 1769
MOST_VCPU = 4.85
"""Measured ceiling of useful vCPUs at the largest size."""


def generated_records(seed: int, per_family: int = 12) -> list[dict[str, Any]]:
    """Records in the form of a curve file, `per_family` of every family."""
    records = []
    for number, (name, draw) in enumerate(FAMILIES.items()):
        for index in range(per_family):
            rng = np.random.default_rng((seed, number, index))
            sizes = np.array(SIZES_MB[rng.integers(len(SIZES_MB))], dtype=np.float64)
            noise = rng.choice(PUBLISHED_SD[: 3 if len(sizes) > 10 else 4])
            published = draw(sizes, rng) * np.exp(noise * rng.standard_normal(len(sizes)))
            records.append(
                {
                    "id": f"{name}-{seed}-{index}",
                    "family": name,
                    "description": f"made up: {name} {index}",
                    "arch": str(rng.choice([str(a) for a in Architecture])),
                    "memory_mb": [int(size) for size in sizes],
                    "duration_ms": [float(ms) for ms in published],
                }
            )
    return records


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _one_thread(sizes: Floats) -> Floats:
    """Slowdown of one busy thread."""
    return np.maximum(1.0, VCPU_MB / sizes)


def compute(sizes: Floats, rng: np.random.Generator) -> Floats:
    """One busy thread, start to end."""
    return _log_uniform(rng, 30, 30_000) * _one_thread(sizes) ** rng.uniform(0.95, 1.08)


def workers(sizes: Floats, rng: np.random.Generator) -> Floats:
    """Several busy workers with a serial part; they share what vCPUs there are."""
    count, serial = int(rng.integers(2, 7)), rng.uniform(0, 0.3)
    vcpus = np.minimum(sizes / VCPU_MB, MOST_VCPU)
    together = np.minimum(vcpus, count) / count
    return _log_uniform(rng, 100, 30_000) * (serial / np.minimum(1, vcpus) + (1 - serial) / (together * count))


def waiting(sizes: Floats, rng: np.random.Generator) -> Floats:
    """Calls to other services: waiting, TLS and SDK work that needs CPU, more of it than one thinks."""
    busy = rng.uniform(0.02, 0.25)
    slowed = _one_thread(sizes) ** rng.uniform(1.0, 1.4) / 3
    return _log_uniform(rng, 20, 3000) * (1 - busy + busy * slowed)


def transfer(sizes: Floats, rng: np.random.Generator) -> Floats:
    """Reading and parsing: network throughput grows with memory up to a limit, parsing with CPU."""
    limit_mb = _log_uniform(rng, 500, 2500)
    network = np.maximum(1.0, limit_mb / sizes) ** rng.uniform(0.5, 1.0)
    share = rng.uniform(0.2, 0.8)
    return _log_uniform(rng, 300, 60_000) * (share * network + (1 - share) * _one_thread(sizes) / 2)


def managed(sizes: Floats, rng: np.random.Generator) -> Floats:
    """Managed runtimes: garbage collection below the working set, a compiler thread that likes a second vCPU."""
    vcpus = np.minimum(sizes / VCPU_MB, MOST_VCPU)
    heap_mb = _log_uniform(rng, 100, 600)
    collector = 1 + rng.uniform(0.2, 4) * np.exp(-(sizes - 128) / heap_mb)
    compiler = rng.uniform(0, 0.6)
    work = (1 - compiler) / np.minimum(1, vcpus) + compiler / np.minimum(2, vcpus)
    return _log_uniform(rng, 5, 8000) * work * collector


def working_set(sizes: Floats, rng: np.random.Generator) -> Floats:
    """Data that fits from some size on: a cliff anywhere, on top of CPU work or waiting."""
    cliff_mb, width = _log_uniform(rng, 200, 4000), rng.uniform(0.1, 0.5)
    outside: Floats = 1 + rng.uniform(0.5, 5) / (1 + np.exp((np.log(sizes) - np.log(cliff_mb)) / width))
    base = _one_thread(sizes) if rng.random() < 0.6 else np.ones_like(sizes)
    return np.asarray(_log_uniform(rng, 100, 20_000) * base * outside)


def short(sizes: Floats, rng: np.random.Generator) -> Floats:
    """A few ms of work under the scheduler: below one vCPU it is stopped until the next 20 ms period."""
    work, phase = _log_uniform(rng, 0.5, 40), rng.uniform(0, 20, 400)
    durations = []
    for size in sizes:
        share = min(1.0, size / VCPU_MB)
        quota = 20 * share
        # Started somewhere in a period, with what is left of its quota.
        left = np.minimum(quota, np.maximum(0, 20 - phase))
        rest = np.maximum(0, work - left)
        full = np.ceil(rest / quota)
        durations.append(
            float(np.mean(np.where(rest > 0, 20 - phase + (full - 1) * 20 + rest - (full - 1) * quota, work)))
        )
    return np.array(durations) + rng.uniform(0, 3) + 0.2


def flat(sizes: Floats, rng: np.random.Generator) -> Floats:
    """Nothing that memory could help."""
    return np.full(len(sizes), _log_uniform(rng, 5, 5000))


def pipeline(sizes: Floats, rng: np.random.Generator) -> Floats:
    """A bit of everything, one after the other."""
    parts = [compute, workers, waiting, transfer, managed, working_set]
    chosen = rng.choice(len(parts), size=2, replace=False)
    first, second = (parts[i](sizes, rng) for i in chosen)
    mix = rng.uniform(0.2, 0.8)
    scale = _log_uniform(rng, 50, 5000)
    return np.asarray(scale * (mix * first / first.min() + (1 - mix) * second / second.min()))


FAMILIES: dict[str, Draw] = {
    "compute": compute,
    "workers": workers,
    "waiting": waiting,
    "transfer": transfer,
    "managed": managed,
    "working-set": working_set,
    "short": short,
    "flat": flat,
    "pipeline": pipeline,
}
"""What is made up, by name."""
