"""How a trial is cut: into parts that run side by side, each part on a version of its own.

Pure: the Planner, the Publisher and the Executor come to the same cut without talking to each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from statemachine.execution import Execution
from tuner.aws.measure.invocation_targets import TargetKey
from tuner.aws.measure.scheduling import group_lanes
from tuner.model import Trial
from tuner.payloads import Payloads

MOST_LANES = 16
"""Lanes that a trial of the adaptive sampler has at most, well above what it asks for."""
MAX_MAP_CONCURRENCY = 40
"""Iterations at once of an inline Map (Step Functions quotas, 2026-09)."""


@dataclass(frozen=True, slots=True)
class LaneGroup:
    """Lanes that run side by side on one version.

    Attributes:
        key: the configuration, and which of its versions.
        payloads: for each lane the indices of the payloads of its runs.
    """

    key: TargetKey
    payloads: tuple[tuple[int, ...], ...]


def lane_groups(trial: Trial, execution: Execution, payloads: Payloads) -> list[LaneGroup]:
    """The parts of a trial, each on a version of its own, so that its environments are new ones."""
    settings = execution.settings
    cold = settings.only_cold_starts
    parts = group_lanes(trial, payloads, width=execution.concurrency, seed=settings.seed, cold=cold)
    return [LaneGroup(key, part) for key, part in zip(keys(trial, execution), parts, strict=True)]


def keys(trial: Trial, execution: Execution) -> list[TargetKey]:
    """The versions that the parts of a trial run on: no other trial uses them."""
    most = max(execution.settings.environments, execution.settings.runs, MOST_LANES)
    first = 1 + trial.id * _parts(most, execution)
    return [(trial.configuration, first + part) for part in range(_parts(lanes(trial, execution), execution))]


def at_once(trials: Iterable[Trial], execution: Execution) -> int:
    """How many trials may be measured at once so that their lanes stay within the concurrency."""
    most = max((lanes(trial, execution) for trial in trials), default=1)
    return max(1, min(MAX_MAP_CONCURRENCY, execution.concurrency // most))


def lanes(trial: Trial, execution: Execution) -> int:
    """How many environments a trial takes at once, as far as the concurrency allows."""
    return trial.invocations if execution.settings.only_cold_starts else trial.environments


def _parts(count: int, execution: Execution) -> int:
    return -(-count // execution.concurrency)
