"""Applying a recommendation: to $LATEST, to another architecture, through an alias, never over somebody's change."""

from __future__ import annotations

from typing import Any

import pytest

from tests.aws_e2e.harness import quick_api, stand_in
from tests.cloud.fixtures import Cloud, zipped
from tuner.aws.api.errors import DeniedError
from tuner.aws.changes import apply
from tuner.errors import FunctionChangedError, InputError, LeftBehindError, TunerError
from tuner.search.decision import WeakEvidenceError

OTHER_CODE = zipped({"app.py": "def handler(event, context):\n    return 'deployed'\n"})


SURE = {"mean": 100.0, "low": 98.0, "high": 102.0, "level": 0.95}


def result(cloud: Cloud, memory_mb: int = 256, architecture: str = "x86_64", **changes: Any) -> dict[str, Any]:
    """What `apply` reads of a result document."""
    configuration = cloud.client("lambda").get_function_configuration(FunctionName="orders")
    function = {
        "backend": "aws",
        "name": "orders",
        "arn": configuration["FunctionArn"],
        "region": cloud.region,
        "code_sha256": configuration["CodeSha256"],
    }
    recommendation = {
        "memory_mb": memory_mb,
        "architecture": architecture,
        "expected_regret": 0.004,
        "duration_ms": SURE,
    }
    measurement = {
        "memory_mb": memory_mb,
        "architecture": architecture,
        "runs": 4,
        "duration_ms": {"mean": 100.0, "p50": 99.0},
        "outcomes": {"ok": 4, "error": 0, "timeout": 0, "throttled": 0, "refused": 0},
        "data": {"usable": [True] * 4, "cold": [True, False] * 2, "environment": ["a", "a", "b", "b"]},
    }
    return {
        "function": {**function, **changes},
        "recommendation": {**recommendation, "given_to_ties": 0.0, "unmet": None},
        "request": {"tolerance": 0.01},
        "stopped_by": "tolerance",
        "curve": [{}, {}],
        "current": None,
        "measurements": [measurement],
        "excluded": [],
        "warnings": [],
    }


@pytest.fixture(autouse=True)
def orders(cloud: Cloud) -> None:
    cloud.simulate_function("orders", memory_mb=1024, Description="All orders")


def apply_recommendation(document: dict[str, Any], cloud: Cloud, **options: Any) -> str:
    return apply.apply_recommendation(document, stand_in(cloud.endpoint), make_api=quick_api, **options)


def configuration(cloud: Cloud, qualifier: str = "$LATEST") -> dict[str, Any]:
    found: dict[str, Any] = cloud.client("lambda").get_function_configuration(
        FunctionName="orders", Qualifier=qualifier
    )
    return found


def test_memory_and_architecture_of_latest_are_set_and_nothing_else(cloud: Cloud) -> None:
    before = configuration(cloud)
    said = apply_recommendation(result(cloud, 256, "arm64"), cloud)
    assert said == "orders: 1,024 MB x86_64 -> 256 MB arm64."
    after = configuration(cloud)
    assert (after["MemorySize"], after["Architectures"]) == (256, ["arm64"])
    changed = {"MemorySize", "Architectures", "RevisionId", "LastModified", "ResponseMetadata"}
    assert {k: v for k, v in after.items() if k not in changed} == {k: v for k, v in before.items() if k not in changed}
    assert "othing to apply" in apply_recommendation(result(cloud, 256, "arm64"), cloud)


def test_a_result_with_weak_evidence_is_applied_by_force_alone(cloud: Cloud) -> None:
    weak = {**result(cloud), "stopped_by": "interrupted"}
    before = cloud.snapshot("orders")
    with pytest.raises(WeakEvidenceError, match="not applied: the run was interrupted") as refused:
        apply_recommendation(weak, cloud)
    assert "--force" in refused.value.hint
    assert cloud.snapshot("orders") == before
    planned = apply_recommendation(weak, cloud, dry_run=True)
    assert planned.startswith("Note: applying needs --force: the run was interrupted.")
    assert apply_recommendation(weak, cloud, force=True) == "orders: 1,024 MB x86_64 -> 256 MB x86_64."


def test_an_alias_moves_to_a_new_version_of_its_own_code(cloud: Cloud) -> None:
    client = cloud.client("lambda")
    client.create_alias(FunctionName="orders", Name="live", FunctionVersion=cloud.publish("orders"))
    said = apply_recommendation(result(cloud), cloud, alias="live")
    assert said.endswith("live points to version 2.")
    assert configuration(cloud, "live")["MemorySize"] == 256
    assert configuration(cloud, "1")["MemorySize"] == 1024
    assert "othing to apply" in apply_recommendation(result(cloud), cloud, alias="live")


def test_an_alias_that_does_not_exist_is_created(cloud: Cloud) -> None:
    apply_recommendation(result(cloud), cloud, alias="fast")
    assert configuration(cloud, "fast")["MemorySize"] == 256


@pytest.mark.parametrize(
    ("operation", "changes", "named"),
    [
        ("update_function_code", {"ZipFile": OTHER_CODE}, "CodeSha256"),
        ("update_function_configuration", {"Environment": {"Variables": {"KEY": "secret"}}}, "Environment"),
        ("update_function_configuration", {"Timeout": 7}, "Timeout"),
        ("update_function_configuration", {"SnapStart": {"ApplyOn": "PublishedVersions"}}, "SnapStart"),
    ],
)
def test_an_alias_never_gets_code_or_settings_that_it_does_not_serve(
    operation: str, changes: dict[str, Any], named: str, cloud: Cloud
) -> None:
    client = cloud.client("lambda")
    client.create_alias(FunctionName="orders", Name="live", FunctionVersion=cloud.publish("orders"))
    getattr(client, operation)(FunctionName="orders", **changes)
    cloud.wait("orders")
    before = cloud.snapshot("orders")
    with pytest.raises(InputError, match=rf"differs from \$LATEST \({named}\)") as refused:
        apply_recommendation(result(cloud), cloud, alias="live")
    assert "secret" not in refused.value.message
    assert cloud.snapshot("orders") == before


def test_an_alias_may_follow_to_another_architecture(cloud: Cloud) -> None:
    client = cloud.client("lambda")
    client.create_alias(FunctionName="orders", Name="live", FunctionVersion=cloud.publish("orders"))
    apply_recommendation(result(cloud, 256, "arm64"), cloud)
    apply_recommendation(result(cloud, 256, "arm64"), cloud, alias="live")
    assert configuration(cloud, "live")["Architectures"] == ["arm64"]


def test_an_alias_that_splits_traffic_is_left_alone(cloud: Cloud) -> None:
    client = cloud.client("lambda")
    first = cloud.publish("orders")
    client.update_function_configuration(FunctionName="orders", Timeout=9)
    cloud.wait("orders")
    weights = {"AdditionalVersionWeights": {cloud.publish("orders"): 0.1}}
    client.create_alias(FunctionName="orders", Name="live", FunctionVersion=first, RoutingConfig=weights)
    with pytest.raises(InputError, match="splits its traffic"):
        apply_recommendation(result(cloud), cloud, alias="live")


def test_a_dry_run_says_what_it_would_change_and_changes_nothing(cloud: Cloud) -> None:
    before = cloud.snapshot("orders")
    said = apply_recommendation(result(cloud, 256, "arm64"), cloud, alias="live", dry_run=True)
    assert [line.split()[0] for line in said.splitlines()] == ["Would:", "set", "update", "publish", "create"]
    assert cloud.snapshot("orders") == before


def test_a_change_of_somebody_else_is_not_overwritten(cloud: Cloud) -> None:
    client = cloud.client("lambda")
    cloud.faults.hook(
        lambda _: client.update_function_configuration(FunctionName="orders", MemorySize=2048),
        "UpdateFunctionConfiguration",
    )
    with pytest.raises(FunctionChangedError, match="MemorySize"):
        apply_recommendation(result(cloud), cloud)
    assert configuration(cloud)["MemorySize"] == 2048


@pytest.mark.parametrize("kind", ["lose_reply", "twice", "throttle", "server_error"])
@pytest.mark.parametrize(
    "operation", ["UpdateFunctionCode", "UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias"]
)
def test_an_answer_that_is_lost_is_looked_up(kind: str, operation: str, cloud: Cloud) -> None:
    client = cloud.client("lambda")
    client.create_alias(FunctionName="orders", Name="live", FunctionVersion=cloud.publish("orders"))
    cloud.faults.add(kind, operation)
    said = apply_recommendation(result(cloud, 256, "arm64"), cloud, alias="live")
    assert said.endswith("live points to version 2.")
    assert len(cloud.snapshot("orders")["versions"]) == 3, "$LATEST, the one before, and one new version"


@pytest.mark.parametrize(
    "operation", ["UpdateFunctionConfiguration", "UpdateFunctionCode", "PublishVersion", "UpdateAlias"]
)
def test_what_is_refused_half_way_leaves_latest_as_it_was_found(operation: str, cloud: Cloud) -> None:
    client = cloud.client("lambda")
    client.create_alias(FunctionName="orders", Name="live", FunctionVersion=cloud.publish("orders"))
    before, served = configuration(cloud), configuration(cloud, "live")
    cloud.faults.add("deny", operation)
    with pytest.raises(DeniedError):
        apply_recommendation(result(cloud, 256, "arm64"), cloud, alias="live")
    moved = {"RevisionId", "LastModified", "ResponseMetadata"}
    after = configuration(cloud)
    assert {k: v for k, v in after.items() if k not in moved} == {k: v for k, v in before.items() if k not in moved}
    assert configuration(cloud, "live")["Version"] == served["Version"]


def test_what_cannot_be_set_back_is_told_with_what_the_function_had(cloud: Cloud) -> None:
    cloud.faults.add("deny", "UpdateFunctionCode", times=None)
    cloud.faults.add("deny", "UpdateFunctionConfiguration", nth=2, times=None)
    with pytest.raises(LeftBehindError, match="orders had 1,024 MB x86_64 and may not have it now") as left:
        apply_recommendation(result(cloud, 256, "arm64"), cloud)
    assert "lambda:UpdateFunctionCode" in left.value.message, "what failed first"
    assert "lambda:UpdateFunctionConfiguration" in left.value.message, "why it could not be set back"
    assert "set it to 1,024 MB x86_64" in left.value.hint


def test_a_change_of_somebody_else_half_way_stays_and_the_memory_is_set_back(cloud: Cloud) -> None:
    client, before = cloud.client("lambda"), configuration(cloud)

    def deploy(_: dict[str, Any]) -> None:
        client.update_function_code(FunctionName="orders", ZipFile=OTHER_CODE)
        cloud.wait("orders")

    cloud.faults.hook(deploy, "UpdateFunctionCode")
    with pytest.raises(FunctionChangedError, match="CodeSha256"):
        apply_recommendation(result(cloud, 256, "arm64"), cloud)
    after = configuration(cloud)
    assert (after["MemorySize"], after["Architectures"]) == (1024, ["x86_64"])
    assert after["CodeSha256"] != before["CodeSha256"]


def test_other_code_than_was_measured_is_noted(cloud: Cloud) -> None:
    said = apply_recommendation(result(cloud, code_sha256="another"), cloud)
    assert said.startswith("Note: orders has other code now")


@pytest.mark.parametrize(
    "document",
    [
        {"function": {"backend": "local", "name": "app.py:handler", "arn": None}, "recommendation": None},
        {"function": {"backend": "aws", "name": "orders", "arn": "arn"}, "recommendation": None},
    ],
)
def test_a_result_that_cannot_be_applied_says_why(document: dict[str, Any], cloud: Cloud) -> None:
    with pytest.raises(TunerError) as refused:
        apply_recommendation(document, cloud)
    assert refused.value.exit_code == 2
