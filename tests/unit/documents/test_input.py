"""The input document: Power Tuning's inputs unchanged, our fields beside, and every fault at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tuner.documents.input import decode_input, input_faults, input_schema, with_configuration_in_use
from tuner.documents.power_tuning import translate
from tuner.errors import InputError
from tuner.model import Architecture, BackendKind, Budget, Constraints, FunctionIdentity, StrategyName
from tuner.search.space import search_space
from tuner.settings import MemorySizes

ARN = "arn:aws:lambda:us-east-1:123456789012:function:HelloWorld"
PEER_INPUTS = Path(__file__).parents[2] / "events" / "peer-inputs.json"
PEER_FIELDS = {
    "lambdaARN", "powerValues", "num", "payload", "payloadS3", "parallelInvocation", "strategy", "balancedWeight",
    "autoOptimize", "autoOptimizeAlias", "dryRun", "preProcessorARN", "postProcessorARN", "discardTopBottom",
    "sleepBetweenRunsMs", "disablePayloadLogs", "includeOutputResults", "onlyColdStarts", "allowedExceptions",
}  # fmt: skip


def settings_of(**fields: Any) -> Any:
    return decode_input({"lambdaARN": ARN, **fields})


def faults_of(**fields: Any) -> list[str]:
    return [str(fault) for fault in input_faults({"lambdaARN": ARN, **fields})]


def described(schema: dict[str, Any], path: str = "$") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field of a schema with its path."""
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}", field
        yield from described(field, f"{path}.{name}")


def test_the_schema_is_valid_and_describes_every_field() -> None:
    Draft202012Validator.check_schema(input_schema())
    fields = dict(described(input_schema()))
    assert all(field.get("description") for field in fields.values())
    assert input_schema()["required"] == ["lambdaARN"]


def test_every_field_of_the_peer_has_its_name() -> None:
    assert set(input_schema()["properties"]) >= PEER_FIELDS


def test_defaults_of_the_schema_are_those_of_the_settings() -> None:
    defaults = {name: f["default"] for name, f in input_schema()["properties"].items() if "default" in f}
    stated, unstated = decode_input({"lambdaARN": ARN, **defaults}), decode_input({"lambdaARN": ARN})
    for name in ("objective", "concurrency", "seed", "discount", "discard_top_bottom", "isolation", "dry_run"):
        assert getattr(stated, name) == getattr(unstated, name), name
    assert unstated.environments == defaults["environments"]


PEER = json.loads(PEER_INPUTS.read_text("utf-8"))


@pytest.mark.parametrize("case", PEER, ids=[case["about"] for case in PEER])
def test_an_input_of_the_peer_is_taken_as_it_is(case: dict[str, Any]) -> None:
    settings = decode_input(translate(case["input"]).document)
    space = search_space(settings, FunctionIdentity("f", BackendKind.SIMULATED, max_memory_mb=3008))
    expected = case["expected"]
    found = {
        "sampler": settings.sampler,
        "runs": settings.runs,
        "environments": settings.environments,
        "memory_sizes_mb": list(space.memory_sizes_mb)
        if len(space.memory_sizes_mb) < 10
        else len(space.memory_sizes_mb),
        "payloads": [[item.body.decode(), item.weight] for item in settings.payloads.items],
        "payload_s3": settings.payload_s3,
        "strategy": settings.objective.strategy.value,
        "balanced_weight": settings.objective.balanced_weight,
        "auto_optimize": settings.auto_optimize,
        "dry_run": settings.dry_run,
        "only_cold_starts": settings.only_cold_starts,
        "discard_top_bottom": settings.discard_top_bottom,
        "sleep_between_runs_ms": settings.sleep_between_runs_ms,
        "allowed_exceptions": list(settings.allowed_exceptions),
    }
    assert {name: found[name] for name in expected} == expected


def test_runs_ask_for_the_grid_and_without_them_the_adaptive_sampler_decides() -> None:
    assert settings_of(num=7).sampler == "grid"
    assert settings_of().sampler == "adaptive"
    assert settings_of(num=7, sampler="adaptive").sampler == "adaptive"
    assert settings_of(sampler="grid").runs == 10


def test_parallel_invocation_gives_every_run_an_environment_of_its_own_and_series_one() -> None:
    assert settings_of(num=20, parallelInvocation=True).environments == 20
    assert settings_of(num=20, parallelInvocation=False).environments == 1
    assert settings_of(num=20, parallelInvocation=True, environments=3).environments == 3
    assert settings_of(num=20).environments == 2


def test_a_dry_run_of_the_peer_makes_one_run_of_each_size_and_applies_nothing() -> None:
    settings = settings_of(num=50, dryRun=True, autoOptimize=True)
    assert (settings.sampler, settings.runs, settings.auto_optimize, settings.dry_run) == ("grid", 1, False, True)


def test_parallel_invocation_runs_all_sizes_at_once() -> None:
    parallel = {"num": 50, "powerValues": [128, 256, 512, 1024, 1536, 3008]}
    assert settings_of(**parallel, parallelInvocation=True).concurrency == 300
    assert settings_of(**parallel).concurrency == 10
    assert settings_of(**parallel, parallelInvocation=True, concurrency=20).concurrency == 20


def test_our_fields_are_read() -> None:
    settings = settings_of(
        architectures="both",
        constraints={"maxP95Ms": 300, "maxCostPerMillion": 1.5, "minMemory": 256},
        budget={"maxInvocations": 40, "maxUsd": 0.1, "maxSeconds": 60},
        strategy="speed",
        tolerance=0.05,
        coldStartShare=0.1,
        seed=9,
        invocationsPerMonth=1e6,
        discount=0.12,
        isolation="copy",
    )
    assert settings.architectures == (Architecture.X86_64, Architecture.ARM64)
    assert settings.objective.constraints == Constraints(300, 1.5, 256)
    assert settings.objective.strategy is StrategyName.SPEED
    assert settings.budget == Budget(40, 0.1, 60)
    assert (settings.seed, settings.invocations_per_month, settings.discount) == (9, 1e6, 0.12)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ALL", MemorySizes(every_64=True)),
        ("all", MemorySizes(every_64=True)),
        ("128-3008", MemorySizes(low_mb=128, high_mb=3008)),
        ([1024, 128, 128, 256.0, 512], MemorySizes(listed=(128, 128, 256, 512, 1024))),
        (None, MemorySizes()),
    ],
)
def test_memory_sizes_are_a_list_a_range_or_all(value: Any, expected: MemorySizes) -> None:
    memory = settings_of(powerValues=value).memory
    assert memory == expected
    assert all(isinstance(size, int) for size in memory.listed or ())


@pytest.mark.parametrize(
    ("value", "expected"), [("current", None), ("arm64", ("arm64",)), (["arm64", "x86_64"], ("arm64", "x86_64"))]
)
def test_architectures_are_named_or_the_current_one(value: Any, expected: Any) -> None:
    assert settings_of(architectures=value).architectures == expected


def test_every_fault_is_told_at_once_with_path_value_and_remedy() -> None:
    found = faults_of(
        powerValues=[128, 96, "x", 20_000],
        num=0,
        payload=[{"payload": 1, "weight": -1}],
        payloadS3="bucket/key",
        strategy="fast",
        balancedWeight=2,
        discardTopBottom=0.5,
        parralelInvocation=True,
        budget={"maxUsd": 0},
        autoOptimizeAlias="7",
    )
    assert [fault.split(":")[0] for fault in found] == [
        "$.parralelInvocation",
        "$.autoOptimizeAlias",
        "$.balancedWeight",
        "$.budget.maxUsd",
        "$.discardTopBottom",
        "$.num",
        "$.payloadS3",
        "$.powerValues[1]",
        "$.powerValues[2]",
        "$.powerValues[3]",
        "$.strategy",
        "$.payload[0].weight",
    ]
    assert "$.powerValues[1]: 96 is below 128 (use a value from 128 to 10240)" in found
    assert "$.parralelInvocation: unknown field (did you mean parallelInvocation?)" in found
    assert "$.payload[0].weight: -1 is not a positive number (use a number above 0)" in found
    assert all(fault.endswith(")") for fault in found)


@pytest.mark.parametrize("sizes", ["3008-128", "64-512", "128-20000", "512-", "-512", "1-2-3", "some", "99999999999-1"])
def test_a_range_outside_of_lambdas_sizes_is_a_fault(sizes: str) -> None:
    (fault,) = faults_of(powerValues=sizes)
    assert fault.startswith("$.powerValues: ")
    assert sizes in fault


@pytest.mark.parametrize("number", [float("nan"), float("inf"), "nan", "inf", "-inf"])
def test_what_is_no_finite_number_is_a_fault_wherever_it_stands(number: Any) -> None:
    assert faults_of(balancedWeight=number)
    assert faults_of(discardTopBottom=number)
    assert faults_of(powerValues=[number])
    assert faults_of(num=number)
    if isinstance(number, float):
        assert faults_of(constraints={"maxP95Ms": number})
        assert faults_of(payload={"n": number})
        assert faults_of(invocationsPerMonth=number)


@pytest.mark.parametrize("document", [None, [], "x", 3, {}, {"lambdaARN": None}, {"lambdaARN": ""}, {"lambdaARN": 5}])
def test_an_input_without_a_function_is_a_fault(document: Any) -> None:
    with pytest.raises(InputError):
        decode_input(document)


def test_no_payload_is_kept_in_the_document_of_the_settings() -> None:
    settings = settings_of(payload={"token": "hunter2"}, num=5)
    assert "hunter2" not in json.dumps(dict(settings.document))
    assert settings.document["num"] == 5


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(0, 4000)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["5", "nan", "1e999", "ALL", "128-", "9-1", "cost", "arm64", "s3://a/b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
OPTIONAL = sorted(set(input_schema()["properties"]) - {"lambdaARN"})
documents = st.fixed_dictionaries({"lambdaARN": st.just(ARN)}, optional=dict.fromkeys(OPTIONAL, values)) | (
    st.fixed_dictionaries({"lambdaARN": st.just(ARN)}).flatmap(
        lambda given: st.sampled_from(OPTIONAL).flatmap(lambda name: values.map(lambda value: {**given, name: value}))
    )
)


@given(documents)
def test_any_document_is_read_or_its_faults_are_told(document: dict[str, Any]) -> None:
    faults = input_faults(document)
    if faults:
        with pytest.raises(InputError) as caught:
            decode_input(document)
        assert caught.value.faults == faults
        assert all(fault.path.startswith("$") and fault.problem for fault in faults)
    else:
        decode_input(document)


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        ([{"payload": {"n": 1}, "wieght": 1}], True),
        ([{"payload": 1, "weight": 1}, {"payload": 2}], True),
        ([{"payload": 1, "weight": 1}, {"payload": 2, "weight": 3}], False),
        ([{"body": 1}], False),
        ([], False),
        ({"payload": 1}, False),
    ],
)
def test_a_list_that_lacks_a_weight_is_said_to_be_one_event(payload: Any, *, told: bool) -> None:
    settings = decode_input({"lambdaARN": "orders", "payload": payload})
    assert [notice.code for notice in settings.notices] == ["input_read"] * told
    assert len(settings.payloads.items) == 1 or not told


@pytest.mark.parametrize(("memory_mb", "known"), [(512, 512), (None, None), (64, None)])
def test_a_configuration_in_use_that_is_learnt_elsewhere_is_read_again_from_the_document(
    memory_mb: int | None, known: int | None
) -> None:
    told = with_configuration_in_use(settings_of(local={"root": "src", "log": "out"}), memory_mb, "arm64")
    again = decode_input(told.document)
    assert again.local == told.local
    assert (again.local.memory_mb, again.local.architecture, again.local.root) == (known, "arm64", "src")
