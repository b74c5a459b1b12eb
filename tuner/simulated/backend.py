"""A backend that measures a known curve, with the noise and the faults of real functions, from a seed.

The outcome of an invocation depends on the seed, its trial, its environment and its position in
that alone. The order in which trials run changes nothing.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tuner.model import (
    Architecture,
    BackendKind,
    Configuration,
    FunctionError,
    FunctionIdentity,
    Invocation,
    Notice,
    Outcome,
    Sample,
    Trial,
)
from tuner.simulated.curves import Curve
from tuner.simulated.noise import OUTLIER_FACTORS, SimulatedFaults, SimulatedNoise

HALF = 0.5
"""Share of the environments on the older host generation."""
DIGITS = 6
"""Of a duration in ms that count: a whole millisecond is billed as one, whatever arithmetic made of it."""


@dataclass(frozen=True, slots=True)
class SimulatedFunction:
    """A function with a known duration curve on each architecture.

    Attributes:
        curves: the true curve of each architecture.
        noise: how runs scatter.
        faults: what goes wrong.
        timeout_s: the function's timeout; None: it has none.
        used_mb: peak memory of a run.
        name: for the result, and the source of its own noise in a study of many functions.
        family: what kind of function it is, for averages over kinds.
        current: the configuration in use.
    """

    curves: Mapping[Architecture, Curve]
    noise: SimulatedNoise = field(default_factory=SimulatedNoise)
    faults: SimulatedFaults = field(default_factory=SimulatedFaults)
    timeout_s: float | None = 900.0
    used_mb: int = 70
    name: str = "simulated"
    family: str = ""
    current: Configuration | None = None

    @property
    def bounds_mb(self) -> tuple[int, int]:
        """Smallest and largest memory size that every curve covers."""
        bounds = [curve.bounds_mb for curve in self.curves.values()]
        return max(low for low, _ in bounds), min(high for _, high in bounds)

    def duration_ms(self, configuration: Configuration) -> float:
        """The true duration of a warm run without noise."""
        return float(self.curves[configuration.architecture].duration_ms(configuration.memory_mb))


class SimulatedBackend:
    """Measures a simulated function.

    Args:
        function: what is measured.
        seed: source of all noise.
    """

    def __init__(self, function: SimulatedFunction, *, seed: int = 0) -> None:
        self._function = function
        self._seed = seed

    def __enter__(self) -> SimulatedBackend:
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing to put back."""

    def describe(self) -> FunctionIdentity:
        """The simulated function's name and configuration."""
        return FunctionIdentity(
            name=self._function.name,
            backend=BackendKind.SIMULATED,
            architectures=tuple(self._function.curves),
            current=self._function.current,
            timeout_s=self._function.timeout_s,
        )

    def notices(self) -> Sequence[Notice]:
        """That nothing real was measured."""
        return (Notice("simulated", "No real invocation was made."),)

    def measure(self, trials: Sequence[Trial], stop: threading.Event) -> Iterator[Sample]:
        """One sample for each trial."""
        for trial in trials:
            if stop.is_set():
                return
            runs = [run for lane in range(trial.environments) for run in self._lane(trial, lane)]
            yield Sample(trial.id, trial.configuration, tuple(runs))

    def _lane(self, trial: Trial, lane: int) -> Iterator[Invocation]:
        function, configuration = self._function, trial.configuration
        rng = np.random.default_rng([self._seed, trial.id, lane, configuration.memory_mb, *_code(configuration)])
        host = _host_factor(function.noise, rng)
        if (
            configuration.memory_mb > function.faults.refused_above_mb
            or configuration.architecture not in function.curves
        ):
            cause = FunctionError("ValidationException", f"{configuration} is refused")
            yield Invocation(Outcome.REFUSED, error=cause)
            return
        for run in range(trial.runs_per_environment):
            cold = run == 0
            yield self._run(configuration, f"{trial.id}/{lane}", host, cold, f"sim-{trial.id}-{lane}-{run}", rng)

    def _run(
        self,
        configuration: Configuration,
        label: str,
        host: float,
        cold: bool,
        request_id: str,
        rng: np.random.Generator,
    ) -> Invocation:
        function, noise, faults = self._function, self._function.noise, self._function.faults
        scatter = math.exp(noise.run_sd * rng.standard_normal())
        tail = rng.uniform(*OUTLIER_FACTORS) if rng.random() < noise.outlier_share else 1.0
        if noise.slow_share and rng.random() < noise.slow_share:
            tail *= noise.slow_factor
        start = noise.init_ms * math.exp(noise.init_sd * rng.standard_normal()) if cold else None
        luck = rng.random()
        duration = function.duration_ms(configuration) * host * scatter * tail * (noise.cold_factor if cold else 1.0)

        def invocation(outcome: Outcome, ms: float, error: FunctionError | None = None) -> Invocation:
            wanted_mb = configuration.memory_mb if outcome is Outcome.OUT_OF_MEMORY else function.used_mb
            return Invocation(
                outcome,
                label,
                duration_ms=round(ms, 2),
                billed_duration_ms=math.ceil(round(ms + (start or 0.0), DIGITS)),
                init_duration_ms=None if start is None else round(start, 2),
                max_memory_used_mb=min(wanted_mb, configuration.memory_mb),
                error=error,
                request_id=request_id,
            )

        if luck < faults.throttled_share:
            return Invocation(Outcome.THROTTLED, error=FunctionError("TooManyRequestsException", "Rate Exceeded."))
        if configuration.memory_mb < faults.out_of_memory_below_mb:
            return invocation(
                Outcome.OUT_OF_MEMORY,
                duration / 2,
                FunctionError("Runtime.OutOfMemory", "Error: Runtime exited with error: signal: killed"),
            )
        if function.timeout_s is not None and duration > function.timeout_s * 1000:
            message = f"Task timed out after {function.timeout_s:.2f} seconds"
            return invocation(Outcome.TIMEOUT, function.timeout_s * 1000, FunctionError("Sandbox.Timedout", message))
        failed = faults.throttled_share + faults.error_share_at(configuration.memory_mb)
        if luck < failed:
            return invocation(Outcome.ERROR, duration, FunctionError("SimulatedError", "fails now and then"))
        if luck < failed + faults.lost_report_share:
            return Invocation(Outcome.NO_REPORT, label, request_id=request_id)
        return invocation(Outcome.OK, duration)


def _host_factor(noise: SimulatedNoise, rng: np.random.Generator) -> float:
    """How much slower than the curve an environment is."""
    factor = math.exp(noise.environment_sd * rng.standard_normal())
    if noise.slow_host_factor != 1 and rng.random() < HALF:
        factor *= noise.slow_host_factor
    return factor


def _code(configuration: Configuration) -> tuple[int, ...]:
    """The architecture as numbers, so that its noise is its own."""
    return tuple(hashlib.sha256(configuration.architecture.encode()).digest()[:2])
