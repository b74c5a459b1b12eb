"""Situations that a report has to tell well, each as the result document of a simulated function.

The documents of the current schema version are made when a test asks for one (`document_of`). Those of released
versions are committed in `tests/golden/released`: they are what users still have. A release adds them with
`python -m tests.golden.situations`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from tests.golden.cache import made_once
from tuner.api.tuning import tune
from tuner.documents.result import SCHEMA_VERSION
from tuner.errors import TunerError
from tuner.model import (
    Architecture,
    BackendKind,
    Budget,
    Configuration,
    Constraints,
    FunctionIdentity,
    Notice,
    Objective,
    Sample,
    SamplerName,
    StrategyName,
    Trial,
)
from tuner.pricing.price_list import price_list
from tuner.search.study import Study
from tuner.settings import MemorySizes, Settings
from tuner.simulated.backend import SimulatedBackend, SimulatedFunction
from tuner.simulated.curves import Curve
from tuner.simulated.noise import SimulatedFaults, SimulatedNoise

RELEASED = Path(__file__).parent / "released"
X86, ARM = Architecture.X86_64, Architecture.ARM64
SIZES_40 = tuple(sorted({round(128 * (10240 / 128) ** (i / 39)) for i in range(40)}))
"""40 sizes over the whole range, evenly spaced in their logarithm."""
SECONDS = 74.2
"""How long every run takes, by its clock."""
AWS = FunctionIdentity(
    name="checkout-render",
    backend=BackendKind.AWS,
    architectures=(X86, ARM),
    arn="arn:aws:lambda:eu-central-1:123456789012:function:checkout-render:17",
    version="17",
    runtime="python3.13",
    code_sha256="Zm9v8Yt1x0rZQmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZg=",
    region="eu-central-1",
    current=Configuration(512, X86),
    timeout_s=30,
)


HERE = FunctionIdentity(
    name="app.py:handler",
    backend=BackendKind.LOCAL,
    runtime="python3.11",
    timeout_s=60,
    details={
        "host": "8 cores",
        "cpu": "shared out by a duty cycle",
        "arguments": ["src/app.py:handler", "--env", "STAGE=…"],
    },
)


class NamedBackend(SimulatedBackend):
    """A simulated function that bears the name of another one, and has the notices of its backend."""

    def __init__(self, function: SimulatedFunction, identity: FunctionIdentity, notices: Sequence[Notice]) -> None:
        super().__init__(function, seed=7)
        self._identity = identity
        self._notices = notices

    def describe(self) -> FunctionIdentity:
        return self._identity

    def notices(self) -> Sequence[Notice]:
        return self._notices


@dataclass(frozen=True, slots=True)
class Situation:
    """One document: which function, how it was tuned, and after how many samples it was interrupted."""

    function: SimulatedFunction
    identity: FunctionIdentity
    memory: MemorySizes = field(default_factory=MemorySizes)
    architectures: tuple[Architecture, ...] = (X86, ARM)
    sampler: SamplerName = SamplerName.ADAPTIVE
    runs: int = 10
    environments: int = 2
    objective: Objective = field(default_factory=Objective)
    budget: Budget = field(default_factory=Budget)
    invocations_per_month: float | None = None
    notices: tuple[Notice, ...] = ()
    stop_after: int | None = None

    @property
    def settings(self) -> Settings:
        """What the user asks for."""
        return Settings(
            self.identity.name,
            memory=self.memory,
            architectures=self.architectures,
            sampler=self.sampler,
            runs=self.runs,
            environments=self.environments,
            objective=self.objective,
            budget=self.budget,
            invocations_per_month=self.invocations_per_month,
            seed=7,
        )


@dataclass(slots=True)
class StopAfter:
    """Interrupts a run after so many samples."""

    samples: int | None
    stop: threading.Event

    def asked(self, study: Study, trials: Sequence[Trial]) -> None:
        """Nothing to do."""

    def told(self, study: Study, sample: Sample) -> None:
        """Count a sample in."""
        if self.samples is not None and len(study.samples) >= self.samples:
            self.stop.set()


def curves(
    work_ms: float, fixed_ms: float, *, arm_factor: float = 0.9, pressure_mb: int = 0
) -> dict[Architecture, Curve]:
    """A part that scales with the CPU share up to one vCPU, one that does not, and memory pressure below a size."""
    x86 = {m: (fixed_ms + work_ms * 1769 / min(m, 1769)) * (1 + max(0.0, pressure_mb / m - 1) ** 1.3) for m in SIZES_40}
    return {X86: Curve.through(x86), ARM: Curve.through({m: arm_factor * ms for m, ms in x86.items()})}


LISTED = MemorySizes(listed=(128, 256, 512, 1024, 1536, 3008))
RENDER = SimulatedFunction(
    curves(180, 20, pressure_mb=900),
    SimulatedNoise(init_ms=420),
    SimulatedFaults(out_of_memory_below_mb=200),
    used_mb=180,
)
PLAIN = SimulatedFunction(curves(700, 5), SimulatedNoise(), name="app.py:handler")


def grid(function: SimulatedFunction, identity: FunctionIdentity, runs: int = 10, **more: Any) -> Situation:
    """The listed sizes on x86_64, each measured so often."""
    return Situation(function, identity, LISTED, (X86,), SamplerName.GRID, runs, **more)


def identity_with(**changes: Any) -> FunctionIdentity:
    """The function in AWS with other fields."""
    return replace(AWS, **changes)


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&amp;\"'`|*_[x](javascript:alert(3))\x1b[31m"
HOSTILE_NAME = "\u202eevil\u2066" + HOSTILE
LONG = ("<b>too long</b> \u202e " * 700)[:10_000]


SITUATIONS: Mapping[str, Situation] = {
    "aws": Situation(RENDER, AWS, invocations_per_month=20e6),
    "aws-all": Situation(
        RENDER,
        identity_with(current=Configuration(SIZES_40[12], X86)),
        MemorySizes(listed=SIZES_40),
        sampler=SamplerName.GRID,
        invocations_per_month=20e6,
    ),
    "local": grid(
        PLAIN,
        HERE,
        invocations_per_month=1e6,
        notices=(Notice("noisy_host", "The machine was busy or unsteady while measuring."),),
    ),
    "simulated": grid(PLAIN, FunctionIdentity(name="simulated", backend=BackendKind.SIMULATED)),
    "grid": grid(
        SimulatedFunction(curves(180, 60), SimulatedNoise(run_sd=0.2, environment_sd=0.1)),
        identity_with(region="us-east-1"),
        20,
        environments=4,
        objective=Objective(StrategyName.SPEED),
    ),
    "balanced": Situation(
        PLAIN,
        identity_with(current=Configuration(1024, ARM)),
        objective=Objective(StrategyName.BALANCED),
        invocations_per_month=20e6,
    ),
    "partial": Situation(RENDER, AWS, invocations_per_month=20e6, stop_after=6),
    "one-left": grid(
        SimulatedFunction(curves(180, 60), faults=SimulatedFaults(out_of_memory_below_mb=2000), used_mb=1900),
        identity_with(current=Configuration(1024, X86)),
        5,
    ),
    "all-failed": grid(SimulatedFunction(curves(180, 60), faults=SimulatedFaults(error_share=1.0)), AWS, 5),
    "flaky": grid(SimulatedFunction(curves(180, 60), faults=SimulatedFaults(error_share=0.3)), AWS, 8),
    "no-current": grid(PLAIN, identity_with(current=None)),
    "already-best": grid(
        SimulatedFunction(curves(0.5, 40, arm_factor=1.2), SimulatedNoise(0.02, 0.02)),
        identity_with(current=Configuration(128, X86)),
    ),
    "throttled": grid(
        SimulatedFunction(
            curves(900, 900),
            SimulatedNoise(run_sd=0.5, environment_sd=0.3),
            SimulatedFaults(error_share=0.1, throttled_share=0.2, lost_report_share=0.1),
            timeout_s=6,
        ),
        identity_with(region="cn-north-1", timeout_s=6),
        objective=Objective(max_error_rate=0.2),
    ),
    "unmet": Situation(
        PLAIN,
        AWS,
        objective=Objective(constraints=Constraints(max_p95_ms=50, min_memory_mb=256)),
        invocations_per_month=20e6,
    ),
    "bounded": Situation(
        RENDER,
        AWS,
        objective=Objective(constraints=Constraints(max_p95_ms=150, max_cost_per_million_usd=30)),
        invocations_per_month=20e6,
    ),
    "hostile": grid(RENDER, identity_with(name=HOSTILE_NAME, arn=HOSTILE, version=HOSTILE, runtime=HOSTILE), 4),
}
"""Every situation by the name of its document."""


def document_of(name: str) -> dict[str, Any]:
    """The document of a situation, or of a released version as `1/name`; a copy of one's own."""
    document: dict[str, Any] = json.loads(_text_of(name))
    return document


def released_names() -> tuple[str, ...]:
    """The documents of released schema versions, as `version/name`."""
    return tuple(sorted(f"{path.parent.name}/{path.stem}" for path in RELEASED.glob("*/*.json")))


@cache
def _text_of(name: str) -> str:
    if "/" in name:
        return (RELEASED / f"{name}.json").read_text("utf-8")
    return made_once(f"{name}.json", lambda: json.dumps(_make(name)))


def _make(name: str) -> Any:
    document = tuned(SITUATIONS[name])
    if name == "hostile":
        make_hostile(document)
    return document


def tuned(situation: Situation) -> Any:
    """Tune the situation's function, and return its document, also where that is not an answer."""
    stop = threading.Event()
    seconds = chain([0.0], repeat(SECONDS))
    clock: Callable[[], float] = lambda: next(seconds)  # noqa: E731
    try:
        return tune(
            situation.settings,
            backend=NamedBackend(situation.function, situation.identity, situation.notices),
            prices=price_list,
            stop=stop,
            clock=clock,
            now=lambda: datetime(2026, 9, 14, 8, 30, tzinfo=UTC),
            observers=[StopAfter(situation.stop_after, stop)],
        ).document
    except TunerError as error:
        if error.result is None:
            raise
        return error.result.document


def make_hostile(document: dict[str, Any]) -> None:
    """Put markup, control characters and very long texts wherever text from outside can stand."""
    document["warnings"] = [{"code": HOSTILE, "message": HOSTILE}, {"code": "long", "message": LONG}]
    document["prices"].update(source=HOSTILE, as_of=HOSTILE, region=HOSTILE, currency="USD")
    document["function"].update(code_sha256=HOSTILE, region=HOSTILE, details={HOSTILE: [HOSTILE, {"a": LONG}]})
    document["request"]["sampler"] = HOSTILE
    document["tool"]["version"] = HOSTILE
    document["excluded"].append({"memory_mb": 256, "architecture": "x86_64", "reason": LONG})
    document["recommendation"]["reason"] = HOSTILE
    for measurement in document["measurements"]:
        measurement["errors"] = [
            {"type": HOSTILE, "message": LONG, "stack": [HOSTILE, "\u2067\u202e line"], "count": 3},
            {"type": "Lone\ud800", "message": f"{measurement['memory_mb']} {HOSTILE}", "stack": [], "count": 1},
        ]


def main() -> None:
    """Write the documents of the current schema version, as a release does. Compact: a line each."""
    folder = RELEASED / str(SCHEMA_VERSION)
    folder.mkdir(parents=True, exist_ok=True)
    for name in SITUATIONS:
        (folder / f"{name}.json").write_text(json.dumps(document_of(name), separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    main()
