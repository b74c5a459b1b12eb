"""Power Tuning's statistic of a configuration, and its choice among configurations.

The statistic is a trimmed mean over the runs. The duration of a cold run includes its initialization. With cold starts
only, it counts the cold runs alone. Knows nothing of curves or ties: those belong to the recommendation of this tool.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tuner.estimation.robust_statistics import t_quantile
from tuner.model import Configuration, Interval, Invocation, Objective, Sample, StrategyName, invocations_of
from tuner.pricing.price_list import PriceList

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class TrimmedMetrics:
    """The trimmed means of one configuration, each with its interval.

    Attributes:
        configuration: what was measured.
        duration_ms: duration of the handler and, of cold runs, the initialization.
        cost_usd: cost of one invocation, from the billed duration.
    """

    configuration: Configuration
    duration_ms: Interval
    cost_usd: Interval


def trimmed_metrics(
    samples: Iterable[Sample], prices: PriceList, *, discard: float, only_cold_starts: bool
) -> list[TrimmedMetrics]:
    """Return Power Tuning's statistic of every configuration with a usable run, sorted by configuration.

    Args:
        samples: what was measured.
        prices: the run's price list.
        discard: fraction of the runs that is left out on each side, 0 to 0.4.
        only_cold_starts: count cold runs alone.
    """
    grouped = invocations_of(samples)
    counted = {
        configuration: [run for run in grouped[configuration] if run.usable and (run.cold or not only_cold_starts)]
        for configuration in sorted(grouped)
    }
    return [
        TrimmedMetrics(
            configuration,
            trimmed_interval([_duration_ms(run) for run in runs], discard),
            trimmed_interval([_cost_usd(run, configuration, prices) for run in runs], discard),
        )
        for configuration, runs in counted.items()
        if runs
    ]


def choose(metrics: Sequence[TrimmedMetrics], objective: Objective) -> TrimmedMetrics:
    """Return Power Tuning's choice: the cheapest, the fastest, or the best balanced score.

    The score is w * cost / highest cost + (1 - w) * duration / longest duration, with w the balanced weight. Ties go
    to the faster one (cost), the cheaper one (speed), or the first one (balanced).
    """
    if objective.strategy is StrategyName.COST:
        return min(metrics, key=lambda found: (found.cost_usd.mean, found.duration_ms.mean))
    if objective.strategy is StrategyName.SPEED:
        return min(metrics, key=lambda found: (found.duration_ms.mean, found.cost_usd.mean))
    weight = objective.balanced_weight
    highest_usd = max(found.cost_usd.mean for found in metrics)
    longest_ms = max(found.duration_ms.mean for found in metrics)

    def score(found: TrimmedMetrics) -> float:
        return weight * found.cost_usd.mean / highest_usd + (1 - weight) * found.duration_ms.mean / longest_ms

    return min(metrics, key=score)


def trimmed_interval(values: Sequence[float], discard: float) -> Interval:
    """Return the trimmed mean of values with its 95% interval.

    The interval is Student's t with the winsorized variance (Tukey and McLaughlin 1963). With fewer than two values
    left, nothing tells how they vary: the interval then spans all values.

    Args:
        values: at least one.
        discard: fraction that is left out on each side, 0 to 0.4.
    """
    ordered = sorted(values)
    cut = math.floor(len(ordered) * discard)
    kept = ordered[cut : len(ordered) - cut]
    mean = math.fsum(kept) / len(kept)
    if len(kept) < 2:
        return Interval(mean, ordered[0], ordered[-1], LEVEL)
    winsorized = [kept[0]] * cut + kept + [kept[-1]] * cut
    center = math.fsum(winsorized) / len(winsorized)
    squares = math.fsum((value - center) ** 2 for value in winsorized)
    error = math.sqrt(squares / (len(kept) * (len(kept) - 1)))
    half = t_quantile((1 + LEVEL) / 2, len(kept) - 1) * error
    return Interval(mean, mean - half, mean + half, LEVEL)


def _duration_ms(run: Invocation) -> float:
    return (run.duration_ms or 0.0) + (run.start_ms or 0.0)


def _cost_usd(run: Invocation, configuration: Configuration, prices: PriceList) -> float:
    return prices.invocation_cost(configuration, run.billed_duration_ms or 0, extra_usd=run.extra_cost_usd)
