"""Functions, versions and aliases: the operations that create, change, show and delete them."""

from __future__ import annotations

import copy
from typing import Any

from tests.cloud.lambda_service import code, documents, errors
from tests.cloud.lambda_service.api import Document, Request, operation
from tests.cloud.lambda_service.functions import Alias, Function, Version, new_revision
from tests.cloud.lambda_service.names import LATEST, FunctionName


@operation("CreateFunction", 201)
def create_function(request: Request) -> Document:
    settings, parameters = request.service.settings, request.parameters
    name = request.name()
    if name.qualifier:
        raise errors.invalid("Function name cannot contain a qualifier.")
    if name.name in request.store.functions:
        raise errors.conflict(f"Function already exist: {name.name}")
    request.service.check_role(request.store.account, parameters["Role"])
    package = code.from_request(parameters["Code"], request.store.account)
    if package is None:
        raise errors.invalid("Please provide a source for function code.")
    _must_fit(request, package.size)
    parameters = {**parameters, "FunctionName": name.name}
    version = Version(
        LATEST,
        documents.created(parameters, request.store, settings),
        package,
        settled_revision=new_revision(),
        creating_until=request.service.in_seconds(settings.create_seconds),
    )
    function = Function(name, version)
    function.tag(parameters.get("Tags") or {})
    request.store.functions[name.name] = function
    if parameters.get("Publish"):
        seconds = settings.create_seconds + _publishing(request, version)
        published = function.publish(None, seconds, failure=settings.publish_fails)
        return documents.described(function, published)
    return documents.described(function, version)


@operation("GetFunction")
def get_function(request: Request) -> Document:
    name, function = request.name(), request.function()
    version = function.resolve(name.qualifier)
    document: Document = {
        "Configuration": documents.described(function, version, qualifier=name.qualifier),
        "Code": request.service.code_location(function, version),
    }
    if function.tags:
        document["Tags"] = dict(function.tags)
    if function.reserved is not None and name.qualifier is None:
        document["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved}
    return document


@operation("GetFunctionConfiguration")
def get_function_configuration(request: Request) -> Document:
    name, function = request.name(), request.function()
    return documents.described(function, function.resolve(name.qualifier), qualifier=name.qualifier)


@operation("ListFunctions")
def list_functions(request: Request) -> Document:
    shown = []
    for function in request.store.functions.values():
        shown.append(documents.described(function, function.latest))
        if request.parameters.get("FunctionVersion") == "ALL":
            shown += [documents.described(function, version) for version in function.versions.values()]
    return request.page(shown, "Functions")


@operation("UpdateFunctionConfiguration")
def update_function_configuration(request: Request) -> Document:
    function, parameters = request.latest_only(), request.parameters
    settings = request.service.settings
    documents.check(parameters, settings)
    if "Role" in parameters:
        request.service.check_role(request.store.account, parameters["Role"])
    function.must_be_changeable(parameters.get("RevisionId"))
    configuration = documents.changed(
        function.latest.configuration, parameters, request.store, settings, name=function.name.name
    )
    function.begin_update(settings.update_seconds, configuration=configuration, failure=settings.update_fails)
    return documents.described(function, function.latest)


@operation("UpdateFunctionCode")
def update_function_code(request: Request) -> Document:
    function, parameters = request.latest_only(), request.parameters
    package = code.from_request(parameters, request.store.account)
    if package is None:
        raise errors.invalid("Please provide a source for function code.")
    if (package.image_uri is None) != (function.latest.configuration["PackageType"] == "Zip"):
        raise errors.invalid("Please don't provide a source of the other package type when updating function code.")
    function.must_be_changeable(parameters.get("RevisionId"))
    _must_fit(request, package.size - function.latest.package.size)
    configuration = copy.deepcopy(function.latest.configuration)
    if parameters.get("Architectures"):
        configuration["Architectures"] = documents.checked_architectures(parameters["Architectures"])
    if parameters.get("DryRun"):
        trial = Version(LATEST, configuration, package, modified=function.latest.modified)
        return documents.described(function, trial)
    settings = request.service.settings
    function.begin_update(
        settings.update_seconds, configuration=configuration, package=package, failure=settings.update_fails
    )
    if parameters.get("Publish"):
        version = function.publish(None, settings.update_seconds + _publishing(request, function.latest))
        return documents.described(function, version)
    return documents.described(function, function.latest)


@operation("DeleteFunction", 204)
def delete_function(request: Request) -> None:
    name, function = request.name(), request.function()
    if name.qualifier == LATEST:
        raise errors.invalid("$LATEST version cannot be deleted without deleting the function.")
    if name.qualifier is None:
        del request.store.functions[name.name]
        return
    if not name.qualifier.isdigit():
        raise errors.invalid("Deletion of aliases is not currently supported.")
    function.delete_version(name.qualifier)


@operation("PublishVersion", 201)
def publish_version(request: Request) -> Document:
    function, parameters = request.latest_only(), request.parameters
    function.must_be_changeable(parameters.get("RevisionId"))
    current = function.latest.package.sha256
    if (given := parameters.get("CodeSha256")) and given != current:
        raise errors.other_code(given, current)
    _must_fit(request, function.latest.package.size)
    failure = request.service.settings.publish_fails
    version = function.publish(parameters.get("Description"), _publishing(request, function.latest), failure=failure)
    return documents.described(function, version)


@operation("ListVersionsByFunction")
def list_versions_by_function(request: Request) -> Document:
    function = request.function()
    latest = documents.described(function, function.latest, qualifier=LATEST)
    published = [documents.described(function, function.versions[n]) for n in sorted(function.versions, key=int)]
    return request.page([latest, *published], "Versions")


@operation("CreateAlias", 201)
def create_alias(request: Request) -> Document:
    function, parameters = request.latest_only(), request.parameters
    name = parameters["Name"]
    if name.isdigit():
        pattern = r"(?!^[0-9]+$)([a-zA-Z0-9-_]+)"
        raise errors.invalid_member(name, "name", f"Member must satisfy regular expression pattern: {pattern}")
    if name in function.aliases:
        raise errors.conflict(f"Alias already exists: {function.name.arn}:{name}")
    weights = _weights(function, parameters, parameters["FunctionVersion"])
    alias = Alias(name, parameters["FunctionVersion"], parameters.get("Description") or "", weights)
    function.aliases[name] = alias
    return _alias_document(function, alias)


@operation("GetAlias")
def get_alias(request: Request) -> Document:
    function = request.function()
    return _alias_document(function, _alias(function, request))


@operation("UpdateAlias")
def update_alias(request: Request) -> Document:
    function, parameters = request.latest_only(), request.parameters
    alias = _alias(function, request)
    if parameters.get("RevisionId") and parameters["RevisionId"] != alias.revision:
        raise errors.stale_revision()
    version = parameters.get("FunctionVersion", alias.version)
    given = (
        parameters if "RoutingConfig" in parameters else {"RoutingConfig": {"AdditionalVersionWeights": alias.weights}}
    )
    alias.weights = _weights(function, given, version)
    alias.version = version
    alias.description = parameters.get("Description", alias.description)
    alias.revision = new_revision()
    return _alias_document(function, alias)


@operation("DeleteAlias", 204)
def delete_alias(request: Request) -> None:
    function = request.latest_only()
    function.aliases.pop(request.parameters["Name"], None)
    function.provisioned.pop(request.parameters["Name"], None)


@operation("ListAliases")
def list_aliases(request: Request) -> Document:
    function, only = request.function(), request.parameters.get("FunctionVersion")
    shown = [
        _alias_document(function, alias)
        for _, alias in sorted(function.aliases.items())
        if only is None or only in alias.versions
    ]
    return request.page(shown, "Aliases")


def _publishing(request: Request, version: Version) -> float:
    settings = request.service.settings
    snapshot = version.configuration["SnapStart"]["ApplyOn"] == "PublishedVersions"
    return settings.snapstart_seconds if snapshot else settings.publish_seconds


def _must_fit(request: Request, more_bytes: int) -> None:
    if request.store.code_bytes + more_bytes > request.service.settings.code_storage_bytes:
        raise errors.code_storage_exceeded()


def _alias(function: Function, request: Request) -> Alias:
    name = request.parameters["Name"]
    if name not in function.aliases:
        raise errors.alias_not_found(f"{function.name.arn}:{name}")
    return function.aliases[name]


def _weights(function: Function, parameters: dict[str, Any], version: str) -> dict[str, float]:
    """The weights of an alias' second version; both versions must exist, and $LATEST takes no part in a split."""
    weights = dict((parameters.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {})
    for number in (version, *weights):
        if number != LATEST and number not in function.versions:
            raise errors.not_found(f"{function.name.arn}:{number}")
    if weights and LATEST in (version, *weights):
        raise errors.invalid("$LATEST is not supported for an alias pointing to more than 1 version")
    if version in weights:
        text = f"Function version {version} is already included in routing configuration."
        raise errors.invalid(f"Invalid function version {version}. {text}")
    return {number: float(weight) for number, weight in weights.items()}


def _alias_document(function: Function, alias: Alias) -> Document:
    name: FunctionName = function.name
    document: Document = {
        "AliasArn": f"{name.arn}:{alias.name}",
        "Name": alias.name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision,
    }
    if alias.weights:
        document["RoutingConfig"] = {"AdditionalVersionWeights": dict(alias.weights)}
    return document
