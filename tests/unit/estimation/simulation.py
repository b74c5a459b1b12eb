"""Samples of functions whose curve is given, for tests of the estimates."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np

from tuner.model import Architecture, Configuration, Invocation, Outcome, Sample

X86, ARM = Architecture.X86_64, Architecture.ARM64
Duration = Callable[[Configuration], float]


def cpu_bound(configuration: Configuration) -> float:
    """One busy thread: 10 s at one vCPU."""
    return 10_000 * 1769 / min(1769, configuration.memory_mb)


def invocation(duration_ms: float, environment: str, *, cold: bool = False, init_ms: float = 250.0) -> Invocation:
    """A run that ended well."""
    init = init_ms if cold else None
    billed = math.ceil(duration_ms + (init or 0.0))
    return Invocation(Outcome.OK, environment, duration_ms, billed, init_duration_ms=init)


def measure(
    duration: Duration,
    sizes_mb: Iterable[int],
    *,
    architectures: Iterable[Architecture] = (X86,),
    environments: int = 2,
    runs: int = 2,
    sd: float = 0.04,
    seed: int = 0,
    first_id: int = 0,
) -> list[Sample]:
    """A sample of every size and architecture, with noise of environments and runs."""
    rng = np.random.default_rng(seed)
    samples = []
    where = [Configuration(m, a) for m in sizes_mb for a in architectures]
    for trial, configuration in enumerate(where, start=first_id):
        found = []
        for lane in range(environments):
            host = duration(configuration) * math.exp(sd * rng.standard_normal())
            for run in range(runs):
                ms = host * math.exp(sd * rng.standard_normal()) * (1.1 if run == 0 else 1.0)
                found.append(invocation(ms, f"{trial}/{lane}", cold=run == 0))
        samples.append(Sample(trial, configuration, tuple(found)))
    return samples
