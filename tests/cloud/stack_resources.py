"""The resources of a stack that are made through the API: functions, layers, aliases, state machines.

`define` creates the classes, because moto finds them as subclasses of its own class, which is imported late.
"""

from __future__ import annotations

import json
from typing import Any

from tests.cloud import states_events
from tests.cloud.stacks import client

_FUNCTION_MEMBERS = (
    "DeadLetterConfig",
    "Description",
    "EphemeralStorage",
    "FileSystemConfigs",
    "Handler",
    "ImageConfig",
    "KMSKeyArn",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "Role",
    "Runtime",
    "SnapStart",
    "Timeout",
    "TracingConfig",
    "VpcConfig",
)
_QUICKLY = {"Delay": 0.02, "MaxAttempts": 500}


class Resource:
    """What all have in common: an id, and attributes for Fn::GetAtt. Subclasses say how they come and go."""

    type_name = ""
    name_property = ""
    attributes: tuple[str, ...] = ()

    def __init__(self, identity: str, properties: dict[str, Any], values: dict[str, str] | None = None) -> None:
        self.physical_resource_id, self.properties, self.values = identity, properties, values or {}

    @classmethod
    def cloudformation_type(cls) -> str:
        """The type in templates."""
        return cls.type_name

    @classmethod
    def cloudformation_name_type(cls) -> str:
        """The property that names it."""
        return cls.name_property

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Whether Fn::GetAtt knows it."""
        return attr in cls.attributes

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """The value of Fn::GetAtt."""
        return self.values[attribute_name]

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
    ) -> Any:
        """Make the resource."""
        properties = {**cloudformation_json["Properties"], "_stack": kwargs.get("StackId", "")}
        name = properties.get(cls.name_property, resource_name)  # moto asks its own model for the property
        return cls.create(name, properties, account_id, region_name)

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Any, new_resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> Any:
        """Change the resource."""
        properties = {**cloudformation_json["Properties"], "_stack": original_resource.properties["_stack"]}
        return original_resource.update(new_resource_name, properties, account_id, region_name)

    @classmethod
    def create(cls, name: str, properties: dict[str, Any], account: str, region: str) -> Any:
        """Make the resource from its properties."""
        raise NotImplementedError

    def update(self, name: str, properties: dict[str, Any], account: str, region: str) -> Any:
        """Change the resource; unless a subclass knows better, a new one takes its place."""
        return type(self).create(name, properties, account, region)

    def delete(self, account: str, region: str) -> None:
        """Delete the resource; nothing, where a subclass does not say how."""


class Function(Resource):
    """AWS::Lambda::Function."""

    type_name, name_property, attributes = "AWS::Lambda::Function", "FunctionName", ("Arn",)

    @classmethod
    def create(cls, name: str, properties: dict[str, Any], account: str, region: str) -> Any:
        api = client("lambda", account, region)
        tags = {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}
        tags["aws:cloudformation:stack-name"] = properties["_stack"].split("/")[1]
        made = api.create_function(
            FunctionName=name,
            Code=_code(properties["Code"]),
            Tags=tags,
            **{member: properties[member] for member in ("Architectures", "PackageType") if member in properties},
            **_configuration(properties),
        )
        api.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=_QUICKLY)
        if "ReservedConcurrentExecutions" in properties:
            reserved = int(properties["ReservedConcurrentExecutions"])
            api.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)
        return cls(name, properties, {"Arn": made["FunctionArn"]})

    def update(self, name: str, properties: dict[str, Any], account: str, region: str) -> Any:
        api, name = client("lambda", account, region), self.physical_resource_id
        api.update_function_configuration(FunctionName=name, **_configuration(properties))
        api.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=_QUICKLY)
        if any(properties.get(key) != self.properties.get(key) for key in ("Code", "Architectures")):
            architectures = properties.get("Architectures", ["x86_64"])
            api.update_function_code(FunctionName=name, Architectures=architectures, **_code(properties["Code"]))
            api.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=_QUICKLY)
        self.properties = properties
        return self

    def delete(self, account: str, region: str) -> None:
        client("lambda", account, region).delete_function(FunctionName=self.physical_resource_id)


class LayerVersion(Resource):
    """AWS::Lambda::LayerVersion."""

    type_name, name_property, attributes = "AWS::Lambda::LayerVersion", "LayerName", ("LayerVersionArn",)

    @classmethod
    def create(cls, name: str, properties: dict[str, Any], account: str, region: str) -> Any:
        kept = ("CompatibleArchitectures", "CompatibleRuntimes", "Description", "LicenseInfo")
        made = client("lambda", account, region).publish_layer_version(
            LayerName=name,
            Content=_code(properties["Content"]),
            **{member: properties[member] for member in kept if member in properties},
        )
        return cls(made["LayerVersionArn"], properties, {"LayerVersionArn": made["LayerVersionArn"]})

    def delete(self, account: str, region: str) -> None:
        *_, name, number = self.physical_resource_id.split(":")
        client("lambda", account, region).delete_layer_version(LayerName=name, VersionNumber=int(number))


class Version(Resource):
    """AWS::Lambda::Version. Stays until its function goes, as SAM's versions do."""

    type_name, attributes = "AWS::Lambda::Version", ("Version", "FunctionArn")

    @classmethod
    def create(cls, name: str, properties: dict[str, Any], account: str, region: str) -> Any:
        api = client("lambda", account, region)
        options = {member: properties[member] for member in ("Description", "CodeSha256") if member in properties}
        made = api.publish_version(FunctionName=properties["FunctionName"], **options)
        waiter = api.get_waiter("published_version_active")
        waiter.wait(FunctionName=properties["FunctionName"], Qualifier=made["Version"], WaiterConfig=_QUICKLY)
        return cls(made["FunctionArn"], properties, {"Version": made["Version"], "FunctionArn": made["FunctionArn"]})


class Alias(Resource):
    """AWS::Lambda::Alias."""

    type_name, attributes = "AWS::Lambda::Alias", ("AliasArn",)

    @classmethod
    def create(cls, name: str, properties: dict[str, Any], account: str, region: str) -> Any:
        made = client("lambda", account, region).create_alias(**_alias(properties))
        return cls(made["AliasArn"], properties, {"AliasArn": made["AliasArn"]})

    def update(self, name: str, properties: dict[str, Any], account: str, region: str) -> Any:
        client("lambda", account, region).update_alias(**_alias(properties))
        return self

    def delete(self, account: str, region: str) -> None:
        names = {"FunctionName": self.properties["FunctionName"], "Name": self.properties["Name"]}
        client("lambda", account, region).delete_alias(**names)


class Permission(Resource):
    """AWS::Lambda::Permission."""

    type_name = "AWS::Lambda::Permission"

    @classmethod
    def create(cls, name: str, properties: dict[str, Any], account: str, region: str) -> Any:
        kept = ("Action", "EventSourceToken", "FunctionName", "Principal", "SourceAccount", "SourceArn")
        options = {member: properties[member] for member in kept if member in properties}
        client("lambda", account, region).add_permission(StatementId=name, **options)
        return cls(name, properties)


class StateMachine(Resource):
    """AWS::StepFunctions::StateMachine."""

    type_name, name_property, attributes = "AWS::StepFunctions::StateMachine", "StateMachineName", ("Arn", "Name")

    @classmethod
    def create(cls, name: str, properties: dict[str, Any], account: str, region: str) -> Any:
        made = client("stepfunctions", account, region).create_state_machine(
            name=name,
            definition=_definition(properties, account, region),
            roleArn=properties["RoleArn"],
            type=properties.get("StateMachineType", "STANDARD"),
            tags=[{"key": tag["Key"], "value": tag["Value"]} for tag in properties.get("Tags", [])],
        )
        return cls(made["stateMachineArn"], properties, {"Arn": made["stateMachineArn"], "Name": name})

    def update(self, name: str, properties: dict[str, Any], account: str, region: str) -> Any:
        client("stepfunctions", account, region).update_state_machine(
            stateMachineArn=self.physical_resource_id,
            definition=_definition(properties, account, region),
            roleArn=properties["RoleArn"],
        )
        return self

    def delete(self, account: str, region: str) -> None:
        client("stepfunctions", account, region).delete_state_machine(stateMachineArn=self.physical_resource_id)


class Rule(Resource):
    """AWS::Events::Rule, for events about executions."""

    type_name, name_property, attributes = "AWS::Events::Rule", "Name", ("Arn",)

    @classmethod
    def create(cls, name: str, properties: dict[str, Any], account: str, region: str) -> Any:
        targets = tuple(target["Arn"] for target in properties.get("Targets", ()))
        states_events.put_rule(name, states_events.Rule(account, region, properties["EventPattern"], targets))
        return cls(name, properties, {"Arn": f"arn:aws:events:{region}:{account}:rule/{name}"})

    def update(self, name: str, properties: dict[str, Any], account: str, region: str) -> Any:
        self.create(self.physical_resource_id, properties, account, region)
        return self

    def delete(self, account: str, region: str) -> None:
        states_events.remove_rule(self.physical_resource_id)


class RolePolicy(Resource):
    """AWS::IAM::Policy, for roles."""

    type_name = "AWS::IAM::Policy"

    @classmethod
    def create(cls, name: str, properties: dict[str, Any], account: str, region: str) -> Any:
        document = json.dumps(properties["PolicyDocument"])
        for role in properties["Roles"]:
            client("iam", account, region).put_role_policy(
                RoleName=role, PolicyName=properties["PolicyName"], PolicyDocument=document
            )
        return cls(name, properties)

    def delete(self, account: str, region: str) -> None:
        for role in self.properties["Roles"]:
            client("iam", account, region).delete_role_policy(RoleName=role, PolicyName=self.properties["PolicyName"])


class BucketPolicy(Resource):
    """AWS::S3::BucketPolicy."""

    type_name = "AWS::S3::BucketPolicy"

    @classmethod
    def create(cls, name: str, properties: dict[str, Any], account: str, region: str) -> Any:
        policy = json.dumps(properties["PolicyDocument"])
        client("s3", account, region).put_bucket_policy(Bucket=properties["Bucket"], Policy=policy)
        return cls(properties["Bucket"], properties)

    def delete(self, account: str, region: str) -> None:
        client("s3", account, region).delete_bucket_policy(Bucket=self.physical_resource_id)


class Schedule(Resource):
    """AWS::Scheduler::Schedule. It never comes due."""

    type_name, name_property = "AWS::Scheduler::Schedule", "Name"

    @classmethod
    def create(cls, name: str, properties: dict[str, Any], account: str, region: str) -> Any:
        return cls(name, properties)


class Alarm(Resource):
    """AWS::CloudWatch::Alarm. It never goes off."""

    type_name, name_property = "AWS::CloudWatch::Alarm", "AlarmName"

    @classmethod
    def create(cls, name: str, properties: dict[str, Any], account: str, region: str) -> Any:
        return cls(name, properties)


def define() -> None:
    """Make them known to moto, once."""
    from moto.core.common_models import CloudFormationModel

    if not _defined:
        for resource in (
            Function,
            LayerVersion,
            Version,
            Alias,
            Permission,
            StateMachine,
            Rule,
            RolePolicy,
            BucketPolicy,
            Schedule,
            Alarm,
        ):
            members = {"__module__": "moto.stand_in.models"}  # moto derives the service from the module
            _defined.append(type(resource.__name__, (resource, CloudFormationModel), members))


_defined: list[type] = []
"""Kept, since moto holds its models weakly."""


def _code(properties: dict[str, Any]) -> dict[str, Any]:
    """The code's place in the API's spelling."""
    kept = ("ImageUri", "S3Bucket", "S3Key", "S3ObjectVersion")
    if "ZipFile" not in properties:
        return {member: properties[member] for member in kept if member in properties}
    from tests.cloud.zips import zipped

    return {"ZipFile": zipped({"index.py": properties["ZipFile"]})}


def _configuration(properties: dict[str, Any]) -> dict[str, Any]:
    """The configuration with the types that the API wants: CloudFormation takes numbers as text, too."""
    document = {member: properties[member] for member in _FUNCTION_MEMBERS if member in properties}
    for member in ("MemorySize", "Timeout"):
        if member in document:
            document[member] = int(document[member])
    if "EphemeralStorage" in document:
        document["EphemeralStorage"] = {"Size": int(document["EphemeralStorage"]["Size"])}
    if variables := properties.get("Environment", {}).get("Variables"):
        document["Environment"] = {"Variables": {name: _text(value) for name, value in variables.items()}}
    return document


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _alias(properties: dict[str, Any]) -> dict[str, Any]:
    kept = ("Description", "FunctionName", "FunctionVersion", "Name")
    return {member: properties[member] for member in kept if member in properties}


def _definition(properties: dict[str, Any], account: str, region: str) -> str:
    """The definition, wherever it is written, with its substitutions."""
    text = properties.get("DefinitionString") or ""
    if "Definition" in properties:
        text = json.dumps(properties["Definition"])
    if location := properties.get("DefinitionS3Location"):
        found = client("s3", account, region).get_object(Bucket=location["Bucket"], Key=location["Key"])
        text = found["Body"].read().decode()
    for name, value in properties.get("DefinitionSubstitutions", {}).items():
        text = text.replace("${" + name + "}", _text(value))
    if text.lstrip().startswith("{"):
        return text
    from samtranslator.yaml_helper import yaml_parse

    return json.dumps(yaml_parse(text))
