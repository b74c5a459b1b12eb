"""Single runs of real functions, read from a file, and known changes made to them.

A run is drawn with its noise; the change is exact. Knows nothing of what is tested on them.
"""

from __future__ import annotations

import gzip
import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuner.model import Configuration, FunctionError, Invocation, Outcome

Floats = NDArray[np.float64]

LEAST_RUNS = 30
"""Curves with fewer runs tell too little of their tail."""
INIT_MS, INIT_SD = 250.0, 0.1
"""Init duration of the cold starts, which the files do not tell, and its spread in log units."""
USED_MB = 70
AS_ENDED = 0.8
"""Rank correlation of durations with their place from which runs count as begun at once and logged as they ended."""
CHECKED_BELOW = 0.01
"""Chance by which a level that moved during the runs is told from noise."""
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
TIMEOUT_FACTOR = 20.0
"""A function's timeout, as a multiple of its median."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The runs of one function at one size, in the order they ran.

    Attributes:
        family: data set.
        function: name in it.
        memory_mb: size.
        duration_ms: of warm runs where there are enough, else of all.
        environments: label of the environment of each run; empty: not known.
    """

    family: str
    function: str
    memory_mb: int
    duration_ms: Floats
    environments: tuple[str, ...] = ()

    @property
    def spread(self) -> float:
        """Standard deviation of the logs of its runs."""
        return float(np.log(self.duration_ms).std())

    @property
    def in_order(self) -> bool:
        """Whether its order is that of time. Runs begun at once and logged as they ended are in order of duration."""
        from scipy.stats import rankdata  # takes a second to import

        correlation = float(np.corrcoef(np.arange(len(self.duration_ms)), rankdata(self.duration_ms))[0, 1])
        return correlation < AS_ENDED

    def level_moves(self, threshold: float) -> bool:
        """Whether the second half of the runs lies apart from the first by more than a threshold, in log units.

        The runs with odd numbers tell (their medians, and Wilcoxon's rank sum). `split` leaves those out, so that
        what it returns played no part in this.
        """
        from scipy.stats import ranksums  # takes a second to import

        first, second = _halves(np.log(self.duration_ms)[1::2])
        if abs(float(np.median(second) - np.median(first))) <= threshold:
            return False
        return float(ranksums(first, second).pvalue) <= CHECKED_BELOW

    @property
    def other_days(self) -> str:
        """What it shares with the same function on other days; empty: no day is told."""
        plain = DATE.sub("", self.function)
        return f"{self.family}/{plain}/{self.memory_mb}" if plain != self.function else ""


def read_curves(path: Path) -> list[Curve]:
    """Curves of a file: a list of entries, or `curves[id][memory_mb] = [ms, …]` of one family."""
    raw = path.read_bytes()
    document = json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
    found = list(_listed(document) if isinstance(document, list) else _by_size(document))
    return [curve for curve in found if len(curve.duration_ms) >= LEAST_RUNS]


def _listed(entries: Sequence[dict[str, Any]]) -> Iterator[Curve]:
    for entry in entries:
        ms = np.maximum(np.array(entry["duration_ms"], dtype=np.float64), 0.01)
        warm = np.flatnonzero(~np.array(entry.get("cold") or np.zeros(len(ms)), dtype=bool))
        used = warm if len(warm) >= LEAST_RUNS else np.arange(len(ms))
        labels = entry.get("environment") or ()
        known = tuple(str(labels[index]) for index in used) if labels else ()
        yield Curve(entry["family"], entry["function"], int(entry["memory_mb"]), ms[used], known)


def _by_size(document: dict[str, Any]) -> Iterator[Curve]:
    for name, sizes in document["curves"].items():
        family = document["family"] + ("-cold" if name.endswith("cold") else "")
        for memory_mb, ms in sizes.items():
            yield Curve(family, name, int(memory_mb), np.maximum(np.array(ms, dtype=np.float64), 0.01))


class Order(StrEnum):
    """How the runs of one curve become those of two versions."""

    RANDOM = "random"
    """Each version draws from all runs."""
    ALTERNATING = "alternating"
    """The versions take turns, in the order the runs were made."""
    HALVES = "halves"
    """The first half is the baseline's, the second the candidate's; of runs with even numbers, see `level_moves`."""


def split(curve: Curve, order: Order, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """`count` runs for each version."""
    ms = curve.duration_ms
    if order is Order.ALTERNATING:
        at = (rng.integers(len(ms)) + np.arange(2 * count)) % (len(ms) // 2 * 2)
        return ms[at[::2]], ms[at[1::2]]
    if order is Order.HALVES:
        first, second = _halves(ms[::2])
        return rng.permutation(first)[:count], rng.permutation(second)[:count]
    return rng.choice(ms, count), rng.choice(ms, count)


def _halves(values: Floats) -> tuple[Floats, Floats]:
    middle = len(values) // 2
    return values[:middle], values[middle:]


@dataclass(frozen=True, slots=True)
class Change:
    """What is different in the candidate.

    Attributes:
        factor: of every run.
        slow_share: share of runs that take `slow_factor` times as long as well.
        rest_factor: of the other runs.
        errors: share of runs that fail.
        timeouts: share of runs that run into the timeout.
        init_factor, memory_factor: of init duration and memory used.
    """

    factor: float = 1.0
    slow_share: float = 0.0
    slow_factor: float = 1.0
    rest_factor: float = 1.0
    errors: float = 0.0
    timeouts: float = 0.0
    init_factor: float = 1.0
    memory_factor: float = 1.0

    def applied(self, ms: Floats, rng: np.random.Generator) -> Floats:
        """Durations with the change."""
        slow = rng.random(len(ms)) < self.slow_share
        return np.asarray(ms * self.factor * np.where(slow, self.slow_factor, self.rest_factor))


NO_CHANGE = Change()


def invocations(
    ms: Floats, change: Change, label: str, runs_per_environment: int, timeout_ms: float, rng: np.random.Generator
) -> list[tuple[Invocation, ...]]:
    """Runs in new environments, the first of each cold."""
    changed = change.applied(ms, rng)
    fails = rng.random(len(ms)) < change.errors
    cut = rng.random(len(ms)) < change.timeouts
    init = INIT_MS * change.init_factor * np.exp(INIT_SD * rng.standard_normal(len(ms)))
    found = []
    for first in range(0, len(ms) - runs_per_environment + 1, runs_per_environment):
        used = round(USED_MB * change.memory_factor) + int(rng.integers(0, 2))
        runs = []
        for index in range(first, first + runs_per_environment):
            start = float(init[index]) if index == first else None
            duration = timeout_ms if cut[index] else float(changed[index])
            runs.append(_run(duration, start, used, f"{label}{first}", bool(fails[index]), bool(cut[index])))
        found.append(tuple(runs))
    return found


def _run(duration: float, start: float | None, used: int, label: str, fails: bool, cut: bool) -> Invocation:
    outcome = Outcome.TIMEOUT if cut else Outcome.ERROR if fails else Outcome.OK
    return Invocation(
        outcome,
        label,
        duration_ms=round(duration, 2),
        billed_duration_ms=math.ceil(duration + (start or 0.0)),
        init_duration_ms=start,
        max_memory_used_mb=used,
        error=FunctionError("KeyError", "'total'") if fails else None,
    )


def configuration(curve: Curve) -> Configuration:
    """Where a curve was measured."""
    from tuner.model import Architecture

    return Configuration(min(10_240, max(128, curve.memory_mb)), Architecture.X86_64)
