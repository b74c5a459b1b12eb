"""CloudFormation: the SAM transform, change sets with outputs, and the resources that a SAM template needs.

moto's own models of these resources keep only a few of their properties. Those here call the
API of the stand-in, so that a stack's functions and state machines obey the same rules as all others.
"""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from functools import cache
from typing import Any
from urllib.parse import urlparse

from tests.cloud import states_events
from tests.cloud.replace import replace
from tests.cloud.wire import STACKS_KEY_PREFIX, register_principal

SAM_TRANSFORM = "AWS::Serverless-2016-10-31"


def install(endpoint: str) -> None:
    """Mend moto's CloudFormation and teach it the resources below."""
    global _endpoint
    _endpoint = endpoint
    _read_templates_in_c()
    _fix_templates()
    _fix_no_value()
    _fix_outputs()
    _fix_template_addresses()
    _fix_bucket_properties()
    _fix_retained_resources()
    _register_resources()
    states_events.deliver_with(_invoke_for_rule)


_endpoint = ""


def client(service: str, account: str, region: str) -> Any:
    """A client whose calls are known as CloudFormation's."""
    return _client(service, account, region, _endpoint)


@cache
def _client(service: str, account: str, region: str, endpoint: str) -> Any:
    import boto3

    role = f"arn:aws:iam::{account}:role/cloudformation"
    return boto3.Session().client(
        service,
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=register_principal(STACKS_KEY_PREFIX, account, role, "stack"),
        aws_secret_access_key="secret",
    )


def _invoke_for_rule(account: str, region: str, function: str, event: bytes) -> None:
    """Invoke a target of a rule as EventBridge does: asynchronously."""
    client("lambda", account, region).invoke(FunctionName=function, InvocationType="Event", Payload=event)


def _read_templates_in_c() -> None:
    """A template is parsed many times, in plain Python: at a second for each 60 kB."""
    import yaml
    from moto.cloudformation.utils import yaml_tag_constructor

    if yaml.__with_libyaml__:
        yaml.add_multi_constructor("", yaml_tag_constructor, Loader=yaml.CLoader)
        replace(yaml, Loader=yaml.CLoader, SafeLoader=yaml.CSafeLoader)


def _fix_templates() -> None:
    """The SAM transform is not applied, and defaults of list parameters stay one string."""
    from moto.cloudformation.models import CloudFormationBackend

    def wrapped(name: str) -> Any:
        original = getattr(CloudFormationBackend, name)

        def method(self: Any, *arguments: Any, **options: Any) -> Any:
            template = options.get("template")
            if template:
                given = options.get("parameters") or {}
                parameters = {**_defaults(template), **given}
                options["parameters"] = parameters
                values = tuple(sorted(parameters.items()))
                options["template"] = transformed(template, values, self.account_id, self.region_name)
            return original(self, *arguments, **options)

        return method

    for name in ("create_stack", "create_change_set", "update_stack"):
        replace(CloudFormationBackend, **{name: wrapped(name)})


@cache
def _parsed(template: str) -> dict[str, Any]:
    from samtranslator.yaml_helper import yaml_parse

    return dict(yaml_parse(template))


def _defaults(template: str) -> dict[str, str]:
    parameters = _parsed(template).get("Parameters") or {}
    return {name: str(item["Default"]) for name, item in parameters.items() if "Default" in item}


@cache
def transformed(template: str, parameters: tuple[tuple[str, str], ...], account: str, region: str) -> str:
    """The template with its SAM resources translated; unchanged where it has none.

    Raises:
        samtranslator.model.exceptions.InvalidDocumentException: the template is not valid SAM.
    """
    if SAM_TRANSFORM not in template:
        return template
    import boto3
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    pseudo = {"AWS::Region": region, "AWS::AccountId": account, "AWS::Partition": "aws"}
    translator = Translator(_ManagedPolicies(), Parser(), boto_session=boto3.Session(region_name=region))
    document = translator.translate(copy.deepcopy(_parsed(template)), {**dict(parameters), **pseudo})
    document.pop("Transform", None)
    return json.dumps(document)


class _ManagedPolicies(dict[str, str]):
    """Names of AWS' managed policies to ARNs, without asking IAM."""

    def get(self, key: str, default: Any = None) -> Any:
        return self.__getitem__(key) if key in self else default

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.startswith(("AWS", "Amazon", "CloudWatch"))

    def __getitem__(self, key: str) -> str:
        folder = "service-role/" if key.startswith("AWSLambda") and key.endswith("Role") else ""
        return f"arn:aws:iam::aws:policy/{folder}{key}"


def _fix_no_value() -> None:
    """AWS::NoValue in a list becomes null; it must leave nothing."""
    from moto.cloudformation import parsing

    clean = parsing.clean_json

    def cleaned(resource_json: Any, resources_map: Any) -> Any:
        result = clean(resource_json, resources_map)
        return [item for item in result if item is not None] if isinstance(result, list) else result

    replace(parsing, clean_json=cleaned)


def _fix_outputs() -> None:
    """A stack made by a change set never gets its outputs, and one that cannot be made is no failed stack."""
    from moto.cloudformation.models import CloudFormationBackend

    execute = CloudFormationBackend.execute_change_set

    def executed(self: Any, change_set_name: str, stack_name: str | None = None) -> None:
        change_set = self.describe_change_set(change_set_name)
        stack = self.stacks[change_set.stack_id]
        try:
            execute(self, change_set_name, stack_name)
            stack._parse_template()
            stack.parameters = change_set.parameters
            stack.output_map = stack._create_output_map()
        except Exception as failure:  # noqa: BLE001 - whatever a resource says becomes the stack's failure
            _roll_back(stack, change_set.change_set_type, failure)

    replace(CloudFormationBackend, execute_change_set=executed)


def _roll_back(stack: Any, kind: str, failure: Exception) -> None:
    """End a stack as CloudFormation ends one of which a resource failed: nothing of a new one stays."""
    stack._add_stack_event(f"{kind}_FAILED", resource_status_reason=f"{type(failure).__name__}: {failure}")
    stack.status = "ROLLBACK_COMPLETE" if kind == "CREATE" else "UPDATE_ROLLBACK_COMPLETE"
    if kind == "CREATE":
        with suppress(Exception):
            stack.resource_map.delete()
    stack._add_stack_event(stack.status)


def _fix_template_addresses() -> None:
    """Template addresses are only understood on localhost and amazonaws.com."""
    from moto.cloudformation import models, responses, utils

    original = utils.get_stack_from_s3_url
    host = urlparse(_endpoint).netloc

    def found(template_url: str, account_id: str, partition: str) -> str:
        return str(original(template_url.replace(host, "localhost"), account_id, partition))

    for module in (utils, responses, models):
        replace(module, get_stack_from_s3_url=found)


def _fix_bucket_properties() -> None:
    """Lifecycle, public access and ownership of a stack's bucket are dropped."""
    from moto.s3.models import FakeBucket

    create: Any = FakeBucket.__dict__["create_from_cloudformation_json"].__func__

    def created(cls: Any, /, name: str, document: Any, account_id: str, region_name: str, **kwargs: Any) -> Any:
        bucket = create(cls, name, document, account_id, region_name, **kwargs)
        properties, s3 = document["Properties"], client("s3", account_id, region_name)
        if rules := properties.get("LifecycleConfiguration", {}).get("Rules"):
            configuration = {"Rules": [_lifecycle_rule(rule) for rule in rules]}
            s3.put_bucket_lifecycle_configuration(Bucket=bucket.name, LifecycleConfiguration=configuration)
        if block := properties.get("PublicAccessBlockConfiguration"):
            block = {name: str(value).lower() == "true" for name, value in block.items()}
            s3.put_public_access_block(Bucket=bucket.name, PublicAccessBlockConfiguration=block)
        if ownership := properties.get("OwnershipControls"):
            s3.put_bucket_ownership_controls(Bucket=bucket.name, OwnershipControls=ownership)
        return bucket

    replace(FakeBucket, create_from_cloudformation_json=classmethod(created))


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule in the API's spelling."""
    document = {"ID": rule.get("Id", "rule"), "Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    if "ExpirationInDays" in rule:
        document["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    if upload := rule.get("AbortIncompleteMultipartUpload"):
        document["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": int(upload["DaysAfterInitiation"])}
    return document


def _fix_retained_resources() -> None:
    """A resource with DeletionPolicy Retain is deleted when it leaves the template."""
    from moto.cloudformation.parsing import ResourceMap

    delete = ResourceMap._delete_resource

    def deleted(self: Any, parsed_resource: Any, resource_json: dict[str, Any]) -> None:
        if resource_json.get("DeletionPolicy") not in ("Retain", "RetainExceptOnCreate"):
            delete(self, parsed_resource, resource_json)

    replace(ResourceMap, _delete_resource=deleted)


def _register_resources() -> None:
    """Models of our own; moto looks them up among the direct subclasses of CloudFormationModel, the last one wins."""
    from moto.cloudformation import parsing

    from tests.cloud import stack_resources

    stack_resources.define()
    for cached in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
        cached.cache_clear()
