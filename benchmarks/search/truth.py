"""True curves to search: read from a file of published ones, or handed over as points.

Published points are noisy themselves, so the truth is their isotonic smoothing (longer is
never faster with more memory), interpolated linearly in the logarithms of both axes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuner.model import Architecture

Floats = NDArray[np.float64]

DENSE_POINTS = 10
"""Curves with at least so many points go through a running median first."""
MEDIAN_WINDOW = 5
RATIO_QUANTILES = ((0.0, 0.05, 0.5, 0.95, 1.0), (0.4, 0.47, 0.92, 1.18, 1.35))
"""Published arm64/x86_64 duration ratios: 5 to 95% are 0.47 to 1.18, median 0.92."""
RATIO_SD = 0.09
"""Spread of the log ratio over the sizes of one function."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Duration against memory: knots in log MB and log ms, linear between them."""

    log_memory: Floats
    log_duration: Floats

    @property
    def bounds_mb(self) -> tuple[int, int]:
        """Smallest and largest memory size that was measured."""
        low, high = np.exp(self.log_memory[[0, -1]])
        return round(float(low)), round(float(high))

    def duration_ms(self, memory_mb: Floats) -> Floats:
        """Duration at memory sizes within the bounds."""
        return np.asarray(np.exp(np.interp(np.log(memory_mb), self.log_memory, self.log_duration)))


@dataclass(frozen=True, slots=True)
class Function:
    """A function with a curve per architecture, all over the same bounds."""

    id: str
    family: str
    curves: Mapping[Architecture, Curve]
    bounds_mb: tuple[int, int]


def smooth(memory_mb: Sequence[float], duration_ms: Sequence[float]) -> Curve:
    """The truth behind published points: running median of dense curves, then decreasing in memory."""
    order = np.argsort(memory_mb)
    log_memory = np.log(np.asarray(memory_mb, dtype=np.float64)[order])
    log_duration = np.log(np.maximum(np.asarray(duration_ms, dtype=np.float64)[order], 0.01))
    if len(log_memory) >= DENSE_POINTS:
        log_duration = _running_median(log_duration)
    return Curve(log_memory, decreasing(log_duration))


def decreasing(values: Floats) -> Floats:
    """The closest (least squares) sequence that never rises: pool adjacent violators."""
    blocks: list[list[float]] = []
    for value in values:
        blocks.append([float(value), 1.0])
        while len(blocks) > 1 and blocks[-2][0] < blocks[-1][0]:
            mean, count = blocks.pop()
            before = blocks[-1]
            before[0] = (before[0] * before[1] + mean * count) / (before[1] + count)
            before[1] += count
    return np.concatenate([np.full(int(count), mean) for mean, count in blocks])


def read_curves(path: Path) -> list[dict[str, Any]]:
    """The records of a curve file: a list of {id, family, description, arch, memory_mb, duration_ms}."""
    records: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return records


def single_functions(records: Iterable[Mapping[str, Any]], architecture: Architecture | None) -> list[Function]:
    """One function per record; `architecture` keeps the records of that one alone."""
    found = []
    for record in records:
        own = Architecture(record["arch"])
        if architecture in (None, own):
            curve = smooth(record["memory_mb"], record["duration_ms"])
            found.append(Function(record["id"], record["family"], {own: curve}, curve.bounds_mb))
    return found


def paired_functions(records: Iterable[Mapping[str, Any]], seed: int) -> list[Function]:
    """Functions with both architectures.

    Records whose id (or description and family) is the same but for the architecture make a
    pair, over the sizes that both have. For the rest the other architecture is made up: its
    ratio of durations is drawn from the published distribution, and varies with memory.
    """
    groups: dict[str, dict[Architecture, Mapping[str, Any]]] = {}
    for record in records:
        groups.setdefault(_pair_key(record, groups), {})[Architecture(record["arch"])] = record
    rng = np.random.default_rng(seed)
    return [_paired(key, group, rng) for key, group in sorted(groups.items())]


def synthetic_partner(curve: Curve, own: Architecture, rng: np.random.Generator) -> Curve:
    """A curve of the other architecture, by a ratio from the published distribution."""
    ratio = float(np.log(np.interp(rng.random(), *RATIO_QUANTILES)))
    wobble = np.cumsum(rng.standard_normal(len(curve.log_memory)))
    scale = RATIO_SD / max(float(np.std(wobble)), 1e-9) * abs(rng.standard_normal())
    shift = ratio + (wobble - wobble.mean()) * scale * (len(wobble) > 1)
    sign = 1 if own is Architecture.X86_64 else -1
    return Curve(curve.log_memory, decreasing(curve.log_duration + sign * shift))


def _pair_key(record: Mapping[str, Any], groups: Mapping[str, Mapping[Architecture, Any]]) -> str:
    own = Architecture(record["arch"])
    for text in (record["id"], f"{record['family']}: {record.get('description', '')}"):
        key = re.sub(r"x86(_64|-64)?|arm(64)?", "*", text)
        if own not in groups.get(key, {}) and (key in groups or text == record["id"]):
            return key
    return str(record["id"])


def _paired(key: str, group: Mapping[Architecture, Mapping[str, Any]], rng: np.random.Generator) -> Function:
    curves = {own: smooth(record["memory_mb"], record["duration_ms"]) for own, record in group.items()}
    if len(curves) == 1:
        own, curve = next(iter(curves.items()))
        other = Architecture.ARM64 if own is Architecture.X86_64 else Architecture.X86_64
        curves[other] = synthetic_partner(curve, own, rng)
    low = max(curve.bounds_mb[0] for curve in curves.values())
    high = min(curve.bounds_mb[1] for curve in curves.values())
    family = next(iter(group.values()))["family"]
    return Function(key, family, dict(sorted(curves.items())), (low, high))


def _running_median(values: Floats) -> Floats:
    half = MEDIAN_WINDOW // 2
    padded = np.pad(values, half, mode="edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, MEDIAN_WINDOW), axis=1))
