"""Makes the result documents in tests/golden/results from simulated functions.

Each is a situation that a report has to tell well. Run it after a change of the
document's form: `python -m tests.golden.make_results`. The documents of earlier schema
versions stay as they are: they are what users still have.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tuner.documents.result import SCHEMA_VERSION, RequestDocument, dumps
from tuner.documents.result_builder import build_result
from tuner.model import (
    Architecture,
    BackendKind,
    Budget,
    Configuration,
    FunctionIdentity,
    Notice,
    Objective,
    SearchSpace,
    StopReason,
    StrategyName,
)
from tuner.pricing.price_list import price_list
from tuner.search.adaptive import AdaptiveSampler
from tuner.search.grid import GridSampler
from tuner.search.loop import run
from tuner.search.sampler import Sampler
from tuner.search.study import Study
from tuner.simulated.backend import SimulatedBackend, SimulatedFunction
from tuner.simulated.curves import Curve
from tuner.simulated.noise import SimulatedFaults, SimulatedNoise

FOLDER = Path(__file__).parent / "results" / str(SCHEMA_VERSION)
X86, ARM = Architecture.X86_64, Architecture.ARM64
SIZES_40 = tuple(sorted({round(128 * (10240 / 128) ** (i / 39)) for i in range(40)}))
"""40 sizes over the whole range, evenly spaced in their logarithm."""
AWS = FunctionIdentity(
    name="checkout-render",
    backend=BackendKind.AWS,
    arn="arn:aws:lambda:eu-central-1:123456789012:function:checkout-render:17",
    version="17",
    runtime="python3.13",
    code_sha256="Zm9v8Yt1x0rZQmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZg=",
    region="eu-central-1",
    current=Configuration(512, X86),
    timeout_s=30,
)


@dataclass(frozen=True, slots=True)
class Situation:
    """One document: which function, how it was tuned, and what became of it."""

    function: SimulatedFunction
    identity: FunctionIdentity
    space: SearchSpace
    sampler: Sampler = field(default_factory=AdaptiveSampler)
    objective: Objective = field(default_factory=Objective)
    budget: Budget = field(default_factory=Budget)
    invocations_per_month: float | None = None
    notices: tuple[Notice, ...] = ()
    stop: StopReason | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)


def curves(
    work_ms: float, fixed_ms: float, *, arm_factor: float = 0.9, pressure_mb: int = 0
) -> dict[Architecture, Curve]:
    """A part that scales with the CPU share up to one vCPU, one that does not, and memory pressure below a size."""
    x86 = {m: (fixed_ms + work_ms * 1769 / min(m, 1769)) * (1 + max(0.0, pressure_mb / m - 1) ** 1.3) for m in SIZES_40}
    return {X86: Curve.through(x86), ARM: Curve.through({m: arm_factor * ms for m, ms in x86.items()})}


def situations() -> dict[str, Situation]:
    """Every situation by the name of its document."""
    both = SearchSpace(SIZES_40, (X86, ARM))
    listed = SearchSpace((128, 256, 512, 1024, 1536, 3008), (X86,), listed=True)
    render = SimulatedFunction(
        curves(180, 20, pressure_mb=900),
        SimulatedNoise(init_ms=420),
        SimulatedFaults(out_of_memory_below_mb=200),
        used_mb=180,
    )
    plain = SimulatedFunction(curves(700, 5), SimulatedNoise(), name="app.py:handler")
    here = FunctionIdentity(
        name="app.py:handler",
        backend=BackendKind.LOCAL,
        runtime="python3.11",
        timeout_s=60,
        details={"host": "8 cores", "cpu": "shared out by a duty cycle"},
    )
    month = {"invocations_per_month": 20e6}
    return {
        "aws": Situation(render, AWS, both, **month),
        "aws-all": Situation(render, _identity(current=Configuration(SIZES_40[12], X86)), both, GridSampler(), **month),
        "local": Situation(
            plain,
            here,
            SearchSpace(SIZES_40[:25], (X86,)),
            invocations_per_month=1e6,
            notices=(Notice("host_noise", "The host was busy: timings of one calibration differ by 6%."),),
        ),
        "simulated": Situation(plain, FunctionIdentity(name="simulated", backend=BackendKind.SIMULATED), both),
        "grid": Situation(
            SimulatedFunction(curves(180, 60), SimulatedNoise(run_sd=0.2, environment_sd=0.1)),
            _identity(current=Configuration(512, X86), region="us-east-1"),
            listed,
            GridSampler(runs=20, environments=4),
            Objective(StrategyName.SPEED),
        ),
        "balanced": Situation(
            plain,
            _identity(current=Configuration(1024, ARM)),
            both,
            objective=Objective(StrategyName.BALANCED),
            **month,
        ),
        "partial": Situation(render, AWS, both, budget=Budget(max_invocations=9), stop=StopReason.INTERRUPTED, **month),
        "one-left": Situation(
            SimulatedFunction(curves(180, 60), faults=SimulatedFaults(out_of_memory_below_mb=2000), used_mb=1900),
            _identity(current=Configuration(1024, X86)),
            listed,
            GridSampler(runs=5),
        ),
        "all-failed": Situation(
            SimulatedFunction(curves(180, 60), faults=SimulatedFaults(error_share=1.0)),
            AWS,
            listed,
            GridSampler(runs=5),
            stop=StopReason.ALL_FAILED,
        ),
        "no-current": Situation(plain, _identity(current=None), both),
        "already-best": Situation(
            SimulatedFunction(curves(0.5, 40, arm_factor=1.2), SimulatedNoise(0.02, 0.02)),
            _identity(current=Configuration(128, X86)),
            listed,
            GridSampler(runs=10),
        ),
        "throttled": Situation(
            SimulatedFunction(
                curves(900, 900),
                SimulatedNoise(run_sd=0.5, environment_sd=0.3),
                SimulatedFaults(error_share=0.1, throttled_share=0.2, lost_report_share=0.1),
                timeout_s=6,
            ),
            _identity(region="cn-north-1", current=Configuration(512, X86), timeout_s=6),
            listed,
            GridSampler(runs=10),
            Objective(StrategyName.COST),
        ),
        "unmet": Situation(
            plain,
            AWS,
            both,
            objective=Objective(constraints=_constraints(max_p95_ms=50, min_memory_mb=256)),
            **month,
        ),
        "hostile": Situation(
            render, _identity(name=HOSTILE_NAME, arn=HOSTILE, version=HOSTILE, runtime=HOSTILE), listed, GridSampler(4)
        ),
    }


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&amp;\"'`|*_[x](javascript:alert(3))\x1b[31m"
HOSTILE_NAME = "\u202eevil\u2066" + HOSTILE
LONG = ("<b>too long</b> \u202e " * 700)[:10_000]


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every document, by name."""
    for name, situation in situations().items():
        document = make(situation)
        if name == "hostile":
            make_hostile(document)
        yield name, document


def make(situation: Situation) -> dict[str, Any]:
    """Tune the situation's function and build its document."""
    identity = situation.identity
    study = Study(
        situation.space,
        situation.sampler,
        situation.objective,
        price_list(identity.region or "us-east-1"),
        budget=situation.budget,
        current=identity.current,
        invocations_per_month=situation.invocations_per_month,
        seed=7,
    )
    stop = threading.Event()
    run(study, SimulatedBackend(situation.function, seed=7), stop=stop, clock=lambda: 0.0)
    if situation.stop:
        study.interrupt(situation.stop)
    return build_result(
        study,
        identity,
        request_of(study),
        created_at="2026-09-14T08:30:00Z",
        seconds=74.2,
        notices=situation.notices,
    )


def request_of(study: Study) -> RequestDocument:
    """The request as the command line writes it."""
    objective, space = study.objective, study.space
    constraints = objective.constraints
    return {
        "strategy": objective.strategy.value,
        "balanced_weight": objective.balanced_weight,
        "sampler": study.sampler.name,
        "runs": getattr(study.sampler, "runs", None),
        "environments": study.environments,
        "concurrency": 10,
        "seed": study.seed,
        "architectures": [a.value for a in space.architectures],
        "memory_sizes_mb": list(space.memory_sizes_mb),
        "listed": space.listed,
        "tolerance": objective.tolerance,
        "cold_start_share": objective.cold_start_share,
        "constraints": {
            "max_p95_ms": constraints.max_p95_ms,
            "max_cost_per_million_usd": constraints.max_cost_per_million_usd,
            "min_memory_mb": constraints.min_memory_mb,
        },
        "budget": {"max_invocations": study.budget.max_invocations, "max_usd": None, "max_seconds": None},
        "invocations_per_month": study.invocations_per_month,
        "discount": 0.0,
        "discard_top_bottom": 0.2,
        "only_cold_starts": False,
        "allowed_exceptions": [],
        "sleep_between_runs_ms": 0,
        "isolation": "versions",
        "payload": {"count": 1, "sha256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
    }


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


def _identity(**changes: Any) -> FunctionIdentity:
    fields = {name: getattr(AWS, name) for name in AWS.__slots__}
    return FunctionIdentity(**{**fields, **changes})


def _constraints(**bounds: Any) -> Any:
    from tuner.model import Constraints

    return Constraints(**bounds)


def main() -> None:
    """Write every document."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, document in documents():
        # A lone surrogate exists in JSON as an escape alone.
        text = json.dumps(document, indent=1) if name == "hostile" else dumps(document)
        (FOLDER / f"{name}.json").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
