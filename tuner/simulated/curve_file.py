"""The form of a file of published curves, and the functions that it describes.

Reads documents, not files. A record that cannot be used is named and left out; the others stand.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tuner.documents.validation import find_faults
from tuner.errors import Fault, InputError
from tuner.model import MAX_MEMORY_MB, MIN_MEMORY_MB, Architecture
from tuner.simulated.backend import SimulatedFunction
from tuner.simulated.curves import Curve, TruthKind, decreasing, true_curve

RATIO_QUANTILES = ((0.0, 0.05, 0.5, 0.95, 1.0), (0.4, 0.47, 0.92, 1.18, 1.35))
"""Published arm64/x86_64 duration ratios: 5 to 95% are 0.47 to 1.18, the median is 0.92."""
RATIO_SD = 0.09
"""Spread of the log ratio over the sizes of one function."""

LONGEST_MS = 1e9
"""Twelve days: beyond every function, and where sums of bills are still exact."""
RECORD_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["id", "memory_mb", "duration_ms"],
    "properties": {
        "id": {"type": "string", "description": "Name of the curve."},
        "family": {"type": "string", "description": "Where it comes from."},
        "description": {"type": "string", "description": "What the function does."},
        "arch": {"enum": [str(architecture) for architecture in Architecture], "description": "x86_64 by default."},
        "memory_mb": {
            "type": "array",
            "minItems": 1,
            "uniqueItems": True,
            "items": {"type": "integer", "minimum": MIN_MEMORY_MB, "maximum": MAX_MEMORY_MB},
            "description": "Memory sizes in MB.",
        },
        "duration_ms": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "number", "exclusiveMinimum": 0, "maximum": LONGEST_MS},
            "description": "Durations in ms, one for each memory size.",
        },
    },
}
"""Form of one record; its other fields are ignored."""


@dataclass(frozen=True, slots=True)
class CurveRecord:
    """Published durations in ms by memory size in MB on one architecture."""

    id: str
    family: str
    description: str
    architecture: Architecture
    points: Mapping[int, float]


def decode_records(document: object) -> tuple[tuple[CurveRecord, ...], tuple[Fault, ...]]:
    """The records of a curve file that can be used, and the faults of the others.

    Args:
        document: a list of {id, memory_mb, duration_ms, arch?, family?, description?}.

    Raises:
        InputError: no record can be used; with every fault, each with its path.
    """
    if not isinstance(document, list) or not document:
        problem = "holds no curve" if document == [] else "not a list of curves"
        raise InputError([Fault("$", problem, "give a list of {id, memory_mb, duration_ms}")])
    records: list[CurveRecord] = []
    faults: list[Fault] = []
    for number, item in enumerate(document):
        found = _faults(item, f"$[{number}]")
        faults += found
        if not found:
            records.append(_record(item))
    if not records:
        raise InputError(faults)
    return tuple(records), tuple(faults)


def single_functions(
    records: Iterable[CurveRecord], kind: TruthKind, *, architecture: Architecture | None = None
) -> list[SimulatedFunction]:
    """One function for each record; `architecture` keeps the records of that one alone."""
    return [
        _function(record.id, record.family, {record.architecture: true_curve(record.points, kind)})
        for record in records
        if architecture in (None, record.architecture)
    ]


def paired_functions(records: Iterable[CurveRecord], kind: TruthKind, *, seed: int) -> list[SimulatedFunction]:
    """Functions with both architectures.

    Records whose id (or description and family) is the same but for the architecture make a
    pair, over the sizes that both have. For the others the second architecture is made up: its
    ratio of durations is drawn from the published distribution, and varies with memory.
    """
    groups: dict[str, dict[Architecture, CurveRecord]] = {}
    for record in records:
        groups.setdefault(_pair_key(record, groups), {})[record.architecture] = record
    rng = np.random.default_rng(seed)
    return [_paired(key, group, kind, rng) for key, group in sorted(groups.items())]


def synthetic_partner(curve: Curve, own: Architecture, rng: np.random.Generator) -> Curve:
    """A curve of the other architecture, by a ratio from the published distribution."""
    ratio = float(np.log(np.interp(rng.random(), *RATIO_QUANTILES)))
    wobble = np.cumsum(rng.standard_normal(len(curve.log_memory)))
    scale = RATIO_SD / max(float(np.std(wobble)), 1e-9) * abs(rng.standard_normal())
    shift = ratio + (wobble - wobble.mean()) * scale * (len(wobble) > 1)
    sign = 1 if own is Architecture.X86_64 else -1
    return Curve(curve.log_memory, decreasing(curve.log_duration + sign * shift))


def _faults(item: object, path: str) -> list[Fault]:
    faults = [
        Fault(path + fault.path.removeprefix("$"), fault.problem, fault.remedy)
        for fault in find_faults(item, RECORD_SCHEMA)
    ]
    if not faults and isinstance(item, dict):
        sizes, durations = len(item["memory_mb"]), len(item["duration_ms"])
        if sizes != durations:
            faults.append(
                Fault(f"{path}.duration_ms", f"{sizes} memory sizes, but {durations} durations", "give one for each")
            )
    return faults


def _record(item: Mapping[str, Any]) -> CurveRecord:
    points: Sequence[tuple[int, float]] = list(zip(item["memory_mb"], item["duration_ms"], strict=True))
    return CurveRecord(
        item["id"],
        item.get("family", ""),
        item.get("description", ""),
        Architecture(item.get("arch", Architecture.X86_64)),
        dict(points),
    )


def _function(name: str, family: str, curves: Mapping[Architecture, Curve]) -> SimulatedFunction:
    # A curve is true at any duration: what was published was not cut off by a timeout.
    return SimulatedFunction(curves, name=name, family=family, timeout_s=None)


def _pair_key(record: CurveRecord, groups: Mapping[str, Mapping[Architecture, CurveRecord]]) -> str:
    for text in (record.id, f"{record.family}: {record.description}"):
        key = re.sub(r"x86(_64|-64)?|arm(64)?", "*", text)
        if record.architecture not in groups.get(key, {}) and (key in groups or text == record.id):
            return key
    return record.id


def _paired(
    key: str, group: Mapping[Architecture, CurveRecord], kind: TruthKind, rng: np.random.Generator
) -> SimulatedFunction:
    curves = {own: true_curve(record.points, kind) for own, record in group.items()}
    if not _overlap(curves.values()):
        own, curve = next(iter(curves.items()))
        other = Architecture.ARM64 if own is Architecture.X86_64 else Architecture.X86_64
        curves = {own: curve, other: synthetic_partner(curve, own, rng)}
    family = next(iter(group.values())).family
    return _function(key, family, dict(sorted(curves.items())))


def _overlap(curves: Collection[Curve]) -> bool:
    """Whether both architectures are there, and some sizes are covered on both."""
    bounds = [curve.bounds_mb for curve in curves]
    return len(bounds) > 1 and max(low for low, _ in bounds) <= min(high for _, high in bounds)
