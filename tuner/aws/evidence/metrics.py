"""Reads metrics of a function and of its log group from CloudWatch, in one request.

A metric costs $0.01 a thousand (CloudWatch pricing, 2026-11), which makes less than $0.0001 a function.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tuner.aws.evidence.log_reader import Window
from tuner.aws.evidence.read_api import ReadApi
from tuner.evidence.known_function import Metrics

HOUR_S, DAY_S = 3600, 86_400


@dataclass(frozen=True, slots=True)
class _Series:
    """A metric: its namespace and name, its statistic, its period."""

    namespace: str
    name: str
    statistic: str
    period_s: int = DAY_S


_SERIES = {
    "invocations": _Series("AWS/Lambda", "Invocations", "Sum", HOUR_S),
    "errors": _Series("AWS/Lambda", "Errors", "Sum"),
    "throttles": _Series("AWS/Lambda", "Throttles", "Sum"),
    "concurrency": _Series("AWS/Lambda", "ConcurrentExecutions", "Maximum"),
    "utilization": _Series("AWS/Lambda", "ProvisionedConcurrencyUtilization", "Maximum"),
    "spillover": _Series("AWS/Lambda", "ProvisionedConcurrencySpilloverInvocations", "Sum"),
    "bytes": _Series("AWS/Logs", "IncomingBytes", "Sum"),
}


@dataclass(frozen=True, slots=True)
class MetricReader:
    """Reads metrics.

    Attributes:
        api: CloudWatch.
    """

    api: ReadApi

    def read(self, function: str, group: str, window: Window) -> tuple[Metrics, float]:
        """The metrics of a function, and the bytes that its log group took in.

        Raises:
            AwsError: they cannot be read.
        """
        found = self._points(function, group, window)

        def total(name: str) -> float:
            return sum(value for _, value in found[name])

        def largest(name: str) -> float | None:
            return max((value for _, value in found[name]), default=None)

        concurrency = largest("concurrency")
        metrics = Metrics(
            days=window.days,
            hourly=tuple(sorted(found["invocations"])),
            errors=total("errors"),
            throttles=total("throttles"),
            peak_concurrency=None if concurrency is None else round(concurrency),
            provisioned_utilization=largest("utilization"),
            spillover=total("spillover"),
        )
        return metrics, total("bytes")

    def _points(self, function: str, group: str, window: Window) -> dict[str, list[tuple[float, float]]]:
        pages = self.api.pages(
            f"read the metrics of {function}",
            "get_metric_data",
            following="NextToken",
            MetricDataQueries=[_query(name, series, function, group) for name, series in _SERIES.items()],
            StartTime=datetime.fromtimestamp(window.begin_s // HOUR_S * HOUR_S, UTC),
            EndTime=datetime.fromtimestamp(window.end_s, UTC),
        )
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in _SERIES}
        for result in (result for page in pages for result in page["MetricDataResults"]):
            times = (time.timestamp() for time in result["Timestamps"])
            found[result["Id"]] += zip(times, map(float, result["Values"]), strict=True)
        return found


def _query(name: str, series: _Series, function: str, group: str) -> dict[str, Any]:
    of_log = series.namespace == "AWS/Logs"
    dimension = {"Name": "LogGroupName", "Value": group} if of_log else {"Name": "FunctionName", "Value": function}
    metric = {"Namespace": series.namespace, "MetricName": series.name, "Dimensions": [dimension]}
    return {"Id": name, "MetricStat": {"Metric": metric, "Period": series.period_s, "Stat": series.statistic}}
