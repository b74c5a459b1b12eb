"""A person who may only start executions tries to reach more by the stack's rights, and never does."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from tests.cloud import policies
from tests.cloud.iam import Permission
from tests.e2e.statemachine.stack import Stack

HANDLERS = ("Initializer", "Publisher", "Measurer", "Executor", "Cleaner", "Analyzer")
PERMISSIVE = "permissive"
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
REFUSALS = {"InputError", "DeniedError", "NotFoundError"}
ACCOUNT = "arn:aws:lambda:us-east-1:123456789012:function:"


def attempts(stack: Stack) -> Mapping[str, dict[str, Any]]:
    """Inputs that would read what others sent, or use a function that is not theirs to use."""
    bucket, arn = stack.outputs["Bucket"], stack.cloud.simulate_function("app-mine")
    secret = "executions/app-theirs/20260101t000000z-aaaaaa/payload.json"
    stack.cloud.client("s3").put_object(Bucket=bucket, Key=secret, Body=b'{"password": "hunter22"}')
    handler = next(name for name in stack.cloud.function_names() if "OptimizerFunction" in name)
    mine = {"lambdaARN": arn, "powerValues": [256], "num": 1}
    return {
        "another payload": {**mine, "payloadS3": f"s3://{bucket}/{secret}"},
        "a record as package": {**mine, "architectures": "arm64", "codeFor": {"arm64": f"s3://{bucket}/{secret}"}},
        "a handler as target": {**mine, "lambdaARN": handler},
        "a handler as pre-processor": {**mine, "preProcessorARN": ACCOUNT + handler},
        "a handler as post-processor": {**mine, "postProcessorARN": f"{ACCOUNT}{handler}:$LATEST"},
        "a function beyond lambdaResource": {**mine, "lambdaARN": stack.cloud.simulate_function("other")},
        "a function that looks like the tool's": {**mine, "preProcessorARN": stack.cloud.simulate_function("tuner-db")},
    }


def test_every_attempt_of_a_starter_ends_in_a_refusal(stack: Stack) -> None:
    before = stack.cloud.function_names()
    for name, document in attempts(stack).items():
        ended = stack.wait(stack.start(document))
        assert ended["status"] == "FAILED", name
        assert ended["error"] in REFUSALS, f"{name}: {ended['error']}: {ended['cause']}"
        assert "hunter22" not in json.dumps(ended, default=str)
    assert set(before) <= set(stack.cloud.function_names())


@contextmanager
def permissive(stack: Stack) -> Iterator[None]:
    """Every handler's role may do everything that is not denied in so many words."""
    iam = stack.cloud.client("iam")
    roles = [stack.resource(f"{handler}FunctionRole") for handler in HANDLERS]
    for role in roles:
        iam.put_role_policy(RoleName=role, PolicyName=PERMISSIVE, PolicyDocument=json.dumps(EVERYTHING))
    try:
        yield
    finally:
        for role in roles:
            iam.delete_role_policy(RoleName=role, PolicyName=PERMISSIVE)


def test_with_a_permissive_policy_attempts_on_functions_of_others_succeed(stack: Stack) -> None:
    mine = {"lambdaARN": stack.cloud.simulate_function("app-open"), "powerValues": [256], "num": 1}
    tried = {
        "beyond lambdaResource": {**mine, "lambdaARN": stack.cloud.simulate_function("theirs")},
        "looks like the tool's": {**mine, "preProcessorARN": stack.cloud.simulate_function("tuner-theirs")},
    }
    with permissive(stack):
        ended = {name: stack.wait(stack.start(document)) for name, document in tried.items()}
    assert {name: found["status"] for name, found in ended.items()} == dict.fromkeys(tried, "SUCCEEDED"), ended


def test_a_fleet_reads_no_list_from_the_records_of_executions(stack: Stack) -> None:
    bucket = stack.outputs["Bucket"]
    document = {"list": f"s3://{bucket}/executions/app-theirs/result.json"}
    ended = stack.wait(stack.start(document, machine="FleetStateMachineARN"))
    assert (ended["status"], ended["error"]) == ("FAILED", "InputError")


def inline(stack: Stack, handler: str) -> Iterator[tuple[str, Any]]:
    """The policies of a handler's role, by name."""
    iam, role = stack.cloud.client("iam"), stack.resource(f"{handler}FunctionRole")
    for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        # moto keeps what CloudFormation gave it as a Python literal.
        yield policy, ast.literal_eval(document) if isinstance(document, str) else document


RIGHTS = [
    ("Executor", "lambda:InvokeFunction", "tuner-db", False),
    ("Executor", "lambda:InvokeFunction", "tuner_20260918t041200z-3f2a9c-256-arm-1-orders", True),
    ("Measurer", "lambda:InvokeFunction", "tuner-db", False),
    ("Measurer", "lambda:InvokeFunction", "tuner_20260918t041200z-3f2a9c-256-arm-1-orders", True),
    ("Measurer", "lambda:DeleteFunction", "app-orders", False),
    ("Cleaner", "lambda:DeleteFunction", "tuner-db", False),
    ("Cleaner", "lambda:DeleteFunction", "tuner_20260918t041200z-3f2a9c-256-arm-1-orders", True),
    ("Cleaner", "lambda:DeleteFunction", "app-orders", False),
    ("Cleaner", "lambda:DeleteFunction", "app-orders:7", True),
    ("Initializer", "lambda:DeleteFunction", "app-orders", False),
    ("Publisher", "lambda:DeleteFunction", "app-orders", False),
    ("Publisher", "lambda:UpdateFunctionConfiguration", "other", False),
    ("Publisher", "ecr:BatchGetImage", "app-orders", False),
]
"""Of a handler: an action, a function, and whether its role may do that."""


@pytest.mark.parametrize(("handler", "action", "name", "allowed"), RIGHTS)
def test_roles_hold_their_handlers_to_versions_and_copies(
    stack: Stack, handler: str, action: str, name: str, allowed: bool
) -> None:
    statements = [statement for _, document in inline(stack, handler) for statement in policies.statements(document)]
    permission = Permission(action, ACCOUNT + name)
    assert policies.is_allowed(statements, permission) is allowed
    # Nothing else than the policy holds it: with every right it would be allowed.
    assert policies.is_allowed([*statements, *policies.statements(EVERYTHING)], permission)


def test_no_handler_of_the_stack_may_be_invoked_or_changed_by_another(stack: Stack) -> None:
    statements = [statement for _, document in inline(stack, "Executor") for statement in policies.statements(document)]
    handlers = [name for name in stack.cloud.function_names() if "Function" in name]
    assert len(handlers) == 11
    for name in handlers:
        assert policies.is_denied(statements, Permission("lambda:InvokeFunction", ACCOUNT + name)), name
