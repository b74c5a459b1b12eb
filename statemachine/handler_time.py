"""How long the handlers of an execution waited for the function's runs, which they are billed for.

Computed from what the runs reported. It does not know what else a handler does, nor any price.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from statemachine.execution import Execution
from statemachine.measuring.lane_groups import fits_one_handler
from tuner.model import Sample, Trial

MEASURER_GB, EXECUTOR_GB = 0.5, 0.25
"""Memory of the handlers that measure (template.yaml)."""


def executor_count(rounds: Iterable[Sequence[Trial]], execution: Execution, passes: Mapping[int, int]) -> int:
    """Return how many Executors measured the rounds that one handler does not measure.

    Args:
        rounds: the trials of the rounds.
        execution: what was decided.
        passes: by trial, how many passes a trial of a long function took.
    """
    measured = [trial for trials in rounds if not fits_one_handler(trials, execution) for trial in trials]
    return sum(passes.get(trial.id, 1) for trial in measured)


def waiting_gb_s(rounds: Iterable[Sequence[Trial]], samples: Sequence[Sample], execution: Execution) -> float:
    """Return the GB-seconds in which the handlers waited for runs.

    A Measurer waits for the longest lane of its round, an Executor for that of its trial. Where a trial has more lanes
    than may run in parallel, they share the concurrency.
    """
    lanes = _lanes_s(samples)
    total = 0.0
    for trials in rounds:
        waits = [_wait_s(lanes[trial.id], execution.concurrency) for trial in trials if trial.id in lanes]
        if fits_one_handler(trials, execution):
            total += MEASURER_GB * max(waits, default=0.0)
        else:
            total += EXECUTOR_GB * sum(waits)
    return total


def _wait_s(lanes_s: Sequence[float], concurrency: int) -> float:
    return max(*lanes_s, sum(lanes_s) / concurrency)


def _lanes_s(samples: Iterable[Sample]) -> dict[int, list[float]]:
    """Return the seconds of each lane, by trial. A run without a report counts nothing."""
    lanes: dict[int, list[float]] = defaultdict(list)
    for sample in samples:
        ms = sum((run.duration_ms or 0.0) + (run.init_duration_ms or 0.0) for run in sample.invocations)
        lanes[sample.trial_id].append(ms / 1000)
    return lanes
