"""The values of a comparison: one for each environment and metric, in log units.

Environments vary independently, runs do not. So this module reduces the runs of an environment to one
robust value. Knows nothing of tests or verdicts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

import numpy as np

from tuner.comparison.question import Metric
from tuner.comparison.run_series import RunSeries
from tuner.model import Configuration, Invocation
from tuner.pricing.price_list import PriceList

P95_BLOCK_RUNS = 20
"""Runs below which a sample has no 95th percentile: the largest of 20 is the first beyond it."""
ROUNDING = 1 / math.sqrt(12)
"""Standard deviation that rounding to whole units adds."""


def values(series: RunSeries, metric: Metric, prices: PriceList) -> tuple[float, ...]:
    """One log value per environment that has the metric; for p95 one per block of environments."""
    if metric is Metric.P95:
        return _p95_blocks(series, prices)
    found = (
        environment_value(group, metric, series.configuration, prices, cold=series.cold)
        for group in series.environments
    )
    return tuple(value for value in found if value is not None)


def environment_value(
    group: Sequence[Invocation], metric: Metric, configuration: Configuration, prices: PriceList, *, cold: bool
) -> float | None:
    """The log of the typical value of one environment; None when it has none.

    The median of the logs of its runs keeps one slow run from moving its environment.
    """
    logs = run_values(group, metric, configuration, prices, cold=cold)
    return median(logs) if logs else None


def run_values(
    group: Sequence[Invocation], metric: Metric, configuration: Configuration, prices: PriceList, *, cold: bool
) -> list[float]:
    """The logs of a metric in the runs of one environment that have it, in the order they came.

    Durations and costs are those of warm runs, or with `cold` those of cold ones. Of memory
    there is one value: the most that was used.
    """
    usable = [run for run in group if run.usable]
    if metric is Metric.MEMORY:
        used = [run.max_memory_used_mb for run in usable if run.max_memory_used_mb]
        return [math.log(max(used))] if used else []
    if metric is Metric.INIT:
        return [math.log(run.start_ms) for run in usable if run.start_ms]
    steady = [run for run in usable if run.cold is cold]
    if metric is Metric.COST:
        billed = [(run.billed_duration_ms or 0) - kept_waiting_ms(run) for run in steady]
        costs = [
            prices.invocation_cost(configuration, ms, extra_usd=run.extra_cost_usd)
            for ms, run in zip(billed, steady, strict=True)
        ]
        return [math.log(cost) for cost in costs]
    return [_log_duration(run) for run in steady]


def kept_waiting_ms(run: Invocation) -> float:
    """Time that a run waited for a core which other programs had, in ms; 0 where it is not told, as in AWS.

    It says how busy the machine was, nothing of the function. What is left of the duration is never
    less than the CPU time of the run, so that threads in each other's way do not count as waiting.
    """
    if run.waited_ms is None or run.cpu_ms is None or run.duration_ms is None:
        return 0.0
    return max(0.0, min(run.waited_ms, run.duration_ms - run.cpu_ms))


def _log_duration(run: Invocation) -> float:
    return math.log(max((run.duration_ms or 0.0) - kept_waiting_ms(run), 0.01))


def resolution(metric: Metric, log_value: float, configuration: Configuration, prices: PriceList) -> float:
    """Spread that the rounding of the platform adds to a value, in log units."""
    value = math.exp(log_value)
    if metric is Metric.MEMORY:
        return ROUNDING / value
    if metric is Metric.COST:
        millisecond = prices.invocation_cost(configuration, 1) - prices.request_usd
        return ROUNDING * millisecond / value
    return ROUNDING * 0.01 / value


def _p95_blocks(series: RunSeries, prices: PriceList) -> tuple[float, ...]:
    """95th percentiles of blocks of whole environments with `P95_BLOCK_RUNS` steady runs or more."""
    blocks: list[float] = []
    collected: list[float] = []
    for group in series.environments:
        collected.extend(run_values(group, Metric.P95, series.configuration, prices, cold=series.cold))
        if len(collected) >= P95_BLOCK_RUNS:
            blocks.append(float(np.quantile(collected, 0.95)))
            collected = []
    return tuple(blocks)
