"""The stand-in's Lambda is as strict as AWS: each rule is one in which moto's own differs."""

from __future__ import annotations

import base64
import json
import threading
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from tests.cloud.fixtures import Cloud
from tests.cloud.zips import zipped

HOUR_S = 3600.0
"""How long something takes that must not end until a test lets time pass."""
SOON_S = 1.0
"""Longer than anything takes by the settings."""


def refused(action: Callable[[], Any]) -> tuple[str, int]:
    """Code and status with which the API refuses."""
    with pytest.raises(ClientError) as caught:
        action()
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.fixture
def client(cloud: Cloud) -> Any:
    """A client of an account with the function `f`, of 256 MB."""
    cloud.simulate_function("f", memory_mb=256)
    return cloud.client("lambda")


def test_invoke_runs_the_version_that_the_qualifier_names(cloud: Cloud, client: Any) -> None:
    number = cloud.publish("f")
    client.update_function_configuration(FunctionName="f", MemorySize=1024)
    cloud.wait("f")
    old = client.invoke(FunctionName="f", Qualifier=number, LogType="Tail")
    new = client.invoke(FunctionName="f", LogType="Tail")
    assert old["ExecutedVersion"] == number
    assert b"Memory Size: 256 MB" in base64.b64decode(old["LogResult"])
    assert b"Memory Size: 1024 MB" in base64.b64decode(new["LogResult"])


def test_a_copy_of_a_simulated_function_behaves_like_it_whatever_its_name(cloud: Cloud, client: Any) -> None:
    cloud.simulate_function("origin", model={"wait_ms": 2000.0, "cpu_ms": 0.0, "noise": 0.0})
    with urllib.request.urlopen(client.get_function(FunctionName="origin")["Code"]["Location"]) as answer:
        code = answer.read()
    role = client.get_function_configuration(FunctionName="origin")["Role"]
    client.create_function(
        FunctionName="other", Role=role, Code={"ZipFile": code}, Runtime="python3.13", Handler="app.handler"
    )
    cloud.wait("other")
    logs = base64.b64decode(client.invoke(FunctionName="other", LogType="Tail")["LogResult"])
    assert b"\tDuration: 2000.00 ms" in logs


def test_an_unknown_qualifier_is_not_found(client: Any) -> None:
    assert refused(lambda: client.invoke(FunctionName="f", Qualifier="9")) == ("ResourceNotFoundException", 404)
    assert refused(lambda: client.get_function(FunctionName="f", Qualifier="live"))[0] == "ResourceNotFoundException"


def test_publishing_without_a_change_returns_the_last_version(cloud: Cloud, client: Any) -> None:
    first = cloud.publish("f")
    assert cloud.publish("f", Description="another description alone changes nothing") == first
    client.update_function_configuration(FunctionName="f", Description="changed")
    cloud.wait("f")
    assert cloud.publish("f") != first


def test_version_numbers_are_never_reused(cloud: Cloud, client: Any) -> None:
    number = cloud.publish("f")
    client.delete_function(FunctionName="f", Qualifier=number)
    assert int(cloud.publish("f")) == int(number) + 1


def test_published_versions_are_immutable(cloud: Cloud, client: Any) -> None:
    number = cloud.publish("f")
    change = lambda: client.update_function_configuration(FunctionName=f"f:{number}", MemorySize=512)  # noqa: E731
    assert refused(change)[0] == "InvalidParameterValueException"


def test_latest_cannot_be_deleted_and_a_missing_version_is_no_error(client: Any) -> None:
    delete = lambda: client.delete_function(FunctionName="f", Qualifier="$LATEST")  # noqa: E731
    assert refused(delete) == ("InvalidParameterValueException", 400)
    assert client.delete_function(FunctionName="f", Qualifier="7")["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_a_version_with_an_alias_cannot_be_deleted(cloud: Cloud, client: Any) -> None:
    first = cloud.publish("f")
    client.update_function_configuration(FunctionName="f", MemorySize=512)
    cloud.wait("f")
    second = cloud.publish("f")
    weights = {"AdditionalVersionWeights": {second: 0.5}}
    client.create_alias(FunctionName="f", Name="live", FunctionVersion=first, RoutingConfig=weights)
    for number in (first, second):
        delete = lambda n=number: client.delete_function(FunctionName="f", Qualifier=n)  # noqa: E731
        assert refused(delete) == ("ResourceConflictException", 409)


def test_an_alias_with_weights_sends_invocations_to_both_versions(cloud: Cloud, client: Any) -> None:
    first = cloud.publish("f")
    client.update_function_configuration(FunctionName="f", MemorySize=512)
    cloud.wait("f")
    second = cloud.publish("f")
    weights = {"AdditionalVersionWeights": {second: 0.5}}
    client.create_alias(FunctionName="f", Name="live", FunctionVersion=first, RoutingConfig=weights)
    ran = {client.invoke(FunctionName="f", Qualifier="live")["ExecutedVersion"] for _ in range(40)}
    assert ran == {first, second}


def test_a_function_is_pending_while_it_is_made(cloud: Cloud) -> None:
    cloud.settings(create_seconds=HOUR_S)
    cloud.simulate_function("g", wait=False)
    client = cloud.client("lambda")
    assert client.get_function_configuration(FunctionName="g")["State"] == "Pending"
    assert refused(lambda: client.invoke(FunctionName="g")) == ("ResourceConflictException", 409)
    change = lambda: client.update_function_configuration(FunctionName="g", MemorySize=512)  # noqa: E731
    assert refused(change) == ("ResourceConflictException", 409)


def test_a_second_change_while_one_is_in_progress_is_a_conflict(cloud: Cloud, client: Any) -> None:
    cloud.settings(update_seconds=HOUR_S)
    changed = client.update_function_configuration(FunctionName="f", MemorySize=512)
    assert changed["LastUpdateStatus"] == "InProgress"
    for change in (
        lambda: client.update_function_configuration(FunctionName="f", MemorySize=1024),
        lambda: client.update_function_code(FunctionName="f", ZipFile=zipped({"app.py": "1"})),
        lambda: client.publish_version(FunctionName="f"),
    ):
        assert refused(change) == ("ResourceConflictException", 409)


def test_an_invocation_during_an_update_runs_what_was_before(cloud: Cloud, client: Any) -> None:
    cloud.settings(update_seconds=HOUR_S)
    client.update_function_configuration(FunctionName="f", MemorySize=512)
    during = client.invoke(FunctionName="f", LogType="Tail")
    cloud.pass_by(HOUR_S)
    cloud.wait("f")
    after = client.invoke(FunctionName="f", LogType="Tail")
    assert b"Memory Size: 256 MB" in base64.b64decode(during["LogResult"])
    assert b"Memory Size: 512 MB" in base64.b64decode(after["LogResult"])


def test_a_new_version_is_pending_and_one_with_snapstart_longer(cloud: Cloud, client: Any) -> None:
    cloud.settings(publish_seconds=HOUR_S, snapstart_seconds=2 * HOUR_S)
    plain = client.publish_version(FunctionName="f")
    client.update_function_configuration(FunctionName="f", SnapStart={"ApplyOn": "PublishedVersions"})
    cloud.wait("f")
    number = client.publish_version(FunctionName="f")["Version"]

    def states() -> list[str]:
        found = [client.get_function_configuration(FunctionName="f", Qualifier=n) for n in (plain["Version"], number)]
        return [version["State"] for version in found]

    assert (plain["State"], states()) == ("Pending", ["Pending", "Pending"])
    cloud.pass_by(HOUR_S)
    assert states() == ["Active", "Pending"]
    cloud.pass_by(HOUR_S)
    assert states() == ["Active", "Active"]
    version = client.get_function_configuration(FunctionName="f", Qualifier=number)
    assert version["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
    assert client.get_function_configuration(FunctionName="f")["SnapStart"]["OptimizationStatus"] == "Off"
    log = base64.b64decode(client.invoke(FunctionName="f", Qualifier=number, LogType="Tail")["LogResult"])
    assert b"Billed Restore Duration" in log


def test_every_write_refuses_a_stale_revision(cloud: Cloud, client: Any) -> None:
    number = cloud.publish("f")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion=number)
    stale = "00000000-0000-0000-0000-000000000000"
    for change in (
        lambda: client.update_function_configuration(FunctionName="f", MemorySize=512, RevisionId=stale),
        lambda: client.update_function_code(FunctionName="f", ZipFile=zipped({"a.py": "1"}), RevisionId=stale),
        lambda: client.publish_version(FunctionName="f", RevisionId=stale),
        lambda: client.update_alias(FunctionName="f", Name="live", Description="x", RevisionId=stale),
    ):
        assert refused(change) == ("PreconditionFailedException", 412)


def test_the_revision_changes_with_an_update_with_its_end_and_with_publishing(cloud: Cloud, client: Any) -> None:
    cloud.settings(update_seconds=HOUR_S)
    seen = [client.get_function_configuration(FunctionName="f")["RevisionId"]]
    seen.append(client.update_function_configuration(FunctionName="f", MemorySize=512)["RevisionId"])
    cloud.pass_by(HOUR_S)
    seen.append(client.get_function_configuration(FunctionName="f")["RevisionId"])
    number = cloud.publish("f", RevisionId=seen[-1])
    seen.append(client.get_function_configuration(FunctionName="f")["RevisionId"])
    client.create_alias(FunctionName="f", Name="live", FunctionVersion=number)
    assert len(set(seen)) == 4
    assert client.get_function_configuration(FunctionName="f")["RevisionId"] == seen[-1]


def test_publish_version_checks_the_code_hash(client: Any) -> None:
    assert (
        refused(lambda: client.publish_version(FunctionName="f", CodeSha256="AAAA"))[0]
        == "InvalidParameterValueException"
    )
    current = client.get_function_configuration(FunctionName="f")["CodeSha256"]
    assert client.publish_version(FunctionName="f", CodeSha256=current)["Version"] == "1"


def test_architectures_change_with_the_code_and_stay_with_a_version(cloud: Cloud, client: Any) -> None:
    number = cloud.publish("f")
    client.update_function_code(FunctionName="f", ZipFile=zipped({"app.py": "2"}), Architectures=["arm64"])
    cloud.wait("f")
    assert client.get_function_configuration(FunctionName="f")["Architectures"] == ["arm64"]
    assert client.get_function_configuration(FunctionName="f", Qualifier=number)["Architectures"] == ["x86_64"]


def test_the_code_of_a_function_can_be_downloaded(cloud: Cloud) -> None:
    source = {"app.py": "def handler(event, context): return 1\n"}
    cloud.create_function("g", source, "app.handler")
    location = cloud.client("lambda").get_function(FunctionName="g")["Code"]["Location"]
    with urllib.request.urlopen(location) as response:
        assert response.read() == zipped(source)


def test_reserved_concurrency_of_zero_throttles_with_reason_and_retry_after(client: Any) -> None:
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    with pytest.raises(client.exceptions.TooManyRequestsException) as caught:
        client.invoke(FunctionName="f")
    assert caught.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert caught.value.response["retryAfterSeconds"] == "1"


def test_the_accounts_concurrency_is_a_limit_for_all_functions_together(cloud: Cloud) -> None:
    cloud.settings(concurrency=2, unreserved_minimum=0)
    for name in ("one", "two", "three"):
        cloud.simulate_function(name, model={"cpu_ms": 0, "wait_ms": 500, "pace": 1.0})
    client, outcomes = cloud.client("lambda"), []

    def invoke(name: str) -> None:
        try:
            client.invoke(FunctionName=name)
            outcomes.append("ok")
        except ClientError as error:
            outcomes.append(error.response["Reason"])

    threads = [threading.Thread(target=invoke, args=(name,)) for name in ("one", "two", "three")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["ConcurrentInvocationLimitExceeded", "ok", "ok"]


def test_reservations_must_leave_the_account_its_minimum(cloud: Cloud, client: Any) -> None:
    cloud.settings(concurrency=10, unreserved_minimum=10)
    reserve = lambda: client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)  # noqa: E731
    assert refused(reserve) == ("InvalidParameterValueException", 400)
    assert client.get_account_settings()["AccountLimit"]["ConcurrentExecutions"] == 10


def test_the_accounts_memory_limit_is_refused_in_the_words_of_the_api(cloud: Cloud, client: Any) -> None:
    cloud.settings(memory_limit_mb=3008)
    with pytest.raises(ClientError, match="'MemorySize' value failed to satisfy constraint") as caught:
        client.update_function_configuration(FunctionName="f", MemorySize=3009)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    client.update_function_configuration(FunctionName="f", MemorySize=3008)


def test_each_version_counts_against_the_code_storage(cloud: Cloud, client: Any) -> None:
    size = client.get_function_configuration(FunctionName="f")["CodeSize"]
    cloud.settings(code_storage_bytes=2 * size)
    cloud.publish("f")
    assert client.get_account_settings()["AccountUsage"]["TotalCodeSize"] == 2 * size
    client.update_function_configuration(FunctionName="f", Description="changed")
    cloud.wait("f")
    assert refused(lambda: client.publish_version(FunctionName="f"))[0] == "CodeStorageExceededException"


def test_payloads_over_six_megabytes_and_invalid_json_are_refused(client: Any) -> None:
    large = json.dumps("x" * 6_291_456).encode()
    assert refused(lambda: client.invoke(FunctionName="f", Payload=large)) == ("RequestEntityTooLargeException", 413)
    assert refused(lambda: client.invoke(FunctionName="f", Payload=b"{"))[0] == "InvalidRequestContentException"


def test_versions_are_listed_in_pages_and_by_arn(cloud: Cloud, client: Any) -> None:
    for memory_mb in (512, 1024):
        client.update_function_configuration(FunctionName="f", MemorySize=memory_mb)
        cloud.wait("f")
        cloud.publish("f")
    arn = client.get_function_configuration(FunctionName="f")["FunctionArn"]
    first = client.list_versions_by_function(FunctionName=arn, MaxItems=2)
    rest = client.list_versions_by_function(FunctionName=arn, MaxItems=2, Marker=first["NextMarker"])
    assert [version["Version"] for version in first["Versions"] + rest["Versions"]] == ["$LATEST", "1", "2"]
    assert "NextMarker" not in rest


def test_the_control_plane_can_be_limited(cloud: Cloud, client: Any) -> None:
    cloud.settings(control_plane_rate=2)
    with pytest.raises(client.exceptions.TooManyRequestsException) as caught:
        _ = [client.get_function_configuration(FunctionName="f") for _ in range(20)]
    assert caught.value.response["Reason"] == "CallerRateLimitExceeded"


def test_the_log_result_is_the_last_four_kibibytes(cloud: Cloud) -> None:
    cloud.simulate_function("chatty", model={"log_bytes": 10_000})
    answer = cloud.client("lambda").invoke(FunctionName="chatty", LogType="Tail")
    tail = base64.b64decode(answer["LogResult"])
    assert len(tail) == 4096
    assert tail.rstrip().split(b"\n")[-1].startswith(b"REPORT")


def test_json_logging_reports_as_json_and_level_warn_hides_the_report(cloud: Cloud) -> None:
    client = cloud.client("lambda")
    cloud.simulate_function("j", LoggingConfig={"LogFormat": "JSON"})
    log = base64.b64decode(client.invoke(FunctionName="j", LogType="Tail")["LogResult"])
    report = json.loads(log.splitlines()[-1])
    assert report["type"] == "platform.report"
    client.update_function_configuration(
        FunctionName="j", LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "WARN"}
    )
    cloud.wait("j")
    log = base64.b64decode(client.invoke(FunctionName="j", LogType="Tail")["LogResult"])
    assert b"platform.report" not in log


def test_the_log_is_found_by_request_id_after_a_while_and_after_an_empty_page(cloud: Cloud, client: Any) -> None:
    cloud.settings(log_delay_seconds=HOUR_S)
    logs = cloud.client("logs")
    request_id = client.invoke(FunctionName="f")["ResponseMetadata"]["RequestId"]
    client.invoke(FunctionName="f")
    names = {"logGroupName": "/aws/lambda/f", "filterPattern": f'"{request_id}"'}
    assert refused(lambda: logs.filter_log_events(**names))[0] == "ResourceNotFoundException"
    assert logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/f")["logGroups"] == []
    cloud.pass_by(HOUR_S)
    assert logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/f")["logGroups"] != []
    assert logs.filter_log_events(**names)["events"] == []
    found = logs.get_paginator("filter_log_events").paginate(**names).build_full_result()
    assert [event["message"].split()[0] for event in found["events"]] == ["START", "END", "REPORT"]


def test_a_filter_pattern_with_dashes_needs_quotes(cloud: Cloud, client: Any) -> None:
    client.invoke(FunctionName="f")
    cloud.pass_by(SOON_S)
    search = lambda: cloud.client("logs").filter_log_events(logGroupName="/aws/lambda/f", filterPattern="a-b")  # noqa: E731
    assert refused(search) == ("InvalidParameterException", 400)


def test_an_update_and_a_version_may_fail_with_a_reason(cloud: Cloud, client: Any) -> None:
    cloud.settings(update_fails="SubnetOutOfIPAddresses", publish_fails="FunctionError")
    client.update_function_configuration(FunctionName="f", MemorySize=512)
    cloud.pass_by(SOON_S)
    failed = client.get_function_configuration(FunctionName="f")
    assert (failed["LastUpdateStatus"], failed["LastUpdateStatusReasonCode"]) == ("Failed", "SubnetOutOfIPAddresses")
    log = client.invoke(FunctionName="f", LogType="Tail")["LogResult"]
    assert b"Memory Size: 256 MB" in base64.b64decode(log)
    number = client.publish_version(FunctionName="f")["Version"]
    cloud.pass_by(SOON_S)
    assert client.get_function_configuration(FunctionName="f", Qualifier=number)["State"] == "Failed"
    assert refused(lambda: client.invoke(FunctionName="f", Qualifier=number)) == ("ResourceConflictException", 409)


def test_a_function_has_at_most_fifty_tags_beside_those_of_aws(cloud: Cloud, client: Any) -> None:
    tags = {f"key{n}": "" for n in range(50)}
    arn = cloud.simulate_function("tagged", Tags={**tags, "aws:cloudformation:stack-name": "shop"})
    refusal = ("InvalidParameterValueException", 400)
    assert refused(lambda: client.tag_resource(Resource=arn, Tags={"one": "more"})) == refusal
    client.tag_resource(Resource=arn, Tags={"key0": "changed"})
    assert len(client.list_tags(Resource=arn)["Tags"]) == 51
    assert refused(lambda: cloud.simulate_function("more", Tags={**tags, "one": "more"})) == refusal


def test_container_images_and_managed_instances_keep_what_tells_them(cloud: Cloud) -> None:
    image: dict[str, Any] = {
        "PackageType": "Image",
        "Code": {"ImageUri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/app:1"},
    }
    cloud.simulate_function("boxed", **image)
    function = cloud.client("lambda").get_function(FunctionName="boxed")
    assert function["Configuration"]["PackageType"] == "Image"
    assert "@sha256:" in function["Code"]["ResolvedImageUri"]
    arn = f"arn:aws:lambda:us-east-1:{cloud.account}:capacity-provider:p"
    provider = {"LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": arn}}
    cloud.simulate_function("managed", CapacityProviderConfig=provider)
    configuration = cloud.client("lambda").get_function_configuration(FunctionName="managed")
    assert configuration["CapacityProviderConfig"] == provider


def test_provisioned_concurrency_needs_a_version_and_takes_time(cloud: Cloud, client: Any) -> None:
    put = client.put_provisioned_concurrency_config
    on_latest = lambda: put(FunctionName="f", Qualifier="$LATEST", ProvisionedConcurrentExecutions=1)  # noqa: E731
    assert refused(on_latest)[0] == "InvalidParameterValueException"
    number = cloud.publish("f")
    assert put(FunctionName="f", Qualifier=number, ProvisionedConcurrentExecutions=1)["Status"] == "IN_PROGRESS"
    cloud.pass_by(SOON_S)
    assert client.get_provisioned_concurrency_config(FunctionName="f", Qualifier=number)["Status"] == "READY"


def test_a_fault_refuses_the_call_that_it_names_once(cloud: Cloud, client: Any) -> None:
    cloud.faults.add("deny", "PublishVersion")
    with pytest.raises(ClientError, match="not authorized to perform: lambda:PublishVersion"):
        client.publish_version(FunctionName="f")
    assert client.publish_version(FunctionName="f")["Version"] == "1"


def test_a_lost_reply_loses_the_answer_and_not_the_change(cloud: Cloud, client: Any) -> None:
    cloud.faults.add("lose_reply", "PublishVersion")
    with pytest.raises(HTTPClientError):
        client.publish_version(FunctionName="f")
    assert [v["Version"] for v in client.list_versions_by_function(FunctionName="f")["Versions"]] == ["$LATEST", "1"]


def test_a_hook_runs_in_the_test_while_the_call_waits(cloud: Cloud, client: Any) -> None:
    deploy = lambda call: client.update_function_code(FunctionName="f", ZipFile=zipped({"app.py": "new"}))  # noqa: E731
    before = client.get_function_configuration(FunctionName="f")["CodeSha256"]
    cloud.faults.hook(deploy, "PublishVersion")
    assert (
        refused(lambda: client.publish_version(FunctionName="f", CodeSha256=before))[0] == "ResourceConflictException"
    )


def test_every_call_is_recorded_with_the_permission_it_needs(cloud: Cloud, client: Any) -> None:
    cloud.forget_calls()
    client.invoke(FunctionName="f", Payload=b"{}")
    (entry,) = cloud.calls(caller="user")
    assert (entry["service"], entry["operation"], entry["action"]) == ("lambda", "Invoke", "lambda:InvokeFunction")
    assert entry["resource"].endswith(":function:f")
    assert entry["outcome"] == "ok"
