"""Evaluates IAM policies: may this principal do this, as AWS decides from the statements.

A role or a user that exists in the account's IAM is held to its policies; the tests' default
user has no entry there and may do all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from tests.cloud.errors import AwsError
from tests.cloud.iam import NO_PERMISSION_NEEDED, Permission, needed
from tests.cloud.wire import Call

Statement = dict[str, Any]
_ALWAYS = {"aws:SecureTransport": "true"}
"""Context of every request: the stand-in's plain HTTP stands for TLS."""


def authorize(call: Call) -> None:
    """Refuse a call for which its principal lacks a permission.

    Raises:
        AwsError: AccessDenied in the service's words.
    """
    statements = statements_of(call)
    if statements is None:
        return
    for permission in needed(call):
        if permission.action not in NO_PERMISSION_NEEDED and not is_allowed(statements, permission):
            raise denied(call, permission)


def authorize_listing(call: Call) -> None:
    """Refuse to say that an object does not exist to somebody who may not list its bucket.

    Raises:
        AwsError: AccessDenied.
    """
    found = statements_of(call)
    listing = Permission("s3:ListBucket", f"arn:aws:s3:::{call.parameters.get('Bucket')}")
    if found is not None and not is_allowed(found, listing):
        raise denied(call, listing)


def denied(call: Call, permission: Permission) -> AwsError:
    """The service's words for a missing permission."""
    text = (
        f"User: {call.principal} is not authorized to perform: {permission.action} on resource: {permission.resource} "
        f"because no identity-based policy allows the {permission.action} action"
    )
    code = "AccessDenied" if call.protocol in ("query", "rest-xml") else "AccessDeniedException"
    return AwsError(code, text, status=400 if call.protocol == "json" else 403)


def is_allowed(statements: Iterable[Statement], permission: Permission) -> bool:
    """Whether some statement allows it and none denies it."""
    effects = {statement["Effect"] for statement in statements if _applies(statement, permission)}
    return effects == {"Allow"}


def is_denied(statements: Iterable[Statement], permission: Permission) -> bool:
    """Whether some statement denies it."""
    return any(statement["Effect"] == "Deny" and _applies(statement, permission) for statement in statements)


def statements(document: str | dict[str, Any]) -> list[Statement]:
    """The statements of a policy document."""
    policy = json.loads(document) if isinstance(document, str) else document
    found = policy["Statement"]
    return list(found) if isinstance(found, list) else [found]


def statements_of(call: Call) -> list[Statement] | None:
    """All statements that are attached to the caller; None: nothing holds it back."""
    from moto.iam.models import iam_backends

    if call.caller == "stacks":
        return None
    if ":assumed-role/" in call.principal:
        return statements_of_role(call.account, call.principal.split("/")[-2])
    holder = iam_backends[call.account]["aws"].get_user_from_access_key_id(call.access_key)
    return None if holder is None else list(_attached(holder))


def statements_of_role(account: str, name: str) -> list[Statement] | None:
    """All statements of a role; None: there is no such role."""
    from moto.iam.exceptions import NotFoundException
    from moto.iam.models import iam_backends

    try:
        return list(_attached(iam_backends[account]["aws"].get_role(name)))
    except NotFoundException:
        return None


def _attached(holder: Any) -> Iterator[Statement]:
    inline = holder.policies
    for document in inline.values() if isinstance(inline, dict) else inline:
        yield from statements(document.get("policy_document", document) if isinstance(document, dict) else document)
    for managed in holder.managed_policies.values():
        yield from statements(managed.document)


def _applies(statement: Statement, permission: Permission) -> bool:
    return (
        _matches(statement, "Action", permission.action.lower(), lower=True)
        and _matches(statement, "Resource", permission.resource)
        and all(
            _condition(operator, keys, {**_ALWAYS, **dict(permission.context)})
            for operator, keys in statement.get("Condition", {}).items()
        )
    )


def _matches(statement: Statement, element: str, value: str, *, lower: bool = False) -> bool:
    if f"Not{element}" in statement:
        return not _matches({element: statement[f"Not{element}"]}, element, value, lower=lower)
    patterns = _listed(statement.get(element, "*"))
    return any(_like(value, pattern.lower() if lower else pattern) for pattern in patterns)


def _condition(operator: str, keys: dict[str, Any], context: dict[str, str]) -> bool:
    """Whether all keys fulfil a condition; one that is not in the request does not, but with …IfExists."""
    name = operator.removesuffix("IfExists")
    for key, wanted in keys.items():
        if key not in context:
            if operator == name:
                return False
            continue
        value, values = context[key], [str(item) for item in _listed(wanted)]
        if name == "Bool":
            fulfilled = value.lower() in [item.lower() for item in values]
        elif name in ("StringEquals", "ArnEquals"):
            fulfilled = value in values
        elif name in ("StringLike", "ArnLike"):
            fulfilled = any(_like(value, item) for item in values)
        else:
            raise NotImplementedError(f"condition operator {operator}")
        if not fulfilled:
            return False
    return True


def _like(value: str, pattern: str) -> bool:
    return fnmatchcase(value, re.sub(r"\[", "[[]", pattern))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
