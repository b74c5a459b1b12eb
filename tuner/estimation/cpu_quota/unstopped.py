"""Runs that fit into the quota of one period: a larger share of a core makes them hardly faster.

Below one vCPU a run is stopped when it has used the quota of a 20 ms period. A run that is shorter than that was not
stopped, so that it takes about as long with more memory. Mechanisms whose scale is free know no milliseconds: it is the
level of the runs that tells from which size on each of them is nearly flat. Beyond one vCPU no quota is told apart from
that of one vCPU: more threads may share it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.cpu_quota.stairs import PERIOD_MS
from tuner.model import MB_PER_VCPU

Floats = NDArray[np.float64]
SingleFloats = NDArray[np.float32]

ROUNDS = 2
"""The level of a curve and the size from which on it is flat follow from each other: settled after so many rounds."""
LONGEST_MS = 400.0
"""Where all runs take longer, no curve comes below its quota."""
MOST_RUNS = 4
"""Runs that share the quota of a period, at most: they may come soon after each other. One number is as likely as
another."""
GAINS = 0.0, 0.03, 0.06, 0.12
"""By which power of memory the mean falls on nevertheless, one as likely as another: a few of its runs are longer. Of
18 published functions whose runs fit, the median power is 0.03; the steepest falls by 0.14, three rise."""


def flat_where_unstopped(
    curves: SingleFloats, log_busy: NDArray[np.float16], sizes_mb: Sequence[int], nodes: NDArray[np.int64], seen: Floats
) -> SingleFloats:
    """Curves of log duration, each nearly flat from the size on at which its run fits into the quota of a period.

    Args:
        curves: of no scale, shape (N, G): at all sizes of one architecture, then of the next.
        log_busy: log of the vCPUs that are in use on average; NaN: unknown. Shape (N, G).
        sizes_mb: ascending.
        nodes: of L locations with runs.
        seen: log duration in ms there, shape (L,).
    """
    if seen.min() > np.log(LONGEST_MS):
        return curves
    seen = seen.astype(np.float32)
    share = np.minimum(1, np.array(sizes_mb) / MB_PER_VCPU)
    log_quota = np.tile(np.log(PERIOD_MS * share).astype(np.float32), curves.shape[1] // len(sizes_mb))
    number = np.arange(len(curves))[:, None]
    runs = np.log(1 + number % MOST_RUNS).astype(np.float32)
    gains = np.array(GAINS, np.float32)[number // MOST_RUNS % len(GAINS)]
    threads = np.fmax(log_busy.astype(np.float32), np.float32(0))
    level = (seen - curves[:, nodes]).mean(axis=1, keepdims=True)
    fits = np.flatnonzero((curves + level + threads + runs < log_quota).any(axis=1))
    if not len(fits):
        return curves
    drawn, level = curves[fits], level[fits]
    quota = log_quota - runs[fits] - threads[fits]
    flat = drawn
    for _ in range(ROUNDS):
        flat = _flattened(drawn, quota - level, gains[fits], np.log(sizes_mb).astype(np.float32))
        level = (seen - flat[:, nodes]).mean(axis=1, keepdims=True)
    changed = curves.copy()
    changed[fits] = flat
    return changed


def _flattened(curves: SingleFloats, quota: SingleFloats, gains: SingleFloats, log_mb: SingleFloats) -> SingleFloats:
    """Curves that hardly fall any more once they are below their quota, architecture by architecture.

    Args:
        curves: shape (N, G).
        quota: at the scale of each curve, shape (N, G).
        gains: power of memory by which each of them falls on, shape (N, 1).
        log_mb: log of the sizes of an architecture, ascending.
    """
    level = curves.reshape(len(curves), -1, len(log_mb))
    above = (curves - quota).reshape(level.shape)
    below = above < 0
    first = below.argmax(axis=2)[..., None]
    before = np.maximum(first - 1, 0)
    high, low = (np.take_along_axis(above, at, axis=2) for at in (before, first))
    start, end = (np.take_along_axis(level, at, axis=2) for at in (before, first))
    part = np.where(first > 0, high / np.maximum(high - low, 1e-9), 0)
    crossing = start + part * (end - start)
    crossed_at = log_mb[before] + part * (log_mb[first] - log_mb[before])
    lowest = crossing - gains[:, :, None] * np.maximum(0, log_mb - crossed_at)
    return np.maximum(level, np.where(low < 0, lowest, -np.inf)).reshape(curves.shape)  # some stay above
