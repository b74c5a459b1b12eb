"""Every fault does what it says: the change is made or not, and the caller learns of it or not."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from tests.cloud.fixtures import Cloud

PUBLISH = "import boto3; boto3.client('lambda').publish_version(FunctionName='f'); print('alive')"


@pytest.fixture
def client(cloud: Cloud) -> Any:
    """A client of an account with the function `f`."""
    cloud.simulate_function("f")
    return cloud.client("lambda")


def published(client: Any) -> list[str]:
    """The numbers of the versions."""
    versions = client.list_versions_by_function(FunctionName="f")["Versions"]
    return [version["Version"] for version in versions if version["Version"] != "$LATEST"]


@pytest.mark.parametrize(
    ("kind", "code", "made"),
    [
        ("deny", "AccessDeniedException", []),
        ("throttle", "TooManyRequestsException", []),
        ("server_error", "ServiceException", []),
        ("error_after", "ServiceException", ["1"]),
    ],
)
def test_an_error_comes_before_the_change_or_after_it(
    cloud: Cloud, client: Any, kind: str, code: str, made: list[str]
) -> None:
    cloud.faults.add(kind, "PublishVersion")
    with pytest.raises(ClientError) as caught:
        client.publish_version(FunctionName="f")
    assert caught.value.response["Error"]["Code"] == code
    assert published(client) == made
    assert client.publish_version(FunctionName="f")["Version"] == "1"


@pytest.mark.parametrize(("kind", "made"), [("lose_request", []), ("lose_reply", ["1"])])
def test_a_connection_ends_before_the_change_or_after_it(cloud: Cloud, client: Any, kind: str, made: list[str]) -> None:
    cloud.faults.add(kind, "PublishVersion")
    with pytest.raises(HTTPClientError):
        client.publish_version(FunctionName="f")
    assert published(client) == made


def test_any_error_can_be_given(cloud: Cloud, client: Any) -> None:
    text = "The security token included in the request is expired"
    cloud.faults.add("error", code="ExpiredTokenException", message=text, status=403, times=None)
    for _ in range(2):
        with pytest.raises(ClientError, match=text):
            client.get_function(FunctionName="f")


def test_the_client_process_is_killed_after_the_change(cloud: Cloud, client: Any) -> None:
    cloud.faults.add("kill_client", "PublishVersion")
    ended = subprocess.run([sys.executable, "-c", PUBLISH], env=cloud.environment(), capture_output=True)
    assert ended.returncode == -signal.SIGKILL
    assert published(client) == ["1"]


def test_a_fault_strikes_the_call_with_its_number_and_its_parameters(cloud: Cloud, client: Any) -> None:
    cloud.faults.add("deny", "GetFunctionConfiguration", nth=2, where={"Qualifier": "$LATEST"})
    for _ in range(3):
        client.get_function_configuration(FunctionName="f")
    client.get_function_configuration(FunctionName="f", Qualifier="$LATEST")
    with pytest.raises(ClientError):
        client.get_function_configuration(FunctionName="f", Qualifier="$LATEST")
    client.get_function_configuration(FunctionName="f", Qualifier="$LATEST")


def test_a_repeated_request_is_done_twice_and_answered_once(cloud: Cloud, client: Any) -> None:
    cloud.faults.add("twice", "Invoke")
    client.invoke(FunctionName="f")
    assert len(cloud.invocations()) == 2


def test_the_record_tells_the_outcome_of_each_call(cloud: Cloud, client: Any) -> None:
    cloud.forget_calls()
    cloud.faults.add("throttle", "GetFunction")
    with pytest.raises(ClientError):
        client.get_function(FunctionName="f")
    client.get_function(FunctionName="f")
    assert [entry["outcome"] for entry in cloud.calls()] == ["TooManyRequestsException", "ok"]


def test_of_many_conditional_writes_to_s3_at_once_one_wins(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="bucket")

    def write(number: int) -> str:
        try:
            s3.put_object(Bucket="bucket", Key="lock", Body=str(number), IfNoneMatch="*")
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "written"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(write, range(16)))
    assert sorted(outcomes) == ["PreconditionFailed"] * 15 + ["written"]


def test_the_price_list_answers_in_pages(cloud: Cloud) -> None:
    pricing = cloud.client("pricing")
    filters = [{"Type": "TERM_MATCH", "Field": "regionCode", "Value": "eu-south-1"}]
    first = pricing.get_products(ServiceCode="AWSLambda", Filters=filters)
    assert "NextToken" in first
    found = pricing.get_paginator("get_products").paginate(ServiceCode="AWSLambda", Filters=filters)
    assert sum(len(page["PriceList"]) for page in found) == 4
