"""What surrounds a function: concurrency, layers, tags, permissions, addresses, asynchronous invocation, account."""

from __future__ import annotations

import json
import uuid
from time import time
from typing import Any

from tests.cloud import clock
from tests.cloud.errors import AwsError
from tests.cloud.lambda_service import code, errors
from tests.cloud.lambda_service.api import Document, Request, operation
from tests.cloud.lambda_service.functions import Function, Layer, timestamp
from tests.cloud.lambda_service.names import LATEST


@operation("GetAccountSettings")
def get_account_settings(request: Request) -> Document:
    settings, functions = request.service.settings, request.store.functions.values()
    reserved = sum(function.reserved or 0 for function in functions)
    return {
        "AccountLimit": {
            "TotalCodeSize": settings.code_storage_bytes,
            "CodeSizeUnzipped": code.MAX_UNZIPPED_BYTES,
            "CodeSizeZipped": code.MAX_DIRECT_BYTES,
            "ConcurrentExecutions": settings.concurrency,
            "UnreservedConcurrentExecutions": settings.concurrency - reserved,
        },
        "AccountUsage": {"TotalCodeSize": request.store.code_bytes, "FunctionCount": len(functions)},
    }


@operation("PutFunctionConcurrency")
def put_function_concurrency(request: Request) -> Document:
    settings, function = request.service.settings, request.latest_only()
    wanted = request.parameters["ReservedConcurrentExecutions"]
    others = sum(f.reserved or 0 for f in request.store.functions.values() if f is not function)
    if settings.concurrency - others - wanted < settings.unreserved_minimum and wanted > (function.reserved or 0):
        raise errors.invalid(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            f"below its minimum value of [{settings.unreserved_minimum}]."
        )
    function.reserved = wanted
    return {"ReservedConcurrentExecutions": wanted}


@operation("GetFunctionConcurrency")
def get_function_concurrency(request: Request) -> Document:
    reserved = request.function().reserved
    return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}


@operation("DeleteFunctionConcurrency", 204)
def delete_function_concurrency(request: Request) -> None:
    request.latest_only().reserved = None


@operation("PutProvisionedConcurrencyConfig", 202)
def put_provisioned_concurrency_config(request: Request) -> Document:
    function, qualifier = request.function(), _published_qualifier(request)
    wanted = request.parameters["ProvisionedConcurrentExecutions"]
    if function.reserved is not None and wanted > function.reserved:
        raise errors.invalid(
            "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
        )
    function.provisioned[qualifier] = {
        "wanted": wanted,
        "ready": clock.monotonic() + request.service.settings.provisioned_seconds,
        "modified": timestamp(),
    }
    return _provisioned(function, qualifier)


@operation("GetProvisionedConcurrencyConfig")
def get_provisioned_concurrency_config(request: Request) -> Document:
    function, qualifier = request.function(), _published_qualifier(request)
    if qualifier not in function.provisioned:
        text = "No Provisioned Concurrency Config found for this function"
        raise AwsError("ProvisionedConcurrencyConfigNotFoundException", text, status=404)
    return _provisioned(function, qualifier)


@operation("DeleteProvisionedConcurrencyConfig", 204)
def delete_provisioned_concurrency_config(request: Request) -> None:
    request.function().provisioned.pop(_published_qualifier(request), None)


@operation("ListProvisionedConcurrencyConfigs")
def list_provisioned_concurrency_configs(request: Request) -> Document:
    function = request.function()
    shown = [
        {"FunctionArn": f"{function.name.arn}:{qualifier}", **_provisioned(function, qualifier)}
        for qualifier in sorted(function.provisioned)
    ]
    return request.page(shown, "ProvisionedConcurrencyConfigs")


def _published_qualifier(request: Request) -> str:
    qualifier = request.name().qualifier
    if qualifier is None or qualifier == LATEST:
        raise errors.invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
    request.function().resolve(qualifier)
    return qualifier


def _provisioned(function: Function, qualifier: str) -> Document:
    entry = function.provisioned[qualifier]
    ready = clock.monotonic() >= entry["ready"]
    return {
        "RequestedProvisionedConcurrentExecutions": entry["wanted"],
        "AvailableProvisionedConcurrentExecutions": entry["wanted"] if ready else 0,
        "AllocatedProvisionedConcurrentExecutions": entry["wanted"] if ready else 0,
        "Status": "READY" if ready else "IN_PROGRESS",
        "LastModified": entry["modified"],
    }


@operation("PublishLayerVersion", 201)
def publish_layer_version(request: Request) -> Document:
    store, parameters = request.store, request.parameters
    name = parameters["LayerName"].rsplit(":", 1)[-1]
    package = code.from_request(parameters["Content"], store.account)
    if package is None:
        raise errors.invalid("Please provide a source for the layer's content.")
    if store.code_bytes + package.size > request.service.settings.code_storage_bytes:
        raise errors.code_storage_exceeded()
    number = store.last_layer_number.get(name, 0) + 1
    store.last_layer_number[name] = number
    base = f"arn:aws:lambda:{store.region}:{store.account}:layer:{name}"
    kept = ("Description", "CompatibleRuntimes", "CompatibleArchitectures", "LicenseInfo")
    document = {
        "LayerArn": base,
        "LayerVersionArn": f"{base}:{number}",
        "Version": number,
        "CreatedDate": timestamp(),
        "Description": "",
        **{member: parameters[member] for member in kept if parameters.get(member)},
    }
    store.layers.setdefault(name, {})[number] = Layer(f"{base}:{number}", number, package, document)
    return _layer_document(request, store.layers[name][number])


@operation("GetLayerVersion")
def get_layer_version(request: Request) -> Document:
    name = request.parameters["LayerName"].rsplit(":", 1)[-1]
    found = request.store.layers.get(name, {}).get(int(request.parameters["VersionNumber"]))
    if found is None:
        raise errors.resource_not_found()
    return _layer_document(request, found)


@operation("GetLayerVersionByArn")
def get_layer_version_by_arn(request: Request) -> Document:
    *_, name, number = request.parameters["Arn"].split(":")
    found = request.store.layers.get(name, {}).get(int(number)) if number.isdigit() else None
    if found is None:
        raise errors.resource_not_found()
    return _layer_document(request, found)


@operation("ListLayerVersions")
def list_layer_versions(request: Request) -> Document:
    name = request.parameters["LayerName"].rsplit(":", 1)[-1]
    versions = request.store.layers.get(name, {})
    return request.page([versions[number].document for number in sorted(versions, reverse=True)], "LayerVersions")


@operation("ListLayers")
def list_layers(request: Request) -> Document:
    shown = [
        {"LayerName": name, "LayerArn": newest.document["LayerArn"], "LatestMatchingVersion": newest.document}
        for name, versions in request.store.layers.items()
        if versions and (newest := versions[max(versions)])
    ]
    return request.page(shown, "Layers")


@operation("DeleteLayerVersion", 204)
def delete_layer_version(request: Request) -> None:
    name = request.parameters["LayerName"].rsplit(":", 1)[-1]
    request.store.layers.get(name, {}).pop(int(request.parameters["VersionNumber"]), None)


def _layer_document(request: Request, layer: Layer) -> Document:
    content = {
        "Location": request.service.download_location(layer.package),
        "CodeSha256": layer.package.sha256,
        "CodeSize": layer.package.size,
    }
    return {**layer.document, "Content": content}


@operation("ListTags")
def list_tags(request: Request) -> Document:
    return {"Tags": dict(_tagged(request).tags)}


@operation("TagResource", 204)
def tag_resource(request: Request) -> None:
    _tagged(request).tag(request.parameters["Tags"])


@operation("UntagResource", 204)
def untag_resource(request: Request) -> None:
    tags = _tagged(request).tags
    for key in request.parameters["TagKeys"]:
        tags.pop(key, None)


def _tagged(request: Request) -> Function:
    request.parameters["FunctionName"] = request.parameters["Resource"]
    if request.name().qualifier:
        raise errors.invalid("Tags on function aliases and versions are not supported. Please specify a function ARN.")
    return request.function()


@operation("AddPermission", 201)
def add_permission(request: Request) -> Document:
    function, parameters = request.function(), request.parameters
    qualifier = request.name().qualifier or ""
    function.resolve(qualifier or None)
    statements = function.policies.setdefault(qualifier, {})
    if parameters["StatementId"] in statements:
        raise errors.conflict(f"The statement id ({parameters['StatementId']}) provided already exists.")
    principal = parameters["Principal"]
    statement = {
        "Sid": parameters["StatementId"],
        "Effect": "Allow",
        "Principal": {"Service": principal} if "." in principal else ({"AWS": principal} if principal != "*" else "*"),
        "Action": parameters["Action"],
        "Resource": f"{function.name.arn}:{qualifier}" if qualifier else function.name.arn,
    }
    if parameters.get("SourceArn"):
        statement["Condition"] = {"ArnLike": {"AWS:SourceArn": parameters["SourceArn"]}}
    statements[parameters["StatementId"]] = statement
    return {"Statement": json.dumps(statement)}


@operation("RemovePermission", 204)
def remove_permission(request: Request) -> None:
    statements = request.function().policies.get(request.name().qualifier or "", {})
    if statements.pop(request.parameters["StatementId"], None) is None:
        raise errors.resource_not_found(
            f"Statement {request.parameters['StatementId']} is not found in resource policy."
        )


@operation("GetPolicy")
def get_policy(request: Request) -> Document:
    statements = request.function().policies.get(request.name().qualifier or "", {})
    if not statements:
        raise errors.resource_not_found()
    policy = {"Version": "2012-10-17", "Id": "default", "Statement": list(statements.values())}
    return {"Policy": json.dumps(policy), "RevisionId": request.function().latest.current_revision}


@operation("CreateFunctionUrlConfig", 201)
def create_function_url_config(request: Request) -> Document:
    function, qualifier = request.function(), request.name().qualifier or ""
    if qualifier.isdigit() or qualifier == LATEST:
        raise errors.invalid("Function URLs can be attached to aliases and unqualified functions only.")
    function.resolve(qualifier or None)
    if qualifier in function.urls:
        raise errors.conflict(f"FunctionUrlConfig exists for this Lambda function: {function.name.arn}")
    now = timestamp()
    function.urls[qualifier] = {
        "FunctionUrl": f"https://{uuid.uuid4().hex}.lambda-url.{function.name.region}.on.aws/",
        "FunctionArn": f"{function.name.arn}:{qualifier}" if qualifier else function.name.arn,
        "AuthType": request.parameters["AuthType"],
        "InvokeMode": request.parameters.get("InvokeMode", "BUFFERED"),
        "CreationTime": now,
        "LastModifiedTime": now,
    }
    return function.urls[qualifier]


@operation("GetFunctionUrlConfig")
def get_function_url_config(request: Request) -> Document:
    return _kept(request.function().urls, request)


@operation("DeleteFunctionUrlConfig", 204)
def delete_function_url_config(request: Request) -> None:
    _kept(request.function().urls, request)
    del request.function().urls[request.name().qualifier or ""]


@operation("ListFunctionUrlConfigs")
def list_function_url_configs(request: Request) -> Document:
    return request.page(list(request.function().urls.values()), "FunctionUrlConfigs")


@operation("PutFunctionEventInvokeConfig")
def put_function_event_invoke_config(request: Request) -> Document:
    return _set_event_invoke(request, {})


@operation("UpdateFunctionEventInvokeConfig")
def update_function_event_invoke_config(request: Request) -> Document:
    return _set_event_invoke(request, _kept_event_invoke(request))


@operation("GetFunctionEventInvokeConfig")
def get_function_event_invoke_config(request: Request) -> Document:
    return _kept_event_invoke(request)


@operation("DeleteFunctionEventInvokeConfig", 204)
def delete_function_event_invoke_config(request: Request) -> None:
    _kept_event_invoke(request)
    del request.function().event_invoke[request.name().qualifier or ""]


@operation("ListFunctionEventInvokeConfigs")
def list_function_event_invoke_configs(request: Request) -> Document:
    return request.page(list(request.function().event_invoke.values()), "FunctionEventInvokeConfigs")


def _kept_event_invoke(request: Request) -> Document:
    function, qualifier = request.function(), request.name().qualifier
    if (qualifier or "") not in function.event_invoke:
        arn = f"{function.name.arn}:{qualifier or LATEST}"
        raise errors.resource_not_found(f"The function {arn} doesn't have an EventInvokeConfig")
    return function.event_invoke[qualifier or ""]


def _set_event_invoke(request: Request, base: dict[str, Any]) -> Document:
    function, qualifier = request.function(), request.name().qualifier
    function.resolve(qualifier)
    given = {k: v for k, v in request.parameters.items() if k not in ("FunctionName", "Qualifier")}
    arn = f"{function.name.arn}:{qualifier or LATEST}"
    document = {"DestinationConfig": {"OnSuccess": {}, "OnFailure": {}}, **base, **given, "FunctionArn": arn}
    function.event_invoke[qualifier or ""] = {**document, "LastModified": time()}
    return function.event_invoke[qualifier or ""]


@operation("GetFunctionCodeSigningConfig")
def get_function_code_signing_config(request: Request) -> Document:
    return {"FunctionName": request.function().name.name, "CodeSigningConfigArn": ""}


@operation("GetRuntimeManagementConfig")
def get_runtime_management_config(request: Request) -> Document:
    function = request.function()
    kept = function.settings.get("runtime", {"UpdateRuntimeOn": "Auto"})
    return {"FunctionArn": function.name.qualified_arn, **kept}


@operation("PutRuntimeManagementConfig")
def put_runtime_management_config(request: Request) -> Document:
    function = request.function()
    kept = {k: v for k, v in request.parameters.items() if k in ("UpdateRuntimeOn", "RuntimeVersionArn")}
    function.settings["runtime"] = kept
    return {"FunctionArn": function.name.qualified_arn, **kept}


@operation("GetFunctionRecursionConfig")
def get_function_recursion_config(request: Request) -> Document:
    return request.function().settings.get("recursion", {"RecursiveLoop": "Terminate"})


@operation("PutFunctionRecursionConfig")
def put_function_recursion_config(request: Request) -> Document:
    kept = {"RecursiveLoop": request.parameters["RecursiveLoop"]}
    request.latest_only().settings["recursion"] = kept
    return kept


@operation("ListEventSourceMappings")
def list_event_source_mappings(request: Request) -> Document:
    return {"EventSourceMappings": []}


def _kept(entries: dict[str, dict[str, Any]], request: Request) -> Document:
    qualifier = request.name().qualifier or ""
    if qualifier not in entries:
        raise errors.resource_not_found()
    return entries[qualifier]
