"""Which permissions an API call needs: the IAM actions and the ARNs of what they act on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.cloud.wire import Call

_PREFIX = {"stepfunctions": "states", "resourcegroupstaggingapi": "tag"}
"""IAM's name of a service, where it is not botocore's."""

_ACTION = {
    ("lambda", "Invoke"): "InvokeFunction",
    ("lambda", "InvokeWithResponseStream"): "InvokeFunction",
    ("lambda", "GetLayerVersionByArn"): "GetLayerVersion",
    ("s3", "ListObjects"): "ListBucket",
    ("s3", "ListObjectsV2"): "ListBucket",
    ("s3", "HeadBucket"): "ListBucket",
    ("s3", "HeadObject"): "GetObject",
    ("s3", "DeleteObjects"): "DeleteObject",
    ("s3", "CopyObject"): "PutObject",
    ("s3", "UploadPart"): "PutObject",
    ("s3", "CreateMultipartUpload"): "PutObject",
    ("s3", "CompleteMultipartUpload"): "PutObject",
    ("s3", "ListBuckets"): "ListAllMyBuckets",
}
"""IAM's name of an action, where it is not the operation's (service authorization reference, 2026-09)."""

NO_PERMISSION_NEEDED = frozenset({"sts:GetCallerIdentity", "sts:GetSessionToken"})
"""Actions that every principal may call."""

OPTIMIZER_ACTIONS = ("ListFunctions", "ListProvisionedConcurrencyConfigs")
"""What Compute Optimizer does with the caller's permissions (service authorization reference, 2026-11)."""


@dataclass(frozen=True, slots=True)
class Permission:
    """One action on one resource, with the condition keys that AWS sets for it."""

    action: str
    resource: str
    context: tuple[tuple[str, str], ...] = ()


def needed(call: Call) -> list[Permission]:
    """All permissions that AWS asks of the caller; the call's own comes first."""
    prefix = _PREFIX.get(call.service, call.service)
    action = f"{prefix}:{_ACTION.get((call.service, call.operation), call.operation)}"
    return [Permission(action, _resource(call), _context(call)), *_dependent(call)]


def _context(call: Call) -> tuple[tuple[str, str], ...]:
    """The condition keys of a call itself."""
    sources = sorted({entry["Source"] for entry in call.parameters.get("Entries") or () if "Source" in entry})
    return tuple(("events:source", source) for source in sources)


def _dependent(call: Call) -> Iterator[Permission]:
    """What a service does with the caller's permissions, as Lambda while it creates or changes a function."""
    parameters = call.parameters
    if call.service == "s3" and call.operation in ("PutObject", "DeleteObject") and parameters.get("IfMatch"):
        yield Permission("s3:GetObject", _resource(call))
    if call.operation == "GetLambdaFunctionRecommendations":
        yield from (Permission(f"lambda:{action}", "*") for action in OPTIMIZER_ACTIONS)
    if call.service != "lambda" or not call.operation.startswith(("Create", "Update")):
        return
    if "Role" in parameters:
        yield Permission("iam:PassRole", parameters["Role"], (("iam:PassedToService", "lambda.amazonaws.com"),))
    if call.operation == "CreateFunction" and parameters.get("Tags"):
        yield Permission("lambda:TagResource", _lambda_resource(call))
    for layer in parameters.get("Layers") or []:
        yield Permission("lambda:GetLayerVersion", layer)
    source = parameters.get("Code") or parameters
    if source.get("S3Bucket"):
        yield Permission("s3:GetObject", f"arn:aws:s3:::{source['S3Bucket']}/{source['S3Key']}")
    if (parameters.get("VpcConfig") or {}).get("SubnetIds"):
        for action in ("DescribeSecurityGroups", "DescribeSubnets", "DescribeVpcs"):
            yield Permission(f"ec2:{action}", "*")
    if parameters.get("FileSystemConfigs"):
        yield Permission("elasticfilesystem:DescribeMountTargets", "*")


def _resource(call: Call) -> str:
    parameters = call.parameters
    if call.service == "lambda":
        return _lambda_resource(call)
    if call.service == "s3" and "Bucket" in parameters:
        return f"arn:aws:s3:::{parameters['Bucket']}" + (f"/{parameters['Key']}" if "Key" in parameters else "")
    if call.operation == "ListStackResources":
        return f"arn:aws:cloudformation:{call.region}:{call.account}:stack/{parameters.get('StackName')}/*"
    if call.operation == "DescribeLogGroups":
        return f"arn:aws:logs:{call.region}:{call.account}:log-group::log-stream:"
    if call.service == "logs" and (group := _log_group(call)):
        # Calls that read events are decided on the group's streams, so a policy needs the wildcard at the end.
        streams = f":log-stream:{parameters.get('logStreamName', '')}" if call.operation.endswith("Events") else ""
        return f"arn:aws:logs:{call.region}:{call.account}:log-group:{group}{streams}"
    if call.operation == "PutEvents":
        return f"arn:aws:events:{call.region}:{call.account}:event-bus/default"
    for member in ("TopicArn", "RoleArn", "stateMachineArn", "executionArn", "KeyId"):
        if isinstance(parameters.get(member), str):
            return str(parameters[member])
    return "*"


def _log_group(call: Call) -> str | None:
    """The log group of a call; of a query of several groups the first."""
    return call.parameters.get("logGroupName") or next(iter(call.parameters.get("logGroupNames") or ()), None)


def _lambda_resource(call: Call) -> str:
    base = f"arn:aws:lambda:{call.region}:{call.account}"
    parameters = call.parameters
    if "LayerName" in parameters:
        number = parameters.get("VersionNumber")
        name = parameters["LayerName"].rsplit(":", 1)[-1]
        return f"{base}:layer:{name}" + (f":{number}" if number else "")
    if "Arn" in parameters:
        return str(parameters["Arn"])
    name = parameters.get("FunctionName") or parameters.get("Resource")
    if not name:
        return "*"
    arn = name if name.startswith("arn:") else f"{base}:function:{name.rsplit('function:', 1)[-1]}"
    qualifier = parameters.get("Qualifier")
    return f"{arn}:{qualifier}" if qualifier else arn
