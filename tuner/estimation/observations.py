"""Samples turned into numbers: one row per usable run.

Rows are put in an order of their own, so that the order in which samples came cannot
change anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.cpu_quota.cpu_time import CpuTime, cpu_time_at
from tuner.estimation.layout import Layout
from tuner.model import Configuration, Invocation, Outcome, Sample, invocations_of

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SHORTEST_MS = 0.05
"""Shorter durations are taken for this: they are below what the REPORT line resolves well."""
BUSY = 0.9
"""Part of its CPU share from which on a function works rather than waits."""


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Usable runs, n of them, at L locations: nodes, where runs of today and those known from a log are two.

    Attributes:
        nodes: the node of each location, shape (L,), ascending.
        logged: whether a location has the runs known from a log, whose payload may be another one, shape (L,).
        doubt: how far its runs may be from the mean payload of today, log units, shape (L,).
        location: index into `nodes`, shape (n,).
        log_ms: log duration, shape (n,).
        environment: number of the environment, shape (n,), from 0; each is at one location.
        cold: whether it was the first run after a cold start, shape (n,).
        billed_excess_ms: what is billed of a warm run beyond its duration, pooled.
        censored: (node, log ms) of runs that were cut off at a timeout.
        cpu_times: how busy the function was at locations where the CPU time of its runs is known.
    """

    nodes: Integers
    logged: NDArray[np.bool_]
    doubt: Floats
    location: Integers
    log_ms: Floats
    environment: Integers
    cold: NDArray[np.bool_]
    billed_excess_ms: float
    censored: tuple[tuple[int, float], ...] = ()
    cpu_times: tuple[CpuTime, ...] = ()

    @property
    def count(self) -> int:
        """Number of runs, n."""
        return len(self.log_ms)


def runs_of(samples: Iterable[Sample], layout: Layout, doubts: Mapping[Configuration, float] | None = None) -> Runs:
    """The runs that say something about the curve. Configurations outside the layout are left out.

    Args:
        samples: with the runs.
        layout: the nodes.
        doubts: how far the runs of today at a configuration may be from the mean payload; 0 where it has none.
    """
    rows: list[tuple[int, str, bool, float, float | None]] = []
    censored: list[tuple[int, float]] = []
    cpu_times: list[CpuTime] = []
    for place, invocations in _by_place(samples, layout).items():
        node, configuration = place // 2, layout.configurations[place // 2]
        cpu_times += cpu_time_at(node, configuration.memory_mb, invocations)
        for number, run in enumerate(invocations):
            duration = run.duration_ms
            if duration is None:
                continue
            log_ms = math.log(max(duration, SHORTEST_MS))
            if run.usable:
                rows.append((place, run.environment or f"?{number}", run.cold, log_ms, _billed_excess(run)))
            elif run.outcome is Outcome.TIMEOUT:
                censored.append((node, log_ms))
    rows.sort(key=lambda row: row[:4])
    places, location = np.unique(np.array([row[0] for row in rows], dtype=np.int64), return_inverse=True)
    labels: dict[tuple[int, str], int] = {}
    environment = [labels.setdefault((row[0], row[1]), len(labels)) for row in rows]
    excess = [row[4] for row in rows if row[4] is not None]
    return Runs(
        places // 2,
        places % 2 == 1,
        np.array([0.0 if p % 2 else (doubts or {}).get(layout.configurations[p // 2], 0.0) for p in places]),
        location.reshape(-1).astype(np.int64),
        np.array([row[3] for row in rows], dtype=np.float64),
        np.array(environment, dtype=np.int64),
        np.array([row[2] for row in rows], dtype=np.bool_),
        float(np.mean(excess)) if excess else 0.5,
        tuple(sorted(censored)),
        tuple(sorted(cpu_times)),
    )


def _by_place(samples: Iterable[Sample], layout: Layout) -> dict[int, list[Invocation]]:
    """Invocations by twice their node, and one more where they are known from a log."""
    found: dict[int, list[Invocation]] = {}
    for sample in samples:
        where = sample.configuration
        if where.architecture in layout.architectures and where.memory_mb in layout.sizes_mb:
            found.setdefault(2 * layout.node(where) + sample.free, []).extend(sample.invocations)
    return found


def start_points(samples: Iterable[Sample], layout: Layout) -> list[tuple[int, float, float]]:
    """Cold starts as (row of the architecture, log memory, log of the init duration), sorted."""
    points = [
        (
            layout.architectures.index(configuration.architecture),
            math.log(configuration.memory_mb),
            math.log(max(run.start_ms, SHORTEST_MS)),
        )
        for configuration, runs in invocations_of(samples).items()
        if configuration.architecture in layout.architectures
        for run in runs
        if run.usable and run.start_ms is not None
    ]
    return sorted(points)


def _billed_excess(run: Invocation) -> float | None:
    if run.cold or run.billed_duration_ms is None or run.duration_ms is None:
        return None
    return run.billed_duration_ms - run.duration_ms


def hardly_waits(samples: Iterable[Sample]) -> bool:
    """Whether CPU times show that the function works rather than waits at a size where it ran."""
    seen = (cpu_time_at(0, c.memory_mb, invocations) for c, invocations in invocations_of(samples).items())
    return any(time.log_busy - time.log_share >= math.log(BUSY) for times in seen for time in times)
