"""The output of an execution: the fields of AWS Lambda Power Tuning, then those of this tool.

Reads a result document and decides nothing. The state machine adds `report`, the Reporter's answer, or `reportFailure`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuner.documents.result import (
    ConfigurationDocument,
    MeasurementDocument,
    RangeDocument,
    RecommendationDocument,
    ResultDocument,
    SavingDocument,
)
from tuner.documents.visualization import PlottedFunction, visualization_url
from tuner.estimation.power_tuning import TrimmedMetrics
from tuner.model import Architecture, Configuration, Interval

Document = dict[str, Any]

MAX_WARNINGS, MAX_WARNING_CHARACTERS = 20, 500
"""Bounds of the warnings in the output: the state is limited, the result document is not."""
BY_STATISTIC = "{} by the trimmed means of the measured sizes. `recommendation` weighs noise too."


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the output recommends, and the metrics that it shows.

    Attributes:
        configuration: `power` and `architecture`.
        duration_ms: `duration` with its interval.
        cost_usd: `cost` with its interval.
        points: metrics of every size for `stats` and the visualization, in the order of the input.
    """

    configuration: Configuration
    duration_ms: Interval
    cost_usd: Interval
    points: tuple[TrimmedMetrics, ...]


def choose_by_statistic(metrics: Sequence[TrimmedMetrics], chosen: TrimmedMetrics, sizes_mb: Sequence[int]) -> Chosen:
    """Return the choice of Power Tuning. A size that the input lists twice has two points.

    Args:
        metrics: its statistic of every configuration.
        chosen: the configuration that it chooses.
        sizes_mb: memory sizes in the order of the input; empty for ascending order.
    """
    order = sizes_mb or sorted({found.configuration.memory_mb for found in metrics})
    points = tuple(found for size in order for found in metrics if found.configuration.memory_mb == size)
    return Chosen(chosen.configuration, chosen.duration_ms, chosen.cost_usd, points)


def choose_by_result(result: ResultDocument) -> Chosen:
    """Return the recommendation of the result, with the trimmed means of what was measured as points."""
    recommended = result["recommendation"]
    assert recommended is not None, "there is an output only for a recommendation"
    points = [point for item in result["measurements"] if (point := _measured_point(item)) is not None]
    duration, cost = _estimate(recommended["duration_ms"]), _estimate(recommended["cost_usd"])
    return Chosen(_configuration(recommended), duration, cost, tuple(points))


def encode_output(
    result: ResultDocument,
    chosen: Chosen,
    *,
    execution_cost: float,
    result_address: str,
    include_stats: bool,
    visualization_page: str,
) -> Document:
    """Return the output of an execution.

    Args:
        result: a result document with a recommendation.
        chosen: what the output recommends.
        execution_cost: cost of the state transitions, in the currency of the state machine's region.
        result_address: address of the result in S3.
        include_stats: whether the averages of every size belong to the output.
        visualization_page: page that the visualization address leads to.
    """
    recommended = result["recommendation"]
    assert recommended is not None, "there is an output only for a recommendation"
    same = _configuration(recommended) == chosen.configuration
    output: Document = {
        "power": chosen.configuration.memory_mb,
        "cost": chosen.cost_usd.mean,
        "duration": chosen.duration_ms.mean,
        "stateMachine": {
            "executionCost": execution_cost,
            "lambdaCost": result["tuning"]["cost_usd"],
            "visualization": _visualization(result["function"]["name"], chosen.points, visualization_page),
        },
    }
    if include_stats:
        output["stats"] = [_stats(point) for point in chosen.points]
    return output | {
        "architecture": chosen.configuration.architecture.value,
        "strategy": recommended["strategy"],
        "reason": recommended["reason"] if same else BY_STATISTIC.format(_RULES[recommended["strategy"]]),
        "expectedRegret": recommended["expected_regret"] if same else None,
        "confidence": result["confidence"]["level"] if same and "confidence" in result else None,
        "intervals": {"cost": _interval(chosen.cost_usd), "duration": _interval(chosen.duration_ms)},
        "recommendation": _recommendation(recommended) | {"reason": recommended["reason"]},
        "curveChoice": None if result["curve_choice"] is None else _recommendation(result["curve_choice"]),
        "current": _in_use(result["current"]),
        "saving": _saving(result["saving"]),
        "currency": result["prices"]["currency"],
        "stoppedBy": result["stopped_by"],
        "invocations": result["tuning"]["invocations"],
        "bill": _bill(result),
        "warnings": [
            {"code": warning["code"], "message": warning["message"][:MAX_WARNING_CHARACTERS]}
            for warning in result["warnings"][:MAX_WARNINGS]
        ],
        "result": result_address,
    }


def _bill(result: ResultDocument) -> Document | None:
    bill = result["tuning"].get("bill")
    if bill is None:
        return None
    return {
        "invocations": bill["invocations_usd"],
        "transitions": bill["transitions_usd"],
        "handlers": bill["handlers_usd"],
        "logs": bill["logs_usd"],
        "storage": bill["storage_usd"],
        "total": bill["total_usd"],
    }


_RULES: Mapping[str, str] = {"cost": "The cheapest", "speed": "The fastest", "balanced": "The best balanced score"}


def _visualization(name: str, points: Sequence[TrimmedMetrics], page: str) -> str:
    """Return the address of one curve, or of two when both architectures were measured. Sizes ascend, each once."""
    functions = []
    for architecture in Architecture:
        found = {point.configuration: point for point in points if point.configuration.architecture is architecture}
        ordered = [found[configuration] for configuration in sorted(found)]
        if ordered:
            functions.append(
                PlottedFunction(
                    [point.configuration.memory_mb for point in ordered],
                    [point.duration_ms.mean for point in ordered],
                    [point.cost_usd.mean for point in ordered],
                    f"{name} {architecture}",
                )
            )
    return visualization_url(*functions, page=page) if functions else ""


def _stats(point: TrimmedMetrics) -> Document:
    return {
        "value": point.configuration.memory_mb,
        "averagePrice": point.cost_usd.mean,
        "averageDuration": point.duration_ms.mean,
        "architecture": point.configuration.architecture.value,
    }


def _measured_point(measured: MeasurementDocument) -> TrimmedMetrics | None:
    duration, cost = measured["duration_ms"], measured["cost_usd"]
    if duration is None or cost is None:
        return None
    return TrimmedMetrics(
        _configuration(measured),
        Interval(duration["trimmed_mean"], duration["low"], duration["high"]),
        Interval(cost["trimmed_mean"], cost["low"], cost["high"]),
    )


def _configuration(document: ConfigurationDocument) -> Configuration:
    return Configuration(document["memory_mb"], Architecture(document["architecture"]))


def _estimate(estimate: RangeDocument) -> Interval:
    return Interval(estimate["mean"], estimate["low"], estimate["high"])


def _interval(estimate: Interval) -> list[float]:
    return [estimate.low, estimate.high]


def _range(estimate: RangeDocument) -> list[float]:
    return [estimate["low"], estimate["high"]]


def _recommendation(found: RecommendationDocument) -> Document:
    return {
        "power": found["memory_mb"],
        "architecture": found["architecture"],
        "cost": found["cost_usd"]["mean"],
        "duration": found["duration_ms"]["mean"],
        "expectedRegret": found["expected_regret"],
    }


def _in_use(current: ConfigurationDocument | None) -> Document | None:
    return None if current is None else {"power": current["memory_mb"], "architecture": current["architecture"]}


def _saving(saving: SavingDocument | None) -> Document | None:
    if saving is None:
        return None
    month = saving["per_month_usd"]
    return {
        "ratio": saving["ratio"]["mean"],
        "interval": _range(saving["ratio"]),
        "durationRatio": saving["duration_ratio"]["mean"],
        "durationInterval": _range(saving["duration_ratio"]),
        "perMonth": None if month is None else month["mean"],
        "perMonthInterval": None if month is None else _range(month),
    }
