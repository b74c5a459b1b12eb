"""Studies of simulated functions, for the tests of the core."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from tuner.estimation.noise import NoiseLevel
from tuner.estimation.posterior import Departure, Prior
from tuner.model import Architecture, Budget, Configuration, Invocation, Objective, Outcome, Sample, SearchSpace
from tuner.pricing.price_list import price_list
from tuner.search.grid import GridSampler
from tuner.search.loop import run
from tuner.search.sampler import Sampler
from tuner.search.study import Study
from tuner.simulated.backend import SimulatedBackend, SimulatedFunction
from tuner.simulated.curves import Curve
from tuner.simulated.noise import SimulatedFaults, SimulatedNoise

X86, ARM = Architecture.X86_64, Architecture.ARM64
PRICES = price_list("us-east-1")
SIZES = (128, 256, 512, 1024)
CPU_BOUND = {128: 2000.0, 1769: 2000.0 * 128 / 1769, 10_240: 2000.0 * 128 / 1769}
LIGHT = Prior(
    departures=((Departure(0.02, length=2.5), 0.5), (Departure(0.15), 0.5)),
    noise=tuple((NoiseLevel(sd, sd), 0.3) for sd in (0.05, 0.2, 0.8)),
    particles=4000,
)
"""A coarse prior: the rules of the search hold for any."""
QUIET = SimulatedNoise(run_sd=0, environment_sd=0, outlier_share=0, init_sd=0, cold_factor=1)


def function_of(
    noise: SimulatedNoise = QUIET, faults: SimulatedFaults | None = None, *, timeout_s: float = 900.0
) -> SimulatedFunction:
    curves = {
        X86: Curve.through(CPU_BOUND),
        ARM: Curve.through({memory: 0.9 * ms for memory, ms in CPU_BOUND.items()}),
    }
    return SimulatedFunction(
        curves, noise, faults or SimulatedFaults(), timeout_s=timeout_s, current=Configuration(512, X86)
    )


def study_of(
    sizes: Sequence[int] = SIZES,
    sampler: Sampler | None = None,
    *,
    architectures: Sequence[Architecture] = (X86,),
    objective: Objective | None = None,
    budget: Budget | None = None,
    current: Configuration | None = None,
    seed: int = 0,
    invocations_per_month: float | None = None,
) -> Study:
    return Study(
        SearchSpace(tuple(sizes), tuple(architectures), listed=True),
        sampler or GridSampler(),
        objective or Objective(),
        PRICES,
        budget=budget,
        current=current,
        seed=seed,
        invocations_per_month=invocations_per_month,
    )


def measured(study: Study, function: SimulatedFunction | None = None, *, seed: int = 0) -> Study:
    """The study after its whole run on a simulated function."""
    backend = SimulatedBackend(function or function_of(), seed=seed)
    run(study, backend, stop=threading.Event(), clock=lambda: 0.0)
    return study


def ran(ms: float, environment: str = "a", *, billed_ms: int | None = None, init_ms: float | None = None) -> Invocation:
    """A good run."""
    billed = -int(-(ms + (init_ms or 0)) // 1) if billed_ms is None else billed_ms
    return Invocation(Outcome.OK, environment, ms, billed, init_duration_ms=init_ms, max_memory_used_mb=60)


def sample_of(memory_mb: int, invocations: Iterable[Invocation], *, trial: int = 0, arch: Architecture = X86) -> Sample:
    return Sample(trial, Configuration(memory_mb, arch), tuple(invocations))
