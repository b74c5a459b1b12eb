"""The lock of a function while executions end and begin at the same moment."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.function_lock import Holder, encode_holder
from statemachine.handlers import cleaner, initializer
from statemachine.messages import EndedExecution
from tests.cloud.fixtures import Cloud
from tests.integration.statemachine.driver import BUCKET, Driver

ASKED = {"lambdaARN": "orders", "num": 1, "powerValues": [128], "payload": {}}
LOCK = "locks/arn/aws/lambda/us-east-1/123456789012/function/orders.json"


@pytest.mark.parametrize("moment", [{"operation": "GetObject", "service": "s3", "where": {"Key": LOCK}},
                                    {"operation": "ListVersionsByFunction"}], ids=["read", "undo"])  # fmt: skip
def test_an_execution_begins_when_the_lock_that_it_met_is_released_meanwhile(
    cloud: Cloud, driver: Driver, moment: dict[str, Any]
) -> None:
    """While it reads the lock its holder ends, or while it undoes an aborted holder the Cleaner of that one is done."""
    cloud.simulate_function("orders")
    driver.start(ASKED)
    cloud.faults.hook(lambda _: cloud.client("s3").delete_object(Bucket=BUCKET, Key=LOCK), **moment)
    second = driver.start(ASKED)
    assert driver.services.objects.keys("locks/") == [LOCK]
    driver.end(second)
    assert not driver.services.objects.keys("locks/")


def test_a_cleaner_releases_no_lock_that_another_execution_has_taken_meanwhile(cloud: Cloud, driver: Driver) -> None:
    cloud.simulate_function("orders")
    aborted = driver.new_execution(ASKED)
    initializer.begin(aborted, driver.services)
    taken = encode_holder(Holder("another", "20260918t041200z-3f2a9c", "executions/orders", "orders"))
    s3 = cloud.client("s3")
    cloud.faults.hook(
        lambda _: s3.put_object(Bucket=BUCKET, Key=LOCK, Body=taken),
        "GetObject", service="s3", where={"Key": LOCK}, after=True,
    )  # fmt: skip
    cleaner.clean_ended(EndedExecution(aborted.execution, aborted.started_at), driver.services, lambda: 900.0)
    assert driver.services.objects.read(LOCK) == taken


def test_a_write_that_meets_another_one_is_repeated_and_claims_what_it_asked_for(cloud: Cloud, driver: Driver) -> None:
    """S3 answers 409 then. Nobody has written yet, so that to believe the claim taken would lose runs."""
    cloud.faults.add(
        "error", "PutObject", service="s3", where={"IfNoneMatch": "*"}, code="ConditionalRequestConflict", status=409,
        message="The conditional request cannot succeed due to a conflicting operation against this resource.",
    )  # fmt: skip
    assert driver.services.objects.create("claims/1.json", b"me")
    assert driver.services.objects.read("claims/1.json") == b"me"
