"""How a trial is cut: into parts that run side by side, each part on a version of its own.

Pure: the Planner, the Publisher and the Executor come to the same cut without talking to each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from statemachine.record import Header
from tuner.aws.bench import Key
from tuner.aws.lanes import split_lanes
from tuner.model import Trial
from tuner.payloads import Payloads

GENERATIONS_PER_TRIAL = 1_000
MAX_MAP_CONCURRENCY = 40
"""Iterations at once of an inline Map (Step Functions quotas, 2026-09)."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Lanes that run side by side on one version.

    Attributes:
        key: the configuration, and which of its versions.
        payloads: for each lane the indices of the payloads of its runs.
    """

    key: Key
    payloads: tuple[tuple[int, ...], ...]


def pieces(trial: Trial, header: Header, payloads: Payloads) -> list[Piece]:
    """The parts of a trial.

    A trial that wants new environments has versions that no other trial uses.
    """
    settings = header.settings
    cold = settings.only_cold_starts
    parts = split_lanes(trial, payloads, width=header.concurrency, seed=settings.seed, cold=cold)
    first = GENERATIONS_PER_TRIAL * (trial.id + 1) if trial.fresh or cold else 1
    return [Piece((trial.configuration, first + number), part) for number, part in enumerate(parts)]


def at_once(trials: Iterable[Trial], header: Header) -> int:
    """How many trials may be measured at once so that their lanes stay within the concurrency."""
    cold = header.settings.only_cold_starts
    lanes = max((trial.invocations if cold else trial.environments for trial in trials), default=1)
    return max(1, min(MAX_MAP_CONCURRENCY, header.concurrency // lanes))
