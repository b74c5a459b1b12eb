"""Samples of functions whose curve is given, for tests of the estimates."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable

from tuner.model import Architecture, Configuration, Invocation, Outcome, Sample, Trial
from tuner.simulated.backend import SimulatedBackend, SimulatedFunction
from tuner.simulated.curves import Curve
from tuner.simulated.noise import SimulatedNoise

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
    sizes, own = list(sizes_mb), list(architectures)
    curves = {a: Curve.through({m: duration(Configuration(m, a)) for m in sizes}) for a in own}
    noise = SimulatedNoise(run_sd=sd, environment_sd=sd, outlier_share=0, init_sd=0)
    backend = SimulatedBackend(SimulatedFunction(curves, noise, timeout_s=None), seed=seed)
    where = [Configuration(m, a) for m in sizes for a in own]
    trials = [Trial(first_id + n, configuration, environments, runs) for n, configuration in enumerate(where)]
    return list(backend.measure(trials, threading.Event()))
