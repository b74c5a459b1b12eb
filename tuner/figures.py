"""The figures of a comparison: one value per environment and metric, in log units.

An environment, not a run, is what varies independently, so its runs are reduced to one
robust value here. Knows nothing of tests or verdicts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from tuner.model import Configuration, Invocation, Outcome
from tuner.pricing import PriceList
from tuner.verdicts import Metric

P95_BLOCK_RUNS = 20
"""Runs below which a sample has no 95th percentile: the largest of 20 is the first beyond it."""
ROUNDING = 1 / math.sqrt(12)
"""Standard deviation that rounding to whole units adds."""
FAILED = (Outcome.ERROR, Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY)
"""Outcomes that are the function's own; what was throttled, refused or lost says nothing of it."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How the runs of one side ended.

    Attributes:
        runs: how many ran.
        usable: how many of them were normal.
        failed: how many failed by the function's doing.
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


@dataclass(frozen=True, slots=True)
class Series:
    """The runs of one side at one configuration.

    Attributes:
        configuration: where.
        environments: the runs of each environment, in the order they came.
        cold: whether cold starts are what was measured; warm runs otherwise.
    """

    configuration: Configuration
    environments: tuple[tuple[Invocation, ...], ...]
    cold: bool

    @classmethod
    def of(cls, configuration: Configuration, runs: Sequence[Invocation], *, only_cold: bool = False) -> Series:
        """Group runs by environment; those that never ran are left out.

        Args:
            configuration: where.
            runs: in the order they came.
            only_cold: whether nothing but cold starts was asked for. It is seen as well by the
                runs, failed ones too: what fails in every warm run did not ask for cold ones.
        """
        grouped: dict[str, list[Invocation]] = {}
        for run in runs:
            if run.ran:
                grouped.setdefault(run.environment, []).append(run)
        told = [run for run in runs if run.ran and run.outcome is not Outcome.NO_REPORT]
        cold = only_cold or (bool(told) and all(run.cold for run in told))
        return cls(configuration, tuple(tuple(group) for group in grouped.values()), cold)

    @property
    def tally(self) -> Tally:
        """How its runs ended."""
        return Tally.of(run for group in self.environments for run in group)


def failed(run: Invocation) -> bool:
    """Whether the function itself failed; an allowed error is a normal run."""
    return run.outcome in FAILED and not run.usable


def values(series: Series, metric: Metric, prices: PriceList) -> tuple[float, ...]:
    """One log value per environment that has the metric; for p95 one per block of environments."""
    if metric is Metric.P95:
        return _p95_blocks(series)
    found = (
        environment_value(group, metric, series.configuration, prices, cold=series.cold)
        for group in series.environments
    )
    return tuple(value for value in found if value is not None)


def environment_value(
    group: Sequence[Invocation], metric: Metric, configuration: Configuration, prices: PriceList, *, cold: bool
) -> float | None:
    """The log of the typical value of one environment; None when it has none.

    Durations and costs are those of warm runs, or with `cold` those of cold ones. The
    median of the logs keeps one slow run from moving its environment.
    """
    usable = [run for run in group if run.usable]
    if metric is Metric.MEMORY:
        used = [run.max_memory_used_mb for run in usable if run.max_memory_used_mb]
        return math.log(max(used)) if used else None
    if metric is Metric.INIT:
        starts = [run.start_ms for run in usable if run.start_ms]
        return median(map(math.log, starts)) if starts else None
    steady = [run for run in usable if run.cold is cold]
    if not steady:
        return None
    if metric is Metric.COST:
        costs = [
            prices.invocation_cost(configuration, run.billed_duration_ms or 0, extra_usd=run.extra_cost_usd)
            for run in steady
        ]
        return median(map(math.log, costs))
    return median(math.log(max(run.duration_ms or 0.0, 0.01)) for run in steady)


def resolution(metric: Metric, log_value: float, configuration: Configuration, prices: PriceList) -> float:
    """Spread that the rounding of the platform adds to a value, in log units."""
    value = math.exp(log_value)
    if metric is Metric.MEMORY:
        return ROUNDING / value
    if metric is Metric.COST:
        millisecond = prices.invocation_cost(configuration, 1) - prices.request_usd
        return ROUNDING * millisecond / value
    return ROUNDING * 0.01 / value


def _p95_blocks(series: Series) -> tuple[float, ...]:
    """95th percentiles of blocks of whole environments with `P95_BLOCK_RUNS` steady runs or more."""
    blocks: list[float] = []
    collected: list[float] = []
    cold = series.cold
    for group in series.environments:
        steady = [run for run in group if run.usable and run.cold is cold]
        collected.extend(math.log(max(run.duration_ms or 0.0, 0.01)) for run in steady)
        if len(collected) >= P95_BLOCK_RUNS:
            blocks.append(float(np.quantile(collected, 0.95)))
            collected = []
    return tuple(blocks)
