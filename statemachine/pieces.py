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
    return [Piece(key, part) for key, part in zip(keys(trial, header), parts, strict=True)]


def keys(trial: Trial, header: Header) -> list[Key]:
    """The versions that the parts of a trial run on."""
    first = GENERATIONS_PER_TRIAL * (trial.id + 1) if trial.fresh or header.settings.only_cold_starts else 1
    parts = -(-_lanes(trial, header) // header.concurrency)
    return [(trial.configuration, first + part) for part in range(parts)]


def at_once(trials: Iterable[Trial], header: Header) -> int:
    """How many trials may be measured at once so that their lanes stay within the concurrency."""
    lanes = max((_lanes(trial, header) for trial in trials), default=1)
    return max(1, min(MAX_MAP_CONCURRENCY, header.concurrency // lanes))


def _lanes(trial: Trial, header: Header) -> int:
    return trial.invocations if header.settings.only_cold_starts else trial.environments
