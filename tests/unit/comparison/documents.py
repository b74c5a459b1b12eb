"""Result documents of simulated functions, as `tuner tune` writes them."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import Any

from tests.golden.cache import made_once
from tuner.comparison.question import Metric
from tuner.comparison.verdicts import Comparison, Finding
from tuner.documents.result_builder import build_result
from tuner.model import Architecture, Configuration, Objective, SearchSpace
from tuner.pricing.price_list import price_list
from tuner.search.grid import GridSampler
from tuner.search.loop import run
from tuner.search.study import Study
from tuner.settings import Settings
from tuner.simulated.backend import SimulatedBackend, SimulatedFunction
from tuner.simulated.curves import Curve
from tuner.simulated.noise import SimulatedFaults, SimulatedNoise

PRICES = price_list("us-east-1")
X86 = Architecture.X86_64
SIZES = (256, 512, 1024)
HERE = Path(__file__).read_text("utf-8")
"""What documents are made by, beside the tool itself."""


def result(slowdown: float = 0.0, *, created_at: str = "2026-09-01T10:00:00Z", **asked: Any) -> Any:
    """A grid over some sizes.

    Args:
        slowdown: share by which the function is slower than at first.
        created_at: when it was measured.
        asked: keywords of `_text`, and fields of the document's function to replace.
    """
    known = {name: asked.pop(name) for name in sorted(KEYWORDS & asked.keys())}
    made = hashlib.sha256(f"{slowdown} {known} {HERE}".encode()).hexdigest()[:16]
    document = json.loads(made_once(f"compared-{made}.json", lambda: _text(slowdown, **known)))
    document["created_at"] = created_at
    document["function"].update(asked)
    return document


def _text(
    slowdown: float,
    *,
    seed: int = 0,
    sizes: tuple[int, ...] = SIZES,
    runs: int = 16,
    environments: int = 4,
    init_ms: float = 250.0,
    used_mb: int = 70,
    faults: SimulatedFaults | None = None,
    objective: Objective | None = None,
    current: Configuration | None = None,
    outlier_share: float = 0.02,
) -> str:
    """A document as text: many tests ask for the same one, and making it takes longer than what they test."""
    simulated = SimulatedFunction(
        {X86: Curve.through({m: 120 * (1 + slowdown) * (256 / m) ** 0.5 for m in (128, 3008)})},
        SimulatedNoise(init_ms=init_ms, outlier_share=outlier_share),
        faults or SimulatedFaults(),
        used_mb=used_mb,
    )
    backend = SimulatedBackend(simulated, seed=seed)
    space = SearchSpace(sizes, (X86,), listed=True)
    study = Study(space, GridSampler(runs, environments), objective or Objective(), PRICES, current=current)
    run(study, backend, stop=threading.Event(), clock=lambda: 0.0)
    identity = replace(backend.describe(), region="us-east-1")
    settings = Settings("simulated", sampler="grid", runs=runs, environments=environments, seed=seed)
    return json.dumps(build_result(study, identity, settings, created_at="2026-09-01T10:00:00Z", seconds=1.0))


KEYWORDS = {name for name, known in signature(_text).parameters.items() if known.kind is known.KEYWORD_ONLY}


def over_all(comparison: Comparison, metric: Metric) -> Finding:
    """The finding of a metric over all configurations."""
    return next(f for f in comparison.findings if f.metric is metric and f.configuration is None)
