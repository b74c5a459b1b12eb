"""The result document of any study fits its schema, survives its text, and keeps payloads out."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.unit.studies import ARM, QUIET, SIZES, X86, function_of, measured, ran, sample_of, study_of
from tuner.documents.decision import decision_evidence
from tuner.documents.input import decode_input
from tuner.documents.result import dumps, function_errors, loads, schema
from tuner.documents.result_builder import build_result
from tuner.errors import SHOWN_FAULTS, InputError
from tuner.model import (
    BackendKind,
    Budget,
    Configuration,
    Constraints,
    FunctionError,
    FunctionIdentity,
    Invocation,
    Notice,
    Objective,
    Outcome,
    StopReason,
    StrategyName,
)
from tuner.pricing.bill import Bill
from tuner.pricing.price_list import price_list
from tuner.search.grid import GridSampler
from tuner.search.study import Study
from tuner.simulated.backend import SimulatedBackend
from tuner.simulated.noise import SimulatedFaults, SimulatedNoise

IDENTITY = SimulatedBackend(function_of()).describe()
INPUT = decode_input({"lambdaARN": "simulated", "num": 10, "payload": {"token": "hunter2"}})


def document_of(study: Study, identity: FunctionIdentity = IDENTITY, **changes: Any) -> Any:
    return build_result(
        study,
        identity,
        INPUT,
        created_at="2026-09-14T08:12:45Z",
        seconds=12.5,
        **changes,
    )


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, (int, float)):
        yield value


def intervals(value: Any) -> Iterator[dict[str, float]]:
    if isinstance(value, dict):
        if {"mean", "low", "high"} <= value.keys():
            yield value
        for item in value.values():
            yield from intervals(item)
    elif isinstance(value, list):
        for item in value:
            yield from intervals(item)


shares = st.sampled_from([0.0, 0.0, 0.2, 1.0])
faults = st.builds(
    SimulatedFaults,
    out_of_memory_below_mb=st.sampled_from([0, 0, 200, 300, 20_000]),
    refused_above_mb=st.sampled_from([10_240, 10_240, 1000, 127]),
    error_share=shares,
    throttled_share=shares,
    lost_report_share=shares,
)
noises = st.sampled_from(
    [QUIET, SimulatedNoise(), SimulatedNoise(0.005, 0.005, 0), SimulatedNoise(0.75, 0.3, 0.1, init_ms=5000)]
)
objectives = st.builds(
    Objective,
    st.sampled_from(list(StrategyName)),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.sampled_from(
        [Constraints(), Constraints(max_p95_ms=1.0), Constraints(max_cost_per_million_usd=3, min_memory_mb=256)]
    ),
    cold_start_share=st.sampled_from([0.0, 0.3]),
)


@settings(max_examples=20)
@given(
    faults=faults,
    noise=noises,
    objective=objectives,
    runs=st.sampled_from([1, 3, 10]),
    timeout_s=st.sampled_from([0.5, 900.0]),
    seed=st.integers(0, 99),
    budget=st.sampled_from([Budget(), Budget(max_invocations=7)]),
)
def test_the_document_of_any_study_fits_its_schema_and_survives_its_text(
    faults: SimulatedFaults,
    noise: SimulatedNoise,
    objective: Objective,
    runs: int,
    timeout_s: float,
    seed: int,
    budget: Budget,
) -> None:
    study = study_of(
        SIZES,
        GridSampler(runs),
        architectures=(X86, ARM),
        objective=objective,
        budget=budget,
        current=Configuration(512, X86),
        seed=seed,
        invocations_per_month=1e6,
    )
    measured(study, function_of(noise, faults, timeout_s=timeout_s), seed=seed)
    document = document_of(study, replace(IDENTITY, timeout_s=timeout_s))
    text = dumps(document)
    assert loads(text, name="result.json") == document
    assert dumps(loads(text, name="result.json")) == text
    assert all(map(math.isfinite, numbers(document)))
    assert all(found["low"] <= found["mean"] <= found["high"] for found in intervals(document))
    usable = study.belief().candidates
    if usable:
        assert document["recommendation"]["expected_regret"] >= 0
        assert (document["recommendation"]["memory_mb"], document["recommendation"]["architecture"]) in [
            (c.memory_mb, c.architecture) for c in usable
        ]
    else:
        assert document["recommendation"] is None
        assert document["curve"] == []
    tried = {(m["memory_mb"], m["architecture"]) for m in document["measurements"]}
    assert {(e["memory_mb"], e["architecture"]) for e in document["excluded"]} <= tried


@given(noises, st.integers(0, 9))
@settings(max_examples=10)
def test_what_was_measured_is_in_the_document_run_by_run(noise: SimulatedNoise, seed: int) -> None:
    study = measured(study_of((256, 512), GridSampler(6)), function_of(noise), seed=seed)
    for found, sample in zip(document_of(study)["measurements"], study.samples, strict=True):
        assert found["runs"] == 6 == sum(found["outcomes"].values())
        assert found["environments"] == found["cold_starts"] == 2
        assert found["data"]["duration_ms"] == [run.duration_ms for run in sample.invocations]
        warm = [run.duration_ms or 0.0 for run in sample.invocations if not run.cold]
        assert found["duration_ms"]["mean"] == pytest.approx(sum(warm) / len(warm))
        usd = [
            study.prices.invocation_cost(sample.configuration, run.billed_duration_ms or 0)
            for run in sample.invocations
            if not run.cold
        ]
        assert found["cost_usd"]["mean"] == pytest.approx(sum(usd) / len(usd))


def test_what_the_search_spent_is_what_every_run_cost_cold_and_failed_ones_too() -> None:
    study = measured(study_of(SIZES, GridSampler(4)), function_of(faults=SimulatedFaults(out_of_memory_below_mb=200)))
    used = document_of(study)["tuning"]
    paid = [
        study.prices.invocation_cost(sample.configuration, run.billed_duration_ms or 0)
        for sample in study.samples
        for run in sample.invocations
    ]
    assert used["invocations"] == len(paid) == 16
    assert used["cost_usd"] == pytest.approx(sum(paid))


def test_rounds_tell_what_was_spent_before_each_also_after_a_resume() -> None:
    first = study_of(SIZES, GridSampler(2))
    asked = first.ask()
    resumed = study_of(SIZES, GridSampler(2))
    resumed.replay([sample_of(128, [ran(50)] * 2, trial=asked[0].id)], first.rounds)
    measured(resumed)
    rounds = document_of(resumed)["search"]
    assert [found["invocations"] for found in rounds[:2]] == [0, 2]
    assert rounds[-1]["invocations"] == 8
    assert [found["round"] for found in rounds] == list(range(len(rounds)))


def test_no_payload_is_in_the_document() -> None:
    assert "hunter2" not in dumps(document_of(measured(study_of())))


def test_the_same_study_gives_the_same_text() -> None:
    assert dumps(document_of(measured(study_of()))) == dumps(document_of(measured(study_of())))


def test_a_functions_own_errors_are_shown_as_they_are_and_counted() -> None:
    def failed(request_id: str) -> Invocation:
        error = FunctionError("KeyError", f"'n' in {request_id}", ("  File app.py, line 3", "    event['n']"))
        return Invocation(Outcome.ERROR, "a", 5.0, 6, error=error, request_id=request_id)

    study = study_of()
    study.tell(sample_of(128, [failed("id-1"), failed("id-2"), ran(5)]))
    document = document_of(study)
    (error,) = document["measurements"][0]["errors"]
    assert (error["type"], error["message"], error["count"]) == ("KeyError", "'n' in …", 2)
    assert error["stack"] == ["  File app.py, line 3", "    event['n']"]
    assert function_errors(document).splitlines() == [
        "128 MB x86_64: KeyError: 'n' in …",
        "  File app.py, line 3",
        "    event['n']",
    ]


def test_current_and_saving_are_told_from_joint_draws() -> None:
    study = measured(
        study_of((128, 512, 3008), current=Configuration(3008, X86), invocations_per_month=1e6), function_of(QUIET)
    )
    document = document_of(study)
    saving = document["saving"]
    cost = {m["memory_mb"]: m["cost_usd"]["mean"] for m in document["measurements"]}
    best = document["recommendation"]["memory_mb"]
    assert saving["ratio"]["mean"] == pytest.approx(1 - cost[best] / cost[3008], abs=0.05)
    assert saving["per_month_usd"]["mean"] == pytest.approx(1e6 * (cost[3008] - cost[best]), rel=0.1)
    assert saving["paired_environments"] == 2
    assert document["current"]["cost_usd"]["mean"] == pytest.approx(cost[3008], rel=0.1)


def test_there_is_no_saving_where_the_current_size_is_recommended_or_not_known() -> None:
    only = measured(study_of((512,), current=Configuration(512, X86)))
    assert document_of(only)["saving"] is None
    assert document_of(measured(study_of()))["current"] is None


def test_the_other_strategies_stand_beside_the_recommendation() -> None:
    document = document_of(measured(study_of(objective=Objective(StrategyName.SPEED))))
    assert document["recommendation"]["strategy"] == "speed"
    assert [found["strategy"] for found in document["alternatives"]] == ["cost", "balanced"]


def test_runs_whose_cost_is_not_known_are_counted() -> None:
    study = study_of((512,))
    study.tell(sample_of(512, [ran(50), Invocation(Outcome.NO_REPORT, "a")]))
    (found,) = (notice for notice in document_of(study)["warnings"] if notice["code"] == "cost_not_known")
    assert found["message"].startswith("1 of 2 runs")


def test_payloads_that_no_run_had_are_counted_with_their_share_of_the_weight() -> None:
    weighted = [{"payload": number, "weight": weight} for number, weight in enumerate((97, 2, 1))]
    asked = decode_input({"lambdaARN": "f", "num": 10, "payload": weighted})
    study = study_of((512,))
    for sent, told in ((0, "2 of 3 payloads, with 3%"), (1, "1 of 3 payloads, with 1%"), (2, None)):
        study.tell(sample_of(512, [replace(ran(50), payload=sent)]))
        identity = replace(IDENTITY, backend=BackendKind.LOCAL)
        document = build_result(study, identity, asked, created_at="2026-09-14T08:12:45Z", seconds=1)
        found = [notice["message"] for notice in document["warnings"] if notice["code"] == "payloads_not_sent"]
        assert [message.partition(" of the weight")[0] for message in found] == [told] * (told is not None)


def test_a_bill_in_dollars_is_told_by_part() -> None:
    told = document_of(measured(study_of()), bill=Bill(0.5, 0.25, 0.125, 0.0625, control_calls=7))["tuning"]["bill"]
    assert told["total_usd"] == 0.9375
    assert told["control_calls"] == 7


def test_a_bill_in_another_currency_is_left_out() -> None:
    study = measured(study_of())
    study.prices = price_list("cn-north-1")
    assert "bill" not in document_of(study, bill=Bill(0.5))["tuning"]


@pytest.mark.parametrize(("cold", "warned"), [((True, True), True), ((True, False), False)])
def test_runs_in_aws_that_were_all_cold_are_told(cold: tuple[bool, bool], warned: bool) -> None:
    study = study_of((512,))
    study.tell(sample_of(512, [replace(ran(50), init_duration_ms=100.0 if one else None) for one in cold]))
    document = document_of(study, replace(IDENTITY, backend=BackendKind.AWS))
    assert ("all_runs_cold" in {found["code"] for found in document["warnings"]}) is warned


def test_what_the_user_should_know_is_a_warning() -> None:
    study = measured(study_of(objective=Objective(constraints=Constraints(max_p95_ms=1))))
    study.prices = price_list("il-central-1")
    document = document_of(study, notices=[Notice("host", "noisy")])
    assert {"code": "host", "message": "noisy"} in document["warnings"]
    assert {"constraints_unmet", "prices_unconfirmed"} <= {found["code"] for found in document["warnings"]}
    assert document["recommendation"]["unmet"]


def test_an_interrupted_study_has_a_document_of_what_there_is() -> None:
    study = study_of()
    study.interrupt()
    document = document_of(study)
    assert document["stopped_by"] == StopReason.INTERRUPTED
    assert document["recommendation"] is None
    assert loads(dumps(document), name="result.json") == document


def test_the_schema_is_valid_and_knows_every_outcome_and_reason() -> None:
    Draft202012Validator.check_schema(schema())
    assert set(schema()["properties"]["stopped_by"]["enum"]) == set(StopReason)
    outcomes = schema()["$defs"]["measurement"]["properties"]["outcomes"]
    assert set(outcomes["required"]) == set(Outcome)
    assert schema()["additionalProperties"] is False


GOOD = document_of(measured(study_of((128, 256), GridSampler(2))))


def damaged(path: str, value: Any) -> str:
    document = json.loads(dumps(GOOD))
    *parents, last = path.split(".")
    place = document
    for parent in parents:
        place = place[int(parent) if parent.isdigit() else parent]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "is not a result document"),
        ("null", "is not a result document"),
        ("{}", "has no schema_version"),
        ('{"power": "128", "cost": 2e-7, "duration": 2.9}', "has no schema_version"),
        ('{"schema_version": 2}', "schema_version 2"),
        ('{"schema_version": "1"}', "schema_version '1'"),
        ('{"schema_version": {}}', "schema_version {}"),
        ('{"schema_version": 1}', "is missing: tool, created_at"),
        (damaged("measurements", ...), "$.measurements: is missing"),
        (damaged("measurements.0.memory_mb", 64), "$.measurements[0].memory_mb: 64 is below 128"),
        (damaged("recommendation.architecture", "mips"), '$.recommendation.architecture: "mips" is not known'),
        (damaged("curve.0.cost_usd.mean", float("nan")), "$.curve[0].cost_usd.mean: nan is not a finite number"),
        (damaged("surprise", 1), "$.surprise: unknown field"),
        (damaged("measurements.0.duration_ms.p95", -5), "$.measurements[0].duration_ms.p95: -5 is below 0"),
        (damaged("recommendation.cost_usd.mean", -5), "$.recommendation.cost_usd.mean: -5 is below 0"),
        (damaged("measurements.0.runs", 99), "$.measurements[0].runs: is 99, and data has 2 runs"),
        (damaged("measurements.1.memory_mb", 128), "$.measurements[1]: measures 128 MB x86_64 again"),
        (damaged("recommendation.memory_mb", 4096), "$.recommendation: 4096 MB x86_64 is not in the curve"),
    ],
)
def test_a_damaged_or_foreign_document_is_one_clear_fault_of_the_input(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        loads(text, name="old.json")
    assert caught.value.exit_code == 2
    assert said in caught.value.message
    assert caught.value.message.startswith("old.json")
    assert len(caught.value.faults) == 1


def test_every_fault_of_a_damaged_document_is_told() -> None:
    document = json.loads(damaged("measurements.0.memory_mb", 64))
    document["tuning"]["seconds"] = -1
    with pytest.raises(InputError) as caught:
        loads(json.dumps(document), name="old.json")
    assert len(caught.value.faults) == 2


def test_thousands_of_faults_are_25_lines_and_a_count() -> None:
    document = json.loads(damaged("measurements.0.memory_mb", 64))
    document["measurements"] *= 100
    with pytest.raises(InputError) as caught:
        loads(json.dumps(document), name="old.json")
    *lines, last = caught.value.message.splitlines()
    assert len(lines) == SHOWN_FAULTS
    assert len(caught.value.faults) > SHOWN_FAULTS
    assert last == f"and {len(caught.value.faults) - SHOWN_FAULTS:,} more"


def test_slow_runs_that_make_most_of_the_mean_are_told_to_the_decision() -> None:
    study, steady = study_of(), study_of()
    for number, memory_mb in enumerate(SIZES):
        runs = [ran(1.0, str(i)) for i in range(7)]
        study.tell(sample_of(memory_mb, [*runs, ran(100.0, "slow")], trial=number))
        steady.tell(sample_of(memory_mb, runs, trial=number))
    mean_over_median = (7 * 1.0 + 100.0) / 8
    assert decision_evidence(document_of(study)).slow_part == pytest.approx(1 - 1 / mean_over_median)
    assert decision_evidence(document_of(steady)).slow_part == 0.0


@pytest.mark.parametrize("ms", [1.5, 20.0, 900.0])
def test_what_unseen_slow_runs_would_add_is_told_of_the_bill_without_the_fee_of_a_request(ms: float) -> None:
    study = study_of((128, 1024), GridSampler(10))
    trials = study.ask()
    for trial in trials:
        runs = [ran(ms, "a" if run % 2 else "b") for run in range(trial.invocations)]
        study.tell(sample_of(trial.configuration.memory_mb, runs, trial=trial.id))
    document = document_of(study)
    (told,) = (warning["message"] for warning in document["warnings"] if warning["code"] == "slow_runs_not_seen")
    cost, fee = document["recommendation"]["cost_usd"]["mean"], document["prices"]["request_usd"]
    higher = (fee + (cost - fee) * (0.99 + 0.01 * 10)) / cost - 1
    assert float(told.rpartition(" be ")[2].partition("%")[0]) == pytest.approx(100 * higher, rel=0.05)
