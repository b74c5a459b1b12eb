"""Splits a trial into groups of lanes. The lanes of a group run in parallel on one version.

Pure: the Planner, the Publisher and the Executor compute the same groups without talking to each other.
Also decides whether one handler may make the targets of a round and measure it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from statemachine.execution import Execution
from tuner.aws.measure.invocation_targets import TargetKey
from tuner.aws.measure.scheduling import group_lanes
from tuner.model import Trial
from tuner.payloads import Payloads
from tuner.search.registry import measures_every_size

MOST_LANES = 16
"""Most lanes of a trial of the adaptive sampler, well above what it asks for."""
MAX_MAP_CONCURRENCY = 40
"""Parallel iterations of an inline Map (Step Functions quotas, 2026-09)."""
MAKING_S = 180.0
"""Seconds of the Measurer for everything but invocations: versions take 3 to 5 s each, copies about 3 s together."""


@dataclass(frozen=True, slots=True)
class LaneGroup:
    """Lanes that run in parallel on one version.

    Attributes:
        key: the configuration, and which of its versions.
        payloads: for each lane the indices of the payloads of its runs.
    """

    key: TargetKey
    payloads: tuple[tuple[int, ...], ...]


def lane_groups(trial: Trial, execution: Execution, payloads: Payloads) -> list[LaneGroup]:
    """Return the groups of a trial. Each has its own version, so that its environments are new."""
    settings = execution.settings
    cold = settings.only_cold_starts
    groups = group_lanes(trial, payloads, width=execution.concurrency, seed=settings.seed, cold=cold)
    return [LaneGroup(key, group) for key, group in zip(version_keys(trial, execution), groups, strict=True)]


def version_keys(trial: Trial, execution: Execution) -> list[TargetKey]:
    """Return the keys of the versions that a trial runs on. No other trial uses them."""
    settings = execution.settings
    runs = settings.runs * max(settings.memory.repeats.values(), default=1)
    most = max(settings.environments, runs, MOST_LANES)
    first = 1 + trial.id * _group_count(most, execution)
    count = _group_count(lane_count(trial, execution), execution)
    return [(trial.configuration, first + number) for number in range(count)]


def fits_one_handler(trials: Sequence[Trial], execution: Execution) -> bool:
    """Return whether the Measurer alone makes the targets of a round and measures it.

    True for the few trials of an adaptive search whose runs end within one handler, at their timeout too. The many
    runs of a grid need several handlers, and a snapshot of SnapStart takes minutes.
    """
    return (
        not execution.long
        and not execution.identity.details.get("snapstart")
        and not measures_every_size(execution.settings)
        and sum(lane_count(trial, execution) for trial in trials) <= min(MAX_MAP_CONCURRENCY, execution.concurrency)
        and longest_lane_s(trials, execution) <= execution.handler_s - MAKING_S
    )


def longest_lane_s(trials: Sequence[Trial], execution: Execution) -> float:
    """Return the seconds that the longest lane of a round takes when each of its runs lasts until the timeout."""
    run_s = (execution.identity.timeout_s or 0.0) + execution.settings.sleep_between_runs_ms / 1000
    return max((trial.runs_per_environment for trial in trials), default=0) * run_s


def parallel_trials(trials: Iterable[Trial], execution: Execution) -> int:
    """Return how many trials may run in parallel so that their lanes stay within the concurrency."""
    most = max((lane_count(trial, execution) for trial in trials), default=1)
    return max(1, min(MAX_MAP_CONCURRENCY, execution.concurrency // most))


def lane_count(trial: Trial, execution: Execution) -> int:
    """Return the number of lanes of a trial. Each cold start has its own lane when only cold starts count."""
    return trial.invocations if execution.settings.only_cold_starts else trial.environments


def _group_count(lanes: int, execution: Execution) -> int:
    return -(-lanes // execution.concurrency)
