"""The runs of one side at one configuration, grouped by environment, and how they ended.

Knows nothing of metrics, tests or verdicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tuner.model import Configuration, Invocation, Outcome

FAILED = (Outcome.ERROR, Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY)
"""Outcomes that the function itself causes. A run that was throttled, refused or lost says nothing of it."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How the runs of one side ended.

    Attributes:
        runs: how many ran.
        usable: how many of them were normal.
        failed: how many the function failed.
        error: the function's first own error, in words; empty when there is none.
    """

    runs: int
    usable: int
    failed: int
    error: str = ""

    @classmethod
    def of(cls, runs: Iterable[Invocation]) -> Tally:
        """Count runs; those that never ran are left out."""
        ran = [run for run in runs if run.ran]
        failures = [run for run in ran if failed(run)]
        words = (f"{run.error.type}: {run.error.message}" if run.error else run.outcome.value for run in failures)
        return cls(len(ran), sum(run.usable for run in ran), len(failures), next(words, ""))

    @classmethod
    def total(cls, tallies: Iterable[Tally]) -> Tally:
        """The sum of several tallies, with the first error of any."""
        runs = usable = failures = 0
        error = ""
        for one in tallies:
            runs, usable, failures = runs + one.runs, usable + one.usable, failures + one.failed
            error = error or one.error
        return cls(runs, usable, failures, error)


@dataclass(frozen=True, slots=True)
class RunSeries:
    """The runs of one side at one configuration.

    Attributes:
        configuration: where they ran.
        environments: the runs of each environment, in the order they came.
        cold: whether cold starts were measured; warm runs otherwise.
    """

    configuration: Configuration
    environments: tuple[tuple[Invocation, ...], ...]
    cold: bool

    @classmethod
    def of(cls, configuration: Configuration, runs: Sequence[Invocation], *, only_cold: bool = False) -> RunSeries:
        """Group runs by environment; those that never ran are left out.

        Args:
            configuration: where they ran.
            runs: in the order they came.
            only_cold: whether only cold starts were asked for. The runs tell it as well, failed
                ones too: a function that fails in every warm run did not ask for cold ones.
        """
        grouped: dict[str, list[Invocation]] = {}
        for run in runs:
            if run.ran:
                grouped.setdefault(run.environment, []).append(run)
        told = [run for run in runs if run.ran and run.outcome is not Outcome.NO_REPORT]
        cold = only_cold or (bool(told) and all(run.cold for run in told))
        return cls(configuration, tuple(tuple(group) for group in grouped.values()), cold)

    @property
    def runs(self) -> tuple[Invocation, ...]:
        """All runs, environment by environment."""
        return tuple(run for group in self.environments for run in group)

    @property
    def tally(self) -> Tally:
        """How its runs ended."""
        return Tally.of(self.runs)


def failed(run: Invocation) -> bool:
    """Whether the function itself failed; an allowed error is a normal run."""
    return run.outcome in FAILED and not run.usable
