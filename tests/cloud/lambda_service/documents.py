"""Configurations between request and response: defaults, limits, and the fields that AWS derives."""

from __future__ import annotations

import copy
import json
from typing import Any

from tests.cloud.lambda_service import errors
from tests.cloud.lambda_service.functions import Configuration, Function, FunctionStore, Version
from tests.cloud.lambda_service.names import LATEST
from tests.cloud.settings import Settings

MAX_ENVIRONMENT_BYTES = 4096
"""All environment variables together (Lambda quotas: 4 KB)."""

CONFIGURABLE = (
    "Description",
    "Handler",
    "Runtime",
    "Role",
    "Timeout",
    "MemorySize",
    "Environment",
    "VpcConfig",
    "TracingConfig",
    "EphemeralStorage",
    "FileSystemConfigs",
    "DeadLetterConfig",
    "KMSKeyArn",
    "SnapStart",
    "LoggingConfig",
    "ImageConfig",
    "Layers",
    "CapacityProviderConfig",
    "DurableConfig",
    "TenancyConfig",
)
"""The members of CreateFunction and UpdateFunctionConfiguration that become configuration."""

_OMITTED_WHEN_EMPTY = ("Environment", "Layers", "FileSystemConfigs", "KMSKeyArn", "DeadLetterConfig", "ImageConfig")


def created(parameters: dict[str, Any], store: FunctionStore, settings: Settings) -> Configuration:
    """The configuration of a new function."""
    base: Configuration = {
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
        "PackageType": parameters.get("PackageType", "Zip"),
        "Architectures": checked_architectures(parameters.get("Architectures") or ["x86_64"]),
        "TracingConfig": {"Mode": "PassThrough"},
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None"},
        "LoggingConfig": {"LogFormat": "Text"},
    }
    return changed(base, parameters, store, settings, name=parameters["FunctionName"])


def changed(
    old: Configuration, parameters: dict[str, Any], store: FunctionStore, settings: Settings, *, name: str
) -> Configuration:
    """`old` with what the request changes.

    Raises:
        AwsError: a value that AWS or the account refuses.
    """
    check(parameters, settings)
    new = copy.deepcopy(old)
    for member in CONFIGURABLE:
        if member in parameters:
            new[member] = copy.deepcopy(parameters[member])
    if "Layers" in parameters:
        new["Layers"] = [{"Arn": arn, "CodeSize": store.layer(arn).package.size} for arn in parameters["Layers"]]
    if "LoggingConfig" in parameters or "LogGroup" not in new["LoggingConfig"]:
        new["LoggingConfig"] = _logging(new["LoggingConfig"], name)
    if vpc := new.get("VpcConfig"):
        vpc["VpcId"] = "vpc-0123456789abcdef0" if vpc.get("SubnetIds") else ""
    for member in _OMITTED_WHEN_EMPTY:
        if not _has_content(new.get(member)):
            new.pop(member, None)
    return new


def check(parameters: dict[str, Any], settings: Settings) -> None:
    """Refuse values outside of the API's model or the account's quota.

    Raises:
        AwsError: ValidationException, InvalidParameterValueException.
    """
    _within(parameters.get("MemorySize"), "memorySize", 128, 10_240)
    _within(parameters.get("Timeout"), "timeout", 1, 900)
    _within((parameters.get("EphemeralStorage") or {}).get("Size"), "ephemeralStorage.size", 512, 10_240)
    if (memory := parameters.get("MemorySize")) and memory > settings.memory_limit_mb:
        raise errors.memory_over_account_limit(settings.memory_limit_mb)
    if len(description := parameters.get("Description") or "") > 256:
        raise errors.invalid_member(description, "description", "Member must have length less than or equal to 256")
    variables = (parameters.get("Environment") or {}).get("Variables") or {}
    if len(json.dumps(variables)) > MAX_ENVIRONMENT_BYTES:
        raise errors.invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f"provided exceeded the 4KB limit. String measured: {json.dumps(variables)}"
        )


def checked_architectures(architectures: list[str]) -> list[str]:
    """One architecture that Lambda has.

    Raises:
        AwsError: ValidationException.
    """
    if len(architectures) != 1 or architectures[0] not in ("x86_64", "arm64"):
        constraint = "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64]]"
        raise errors.invalid_member(architectures, "architectures", constraint)
    return list(architectures)


def described(function: Function, version: Version, *, qualifier: str | None = None) -> dict[str, Any]:
    """FunctionConfiguration as responses carry it."""
    document = copy.deepcopy(version.configuration)
    if "ImageConfig" in document:
        document["ImageConfigResponse"] = {"ImageConfig": document.pop("ImageConfig")}
    elif document["PackageType"] == "Zip":
        arn = f"arn:aws:lambda:{function.name.region}::runtime:{'0' * 64}"
        document["RuntimeVersionConfig"] = {"RuntimeVersionArn": arn}
    suffix = qualifier if qualifier else (version.number if version.number != LATEST else None)
    snapshot = (
        document["SnapStart"]["ApplyOn"] == "PublishedVersions" and version.number != LATEST and not version.pending
    )
    return {
        **document,
        "FunctionName": function.name.name,
        "FunctionArn": f"{function.name.arn}:{suffix}" if suffix else function.name.arn,
        "Version": version.number,
        "CodeSha256": version.package.sha256,
        "CodeSize": version.package.size,
        "LastModified": version.modified,
        "RevisionId": version.current_revision,
        "SnapStart": {**document["SnapStart"], "OptimizationStatus": "On" if snapshot else "Off"},
        **_state(version),
    }


def _state(version: Version) -> dict[str, str]:
    published = version.number != LATEST
    if version.pending:
        state = {"State": "Pending", "StateReason": "The function is being created.", "StateReasonCode": "Creating"}
        return {**state, "LastUpdateStatus": "Successful"} if published else state
    if version.updating:
        return {"State": "Active", **_update("InProgress", "The function is being created.", "Creating")}
    if version.failure and published:
        reason = f"The version could not be made: {version.failure}"
        return {"State": "Failed", "StateReason": reason, "StateReasonCode": version.failure, **_update("Failed")}
    if version.failure:
        return {"State": "Active", **_update("Failed", f"The update failed: {version.failure}", version.failure)}
    return {"State": "Active", **_update("Successful")}


def _update(status: str, reason: str = "", code: str = "") -> dict[str, str]:
    detail = {"LastUpdateStatusReason": reason, "LastUpdateStatusReasonCode": code} if reason else {}
    return {"LastUpdateStatus": status, **detail}


def _logging(given: dict[str, Any], name: str) -> dict[str, Any]:
    document = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}", **given}
    levels = {"ApplicationLogLevel", "SystemLogLevel"}
    if document["LogFormat"] == "JSON":
        return {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO", **document}
    if levels & set(given):
        raise errors.invalid("Log levels can only be set with LogFormat JSON.")
    return document


def _has_content(value: Any) -> bool:
    return any(_has_content(item) for item in value.values()) if isinstance(value, dict) else bool(value)


def _within(value: int | None, member: str, low: int, high: int) -> None:
    if value is None:
        return
    if value < low:
        raise errors.invalid_member(value, member, f"Member must have value greater than or equal to {low}")
    if value > high:
        raise errors.invalid_member(value, member, f"Member must have value less than or equal to {high}")
