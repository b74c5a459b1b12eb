"""What a run does to a function, and what it finds out, against the stand-in."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.aws_e2e.harness import BOTH, open_quickly, settings, stand_in, tune
from tests.cloud.fixtures import Cloud, zipped
from tuner.aws.api.errors import AnotherRunError, ConflictError
from tuner.aws.changes.markers import CopyMarker, VersionMarker
from tuner.aws.measure.invoke import InvocationTarget
from tuner.errors import InputError, LeftBehindError
from tuner.model import Architecture, Configuration, Outcome, StopReason, Trial
from tuner.payloads import Payloads

OTHER_CODE = zipped({"app.py": "def handler(event, context):\n    return 'deployed'\n"})


@pytest.fixture
def orders(cloud: Cloud) -> dict[str, Any]:
    """A simulated function with every setting that a copy must take over; how it is before a run."""
    cloud.simulate_function(
        "orders",
        memory_mb=512,
        Description="All orders",
        Environment={"Variables": {"TABLE": "orders"}},
        EphemeralStorage={"Size": 1024},
        TracingConfig={"Mode": "Active"},
        VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        LoggingConfig={"LogFormat": "JSON"},
        Tags={"team": "shop"},
    )
    return cloud.snapshot("orders")


def codes(notices: tuple[Any, ...]) -> set[str]:
    return {notice.code for notice in notices}


def test_copies_are_like_the_function_and_log_where_it_logs(
    cloud: Cloud, orders: dict[str, Any], tmp_path: Path
) -> None:
    seen: list[dict[str, Any]] = []

    def look(_: dict[str, Any]) -> None:
        copy = next(name for name in cloud.function_names() if name != "orders")
        seen.append(cloud.client("lambda").get_function(FunctionName=copy))

    cloud.faults.hook(look, "Invoke")
    tuned = tune(cloud, tmp_path, settings(sizes=(256,), architectures=(Architecture.ARM64,), isolation="copy"))
    original, copy = orders["configuration"], seen[0]["Configuration"]
    assert copy["Architectures"] == ["arm64"]
    assert copy["MemorySize"] == 256
    same = ("CodeSha256", "Role", "Handler", "Environment", "EphemeralStorage", "TracingConfig", "VpcConfig")
    for name in (*same, "LoggingConfig"):
        assert copy[name] == original[name], name
    assert copy["FunctionName"].startswith(f"tuner_{tuned.backend.run_id}-")
    assert seen[0]["Tags"] == {
        "team": "shop", "tuner:run": tuned.backend.run_id, "tuner:function": original["FunctionArn"],
    }  # fmt: skip
    assert tuned.outcomes(256, Architecture.ARM64) == [Outcome.OK]
    assert cloud.snapshot("orders") == orders


@pytest.mark.parametrize(("number", "kept", "left_out"), [(48, 48, ""), (49, 49, ""), (50, 49, "key49")])
def test_a_copy_has_the_tags_that_aws_leaves_room_for(
    number: int, kept: int, left_out: str, cloud: Cloud, tmp_path: Path
) -> None:
    tags = {f"key{n:02}": str(n) for n in range(number)}
    cloud.simulate_function("orders", Tags=tags)
    seen: list[dict[str, str]] = []

    def look(_: dict[str, Any]) -> None:
        copy = next(name for name in cloud.function_names() if name != "orders")
        seen.append(cloud.client("lambda").get_function(FunctionName=copy)["Tags"])

    cloud.faults.hook(look, "Invoke")
    tuned = tune(cloud, tmp_path, settings(sizes=(256,), architectures=(Architecture.ARM64,), isolation="copy"))
    assert tuned.outcomes(256, Architecture.ARM64) == [Outcome.OK]
    assert "tuner:function" in seen[0]
    assert sum(tags.get(key) == value for key, value in seen[0].items()) == kept
    told = [notice.message for notice in tuned.notices if notice.code == "tags"]
    assert [left_out in message for message in told] == ([True] if left_out else [])


def test_with_copies_the_function_itself_is_never_written_to(
    cloud: Cloud, orders: dict[str, Any], tmp_path: Path
) -> None:
    cloud.forget_calls()
    tune(cloud, tmp_path, settings(architectures=BOTH, isolation="copy"))
    written = [
        call["operation"]
        for call in cloud.calls(service="lambda")
        if call["parameters"].get("FunctionName") in ("orders", orders["configuration"]["FunctionArn"])
        and not call["operation"].startswith(("Get", "List"))
    ]
    assert written == []
    assert cloud.snapshot("orders") == orders


def test_latest_is_as_it_was_while_versions_are_invoked(cloud: Cloud, orders: dict[str, Any], tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []
    cloud.faults.hook(lambda _: seen.append(cloud.snapshot("orders")["configuration"]), "Invoke")
    tune(cloud, tmp_path, settings())
    assert seen == [orders["configuration"]]


IMAGE = {"PackageType": "Image", "Code": {"ImageUri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/app:1"}}


@pytest.mark.parametrize("isolation", ["copy", "versions"])
def test_a_container_image_is_tuned_and_left_as_it_was(isolation: str, cloud: Cloud, tmp_path: Path) -> None:
    cloud.simulate_function("orders", memory_mb=512, **IMAGE)
    before = cloud.snapshot("orders")
    tuned = tune(cloud, tmp_path, settings(architectures=BOTH, isolation=isolation))
    assert tuned.outcomes(256) == [Outcome.OK]
    (told,) = [notice.message for notice in tuned.notices if notice.code == "architecture"]
    assert told == "arm64 is left out: its image is built for x86_64: give --code-for arm64=IMAGE_URI."
    assert cloud.snapshot("orders") == before
    assert cloud.function_names() == ["orders"]


@pytest.mark.parametrize("isolation", ["copy", "versions"])
def test_a_function_that_is_being_created_is_waited_for(isolation: str, cloud: Cloud, tmp_path: Path) -> None:
    cloud.simulate_function("orders", memory_mb=512)
    package = {"ZipFile": OTHER_CODE}
    role = cloud.client("lambda").get_function_configuration(FunctionName="orders")["Role"]
    cloud.settings(create_seconds=0.5)
    made = cloud.client("lambda").create_function(
        FunctionName="mails", Runtime="python3.13", Role=role, Handler="app.handler", Code=package, MemorySize=512
    )
    assert made["State"] == "Pending"
    tuned = tune(cloud, tmp_path, settings("mails", isolation=isolation))
    assert tuned.outcomes(256) == [Outcome.OK]
    after = cloud.snapshot("mails")["configuration"]
    assert (after["State"], after["MemorySize"], after["Description"]) == ("Active", 512, "")
    assert cloud.function_names() == ["mails", "orders"]


@pytest.mark.parametrize("isolation", ["copy", "versions"])
def test_provisioned_concurrency_of_an_alias_is_told_and_stays(isolation: str, cloud: Cloud, tmp_path: Path) -> None:
    cloud.simulate_function("orders", memory_mb=512)
    client = cloud.client("lambda")
    client.create_alias(FunctionName="orders", Name="live", FunctionVersion=cloud.publish("orders"))
    client.put_provisioned_concurrency_config(
        FunctionName="orders", Qualifier="live", ProvisionedConcurrentExecutions=3
    )
    before = cloud.snapshot("orders")
    tuned = tune(cloud, tmp_path, settings("orders:live", isolation=isolation))
    assert tuned.outcomes(256) == [Outcome.OK]
    assert "provisioned_concurrency" in codes(tuned.notices)
    assert cloud.snapshot("orders") == before
    (config,) = client.list_provisioned_concurrency_configs(FunctionName="orders")["ProvisionedConcurrencyConfigs"]
    assert (config["FunctionArn"].rpartition(":")[2], config["RequestedProvisionedConcurrentExecutions"]) == ("live", 3)


def test_refused_sizes_are_data_and_the_rest_is_tuned(cloud: Cloud, orders: dict[str, Any], tmp_path: Path) -> None:
    cloud.settings(memory_limit_mb=3008)
    tuned = tune(cloud, tmp_path, settings(sizes=(256, 3008), architectures=BOTH))
    assert tuned.backend.describe().max_memory_mb == 10_240, "nobody asked above what every account may use"
    assert tuned.outcomes(3008) == [Outcome.OK]
    with open_quickly(settings(sizes=(256, 4096)), stand_in(cloud.endpoint), tmp_path) as backend:
        assert backend.describe().max_memory_mb == 3008
    refused = tune(cloud, tmp_path, settings(sizes=(256, 4096), isolation="copy"))
    assert refused.outcomes(4096) == [Outcome.REFUSED]
    assert refused.outcomes(256) == [Outcome.OK]
    assert cloud.snapshot("orders") == orders


@pytest.mark.parametrize("operation", ["UpdateFunctionConfiguration", "PublishVersion", "Invoke"])
def test_a_deployment_in_the_middle_survives_and_ends_the_run_with_what_it_has(
    operation: str, cloud: Cloud, orders: dict[str, Any], tmp_path: Path
) -> None:
    client = cloud.client("lambda")

    def deploy(_: dict[str, Any]) -> None:
        client.update_function_code(FunctionName="orders", ZipFile=OTHER_CODE)
        client.update_function_configuration(
            FunctionName="orders", MemorySize=1024, Description="Release 2", Environment={"Variables": {"TABLE": "new"}}
        )
        client.publish_version(FunctionName="orders", Description="release 2")

    cloud.faults.hook(deploy, operation, nth=2, after=True)
    tuned = tune(cloud, tmp_path, settings(sizes=(128, 256, 1024), runs=2))
    assert tuned.study.stopped_by is StopReason.FUNCTION_CHANGED
    assert "function_changed" in codes(tuned.notices)
    after = cloud.snapshot("orders")
    deployed = after["configuration"]
    assert (deployed["MemorySize"], deployed["Description"]) == (1024, "Release 2")
    assert deployed["Environment"] == {"Variables": {"TABLE": "new"}}
    assert deployed["CodeSha256"] != orders["configuration"]["CodeSha256"]
    assert [version["Description"] for version in after["versions"]] == ["Release 2", "release 2"]
    assert (operation == "Invoke") == bool(tuned.study.samples)


@pytest.mark.parametrize(("target", "goes_on"), [("orders", False), ("orders:1", True), ("orders:live", True)])
def test_a_deployment_ends_a_run_on_copies_unless_they_are_of_a_published_version(
    target: str, goes_on: bool, cloud: Cloud, orders: dict[str, Any], tmp_path: Path
) -> None:
    client = cloud.client("lambda")
    client.create_alias(FunctionName="orders", Name="live", FunctionVersion=cloud.publish("orders"))
    deploy = {"FunctionName": "orders", "ZipFile": OTHER_CODE}
    cloud.faults.hook(lambda _: client.update_function_code(**deploy), "Invoke")
    tuned = tune(cloud, tmp_path, settings(target, isolation="copy"))
    assert tuned.study.stopped_by is (StopReason.COMPLETE if goes_on else StopReason.FUNCTION_CHANGED)
    assert cloud.function_names() == ["orders"]


def test_code_deployed_while_a_version_is_published_keeps_the_original_memory(
    cloud: Cloud, orders: dict[str, Any], tmp_path: Path
) -> None:
    """A deployment that sets neither memory nor description must not inherit those of the run."""
    client = cloud.client("lambda")
    cloud.faults.hook(
        lambda _: client.update_function_code(FunctionName="orders", ZipFile=OTHER_CODE), "PublishVersion"
    )
    tuned = tune(cloud, tmp_path, settings())
    assert tuned.study.stopped_by is StopReason.FUNCTION_CHANGED
    after = cloud.snapshot("orders")["configuration"]
    assert (after["MemorySize"], after["Description"]) == (512, "All orders")
    assert after["CodeSha256"] != orders["configuration"]["CodeSha256"]


def test_copies_are_the_default_and_latest_is_never_written(
    cloud: Cloud, orders: dict[str, Any], tmp_path: Path
) -> None:
    tuned = tune(cloud, tmp_path, settings(isolation="auto"))
    assert tuned.outcomes(128) == tuned.outcomes(256) == [Outcome.OK]
    written = {call["operation"] for call in cloud.calls(caller="user") if call["outcome"] == "ok"}
    assert "CreateFunction" in written
    assert not written & {"UpdateFunctionConfiguration", "PublishVersion"}
    assert (cloud.snapshot("orders"), cloud.function_names()) == (orders, ["orders"])


@pytest.mark.parametrize("operation", ["CreateFunction", "ListFunctions"])
def test_versions_stand_in_where_copies_are_not_allowed(
    operation: str, cloud: Cloud, orders: dict[str, Any], tmp_path: Path
) -> None:
    cloud.faults.add("deny", operation, times=100)
    tuned = tune(cloud, tmp_path, settings(isolation="auto"))
    assert tuned.outcomes(128) == tuned.outcomes(256) == [Outcome.OK]
    assert "versions" in codes(tuned.notices)
    cloud.faults.clear()
    assert (cloud.snapshot("orders"), cloud.function_names()) == (orders, ["orders"])


@pytest.mark.parametrize("isolation", ["auto", "versions"])
@pytest.mark.parametrize("refused", ["deny", "error"])
def test_the_other_architecture_is_left_out_and_told_where_copies_are_not_possible(
    refused: str, isolation: str, cloud: Cloud, orders: dict[str, Any], tmp_path: Path
) -> None:
    said = {"code": "InvalidParameterValueException", "message": "The runtime python3.8 is no longer supported."}
    cloud.faults.add(refused, "CreateFunction", times=None, **({} if refused == "deny" else said))
    tuned = tune(cloud, tmp_path, settings(isolation=isolation, architectures=BOTH))
    assert tuned.outcomes(128) == tuned.outcomes(256) == [Outcome.OK]
    assert tuned.outcomes(128, Architecture.ARM64) == tuned.outcomes(256, Architecture.ARM64) == [Outcome.REFUSED]
    errors = [invocation.error for sample in tuned.study.samples for invocation in sample.invocations]
    assert any(error and ("CreateFunction" in error.message or "python3.8" in error.message) for error in errors)
    if refused == "deny" or isolation == "auto":
        assert codes(tuned.notices) >= {"versions", "architecture"}
    cloud.faults.clear()
    assert (cloud.snapshot("orders"), cloud.function_names()) == (orders, ["orders"])


@pytest.mark.parametrize("isolation", ["auto", "versions"])
def test_the_other_architecture_is_left_out_where_copies_of_other_runs_cannot_be_seen(
    isolation: str, cloud: Cloud, orders: dict[str, Any], tmp_path: Path
) -> None:
    cloud.faults.add("deny", "ListFunctions", times=None)
    tuned = tune(cloud, tmp_path, settings(isolation=isolation, architectures=BOTH))
    assert tuned.outcomes(128) == tuned.outcomes(256) == [Outcome.OK]
    assert tuned.outcomes(128, Architecture.ARM64) == []
    said = next(notice.message for notice in tuned.notices if notice.code == "architecture")
    assert "lambda:ListFunctions" in said


@pytest.mark.parametrize("isolation", ["auto", "versions", "copy"])
def test_an_architecture_that_cannot_be_measured_is_refused_with_the_reason(
    isolation: str, cloud: Cloud, tmp_path: Path
) -> None:
    layer = cloud.client("lambda").publish_layer_version(
        LayerName="numeric", Content={"ZipFile": OTHER_CODE}, CompatibleArchitectures=["x86_64"]
    )
    cloud.simulate_function("orders", memory_mb=512, Layers=[layer["LayerVersionArn"]])
    with pytest.raises(InputError, match=r"arm64 cannot be measured: its layer .* supports x86_64 only"):
        tune(cloud, tmp_path, settings(isolation=isolation, architectures=(Architecture.ARM64,)))


@pytest.mark.parametrize("isolation", ["versions", "copy"])
def test_a_target_that_trials_of_a_round_share_is_deleted_after_it(
    isolation: str, cloud: Cloud, orders: dict[str, Any], tmp_path: Path
) -> None:
    same = Configuration(256, Architecture.X86_64)
    other = Configuration(512, Architecture.X86_64)
    with open_quickly(settings(isolation=isolation), stand_in(cloud.endpoint), tmp_path) as backend:
        stop = threading.Event()
        for trials in ([Trial(1, same, 1, 1), Trial(2, same, 1, 1)], [Trial(3, other, 1, 1)], [Trial(4, other, 1, 1)]):
            samples = list(backend.measure(trials, stop))
            assert [run.outcome for sample in samples for run in sample.invocations] == [Outcome.OK] * len(trials)
    assert (cloud.snapshot("orders"), cloud.function_names()) == (orders, ["orders"])


def test_a_defect_of_the_tool_leaves_nothing_on_the_function(
    cloud: Cloud, orders: dict[str, Any], tmp_path: Path
) -> None:
    key = (Configuration(256, Architecture.X86_64), 99)

    def measure_with_a_defect() -> None:
        with open_quickly(settings(), stand_in(cloud.endpoint), tmp_path) as backend:
            for number in range(3):
                list(backend.measure([Trial(number, key[0], 1, 1)], threading.Event()))
                assert backend._targets is not None
                backend._targets._made[key] = InvocationTarget("orders", "77", key[0], "python3.13", "", 0.0)
                backend._used.append(key)

    with pytest.raises(KeyError):
        measure_with_a_defect()
    assert (cloud.snapshot("orders"), cloud.function_names()) == (orders, ["orders"])


@pytest.mark.parametrize("isolation", ["versions", "copy"])
def test_a_second_run_is_refused_with_the_name_of_the_first(
    isolation: str, cloud: Cloud, orders: dict[str, Any], tmp_path: Path
) -> None:
    refusals: list[AnotherRunError] = []

    def second(_: dict[str, Any]) -> None:
        for state in (tmp_path, tmp_path / "another machine"):
            with pytest.raises(AnotherRunError) as found:
                tune(cloud, state, settings(isolation=isolation))
            refusals.append(found.value)

    cloud.faults.hook(second, "Invoke")
    first = tune(cloud, tmp_path, settings(isolation=isolation))
    assert len(refusals) == 2
    assert all(first.backend.run_id in error.message and error.hint for error in refusals)
    assert first.study.stopped_by is StopReason.COMPLETE
    assert cloud.snapshot("orders") == orders


def test_while_a_version_is_published_another_machine_is_refused_too(
    cloud: Cloud, orders: dict[str, Any], tmp_path: Path
) -> None:
    def second(_: dict[str, Any]) -> None:
        with pytest.raises(AnotherRunError):
            tune(cloud, tmp_path / "another machine", settings())

    cloud.faults.hook(second, "UpdateFunctionConfiguration", after=True)
    tune(cloud, tmp_path, settings())
    assert cloud.snapshot("orders") == orders


def test_a_description_that_leaves_no_room_is_kept_by_measuring_copies(cloud: Cloud, tmp_path: Path) -> None:
    cloud.simulate_function("orders", memory_mb=512, Description="é" * 256)
    before = cloud.snapshot("orders")
    tuned = tune(cloud, tmp_path, settings())
    assert "copies" in codes(tuned.notices)
    assert tuned.outcomes(128) == [Outcome.OK]
    assert cloud.snapshot("orders") == before


def test_a_qualifier_means_the_code_and_settings_of_that_version(cloud: Cloud, tmp_path: Path) -> None:
    cloud.simulate_function("orders", memory_mb=512)
    client = cloud.client("lambda")
    client.create_alias(FunctionName="orders", Name="live", FunctionVersion=cloud.publish("orders"))
    client.update_function_code(FunctionName="orders", ZipFile=OTHER_CODE)
    before = cloud.snapshot("orders")
    released = before["versions"][1]["CodeSha256"]
    tuned = tune(cloud, tmp_path, settings("orders:live"))
    assert "copies" in codes(tuned.notices)
    assert tuned.backend.describe().code_sha256 == released
    assert tuned.outcomes(256) == [Outcome.OK]
    assert cloud.snapshot("orders") == before


def test_a_function_that_has_the_name_of_a_copy_is_not_touched(
    cloud: Cloud, orders: dict[str, Any], tmp_path: Path
) -> None:
    asked = settings(sizes=(256,), isolation="copy")
    backend = open_quickly(asked, stand_in(cloud.endpoint), tmp_path)
    made = VersionMarker(backend.run_id, Configuration(256, Architecture.X86_64), 1)
    name = CopyMarker(made, "orders").name
    cloud.create_function(name, {"app.py": ""}, "app.handler")
    with pytest.raises(ConflictError, match=name), backend:
        list(backend.measure([Trial(0, made.configuration, 1, 1)], threading.Event()))
    assert cloud.function_names() == sorted(["orders", name])


def test_a_run_that_is_refused_leaves_no_journal(cloud: Cloud, tmp_path: Path) -> None:
    cloud.simulate_function("orders", memory_mb=512, DurableConfig={"ExecutionTimeout": 60})
    with pytest.raises(InputError):
        tune(cloud, tmp_path, settings())
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_run_keeps_what_is_complete_and_puts_everything_back(
    cloud: Cloud, orders: dict[str, Any], tmp_path: Path
) -> None:
    stop = threading.Event()
    cloud.faults.hook(lambda _: stop.set(), "Invoke", nth=2, after=True)
    tuned = tune(cloud, tmp_path, settings(runs=5), stop)
    assert tuned.study.stopped_by is StopReason.INTERRUPTED
    assert cloud.snapshot("orders") == orders


def test_a_layer_for_one_architecture_leaves_the_other_out_and_says_so(cloud: Cloud, tmp_path: Path) -> None:
    layer = cloud.client("lambda").publish_layer_version(
        LayerName="numeric", Content={"ZipFile": OTHER_CODE}, CompatibleArchitectures=["x86_64"]
    )
    cloud.simulate_function("orders", memory_mb=512, Layers=[layer["LayerVersionArn"]])
    tuned = tune(cloud, tmp_path, settings(architectures=BOTH))
    assert tuned.outcomes(128) == [Outcome.OK]
    assert tuned.outcomes(128, Architecture.ARM64) == []
    said = next(notice.message for notice in tuned.notices if notice.code == "architecture")
    assert layer["LayerVersionArn"] in said


def test_a_binary_for_one_architecture_leaves_the_other_out_and_says_so(cloud: Cloud, tmp_path: Path) -> None:
    elf = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\x3e\x00"
    cloud.control("simulate", {"function": "orders", "model": {}})
    cloud.create_function("orders", {"app.py": "", "native.so": elf.decode("latin-1")}, "app.handler")
    tuned = tune(cloud, tmp_path, settings(architectures=BOTH))
    assert tuned.outcomes(128) == [Outcome.OK]
    said = next(notice.message for notice in tuned.notices if notice.code == "architecture")
    assert "native.so" in said
    assert "--code-for arm64" in said


def test_the_package_for_the_other_architecture_may_be_named(cloud: Cloud, tmp_path: Path) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="packages")
    s3.put_object(Bucket="packages", Key="arm.zip", Body=OTHER_CODE)
    cloud.simulate_function("orders", memory_mb=512)
    asked = settings(architectures=BOTH, code_for={Architecture.ARM64: "s3://packages/arm.zip"})
    assert tune(cloud, tmp_path, asked).outcomes(256, Architecture.ARM64) == [Outcome.OK]


def test_reserved_concurrency_is_shared_and_zero_is_refused(
    cloud: Cloud, orders: dict[str, Any], tmp_path: Path
) -> None:
    client = cloud.client("lambda")
    client.put_function_concurrency(FunctionName="orders", ReservedConcurrentExecutions=2)
    tuned = tune(cloud, tmp_path, settings(runs=4, environments=4))
    assert tuned.outcomes(128) == [Outcome.OK] * 4
    assert "concurrency" in codes(tuned.notices)
    client.put_function_concurrency(FunctionName="orders", ReservedConcurrentExecutions=0)
    for target in ("orders", f"orders:{cloud.publish('orders')}"):
        with pytest.raises(InputError, match="reserved concurrency of 0") as refused:
            tune(cloud, tmp_path, settings(target))
        assert "--isolation copy" in refused.value.message
    assert tune(cloud, tmp_path, settings(isolation="copy")).outcomes(128) == [Outcome.OK]


def test_throttled_invocations_are_repeated_until_they_run(
    cloud: Cloud, orders: dict[str, Any], tmp_path: Path
) -> None:
    cloud.faults.add("throttle", "Invoke", times=6)
    tuned = tune(cloud, tmp_path, settings(sizes=(256,), runs=8, environments=4))
    assert tuned.outcomes(256) == [Outcome.OK] * 8


def test_code_storage_is_read_first_and_what_has_no_room_is_refused(
    cloud: Cloud, orders: dict[str, Any], tmp_path: Path
) -> None:
    size = orders["configuration"]["CodeSize"]
    cloud.settings(code_storage_bytes=int(size * 2.5))
    tuned = tune(cloud, tmp_path, settings(sizes=(128, 256, 512)))
    assert [tuned.outcomes(memory_mb) for memory_mb in (128, 256, 512)] == [
        [Outcome.OK], [Outcome.REFUSED], [Outcome.REFUSED],
    ]  # fmt: skip
    cloud.settings(code_storage_bytes=int(size * 1.5))
    with pytest.raises(InputError, match="code storage"):
        tune(cloud, tmp_path, settings())
    assert cloud.snapshot("orders") == orders


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("DurableConfig", {"ExecutionTimeout": 60}, "durable function"),
        (
            "CapacityProviderConfig",
            {"LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": "arn:aws:lambda:x"}},
            "Managed Instances",
        ),
    ],
)
def test_what_cannot_be_tuned_is_refused_by_name(
    field: str, value: dict[str, Any], words: str, cloud: Cloud, tmp_path: Path
) -> None:
    cloud.simulate_function("orders", memory_mb=512, **{field: value})
    cloud.forget_calls()
    with pytest.raises(InputError, match=words):
        tune(cloud, tmp_path, settings())
    assert not [call for call in cloud.calls() if not call["operation"].startswith(("Get", "List"))]


def test_snapstart_versions_are_waited_for_and_restores_are_paid_once(cloud: Cloud, tmp_path: Path) -> None:
    cloud.settings(snapstart_seconds=0.2)
    cloud.simulate_function("orders", memory_mb=512, SnapStart={"ApplyOn": "PublishedVersions"})
    tuned = tune(cloud, tmp_path, settings(runs=2))
    cold, warm = (
        i for sample in tuned.study.samples if sample.configuration.memory_mb == 256 for i in sample.invocations
    )
    assert cold.restore_duration_ms is not None
    assert cold.init_duration_ms is None
    assert cold.extra_cost_usd == pytest.approx(0.0001397998 * 256 / 1024)
    assert warm.extra_cost_usd == 0
    assert "snapstart" in codes(tuned.notices)


def test_only_cold_starts_gives_every_run_an_environment_of_its_own(cloud: Cloud, tmp_path: Path) -> None:
    cloud.simulate_function("orders", memory_mb=512, model={"environments": 3})
    before = cloud.snapshot("orders")
    tuned = tune(cloud, tmp_path, settings(runs=7, concurrency=3, only_cold_starts=True))
    runs = [i for sample in tuned.study.samples for i in sample.invocations if sample.configuration.memory_mb == 128]
    assert len(runs) == 7
    assert all(run.cold for run in runs)
    assert len({run.environment for run in runs}) == 7
    assert cloud.snapshot("orders") == before


def test_a_log_level_that_drops_reports_is_said_and_copies_measure_all_the_same(
    cloud: Cloud, orders: dict[str, Any], tmp_path: Path
) -> None:
    quiet = {"LogFormat": "JSON", "SystemLogLevel": "WARN"}
    cloud.client("lambda").update_function_configuration(FunctionName="orders", LoggingConfig=quiet)
    in_place = tune(cloud, tmp_path, settings())
    assert in_place.outcomes(128) == [Outcome.NO_REPORT]
    assert "--isolation copy" in next(n.message for n in in_place.notices if n.code == "reports_off")
    assert tune(cloud, tmp_path, settings(isolation="copy")).outcomes(128) == [Outcome.OK]


def test_allowed_errors_are_normal_runs_and_others_are_shown_as_they_are(cloud: Cloud, tmp_path: Path) -> None:
    cloud.simulate_function("orders", memory_mb=512, model={"fails": "NotFound"})
    tuned = tune(cloud, tmp_path, settings(sizes=(256,)))
    (run,) = tuned.study.samples[0].invocations
    assert run.outcome is Outcome.ERROR
    assert run.error is not None
    assert (run.error.type, run.error.message) == ("NotFound", "simulated")
    allowed = tune(cloud, tmp_path, settings(sizes=(256,), allowed_exceptions=("NotFound",)))
    assert allowed.study.samples[0].invocations[0].usable


def test_processors_replace_the_payload_and_get_the_output(cloud: Cloud, tmp_path: Path) -> None:
    cloud.settings(limit_cpu=False)
    pre = cloud.create_function("pre", {"app.py": "def up(event, _): return {'n': event['n'] + 1}\n"}, "app.up")
    post = cloud.create_function("post", {"app.py": "def check(event, _): assert event == 3\n"}, "app.check")
    cloud.create_function("orders", {"app.py": "def handler(event, _): return event['n']\n"}, "app.handler")
    asked = settings(sizes=(256,), payloads=Payloads.decode({"n": 2}), pre_processor=pre, post_processor=post)
    assert tune(cloud, tmp_path, asked).outcomes(256) == [Outcome.OK]


def test_a_payload_in_s3_wins_and_weights_are_kept(cloud: Cloud, tmp_path: Path) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="payloads")
    payload = [{"payload": {"kind": "a"}, "weight": 3}, {"payload": {"kind": "b"}, "weight": 1}]
    s3.put_object(Bucket="payloads", Key="mixed.json", Body=json.dumps(payload))
    cloud.simulate_function("orders", memory_mb=512)
    cloud.faults.add("server_error", "GetObject")
    tuned = tune(cloud, tmp_path, settings(sizes=(256,), runs=8, payload_s3="s3://payloads/mixed.json"))
    used = sorted(i.payload for sample in tuned.study.samples for i in sample.invocations)
    assert used == [0] * 6 + [1] * 2


def test_a_payload_that_is_missing_in_s3_is_bad_input(cloud: Cloud, tmp_path: Path) -> None:
    cloud.simulate_function("orders", memory_mb=512)
    with pytest.raises(InputError, match=r"\$.payloadS3: there is no object at s3://payloads/none.json"):
        tune(cloud, tmp_path, settings(payload_s3="s3://payloads/none.json"))


def test_an_alias_on_a_version_of_the_run_is_said_and_the_version_left(
    cloud: Cloud, orders: dict[str, Any], tmp_path: Path
) -> None:
    client = cloud.client("lambda")

    def hold(_: dict[str, Any]) -> None:
        client.create_alias(FunctionName="orders", Name="mine", FunctionVersion="1")

    cloud.faults.hook(hold, "Invoke")
    with pytest.raises(LeftBehindError, match="Version 1") as left:
        tune(cloud, tmp_path, settings(sizes=(256,)))
    assert "mine" in left.value.message
    assert "tuner clean orders" in left.value.hint
