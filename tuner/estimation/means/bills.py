"""The mean of what runs are billed: their durations in whole milliseconds, rounded up.

Functions of a few ms are billed few different amounts, often one. What lies between two whole milliseconds then
decides how far a bill may move: a run of 0.4 ms that takes twice as long is billed as before.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_BILL_MS = 1.0
"""No run is billed for less."""
WHOLE_MS = 16
"""Durations are rounded one millisecond after the other up to this one. Beyond, rounding hardly counts."""
BOUND_DRAWS = 2000
"""Draws behind a lower bound of few values."""
_ERF = 0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429
_ERF_SCALE = 0.3275911


def mean_rounded_up(log_median: Floats, sd: Floats, beyond: float = 0.5) -> Floats:
    """Mean of a log-normal duration that is rounded up to whole milliseconds.

    Args:
        log_median: log of its median in ms, shape (S,).
        sd: its spread, log units, shape (S,).
        beyond: what rounding adds on average beyond `WHOLE_MS`.
    """
    safe = np.maximum(sd, 1e-9)
    more = upper_tail((np.log(np.arange(1, WHOLE_MS + 1)) - log_median[:, None]) / safe[:, None])
    mean = np.exp(log_median + safe**2 / 2)
    last = (math.log(WHOLE_MS) - log_median) / safe
    rest = mean * upper_tail(last - safe) - (WHOLE_MS - beyond) * more[:, -1]
    return np.asarray(1 + more[:, :-1].sum(axis=1) + np.maximum(rest, 0.0))


def rounded_beyond(durations_ms: Floats) -> float:
    """What rounding up adds to runs longer than `WHOLE_MS`, on average."""
    longer = durations_ms[durations_ms > WHOLE_MS]
    return float(np.mean(np.ceil(longer) - longer)) if len(longer) else 0.5


def least_above(values: Floats, floor: float, labels: NDArray[np.intp], rng: np.random.Generator) -> Floats:
    """Draws whose quantiles bound the mean from below, whatever the distribution above a known floor.

    The bound of Gaffke (2005), "Three test statistics for a nonparametric one-sided hypothesis on the mean of a
    nonnegative variable": values and floor are weighed at random. Of two values it is that of Clopper and Pearson.

    Args:
        values: shape (n,), none below the floor.
        floor: the least that any value can be.
        labels: number of the environment of each value: the mean of an environment counts once.
        rng: source of the draws.
    """
    means = np.bincount(labels, weights=values) / np.bincount(labels)
    above = means - floor
    return np.asarray(floor + rng.dirichlet(np.ones(len(above) + 1), BOUND_DRAWS)[:, 1:] @ above)


def upper_tail(z: Floats) -> Floats:
    """Chance of a standard normal number above each value, to 1e-7 (Abramowitz and Stegun 7.1.26)."""
    x = np.abs(z) / math.sqrt(2)
    t = 1 / (1 + _ERF_SCALE * x)
    tail = np.polyval([*_ERF[::-1], 0.0], t) * np.exp(-(x**2)) / 2
    return np.asarray(np.where(z >= 0, tail, 1 - tail))
