"""Applying a recommendation: to $LATEST, to another architecture, through an alias, never over somebody's change."""

from __future__ import annotations

import base64
import hashlib
import json
import signal
import subprocess
import sys
from typing import Any

import pytest

from tests.aws_e2e.harness import quick_api, stand_in
from tests.cloud.fixtures import ROOT, Cloud, zipped
from tuner.aws.changes import apply
from tuner.aws.workflows.applying import apply_sizes
from tuner.errors import FunctionChangedError, InputError, LeftBehindError, TunerError
from tuner.model import Architecture, Configuration
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


REFUSALS: dict[str, tuple[str, dict[str, Any]]] = {
    "the code": ("UpdateFunctionCode", {"kind": "deny"}),
    "the memory size": ("UpdateFunctionConfiguration", {"kind": "deny"}),
    "the code for good": ("UpdateFunctionCode", {"kind": "server_error", "times": 50}),
    "the code, as too large": ("UpdateFunctionCode", {"kind": "error", "code": "RequestEntityTooLargeException"}),
    "the version": ("PublishVersion", {"kind": "deny"}),
}


@pytest.mark.parametrize("refused", REFUSALS)
def test_a_function_is_changed_as_a_whole_or_not_at_all(refused: str, cloud: Cloud) -> None:
    operation, fault = REFUSALS[refused]
    before = cloud.snapshot("orders")
    cloud.faults.add(operation=operation, **fault)
    with pytest.raises(TunerError) as told:
        apply_recommendation(result(cloud, 256, "arm64"), cloud, alias="live")
    assert not isinstance(told.value, LeftBehindError)
    cloud.faults.clear()
    assert cloud.snapshot("orders") == before


@pytest.mark.parametrize("kind", ["deny", "throttle"])
def test_a_change_that_cannot_be_read_afterwards_is_undone_or_told(kind: str, cloud: Cloud) -> None:
    before, document = cloud.snapshot("orders"), result(cloud, 256, "arm64")
    cloud.faults.add(kind, "GetFunctionConfiguration", nth=2, times=1 if kind == "deny" else 50)
    with pytest.raises(TunerError) as told:
        apply_recommendation(document, cloud)
    cloud.faults.clear()
    if kind == "deny":
        assert cloud.snapshot("orders") == before
    else:
        assert isinstance(told.value, LeftBehindError)
        assert "orders may not have 1,024 MB x86_64 again" in told.value.message


def test_a_memory_size_that_the_account_refuses_leaves_the_architecture(cloud: Cloud) -> None:
    before = cloud.snapshot("orders")
    cloud.settings(memory_limit_mb=3008)
    with pytest.raises(TunerError, match="less than or equal to 3008"):
        apply_recommendation(result(cloud, 4096, "arm64"), cloud)
    assert cloud.snapshot("orders") == before


@pytest.mark.parametrize("operation", ["UpdateFunctionConfiguration", "UpdateFunctionCode"])
def test_an_update_that_fails_afterwards_is_undone(operation: str, cloud: Cloud) -> None:
    before = cloud.snapshot("orders")
    cloud.faults.hook(lambda _: cloud.settings(update_fails="InternalError"), operation)
    cloud.faults.hook(lambda _: cloud.settings(update_fails=""), operation, after=True)
    with pytest.raises(TunerError, match="The update failed: InternalError"):
        apply_recommendation(result(cloud, 256, "arm64"), cloud)
    assert cloud.snapshot("orders") == before


def test_a_deployment_between_two_changes_keeps_what_it_set(cloud: Cloud) -> None:
    client = cloud.client("lambda")

    def deploy(_: dict[str, Any]) -> None:
        client.update_function_code(FunctionName="orders", ZipFile=OTHER_CODE)
        cloud.wait("orders")

    cloud.faults.hook(deploy, "UpdateFunctionCode")
    with pytest.raises(FunctionChangedError, match="CodeSha256"):
        apply_recommendation(result(cloud, 256, "arm64"), cloud)
    after = configuration(cloud)
    assert (after["MemorySize"], after["Architectures"]) == (1024, ["x86_64"])
    assert after["CodeSha256"] == base64.b64encode(hashlib.sha256(OTHER_CODE).digest()).decode()


def test_the_same_size_that_somebody_deploys_meanwhile_stays(cloud: Cloud) -> None:
    client = cloud.client("lambda")
    cloud.faults.hook(
        lambda _: client.update_function_configuration(FunctionName="orders", MemorySize=256, Timeout=9),
        "UpdateFunctionConfiguration",
    )
    with pytest.raises(FunctionChangedError, match="Timeout"):
        apply_recommendation(result(cloud, 256, "arm64"), cloud)
    after = configuration(cloud)
    assert (after["MemorySize"], after["Timeout"], after["Architectures"]) == (256, 9, ["x86_64"])


def test_an_alias_that_cannot_move_leaves_latest_and_a_version_that_is_told(cloud: Cloud) -> None:
    cloud.client("lambda").create_alias(FunctionName="orders", Name="live", FunctionVersion=cloud.publish("orders"))
    before = cloud.snapshot("orders")
    cloud.faults.add("deny", "UpdateAlias")
    with pytest.raises(LeftBehindError, match="Version 2 of orders was published, and stays") as told:
        apply_recommendation(result(cloud, 256, "arm64"), cloud, alias="live")
    assert "not authorized to perform: lambda:UpdateAlias" in told.value.message
    after = cloud.snapshot("orders")
    assert (after["configuration"], after["aliases"]) == (before["configuration"], before["aliases"])
    said = apply_recommendation(result(cloud, 256, "arm64"), cloud, alias="live")
    assert said.endswith("live points to version 2.")


def test_what_cannot_be_undone_is_told(cloud: Cloud) -> None:
    cloud.faults.add("deny", "UpdateFunctionCode")
    cloud.faults.add("deny", "UpdateFunctionConfiguration", nth=2, times=None)
    with pytest.raises(LeftBehindError, match="orders may not have 1,024 MB x86_64 again") as told:
        apply_recommendation(result(cloud, 256, "arm64"), cloud)
    assert "lambda:UpdateFunctionCode" in told.value.message
    assert "by hand" in told.value.hint


class Interrupted:
    """A client whose user presses Ctrl-C while it waits for the answer to one call, which is made."""

    def __init__(self, client: Any, operation: str, nth: int = 1) -> None:
        self._client, self._operation, self._left = client, operation, nth

    def __getattr__(self, name: str) -> Any:
        self._left -= name == self._operation
        if name != self._operation or self._left != 0:
            return getattr(self._client, name)

        def press(**arguments: Any) -> None:
            getattr(self._client, name)(**arguments)
            raise KeyboardInterrupt

        return press


@pytest.mark.parametrize("operation", ["update_function_configuration", "update_function_code"])
def test_an_interrupt_leaves_the_function_as_it_was(operation: str, cloud: Cloud) -> None:
    before = cloud.snapshot("orders")

    with pytest.raises(KeyboardInterrupt):
        apply.apply_recommendation(
            result(cloud, 256, "arm64"),
            stand_in(cloud.endpoint),
            alias="live",
            make_api=lambda client: quick_api(Interrupted(client, operation)),
        )
    assert cloud.snapshot("orders") == before


def test_an_interrupt_after_the_alias_has_moved_undoes_nothing(cloud: Cloud) -> None:
    with pytest.raises(KeyboardInterrupt):
        apply.apply_recommendation(
            result(cloud, 256, "arm64"),
            stand_in(cloud.endpoint),
            alias="live",
            make_api=lambda client: quick_api(Interrupted(client, "create_alias")),
        )
    for qualifier in ("$LATEST", "live"):
        after = configuration(cloud, qualifier)
        assert (after["MemorySize"], after["Architectures"]) == (256, ["arm64"])


KILLED = """import sys
from tests.aws_e2e.harness import quick_api, stand_in
from tuner.aws.changes.apply import apply_recommendation
import json
apply_recommendation(json.load(sys.stdin), stand_in(sys.argv[1]), alias="live", make_api=quick_api)
"""


@pytest.mark.parametrize(
    "operation", ["UpdateFunctionConfiguration", "UpdateFunctionCode", "PublishVersion", "CreateAlias"]
)
def test_applying_again_makes_what_a_kill_between_two_changes_left(operation: str, cloud: Cloud) -> None:
    document = result(cloud, 256, "arm64")
    environment = {**cloud.environment(), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", KILLED, cloud.endpoint]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, text=True)
    cloud.faults.hook(lambda _: process.kill(), operation, after=True)
    process.communicate(json.dumps(document), timeout=60)
    assert process.returncode == -signal.SIGKILL
    apply_recommendation(document, cloud, alias="live")
    for qualifier in ("$LATEST", "live"):
        after = configuration(cloud, qualifier)
        assert (after["MemorySize"], after["Architectures"]) == (256, ["arm64"])
    versions = cloud.client("lambda").list_versions_by_function(FunctionName="orders")["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST", "1"]


def test_an_interrupt_leaves_all_functions_of_a_workflow_as_they_were(cloud: Cloud) -> None:
    cloud.simulate_function("mails", memory_mb=512)
    before = {name: cloud.snapshot(name) for name in ("mails", "orders")}
    api = quick_api(Interrupted(cloud.client("lambda"), "update_function_configuration", nth=2))
    with pytest.raises(KeyboardInterrupt):
        apply_sizes(api, dict.fromkeys(before, Configuration(256, Architecture.X86_64)))
    assert {name: cloud.snapshot(name) for name in before} == before


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


def test_every_reason_why_a_result_cannot_be_applied_is_told(cloud: Cloud) -> None:
    local = {"function": {"backend": "local", "name": "app.py:handler", "arn": None}, "recommendation": None}
    with pytest.raises(InputError) as refused:
        apply_recommendation(local, cloud, alias="7")
    assert [fault.path for fault in refused.value.faults] == ["RESULT", "RESULT", "--alias"]


def test_an_alias_that_splits_its_traffic_and_serves_other_code_is_told_both(cloud: Cloud) -> None:
    client = cloud.client("lambda")
    first = cloud.publish("orders")
    client.update_function_code(FunctionName="orders", ZipFile=OTHER_CODE)
    second = cloud.publish("orders")
    client.create_alias(
        FunctionName="orders",
        Name="live",
        FunctionVersion=first,
        RoutingConfig={"AdditionalVersionWeights": {second: 0.1}},
    )
    with pytest.raises(InputError) as refused:
        apply_recommendation(result(cloud), cloud, alias="live")
    assert [fault.path for fault in refused.value.faults] == ["--alias", "--alias"]
