"""Roles and users that exist are held to their policies; what a call needs is known, with what Lambda asks besides."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.fixtures import Cloud
from tests.cloud.iam import Permission
from tests.cloud.policies import is_allowed, statements

READER = {
    "app.py": "import boto3\ndef handler(e, c): return boto3.client('lambda').get_account_settings()['AccountUsage']\n"
}


def policy(*allowed: str, resource: str = "*") -> dict[str, Any]:
    """A policy that allows some actions."""
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(allowed), "Resource": resource}]}


def assumed(cloud: Cloud, arn: str) -> Any:
    """A Lambda client with the credentials of a role."""
    keys = cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    return cloud.session().client(
        "lambda",
        endpoint_url=cloud.endpoint,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


def test_a_functions_role_is_held_to_its_policy(cloud: Cloud) -> None:
    role = cloud.role("reader", policy=policy("lambda:ListFunctions"))
    cloud.create_function("g", READER, "app.handler", memory_mb=1769, Role=role)
    answer = json.loads(cloud.client("lambda").invoke(FunctionName="g")["Payload"].read())
    assert "is not authorized to perform: lambda:GetAccountSettings" in answer["errorMessage"]


def test_an_assumed_role_is_held_to_its_policy_and_acts_in_its_account(cloud: Cloud) -> None:
    cloud.simulate_function("f")
    client = assumed(cloud, cloud.role("tuner", policy=policy("lambda:Get*", resource="arn:aws:lambda:*:*:function:f")))
    assert client.get_function_configuration(FunctionName="f")["FunctionName"] == "f"
    with pytest.raises(ClientError, match="not authorized to perform: lambda:PublishVersion"):
        client.publish_version(FunctionName="f")
    elsewhere = assumed(cloud, "arn:aws:iam::210987654321:role/other")
    assert elsewhere.list_functions()["Functions"] == []


def test_creating_a_function_needs_to_pass_the_role_and_to_tag(cloud: Cloud) -> None:
    cloud.simulate_function("f", Tags={"a": "b"})
    (entry,) = [call for call in cloud.calls() if call["operation"] == "CreateFunction"]
    assert [item["action"] for item in entry["also_needs"]] == ["iam:PassRole", "lambda:TagResource"]


def test_a_file_system_needs_a_look_at_its_mount_targets(cloud: Cloud) -> None:
    access_point = "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-0123456789abcdef0"
    cloud.simulate_function("f", FileSystemConfigs=[{"Arn": access_point, "LocalMountPath": "/mnt/files"}])
    (entry,) = [call for call in cloud.calls() if call["operation"] == "CreateFunction"]
    assert "elasticfilesystem:DescribeMountTargets" in [item["action"] for item in entry["also_needs"]]


def test_a_missing_object_is_forbidden_to_who_may_not_list(cloud: Cloud) -> None:
    cloud.client("s3").create_bucket(Bucket="bucket")
    code = {"app.py": "import boto3\ndef handler(e, c): boto3.client('s3').get_object(Bucket='bucket', Key='none')\n"}
    role = cloud.role("reader", policy=policy("s3:GetObject"))
    cloud.create_function("g", code, "app.handler", memory_mb=1769, Role=role)
    answer = json.loads(cloud.client("lambda").invoke(FunctionName="g")["Payload"].read())
    assert "s3:ListBucket" in answer["errorMessage"]


def map_of_executions(**processor: str) -> str:
    """A definition that starts an execution for each item and waits for it."""
    resource = "arn:aws:states:::states:startExecution.sync:2"
    task = {"Type": "Task", "Resource": resource, "Parameters": {"StateMachineArn": "arn"}, "End": True}
    items = {"StartAt": "Start", "States": {"Start": task}, "ProcessorConfig": {"Mode": "INLINE", **processor}}
    return json.dumps({"StartAt": "Each", "States": {"Each": {"Type": "Map", "ItemProcessor": items, "End": True}}})


def test_a_machine_that_waits_for_executions_needs_a_role_that_may(cloud: Cloud) -> None:
    client, definition = cloud.client("stepfunctions"), map_of_executions()
    with pytest.raises(ClientError, match="events:PutTargets"):
        client.create_state_machine(name="m", definition=definition, roleArn=cloud.role("poor", policy=policy("s3:*")))
    assert client.list_state_machines()["stateMachines"] == []
    client.create_state_machine(name="m", definition=definition, roleArn=cloud.role("rich"))


def test_a_distributed_map_needs_a_role_that_may_start_its_children(cloud: Cloud) -> None:
    client, definition = cloud.client("stepfunctions"), map_of_executions(Mode="DISTRIBUTED", ExecutionType="STANDARD")
    role = cloud.role("waits", policy=policy("events:*"))
    arn = client.create_state_machine(name="m", definition=definition, roleArn=role)["stateMachineArn"]
    with pytest.raises(ClientError, match="states:StartExecution"):
        client.start_execution(stateMachineArn=arn, input="[]")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ({"Effect": "Allow", "Action": "lambda:get*", "Resource": "*"}, True),
        ({"Effect": "Allow", "Action": "lambda:*", "Resource": "arn:aws:lambda:*:*:function:f"}, False),
        ({"Effect": "Allow", "NotAction": "s3:*", "Resource": "*:f:1"}, True),
        ({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"a:b": "c"}}}, False),
        (
            {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
            True,
        ),
        ({"Effect": "Deny", "Action": "*", "Resource": "*"}, False),
    ],
)
def test_statements_are_evaluated_as_iam_does(statement: dict[str, Any], expected: bool) -> None:
    asked = Permission("lambda:GetFunction", "arn:aws:lambda:us-east-1:123456789012:function:f:1")
    assert is_allowed(statements({"Statement": statement}), asked) is expected
