"""Whoever may start executions reaches nothing by the stack's own rights."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.deployment import Deployment
from statemachine.deputy import refuse_borrowed_rights, refuse_own_object
from statemachine.execution_input import read_execution_input
from tuner.errors import InputError

BUCKET = "tuner-bucket"
OWN = ("stack-ExecutorFunction-A1", "stack-PublisherFunction-B2")
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:"


def refused(**fields: Any) -> set[str]:
    """The paths that are refused in an input with these fields."""
    asked = read_execution_input({"lambdaARN": "orders", "num": 5, **fields}, Deployment())
    try:
        refuse_borrowed_rights(asked.settings, bucket=BUCKET, own_functions=OWN)
    except InputError as exc:
        return {fault.path for fault in exc.faults}
    return set()


@pytest.mark.parametrize(
    "key",
    ["executions/orders/run/payload.json", "executions/orders/run/result.json", "locks/x.json", "fleets/a/items.json",
     "begun/run.json", "lists", "Lists/a", "x/lists/a", "lists%2F../executions/x"],
)  # fmt: skip
def test_nothing_of_the_stacks_bucket_is_read_but_lists(key: str) -> None:
    address = f"s3://{BUCKET}/{key}"
    expected = set() if key.startswith("lists%2F") else {"$.payloadS3"}
    assert refused(payloadS3=address) == expected
    with pytest.raises(InputError):
        refuse_own_object(address, bucket=BUCKET, path="$.list")


def test_other_buckets_and_lists_are_open() -> None:
    assert refused(payloadS3=f"s3://{BUCKET}/lists/one.json") == set()
    assert refused(payloadS3="s3://other/executions/one.json") == set()


def test_a_package_is_not_taken_from_the_records_of_executions() -> None:
    assert refused(codeFor={"arm64": f"s3://{BUCKET}/executions/a/payload.json"}) == {"$.codeFor.arm64"}


@pytest.mark.parametrize("own", OWN)
@pytest.mark.parametrize(
    "form",
    ["{}", "{}:live", ARN + "{}", ARN + "{}:7", "123456789012:function:{}"],
)
def test_no_handler_of_the_stack_is_a_target_or_a_processor(own: str, form: str) -> None:
    named = form.format(own)
    assert refused(lambdaARN=named) == {"$.lambdaARN"}
    assert refused(preProcessorARN=named, postProcessorARN=named) == {"$.preProcessorARN", "$.postProcessorARN"}
