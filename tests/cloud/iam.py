"""Which permission an API call needs: the IAM action and the ARN of what it acts on."""

from __future__ import annotations

from tests.cloud.wire import Call

_PREFIX = {"stepfunctions": "states", "cloudwatch": "cloudwatch", "resourcegroupstaggingapi": "tag"}
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

NO_PERMISSION_NEEDED = frozenset({"sts:GetCallerIdentity"})
"""Actions that every principal may call."""


def action_of(call: Call) -> tuple[str, str]:
    """IAM action and resource of a call, for example `lambda:InvokeFunction` and the function's ARN."""
    prefix = _PREFIX.get(call.service, call.service)
    return f"{prefix}:{_ACTION.get((call.service, call.operation), call.operation)}", _resource(call)


def _resource(call: Call) -> str:
    parameters = call.parameters
    if call.service == "lambda":
        return _lambda_resource(call)
    if call.service == "s3" and "Bucket" in parameters:
        return f"arn:aws:s3:::{parameters['Bucket']}" + (f"/{parameters['Key']}" if "Key" in parameters else "")
    if call.service == "logs" and (group := parameters.get("logGroupName")):
        return f"arn:aws:logs:{call.region}:{call.account}:log-group:{group}"
    for member in ("RoleArn", "stateMachineArn", "executionArn", "KeyId"):
        if isinstance(parameters.get(member), str):
            return str(parameters[member])
    return "*"


def _lambda_resource(call: Call) -> str:
    base = f"arn:aws:lambda:{call.region}:{call.account}"
    parameters = call.parameters
    if "LayerName" in parameters:
        number = parameters.get("VersionNumber")
        return f"{base}:layer:{parameters['LayerName']}" + (f":{number}" if number else "")
    name = parameters.get("FunctionName") or parameters.get("Resource")
    if not name:
        return "*"
    arn = name if name.startswith("arn:") else f"{base}:function:{name.rsplit('function:', 1)[-1]}"
    qualifier = parameters.get("Qualifier")
    return f"{arn}:{qualifier}" if qualifier else arn
