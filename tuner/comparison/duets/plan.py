"""The terms of a duet: pairs of environments, what measures them, where, and for how long at most.

This is the seam between the comparison and whatever measures. Knows nothing of AWS, processes or tests.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from tuner.backend import Backend
from tuner.comparison.statistics.error_spending import EARLY_PAIRS, FIRST_LOOK, looks
from tuner.errors import InputError
from tuner.model import Configuration, Invocation
from tuner.settings import Settings

LATE_RUNS = 5
"""Runs in each environment after the early pairs where runs spread widely; one is cold."""


@dataclass(frozen=True, slots=True)
class EnvironmentPair:
    """The runs of one environment of either version, made at the same time; a side may have none."""

    baseline: tuple[Invocation, ...]
    candidate: tuple[Invocation, ...]

    @property
    def runs(self) -> tuple[Invocation, ...]:
        """The runs of both sides."""
        return self.baseline + self.candidate


class PairSource(Protocol):
    """Measures both versions, interleaved, at one configuration."""

    def take(self, count: int, runs: int, stop: threading.Event) -> Iterator[tuple[EnvironmentPair, ...]]:
        """Measure `count` pairs of new environments at most, with `runs` in each; fewer when `stop` is set.

        Yields:
            Pairs that were measured side by side, as they are complete: the duet can end after each.
        """
        ...


@dataclass(frozen=True, slots=True)
class DuetPlan:
    """What to measure, and for how long at most.

    Attributes:
        configuration: at which both versions are measured.
        runs_per_environment: invocations in each environment; the first is cold. With 1 all are cold.
        late_runs: the same from the pair `EARLY_PAIRS` on; None: as before. See `widened`.
        max_invocations: of both versions together; it fixes when the test looks.
        max_usd, max_seconds: further bounds; None: no such bound.
        step: pairs in a batch at least, where a batch costs time of its own.
        may_widen: whether to take the plan of `widened` when the early pairs spread widely.
    """

    configuration: Configuration
    runs_per_environment: int = 2
    late_runs: int | None = None
    max_invocations: int = 400
    max_usd: float | None = None
    max_seconds: float | None = None
    step: int = 1
    may_widen: bool = False

    def __post_init__(self) -> None:
        least = FIRST_LOOK * 2 * self.runs_per_environment
        if self.max_invocations < least:
            problem = f"{self.max_invocations} is too few for {self.runs_per_environment} runs in each environment"
            raise InputError.single("--max-invocations", problem, f"give at least {least}")

    @property
    def max_pairs(self) -> int:
        """Pairs that the invocations allow."""
        pairs = self.max_invocations // (2 * self.runs_per_environment)
        if self.late_runs is None or pairs <= EARLY_PAIRS:
            return pairs
        left = self.max_invocations - EARLY_PAIRS * 2 * self.runs_per_environment
        return EARLY_PAIRS + left // (2 * self.late_runs)

    def next_look(self, pairs: int) -> int | None:
        """The number of pairs at the look that follows so many; None: that was the last."""
        return next((count for count in self.schedule if count > pairs), None)

    def runs_at(self, pairs: int) -> int:
        """Invocations in each environment of the pair that follows so many."""
        return self.late_runs if self.late_runs and pairs >= EARLY_PAIRS else self.runs_per_environment

    def widened(self) -> DuetPlan:
        """The plan for runs that spread widely: more of them in each environment after the early pairs.

        The looks until then stay as they are, so that the error over all looks does too. On real runs whose
        spread is wide this finds more slowdowns with the same invocations (docs/regression.md).
        """
        return replace(self, late_runs=max(LATE_RUNS, self.runs_per_environment))

    @property
    def schedule(self) -> tuple[int, ...]:
        """The numbers of pairs at which to look."""
        return looks(self.max_pairs, self.step)

    @property
    def cold(self) -> bool:
        """Whether every run is a cold start."""
        return self.runs_per_environment == 1


@dataclass(frozen=True, slots=True)
class Duet:
    """Both versions, entered.

    Attributes:
        baseline, candidate: their backends.
        pairs: makes the source of pairs for a plan and a seed.
        step: pairs that a batch should bring at least.
        labels: what to call baseline and candidate where that tells more than the user's words, such as the
            commit of `HEAD~1`; empty: as the user named them.
        difference: tells how both answer the same payload differently; empty: they do not, or it is not known.
    """

    baseline: Backend
    candidate: Backend
    pairs: Callable[[DuetPlan, int], PairSource]
    step: int = 1
    labels: tuple[str, str] = ("", "")
    difference: Callable[[], str] = str


@runtime_checkable
class DuetFactory(Protocol):
    """A factory of backends that can also measure two versions side by side."""

    def open_duet(self, settings: Settings, versions: tuple[str, str]) -> AbstractContextManager[Duet]:
        """Open both versions.

        Args:
            settings: how to measure, and the target that both are versions of.
            versions: what the user calls the baseline and the candidate.

        Raises:
            InputError: a version cannot be found or measured.
        """
        ...
