"""Studies of functions whose curve is known: what the tuner would have found, and lost.

Turns published or made-up points into simulated functions and runs the same study
as on a real one. Does not read files.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tuner.documents.validation import find_faults
from tuner.errors import AllFailedError, Fault, InputError
from tuner.model import Architecture, Configuration
from tuner.pricing.price_list import price_list
from tuner.search.advice import TIMEOUT_LIMIT_S
from tuner.search.loop import run
from tuner.search.recommendation import objective_values, recommend
from tuner.search.setup import make_study
from tuner.settings import MemorySizes, Settings
from tuner.simulated.backend import SimulatedBackend, SimulatedFunction
from tuner.simulated.regret import Truth

CURVES_SCHEMA: Mapping[str, Any] = {
    "type": "array",
    "minItems": 1,
    "description": "A list of curves.",
    "items": {
        "type": "object",
        "required": ["id", "arch", "memory_mb", "duration_ms"],
        "properties": {
            "id": {"type": "string", "description": "Name of the curve."},
            "family": {"type": "string", "description": "Where it comes from."},
            "arch": {"enum": ["x86_64", "arm64"]},
            "memory_mb": {
                "type": "array",
                "minItems": 1,
                "items": {"type": "integer", "minimum": 128, "maximum": 10240},
                "description": "Memory sizes in MB.",
            },
            "duration_ms": {
                "type": "array",
                "minItems": 1,
                "items": {"type": "number", "exclusiveMinimum": 0, "maximum": 1000 * TIMEOUT_LIMIT_S},
                "description": "Durations in ms, one for each memory size.",
            },
        },
    },
}
"""Form of a file of curves; other fields of a curve are left alone."""


@dataclass(frozen=True, slots=True)
class KnownCurve:
    """Durations in ms by memory size in MB on one architecture."""

    id: str
    family: str
    architecture: Architecture
    points: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one study of a known curve found.

    Attributes:
        curve: which curve.
        seed: of the noise and of the search.
        recommended, best: the tuner's choice and the true one.
        regret: excess of the choice over the best under the strategy, a fraction.
        search_cost: money spent, in invocations of the best configuration (C*).
        invocations: made.
    """

    curve: KnownCurve
    seed: int
    recommended: Configuration
    best: Configuration
    regret: float
    search_cost: float
    invocations: int


def decode_curves(document: object) -> tuple[KnownCurve, ...]:
    """Read a file of curves: a list of {id, arch, memory_mb, duration_ms, family?}.

    Raises:
        InputError: with every fault, each with its path.
    """
    faults = list(find_faults(document, CURVES_SCHEMA))
    if faults or not isinstance(document, list):
        raise InputError(faults)
    for number, item in enumerate(document):
        if len(item["memory_mb"]) != len(item["duration_ms"]):
            sizes, durations = len(item["memory_mb"]), len(item["duration_ms"])
            faults.append(
                Fault(f"$[{number}]", f"{sizes} memory sizes, but {durations} durations", "give one for each")
            )
    if faults:
        raise InputError(faults)
    return tuple(
        KnownCurve(
            item["id"],
            item.get("family", ""),
            Architecture(item["arch"]),
            dict(zip(item["memory_mb"], item["duration_ms"], strict=True)),
        )
        for item in document
    )


def simulate(curve: KnownCurve, settings: Settings, seed: int) -> Finding:
    """Tune a known curve, with the noise of real functions.

    Args:
        curve: the truth, interpolated log-log between its points.
        settings: sampler, strategy and bounds; sizes are those of the curve.
        seed: of the noise and of the search.

    Raises:
        AllFailedError: the noise drove every run beyond the longest timeout.
    """
    low, high = min(curve.points), max(curve.points)
    prices = price_list("us-east-1")
    function = SimulatedFunction({curve.architecture: curve.points}, name=curve.id)
    backend = SimulatedBackend(function, seed=seed)
    study = make_study(
        replace(settings, seed=seed, memory=MemorySizes(low_mb=low, high_mb=high)), backend.describe(), prices
    )
    run(study, backend, stop=threading.Event(), clock=lambda: 0.0)
    belief = study.belief()
    if not belief.candidates:
        raise AllFailedError(f"No run of the curve {curve.id} was usable: {'; '.join(belief.excluded.values())}.")
    choice = recommend(belief, settings.objective, prices)
    sizes = tuple(Configuration(memory_mb, curve.architecture) for memory_mb in range(low, high + 1))
    durations = np.array([function.duration_ms(size) for size in sizes])
    costs = np.array([prices.invocation_cost(size, ms) for size, ms in zip(sizes, durations, strict=True)])
    truth = Truth(sizes, durations, costs, objective_values(durations, costs, settings.objective))
    return Finding(
        curve=curve,
        seed=seed,
        recommended=choice.configuration,
        best=sizes[truth.best],
        regret=truth.regret(choice.configuration),
        search_cost=study.spent.usd / truth.best_cost_usd,
        invocations=study.spent.invocations,
    )
