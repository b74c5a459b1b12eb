"""True curves: duration against memory, linear between points in the logarithms of both.

Published points are noisy themselves. A curve is taken as published, or smoothed so that more
memory is never slower. This module knows nothing of noise, prices or files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DENSE_POINTS = 10
"""Curves with at least so many points go through a running median first."""
MEDIAN_WINDOW = 5
SHORTEST_MS = 0.01
"""Resolution of a REPORT line: shorter points are raised to it."""


class TruthKind(StrEnum):
    """How published points become the true curve."""

    SMOOTHED = "smoothed"
    """Running median of dense curves, then the closest curve that never rises with memory."""
    PUBLISHED = "published"
    """The points as they are."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Duration against memory: knots in log MB (ascending) and log ms, linear between them, flat outside."""

    log_memory: Floats
    log_duration: Floats

    @classmethod
    def through(cls, points: Mapping[int, float]) -> Curve:
        """The curve through durations in ms by memory size in MB, in any order."""
        sizes = np.array(sorted(points), dtype=np.float64)
        durations = np.array([points[int(size)] for size in sizes], dtype=np.float64)
        return cls(np.log(sizes), np.log(np.maximum(durations, SHORTEST_MS)))

    @property
    def bounds_mb(self) -> tuple[int, int]:
        """Smallest and largest memory size that was measured."""
        low, high = np.exp(self.log_memory[[0, -1]])
        return round(float(low)), round(float(high))

    def duration_ms(self, memory_mb: Floats | float) -> Floats:
        """Durations at memory sizes; beyond the bounds the duration of the nearest one."""
        return np.asarray(np.exp(np.interp(np.log(memory_mb), self.log_memory, self.log_duration)))


def true_curve(points: Mapping[int, float], kind: TruthKind) -> Curve:
    """The curve behind published points (duration in ms by memory size in MB)."""
    curve = Curve.through(points)
    return smoothed(curve) if kind is TruthKind.SMOOTHED else curve


def smoothed(curve: Curve) -> Curve:
    """The curve without the jitter of its knots: running median where they are dense, then never rising."""
    log_duration = curve.log_duration
    if len(log_duration) >= DENSE_POINTS:
        log_duration = _running_median(log_duration)
    return Curve(curve.log_memory, decreasing(log_duration))


def decreasing(values: Floats) -> Floats:
    """The closest sequence (least squares) that never rises, by pooling adjacent violators."""
    blocks: list[list[float]] = []
    for value in values:
        blocks.append([float(value), 1.0])
        while len(blocks) > 1 and blocks[-2][0] < blocks[-1][0]:
            mean, count = blocks.pop()
            before = blocks[-1]
            before[0] = (before[0] * before[1] + mean * count) / (before[1] + count)
            before[1] += count
    return np.concatenate([np.full(int(count), mean) for mean, count in blocks])


def _running_median(values: Floats) -> Floats:
    half = MEDIAN_WINDOW // 2
    padded = np.pad(values, half, mode="edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, MEDIAN_WINDOW), axis=1))
