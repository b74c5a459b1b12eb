"""The values of a comparison: one for each environment and metric, in log units.

Environments vary independently, runs do not. So this module reduces the runs of an environment to one
robust value. Knows nothing of tests or verdicts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from tuner.comparison.question import Metric
from tuner.comparison.run_series import RunSeries
from tuner.model import Configuration, Invocation, Outcome
from tuner.pricing.price_list import PriceList

ROUNDING = 1 / math.sqrt(12)
"""Standard deviation that rounding to whole units adds."""


CENSORED = 20.0
"""Log value that is added to a run that was cut off, where it counts as longer than any other."""


def why_missing(metric: Metric, *, usable: bool) -> str:
    """Why a metric has no values, in words.

    Args:
        metric: which one.
        usable: whether either side has usable runs.
    """
    if not usable:
        return "no usable runs on one of the sides"
    return {
        Metric.INIT: "no cold start on one of the sides",
        Metric.MEMORY: "memory used was not reported on one of the sides",
        Metric.COST: "the runs of one of the sides cost nothing",
    }.get(metric, "no usable runs on one of the sides")


def values(series: RunSeries, metric: Metric, prices: PriceList) -> tuple[float, ...]:
    """One log value per environment that has the metric."""
    found = (
        environment_value(group, metric, series.configuration, prices, cold=series.cold)
        for group in series.environments
    )
    return tuple(value for value in found if value is not None)


def environment_value(
    group: Sequence[Invocation], metric: Metric, configuration: Configuration, prices: PriceList, *, cold: bool
) -> float | None:
    """The log of the typical value of one environment; None when it has none.

    The median of the logs of its runs keeps one slow run from moving its environment. The cost is the log of
    the mean: the bill counts every run. A bill of nothing has no log.
    """
    if metric is Metric.COST:
        costs = run_costs(group, configuration, prices, cold=cold)
        return math.log(sum(costs) / len(costs)) if sum(costs) > 0 else None
    logs = run_values(group, metric, cold=cold)
    return median(logs) if logs else None


def run_values(group: Sequence[Invocation], metric: Metric, *, cold: bool, censored: float = 0.0) -> list[float]:
    """The logs of a metric in the runs of one environment that have it, in the order they came.

    Durations are those of warm runs, or with `cold` those of cold ones. A run that was cut off by the timeout
    took at least so long; `censored` is added to its log. Of memory there is one value: the most that was used.
    """
    usable = [run for run in group if run.usable]
    if metric is Metric.MEMORY:
        used = [run.max_memory_used_mb for run in usable if run.max_memory_used_mb]
        return [math.log(max(used))] if used else []
    if metric is Metric.INIT:
        return [math.log(run.start_ms) for run in usable if run.start_ms]
    return [_log_duration(run) + (0.0 if run.usable else censored) for run in _timed(group, cold)]


def run_costs(
    group: Sequence[Invocation], configuration: Configuration, prices: PriceList, *, cold: bool
) -> list[float]:
    """What the runs of one environment cost, in the order they came; those that were cut off are paid as well."""
    return [
        prices.invocation_cost(configuration, billed, extra_usd=run.extra_cost_usd)
        for run in _timed(group, cold)
        if (billed := run.billed_duration_ms or run.duration_ms)
    ]


def _timed(group: Sequence[Invocation], cold: bool) -> list[Invocation]:
    """Runs of one kind of start whose duration is known, or known to be at least so long."""
    return [run for run in group if run.cold is cold and (run.usable or _cut_off(run))]


def _cut_off(run: Invocation) -> bool:
    return run.outcome is Outcome.TIMEOUT and run.duration_ms is not None


def _log_duration(run: Invocation) -> float:
    return math.log(max(run.duration_ms or 0.0, 0.01))


def resolution(metric: Metric, log_value: float, configuration: Configuration, prices: PriceList) -> float:
    """Spread that the rounding of the platform adds to a value, in log units."""
    value = math.exp(log_value)
    if metric is Metric.MEMORY:
        return ROUNDING / value
    if metric is Metric.COST:
        millisecond = prices.invocation_cost(configuration, 1) - prices.request_usd
        return ROUNDING * millisecond / value
    return ROUNDING * 0.01 / value
