"""Each handler's role is granted what the handler calls, and nothing in vain.

The end-to-end tests hold the deployed roles to their resources; here the actions are compared in both directions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.cloud.fixtures import Cloud, zipped
from tests.integration.statemachine.driver import BUCKET, Driver
from tests.integration.statemachine.template import template
from tuner.aws.api.errors import DeniedError
from tuner.errors import InputError

HANDLERS = ("Initializer", "Planner", "Publisher", "Executor", "Cleaner", "Analyzer", "Reporter", "Optimizer")
ACCESS_POINT = "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-0123456789abcdef0"
NOT_IN_THE_STAND_IN = ("kms:", "ecr:")
"""Services that Lambda asks in the caller's name, which the stand-in does not have."""
ONLY_IN_TROUBLE = {
    "Publisher": {"lambda:DeleteFunction"},
    "Executor": {"logs:FilterLogEvents", "lambda:GetFunctionConfiguration"},
    "Cleaner": {"s3:PutObject"},
}
"""For another run at the same time, a report that the log's tail lacks, values of environment variables to hide in an
error, a deployment in between: see docs/aws.md."""


def granted() -> dict[str, set[str]]:
    """The actions that the template grants each handler, under whatever condition."""
    return {handler: actions_of(handler) for handler in HANDLERS}


def actions_of(handler: str) -> set[str]:
    """The actions that the template grants one handler."""
    policies = template()["Resources"][f"{handler}Function"]["Properties"]["Policies"]
    return {action for policy in policies for statement in policy["Statement"] for action in _actions(statement)}


def _actions(statement: dict[str, Any]) -> list[str]:
    if "Fn::If" in statement:
        _, statement, _ = statement["Fn::If"]
    return [statement["Action"]] if isinstance(statement["Action"], str) else list(statement["Action"])


@pytest.fixture
def called(cloud: Cloud, driver: Driver) -> dict[str, set[str]]:
    """The actions that each handler of the driver has needed so far."""
    found: dict[str, set[str]] = defaultdict(set)

    @contextmanager
    def watch(handler: str) -> Iterator[None]:
        cloud.forget_calls()
        try:
            yield
        finally:
            for call in cloud.calls(caller="user"):
                found[handler] |= {call["action"], *(item["action"] for item in call["also_needs"])}
            if "s3:GetObject" in found[handler]:
                found[handler].add("s3:ListBucket")  # without it, S3 does not say that an object is missing

    driver.watch = watch
    return found


def everything(cloud: Cloud, driver: Driver) -> None:
    """Executions that call all that a handler may call: copies, recovery, layers, network, file system, an alias."""
    client = cloud.client("lambda")
    layer = client.publish_layer_version(LayerName="lib", Content={"ZipFile": zipped({"lib.py": ""})})
    arn = cloud.simulate_function(
        "orders",
        memory_mb=1024,
        Layers=[layer["LayerVersionArn"]],
        VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        FileSystemConfigs=[{"Arn": ACCESS_POINT, "LocalMountPath": "/mnt/files"}],
    )
    client.put_function_concurrency(FunctionName="orders", ReservedConcurrentExecutions=20)
    cloud.client("s3").put_object(Bucket=BUCKET, Key="lists/one.json", Body=b"{}")
    document = {"lambdaARN": arn, "powerValues": [256, 4096], "num": 1, "architectures": "both"}
    document |= {"payloadS3": f"s3://{BUCKET}/lists/one.json", "autoOptimize": True, "autoOptimizeAlias": "live"}
    # Two are aborted: one leaves $LATEST with its marker, one leaves copies, and the next finds their locks.
    without_second_update(cloud, driver, driver.start(document))
    driver.round(driver.start(document), execute=False)
    state = driver.start(document)
    without_second_update(cloud, driver, state)
    driver.end(state, {"Error": "DeniedError", "Cause": ""})
    client.put_function_concurrency(FunctionName="orders", ReservedConcurrentExecutions=0)
    with pytest.raises(InputError, match="reserved concurrency of 0"):
        driver.start(document)
    client.put_function_concurrency(FunctionName="orders", ReservedConcurrentExecutions=20)
    state = driver.run(document)
    driver.optimize(state)
    client.update_function_configuration(FunctionName="orders", MemorySize=1024)
    cloud.wait("orders")
    driver.optimize(state)


def without_second_update(cloud: Cloud, driver: Driver, state: dict[str, Any]) -> None:
    """A round whose Publisher may not put $LATEST back."""
    cloud.faults.add("deny", "UpdateFunctionConfiguration", nth=2, times=None)
    with pytest.raises(DeniedError):
        driver.round(state)
    cloud.faults.clear()


def test_each_handler_is_granted_what_it_calls_and_nothing_else(
    cloud: Cloud, driver: Driver, called: dict[str, set[str]]
) -> None:
    everything(cloud, driver)
    for handler, actions in granted().items():
        rights = {action for action in actions if not action.startswith(NOT_IN_THE_STAND_IN)}
        assert called[handler] - rights == set(), f"the {handler} lacks these"
        vain = rights - called[handler] - ONLY_IN_TROUBLE.get(handler, set())
        assert vain == set(), f"the {handler} needs none of these"


def test_the_measurer_is_granted_what_the_publisher_and_the_executor_are() -> None:
    assert actions_of("Measurer") == actions_of("Publisher") | actions_of("Executor")
