"""Sums up a fleet: ranks what can be saved, and lists failures with their causes.

Pure: reads what the executions of the fleet found. Knows no handler and no list.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tuner.aws.api.executions import readable_cause
from tuner.documents.fleet_summary import build_summary

Document = dict[str, Any]


def encode_fleet_output(summary: Mapping[str, Any], summary_address: str, report_address: str) -> Document:
    """Return the output of a fleet: the totals of its summary, and the address of the summary."""
    return {
        "functions": summary["functions"],
        "tuned": summary["tuned"],
        "failed": summary["failed"],
        "notStarted": len(summary["notStarted"]),
        "savingPerMonth": summary["savingPerMonth"],
        "savingPerMonthInterval": summary["savingPerMonthInterval"],
        "summary": summary_address,
        "report": report_address,
    }


def summarize(
    inputs: Sequence[Mapping[str, Any]], outcomes: Mapping[int, Mapping[str, Any]], made_at: str | None = None
) -> Document:
    """Return the summary of a fleet: ranked savings, failures with causes, and the functions never started.

    Args:
        inputs: the inputs of all functions.
        outcomes: by index, the `output` of an execution or its `error`.
        made_at: when the summary is made (ISO 8601).
    """
    found = sorted(outcomes.items())
    return build_summary(
        len(inputs),
        tuned=[_tuned(inputs[index], outcome["output"]) for index, outcome in found if "output" in outcome],
        failed=[_failed(inputs[index], outcome["error"]) for index, outcome in found if "output" not in outcome],
        not_started=[str(item["lambdaARN"]) for index, item in enumerate(inputs) if index not in outcomes],
        made_at=made_at,
    )


def _tuned(asked: Mapping[str, Any], output: Mapping[str, Any]) -> Document:
    saving = output.get("saving") or {}
    machine = output["stateMachine"]
    return {
        "function": str(asked["lambdaARN"]),
        "region": _region_of(str(asked["lambdaARN"])),
        "confidence": output.get("confidence"),
        "power": output["power"],
        "architecture": output["architecture"],
        "current": output["current"],
        "saving": saving.get("ratio"),
        "interval": saving.get("interval"),
        "savingPerMonth": saving.get("perMonth"),
        "savingPerMonthInterval": saving.get("perMonthInterval"),
        "durationSaving": saving.get("durationRatio"),
        "durationInterval": saving.get("durationInterval"),
        "cost": machine["executionCost"] + machine["lambdaCost"],
        "currency": output["currency"],
        "result": output["result"],
        "report": output.get("report", ""),
    }


def _region_of(function: str) -> str | None:
    """The region in an ARN; None: a name has none."""
    parts = function.split(":")
    return parts[3] if len(parts) > 3 and parts[0] == "arn" else None


def _failed(asked: Mapping[str, Any], error: Mapping[str, Any]) -> Document:
    name, cause = str(error.get("Error", "Unknown")), str(error.get("Cause", ""))
    try:
        execution = json.loads(cause)
    except ValueError:
        execution = {}
    # The cause of a failed child execution is the description of that execution, as JSON.
    if isinstance(execution, dict) and "Status" in execution:
        name = str(execution.get("Error") or execution["Status"])
        cause = readable_cause(str(execution.get("Cause", "")))
    return {"function": str(asked["lambdaARN"]), "error": name, "cause": cause}
