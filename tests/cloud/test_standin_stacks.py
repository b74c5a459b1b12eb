"""A SAM template becomes functions, a layer, a state machine, roles, a bucket and log groups, with outputs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cloud.fixtures import Cloud
from tests.cloud.zips import zipped

TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  sizes: {Type: CommaDelimitedList, Default: "128,256"}
  memory: {Type: Number, Default: 1769}
  boundary: {Type: String, Default: ""}
Conditions:
  HasBoundary: !Not [!Equals [!Ref boundary, ""]]
Resources:
  Data:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
    Properties:
      LifecycleConfiguration:
        Rules: [{Id: old, Status: Enabled, ExpirationInDays: 7}]
  DataPolicy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Data
      PolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Deny, Principal: "*", Action: "s3:*", Resource: !GetAtt Data.Arn}]
  Logs:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: !Sub "/aws/lambda/${AWS::StackName}", RetentionInDays: 7}
  Shared:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: s3://artifacts/layer.zip, CompatibleArchitectures: [arm64]}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: s3://artifacts/code.zip
      Handler: app.handler
      Runtime: python3.13
      Architectures: [arm64]
      MemorySize: !Ref memory
      Layers: [!Ref Shared]
      PermissionsBoundary: !If [HasBoundary, !Ref boundary, !Ref AWS::NoValue]
      LoggingConfig: {LogGroup: !Ref Logs}
      Environment:
        Variables: {SIZES: !Join ["+", !Ref sizes], MEMORY: !Ref memory, BUCKET: !Ref Data}
      Policies:
        - Version: "2012-10-17"
          Statement: [{Effect: Allow, Action: "s3:GetObject", Resource: !Sub "${Data.Arn}/*"}]
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      Name: !Join ["-", [machine, !Select [4, !Split ["-", !Ref "AWS::StackId"]]]]
      DefinitionUri: s3://artifacts/machine.json
      DefinitionSubstitutions: {workerArn: !GetAtt Worker.Arn}
      Policies: [{LambdaInvokePolicy: {FunctionName: !Ref Worker}}]
Outputs:
  MachineArn: {Value: !Ref Machine}
  Bucket: {Value: !Ref Data}
"""
CODE = {
    "app.py": "import os\ndef handler(e, c): return [os.environ['SIZES'], os.environ['MEMORY'], c.memory_limit_in_mb]\n"
}
MACHINE = {"StartAt": "Work", "States": {"Work": {"Type": "Task", "Resource": "${workerArn}", "End": True}}}


def deploy(cloud: Cloud, template: str, kind: str) -> dict[str, str]:
    """Deploy as SAM CLI does, through a change set; returns the outputs."""
    client = cloud.client("cloudformation")
    s3 = cloud.client("s3")
    if kind == "CREATE":
        s3.create_bucket(Bucket="artifacts")
        s3.put_object(Bucket="artifacts", Key="code.zip", Body=zipped(CODE))
        s3.put_object(Bucket="artifacts", Key="layer.zip", Body=zipped({"python/shared.py": "x = 1"}))
        s3.put_object(Bucket="artifacts", Key="machine.json", Body=json.dumps(MACHINE))
    s3.put_object(Bucket="artifacts", Key="template", Body=template)
    names = {"StackName": "tool", "ChangeSetName": f"changes-{kind}"}
    capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    address = f"{cloud.endpoint}/artifacts/template"
    client.create_change_set(**names, TemplateURL=address, ChangeSetType=kind, Capabilities=capabilities)
    client.execute_change_set(**names)
    (stack,) = client.describe_stacks(StackName="tool")["Stacks"]
    assert stack["StackStatus"] == f"{kind}_COMPLETE"
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


@pytest.fixture
def outputs(cloud: Cloud) -> dict[str, str]:
    """The outputs of a deployed stack."""
    return deploy(cloud, TEMPLATE, "CREATE")


def worker(cloud: Cloud) -> dict[str, Any]:
    """The configuration of the stack's function."""
    (name,) = cloud.function_names()
    return dict(cloud.client("lambda").get_function_configuration(FunctionName=name))


def test_the_stacks_state_machine_runs_its_function(cloud: Cloud, outputs: dict[str, str]) -> None:
    client = cloud.client("stepfunctions")
    execution = client.start_execution(stateMachineArn=outputs["MachineArn"])["executionArn"]
    while (ended := client.describe_execution(executionArn=execution))["status"] == "RUNNING":
        pass
    assert json.loads(ended["output"]) == ["128+256", "1769", "1769"]
    assert ":stateMachine:machine-" in outputs["MachineArn"]


def test_all_properties_of_the_function_arrive(cloud: Cloud, outputs: dict[str, str]) -> None:
    configuration = worker(cloud)
    assert configuration["Architectures"] == ["arm64"]
    assert configuration["LoggingConfig"]["LogGroup"] == "/aws/lambda/tool"
    assert len(configuration["Layers"]) == 1
    assert configuration["Environment"]["Variables"]["BUCKET"] == outputs["Bucket"]
    role = configuration["Role"].rsplit("/", 1)[-1]
    policies = cloud.client("iam").list_role_policies(RoleName=role)["PolicyNames"]
    assert len(policies) == 1


def test_the_bucket_keeps_its_lifecycle_and_its_policy(cloud: Cloud, outputs: dict[str, str]) -> None:
    s3 = cloud.client("s3")
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=outputs["Bucket"])["Rules"]
    assert rule["Expiration"] == {"Days": 7}
    assert "Deny" in s3.get_bucket_policy(Bucket=outputs["Bucket"])["Policy"]


def test_an_update_changes_the_function_and_a_deletion_leaves_what_is_retained(
    cloud: Cloud, outputs: dict[str, str]
) -> None:
    assert deploy(cloud, TEMPLATE.replace("Default: 1769", "Default: 512"), "UPDATE") == outputs
    assert worker(cloud)["MemorySize"] == 512
    cloud.client("cloudformation").delete_stack(StackName="tool")
    assert cloud.function_names() == []
    assert outputs["Bucket"] in [bucket["Name"] for bucket in cloud.client("s3").list_buckets()["Buckets"]]
