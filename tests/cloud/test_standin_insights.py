"""Logs Insights, metrics and Compute Optimizer of the stand-in answer and refuse as AWS does."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.fixtures import Cloud

BEGIN_S = 1_800_000_000
GROUP = "/aws/lambda/orders"


@pytest.fixture
def logged(cloud: Cloud) -> Cloud:
    events = [[1000 * (BEGIN_S + n), "s", f"REPORT RequestId: r-{n}\tDuration: 1.00 ms"] for n in range(5)]
    cloud.control("history", {"group": GROUP, "events": [*events, [1000 * BEGIN_S, "s", '{"kind": "other"}']]})
    return cloud


def begin(cloud: Cloud, query: str, **changes: Any) -> str:
    names = {"logGroupName": GROUP, "startTime": BEGIN_S, "endTime": BEGIN_S + 60, "queryString": query} | changes
    return str(cloud.client("logs").start_query(**names)["queryId"])


def refusal(cloud: Cloud, query: str = "fields @message", **changes: Any) -> str:
    with pytest.raises(ClientError) as caught:
        begin(cloud, query, **changes)
    return str(caught.value.response["Error"]["Code"])


def test_a_query_runs_first_and_then_gives_pages(logged: Cloud) -> None:
    logged.settings(query_page=2)
    client = logged.client("logs")
    query = begin(logged, 'fields @timestamp, @message\n| filter @message like "REPORT"\n| sort @timestamp desc')
    assert client.get_query_results(queryId=query)["status"] == "Running"
    first = client.get_query_results(queryId=query)
    assert (first["status"], len(first["results"])) == ("Complete", 2)
    assert "r-4" in first["results"][0][1]["value"]
    assert first["statistics"]["recordsScanned"] == 6
    second = client.get_query_results(queryId=query, nextToken=first["nextToken"])
    assert len(second["results"]) == 2


def test_conditions_are_joined_and_json_is_discovered(logged: Cloud) -> None:
    client = logged.client("logs")
    query = begin(logged, 'fields @message | filter @message like /r-[12]/ or kind = "other" | limit 10')
    client.get_query_results(queryId=query)
    assert len(client.get_query_results(queryId=query)["results"]) == 3


def test_what_aws_refuses_is_refused(logged: Cloud) -> None:
    assert refusal(logged, "stats everything") == "MalformedQueryException"
    assert refusal(logged, "filter @message like") == "MalformedQueryException"
    assert refusal(logged, logGroupName="/gone") == "ResourceNotFoundException"
    assert refusal(logged, endTime=BEGIN_S) == "InvalidParameterException"
    assert refusal(logged, limit=100_001) == "InvalidParameterException"


def test_compute_optimizer_asks_for_enrolment_and_for_fifty_runs(logged: Cloud) -> None:
    client, arn = logged.client("compute-optimizer"), "arn:aws:lambda:us-east-1:123456789012:function:orders"
    with pytest.raises(ClientError, match="OptInRequired"):
        client.get_lambda_function_recommendations(functionArns=[arn])
    logged.settings(optimizer_enrolled=True)
    assert not client.get_lambda_function_recommendations(functionArns=[arn])["lambdaFunctionRecommendations"]
