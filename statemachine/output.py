"""The output of an execution: the fields of AWS Lambda Power Tuning, then those of this tool.

Reads a result document and decides nothing. The state machine adds `report`, the Reporter's answer, or `reportFailure`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tuner.documents.visualization import VISUALIZATION_PAGE, PlottedFunction, visualization_url

Document = dict[str, Any]

MAX_WARNINGS, MAX_WARNING_CHARACTERS = 20, 500
"""Bounds of the warnings in the output: the state is limited, the result document is not."""


def encode_output(
    result: Mapping[str, Any],
    *,
    execution_cost_usd: float,
    result_address: str,
    include_stats: bool,
    visualization_page: str = VISUALIZATION_PAGE,
) -> Document:
    """Return the output of an execution.

    Args:
        result: a result document with a recommendation.
        execution_cost_usd: cost of the state transitions.
        result_address: address of the result in S3.
        include_stats: whether the averages of every size belong to the output.
        visualization_page: page that the visualization address leads to.
    """
    chosen = result["recommendation"]
    measured = [m for m in result["measurements"] if m["duration_ms"] is not None and m["cost_usd"] is not None]
    at_choice = next((m for m in measured if _place(m) == _place(chosen)), None)
    # With `num` these fields hold Power Tuning's own statistic, so that its dashboards keep their meaning.
    if result["request"]["sampler"] == "grid" and at_choice is not None:
        figures, statistic = at_choice, "trimmed_mean"
    else:
        figures, statistic = chosen, "mean"
    output: Document = {
        "power": chosen["memory_mb"],
        "cost": figures["cost_usd"][statistic],
        "duration": figures["duration_ms"][statistic],
        "stateMachine": {
            "executionCost": execution_cost_usd,
            "lambdaCost": result["tuning"]["cost_usd"],
            "visualization": _visualization(result, measured, visualization_page),
        },
    }
    if include_stats:
        output["stats"] = [
            {
                "value": m["memory_mb"],
                "averagePrice": m["cost_usd"]["trimmed_mean"],
                "averageDuration": m["duration_ms"]["trimmed_mean"],
                "architecture": m["architecture"],
            }
            for m in measured
        ]
    return output | {
        "architecture": chosen["architecture"],
        "strategy": chosen["strategy"],
        "reason": chosen["reason"],
        "expectedRegret": chosen["expected_regret"],
        "intervals": {"cost": _interval(chosen["cost_usd"]), "duration": _interval(chosen["duration_ms"])},
        "curveChoice": _curve_choice(result["curve_choice"]),
        "current": _in_use(result["current"]),
        "saving": _saving(result["saving"]),
        "currency": result["prices"]["currency"],
        "stoppedBy": result["stopped_by"],
        "invocations": result["tuning"]["invocations"],
        "warnings": [
            {"code": warning["code"], "message": warning["message"][:MAX_WARNING_CHARACTERS]}
            for warning in result["warnings"][:MAX_WARNINGS]
        ],
        "result": result_address,
    }


def _visualization(result: Mapping[str, Any], measured: Sequence[Mapping[str, Any]], page: str) -> str:
    """One curve, or two when both architectures were measured."""
    names = list(dict.fromkeys(m["architecture"] for m in measured))
    series = []
    for name in sorted(names, reverse=True)[:2]:
        points = [m for m in measured if m["architecture"] == name]
        series.append(
            PlottedFunction(
                [m["memory_mb"] for m in points],
                [m["duration_ms"]["trimmed_mean"] for m in points],
                [m["cost_usd"]["trimmed_mean"] for m in points],
                f"{result['function']['name']} {name}",
            )
        )
    return visualization_url(*series, page=page) if series else ""


def _place(document: Mapping[str, Any]) -> tuple[Any, Any]:
    return document["memory_mb"], document["architecture"]


def _interval(estimate: Mapping[str, Any]) -> list[float]:
    return [estimate["low"], estimate["high"]]


def _curve_choice(choice: Mapping[str, Any] | None) -> Document | None:
    if choice is None:
        return None
    return {
        "power": choice["memory_mb"],
        "architecture": choice["architecture"],
        "cost": choice["cost_usd"]["mean"],
        "duration": choice["duration_ms"]["mean"],
        "expectedRegret": choice["expected_regret"],
    }


def _in_use(current: Mapping[str, Any] | None) -> Document | None:
    return None if current is None else {"power": current["memory_mb"], "architecture": current["architecture"]}


def _saving(saving: Mapping[str, Any] | None) -> Document | None:
    if saving is None:
        return None
    month = saving["per_month_usd"]
    return {
        "ratio": saving["ratio"]["mean"],
        "interval": _interval(saving["ratio"]),
        "durationRatio": saving["duration_ratio"]["mean"],
        "durationInterval": _interval(saving["duration_ratio"]),
        "perMonth": None if month is None else month["mean"],
        "perMonthInterval": None if month is None else _interval(month),
    }
