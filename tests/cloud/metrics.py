"""CloudWatch's GetMetricData and Compute Optimizer, from the REPORT lines of the functions that ran here."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.cloud import history
from tests.cloud.errors import AwsError, Reply
from tests.cloud.settings import Settings
from tests.cloud.wire import Call

MOST_QUERIES = 500
"""Metrics in one request (CloudWatch quotas, 2026-11)."""
OPTIMIZER_RUNS, OPTIMIZER_DAYS, OPTIMIZER_MB = 50, 14, 1792
"""What Compute Optimizer needs of a function: runs in so many days, memory at most (user guide, 2026-11)."""
Point = tuple[int, float]


def _ones(call: Call, name: str) -> list[Point]:
    return [(event.time_ms, 1.0) for event in history.reports(call, name)]


def _errors(call: Call, name: str) -> list[Point]:
    return [(event.time_ms, float(event.failed)) for event in history.reports(call, name)]


def _durations(call: Call, name: str) -> list[Point]:
    return [(event.time_ms, event.number("duration_ms")) for event in history.reports(call, name)]


def _bytes(call: Call, name: str) -> list[Point]:
    return [(event.time_ms, float(len(event.message))) for event in history.events(call, name)]


def _none(_call: Call, _name: str) -> list[Point]:
    return []


METRICS: dict[tuple[str, str], tuple[str, Callable[[Call, str], list[Point]]]] = {
    ("AWS/Lambda", "Invocations"): ("FunctionName", _ones),
    ("AWS/Lambda", "Errors"): ("FunctionName", _errors),
    ("AWS/Lambda", "Throttles"): ("FunctionName", _none),
    ("AWS/Lambda", "Duration"): ("FunctionName", _durations),
    ("AWS/Lambda", "ConcurrentExecutions"): ("FunctionName", _ones),
    ("AWS/Lambda", "ProvisionedConcurrencyUtilization"): ("FunctionName", _none),
    ("AWS/Lambda", "ProvisionedConcurrencySpilloverInvocations"): ("FunctionName", _none),
    ("AWS/Logs", "IncomingBytes"): ("LogGroupName", _bytes),
}
STATISTICS: dict[str, Callable[[list[float]], float]] = {
    "Sum": sum,
    "Maximum": max,
    "Average": lambda values: sum(values) / len(values),
}


def handle(call: Call) -> Reply:
    """Answer GetMetricData.

    Raises:
        AwsError: what AWS would refuse, and what the stand-in does not have.
    """
    asked = call.parameters
    if call.operation != "GetMetricData":
        raise AwsError("NotImplemented", f"The local stand-in has no cloudwatch:{call.operation}", status=501)
    queries = asked["MetricDataQueries"]
    if len({query["Id"] for query in queries}) < len(queries) or len(queries) > MOST_QUERIES:
        raise AwsError("ValidationError", "The values for parameter id in MetricDataQueries are not unique")
    begin_s, end_s = _seconds(asked["StartTime"]), _seconds(asked["EndTime"])
    if begin_s >= end_s:
        raise AwsError("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
    return _reply(call, {"MetricDataResults": [_result(call, query, begin_s, end_s) for query in queries]})


def _result(call: Call, query: dict[str, Any], begin_s: float, end_s: float) -> dict[str, Any]:
    stat = query["MetricStat"]
    metric, period_s = stat["Metric"], int(stat["Period"])
    if period_s % 60:
        raise AwsError("ValidationError", "Period must be a multiple of 60")
    dimension, points_of = METRICS[metric["Namespace"], metric["MetricName"]]
    names = [item["Value"] for item in metric["Dimensions"] if item["Name"] == dimension]
    periods: dict[int, list[float]] = {}
    for time_ms, value in points_of(call, names[0]) if len(metric["Dimensions"]) == 1 and names else ():
        if begin_s <= time_ms / 1000 < end_s:
            periods.setdefault(int(time_ms / 1000 // period_s * period_s), []).append(value)
    times = sorted(periods, reverse=True)
    values = [STATISTICS[stat["Stat"]](periods[time]) for time in times]
    label = metric["MetricName"]
    return {"Id": query["Id"], "Label": label, "Timestamps": times, "Values": values, "StatusCode": "Complete"}


def recommend(call: Call, settings: Settings) -> Reply:
    """Answer GetLambdaFunctionRecommendations.

    Raises:
        AwsError: the account is not enrolled.
    """
    if not settings.optimizer_enrolled:
        raise AwsError("OptInRequiredException", "You must opt in to the service to perform this action.")
    found = [_recommendation(call, arn) for arn in call.parameters.get("functionArns") or ()]
    return _reply(call, {"lambdaFunctionRecommendations": [item for item in found if item], "errors": []})


def _recommendation(call: Call, arn: str) -> dict[str, Any] | None:
    runs = history.reports(call, arn.split(":")[6])
    if len(runs) < OPTIMIZER_RUNS or runs[-1].number("memory_mb") > OPTIMIZER_MB:
        return None
    current_mb, used_mb = int(runs[-1].number("memory_mb")), max(run.number("used_mb") for run in runs)
    duration_ms = sum(run.number("duration_ms") for run in runs) / len(runs)
    smaller_mb = max(128, round(1.3 * used_mb))
    projected = [
        {"name": "Duration", "statistic": name, "value": duration_ms * factor * current_mb / smaller_mb}
        for name, factor in (("LowerBound", 0.9), ("UpperBound", 1.1), ("Expected", 1.0))
    ]
    option = {"rank": 1, "memorySize": smaller_mb, "projectedUtilizationMetrics": projected}
    over = smaller_mb < current_mb
    return {
        "functionArn": arn,
        "functionVersion": "$LATEST",
        "accountId": call.account,
        "currentMemorySize": current_mb,
        "numberOfInvocations": len(runs),
        "lookbackPeriodInDays": float(OPTIMIZER_DAYS),
        "finding": "NotOptimized" if over else "Optimized",
        "findingReasonCodes": ["MemoryOverprovisioned"] if over else [],
        "memorySizeRecommendationOptions": [option] if over else [],
    }


def _reply(call: Call, document: dict[str, Any]) -> Reply:
    headers = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": call.request_id}
    return 200, headers, json.dumps(document).encode()


def _seconds(value: Any) -> float:
    return float(value.timestamp()) if hasattr(value, "timestamp") else float(value)
