"""The handlers together, against the stand-in: what an execution measures, says and leaves."""

from __future__ import annotations

import itertools
import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from statemachine import transitions
from statemachine.execution_store import Measured
from statemachine.handlers import executor, planner
from statemachine.measuring.trial_runs import Attempt
from statemachine.messages import NextState, decode_trial, encode_plan
from tests.cloud.fixtures import Cloud
from tests.integration.statemachine.driver import BUCKET, POWER_TUNING_INPUT, Driver, as_json
from tuner.aws.api.logs import LogLookup
from tuner.errors import InputError
from tuner.model import Architecture, Configuration, Invocation, Outcome, Sample, Trial
from tuner.search.decision import WeakEvidenceError

DEPLOYING = Path(__file__).parents[3] / "docs" / "deploy.md"
POWER_TUNING_OUTPUT = {"power", "cost", "duration", "stateMachine", "stats"}


def outcomes(driver: Driver, state: dict[str, Any]) -> dict[int, dict[str, int]]:
    """By memory size, how the runs ended."""
    measured = driver.result(state)["measurements"]
    return {m["memory_mb"]: {name: n for name, n in m["outcomes"].items() if n} for m in measured}


def test_an_input_of_power_tuning_gives_its_output_and_leaves_the_function_as_it_was(
    cloud: Cloud, driver: Driver
) -> None:
    arn = cloud.simulate_function("orders")
    before = cloud.snapshot("orders")
    state = driver.run({**POWER_TUNING_INPUT, "lambdaARN": arn})
    output = state["output"]
    assert output.keys() >= POWER_TUNING_OUTPUT
    assert {f"`{name}`" for name in output} <= set(re.findall(r"`\w+`", DEPLOYING.read_text("utf-8")))
    assert output["stateMachine"].keys() == {"executionCost", "lambdaCost", "visualization"}
    assert [point["value"] for point in output["stats"]] == [128, 256, 512]
    chosen = next(point for point in output["stats"] if point["value"] == output["power"])
    assert (output["cost"], output["duration"]) == (chosen["averagePrice"], chosen["averageDuration"])
    assert output["stateMachine"]["visualization"].startswith("https://lambda-power-tuning.show/#gAAAAQAC;")
    assert cloud.snapshot("orders") == before
    assert driver.store(state).read_text("report.html")
    assert not driver.services.objects.keys("locks/")


def test_both_architectures_are_measured_and_no_copy_is_left(cloud: Cloud, driver: Driver) -> None:
    arn = cloud.simulate_function("orders")
    before = cloud.snapshot("orders")
    state = driver.run({"lambdaARN": arn, "architectures": "both", "powerValues": [256, 1024], "num": 2})
    assert {m["architecture"] for m in driver.result(state)["measurements"]} == {"x86_64", "arm64"}
    assert cloud.snapshot("orders") == before
    assert cloud.function_names() == ["orders"]


@pytest.mark.parametrize("options", [{"num": 2}, {}, {"isolation": "versions"}])
def test_the_other_architecture_is_left_out_and_told_where_copies_are_denied(
    options: dict[str, Any], cloud: Cloud, driver: Driver
) -> None:
    arn = cloud.simulate_function("orders")
    before = cloud.snapshot("orders")
    cloud.faults.add("deny", "CreateFunction", times=None)
    state = driver.run({"lambdaARN": arn, "architectures": "both", "powerValues": [256, 1024], **options})
    measured = driver.result(state)["measurements"]
    runs = {(m["architecture"], bool(m["outcomes"]["ok"]), bool(m["outcomes"]["refused"])) for m in measured}
    assert runs == {("x86_64", True, False), ("arm64", False, True)}
    told = {warning["code"]: warning["message"] for warning in state["output"]["warnings"]}
    assert "lambda:CreateFunction" in told["versions"]
    assert told["architecture"].startswith("arm64 is left out")
    assert state["output"]["architecture"] == "x86_64"
    if "num" not in options:
        assert sum(m["architecture"] == "arm64" for m in measured) == 1, "a search asks for no other size of it"
    assert (cloud.snapshot("orders"), cloud.function_names()) == (before, ["orders"])


@pytest.mark.parametrize("options", [{"num": 2}, {}])
def test_an_architecture_that_no_copy_may_have_is_told_with_the_reason(
    options: dict[str, Any], cloud: Cloud, driver: Driver
) -> None:
    arn = cloud.simulate_function("orders")
    cloud.faults.add("deny", "CreateFunction", times=None)
    state = driver.run({"lambdaARN": arn, "architectures": "arm64", "powerValues": [256, 1024], **options})
    assert state["error"]["Error"] == "AllFailedError"
    assert "not authorized to perform: lambda:CreateFunction" in state["error"]["Cause"]


def test_odd_fields_of_an_input_are_told_in_the_warnings(cloud: Cloud, driver: Driver) -> None:
    arn = cloud.simulate_function("orders")
    odd = {"num": "2 runs", "powerValues": ["256", 128], "sleepBetweenRunsMs": "none", "powerValue": 1}
    output = driver.run({**POWER_TUNING_INPUT, **odd, "lambdaARN": arn})["output"]
    assert [point["value"] for point in output["stats"]] == [256, 128]
    said = "\n".join(warning["message"] for warning in output["warnings"])
    for name in ("num", "powerValues", "sleepBetweenRunsMs", "powerValue"):
        assert name in said


def test_function_and_processors_may_be_in_other_regions(cloud: Cloud, driver: Driver) -> None:
    arns = []
    for region, name in (("eu-west-1", "orders"), ("eu-central-1", "maker")):
        arns.append(replace(cloud, region=region).simulate_function(name, model={"output": {"made": name}}))
    document = {**POWER_TUNING_INPUT, "lambdaARN": arns[0], "preProcessorARN": arns[1], "postProcessorARN": arns[1]}
    output = driver.run(document)["output"]
    assert output["power"] in POWER_TUNING_INPUT["powerValues"]
    assert sum(run["function"] == "maker" for run in cloud.invocations()) == 24


def test_the_post_processor_is_called_after_an_allowed_exception_too(cloud: Cloud, driver: Driver) -> None:
    arn, processor = cloud.simulate_function("picky", model={"fails": "Rejected"}), cloud.simulate_function("maker")
    document = {**POWER_TUNING_INPUT, "lambdaARN": arn, "postProcessorARN": processor, "allowedExceptions": "Rejected"}
    driver.run(document)
    assert sum(run["function"] == "maker" for run in cloud.invocations()) == 12


def test_every_fault_of_an_input_is_told_before_anything_is_touched(cloud: Cloud, driver: Driver) -> None:
    bad = {"lambdaARN": "arn:aws:lambda:eu-west-1:1:function:f", "powerValues": [96], "num": 0, "nun": 1}
    with pytest.raises(InputError) as raised:
        driver.start(bad)
    assert {fault.path for fault in raised.value.faults} >= {"$.lambdaARN", "$.powerValues[0]", "$.num"}
    assert not driver.services.objects.keys("")
    assert "lambda:UpdateFunctionConfiguration" not in cloud.operations()


def test_a_size_that_runs_out_of_memory_is_told_and_the_rest_is_tuned(cloud: Cloud, driver: Driver) -> None:
    arn = cloud.simulate_function("hungry", model={"out_of_memory_below_mb": 300, "used_mb": 290})
    state = driver.run({**POWER_TUNING_INPUT, "lambdaARN": arn})
    assert outcomes(driver, state)[128] == {"out_of_memory": 4}
    assert state["output"]["power"] == 512


def test_a_function_that_always_fails_ends_in_its_own_error_with_the_runs_kept(cloud: Cloud, driver: Driver) -> None:
    arn = cloud.simulate_function("broken", model={"fails": "TypeError"})
    before = cloud.snapshot("broken")
    state = driver.run({**POWER_TUNING_INPUT, "lambdaARN": arn})
    assert state["error"]["Error"] == "AllFailedError"
    assert "TypeError" in state["error"]["Cause"]
    assert "s3://tuner-bucket/executions/broken/" in state["error"]["Cause"]
    assert driver.result(state)["stopped_by"] == "all_failed"
    assert cloud.snapshot("broken") == before


def test_an_allowed_exception_is_a_normal_run(cloud: Cloud, driver: Driver) -> None:
    arn = cloud.simulate_function("picky", model={"fails": "Rejected"})
    state = driver.run({**POWER_TUNING_INPUT, "lambdaARN": arn, "allowedExceptions": ["Rejected"]})
    assert state["output"]["power"] in (128, 256, 512)


def test_sizes_that_the_account_refuses_are_left_out(cloud: Cloud, driver: Driver) -> None:
    cloud.settings(memory_limit_mb=3008)
    arn = cloud.simulate_function("orders")
    state = driver.run({**POWER_TUNING_INPUT, "lambdaARN": arn, "powerValues": [1024, 3008, 4096, 10240]})
    assert driver.result(state)["request"]["memory_sizes_mb"] == [1024, 3008]
    told = {warning["code"]: warning["message"] for warning in state["output"]["warnings"]}
    assert "4,096, 10,240 MB are left out" in told["sizes_left_out"]


def test_sizes_all_of_which_the_account_refuses_fail_the_first_state(cloud: Cloud, driver: Driver) -> None:
    cloud.settings(memory_limit_mb=3008)
    arn = cloud.simulate_function("orders")
    with pytest.raises(InputError, match="no size of 4096, 5120 MB can be measured"):
        driver.start({"lambdaARN": arn, "powerValues": [4096, 5120]})
    assert not driver.services.objects.keys("locks/")


def test_only_cold_starts_are_measured_when_asked_for(cloud: Cloud, driver: Driver) -> None:
    arn = cloud.simulate_function("orders", model={"environments": 4})
    before = cloud.snapshot("orders")
    state = driver.run({**POWER_TUNING_INPUT, "lambdaARN": arn, "onlyColdStarts": True})
    for measured in driver.result(state)["measurements"]:
        assert measured["cold_starts"] == measured["runs"] == 4
    assert cloud.snapshot("orders") == before


def test_a_function_that_may_run_as_long_as_a_handler_takes_one_pass_when_its_runs_are_short(
    cloud: Cloud, driver: Driver
) -> None:
    arn = cloud.simulate_function("report", timeout_s=900, model={"fails_on": "poison", "fails": "ValueError"})
    before = cloud.snapshot("report")
    payloads = [{"payload": {"n": 1}, "weight": 3}, {"payload": "poison", "weight": 1}]
    state = driver.run({**POWER_TUNING_INPUT, "lambdaARN": arn, "payload": payloads, "num": 4, "environments": 2})
    for ended in outcomes(driver, state).values():
        assert ended == {"ok": 3, "error": 1}
    assert {m["environments"] for m in driver.result(state)["measurements"]} == {2}
    assert driver.store(state).passes() == {0: 1, 1: 1, 2: 1}
    assert cloud.snapshot("report") == before


def test_a_long_function_may_have_large_answers_large_hidden_payloads_and_processors(
    cloud: Cloud, driver: Driver
) -> None:
    arn = cloud.simulate_function("report", timeout_s=900, model={"output": "x" * 300_000})
    processor = cloud.simulate_function("maker")
    cloud.client("s3").put_object(Bucket=BUCKET, Key="lists/big.json", Body=json.dumps("y" * 1_000_000).encode())
    asked = {"payloadS3": f"s3://{BUCKET}/lists/big.json", "disablePayloadLogs": True, "postProcessorARN": processor}
    state = driver.run({**POWER_TUNING_INPUT, "lambdaARN": arn, "powerValues": [256], "num": 2, **asked})
    assert outcomes(driver, state) == {256: {"ok": 2}}
    assert sum(run["function"] == "maker" for run in cloud.invocations()) == 2
    assert driver.largest_state < 5_000


def wait_for_the_report(cloud: Cloud) -> None:
    """Wait in real time: the clock that handlers read passes in no time, and the run goes on meanwhile."""
    logs = LogLookup(cloud.client("logs"))
    deadline = time.monotonic() + 30
    group, ran = "/aws/lambda/report", cloud.invocations
    while not any(logs.reported(group, run["function"], run["version"], 0) for run in ran()):
        assert time.monotonic() < deadline, "the run left no report"
        time.sleep(0.1)


def test_a_run_that_outlives_its_pass_is_found_in_the_logs_and_not_repeated(cloud: Cloud, driver: Driver) -> None:
    arn = cloud.simulate_function("report", timeout_s=900, model={"pace": 1.0, "wait_ms": 1500, "cpu_ms": 1})
    state = driver.start(
        {**POWER_TUNING_INPUT, "lambdaARN": arn, "powerValues": [256], "num": 2, "parallelInvocation": False}
    )
    driver.round(state, execute=False)
    left = itertools.chain([900.0] * 3, itertools.repeat(10.0))
    attempt = Attempt("short", lambda: next(left))
    folder, trial = state["study"]["folder"], decode_trial({"trial": state["plan"]["items"][0]})
    answer = executor.execute(folder, trial, services=driver.services, attempt=attempt)
    assert not answer["done"]
    assert 880 < answer["pauseSeconds"] <= 930
    wait_for_the_report(cloud)
    driver.clock.pass_by(answer["pauseSeconds"])
    assert driver.item(state, state["plan"]["items"][0]) == 1
    while driver.round(state):
        pass
    state = driver.end(state)
    assert outcomes(driver, state) == {256: {"ok": 2}}
    assert len(cloud.invocations()) == 2


def test_weak_evidence_is_applied_only_where_the_input_says_so(cloud: Cloud, driver: Driver) -> None:
    arn = cloud.simulate_function("orders", memory_mb=512)
    asked = {"lambdaARN": arn, "powerValues": [128, 1024], "strategy": "speed", "constraints": {"maxP95Ms": 0.01}}
    state = driver.run({**POWER_TUNING_INPUT, **asked, "autoOptimize": True})
    with pytest.raises(WeakEvidenceError, match="constraint is not met") as refused:
        driver.optimize(state)
    assert "autoOptimizeForce" in refused.value.hint
    assert cloud.snapshot("orders")["configuration"]["MemorySize"] == 512
    driver.optimize(driver.run({**POWER_TUNING_INPUT, **asked, "autoOptimize": True, "autoOptimizeForce": True}))
    assert cloud.snapshot("orders")["configuration"]["MemorySize"] == 1024


def everything_stored(driver: Driver) -> str:
    """The text of every object in the bucket."""
    return "\n".join((driver.services.objects.read(key) or b"").decode() for key in driver.services.objects.keys(""))


def test_values_of_environment_variables_are_stored_nowhere(cloud: Cloud, driver: Driver) -> None:
    variables = {"Variables": {"TOKEN": "hunter2_hunter3"}}
    arn = cloud.simulate_function(
        "orders", model={"fails": "No_hunter2_hunter3", "fails_on": "x"}, Environment=variables
    )
    payloads = [{"payload": {"n": 1}, "weight": 3}, {"payload": "x", "weight": 1}]
    state = driver.run({**POWER_TUNING_INPUT, "lambdaARN": arn, "payload": payloads})
    assert outcomes(driver, state)[256] == {"ok": 3, "error": 1}
    assert "hunter2" not in everything_stored(driver)


def test_errors_are_hidden_altogether_where_the_variables_cannot_be_read(cloud: Cloud, driver: Driver) -> None:
    arn = cloud.simulate_function("orders", model={"fails": "Broken"})
    state = driver.start({**POWER_TUNING_INPUT, "lambdaARN": arn, "powerValues": [256]})
    driver.round(state, execute=False)
    cloud.faults.add("deny", "GetFunctionConfiguration", times=None)
    driver.item(state, state["plan"]["items"][0])
    cloud.faults.clear()
    runs = [run for sample in driver.store(state).measured().samples for run in sample.invocations]
    assert {(run.error.type, run.error.message) for run in runs if run.error} == {("…", "…")}


def test_a_run_that_left_no_report_is_told_as_lost(cloud: Cloud, driver: Driver) -> None:
    arn = cloud.simulate_function("report", timeout_s=900)
    state = driver.start(
        {**POWER_TUNING_INPUT, "lambdaARN": arn, "powerValues": [256], "num": 2, "parallelInvocation": False}
    )
    driver.round(state, execute=False)
    trial = state["plan"]["items"][0]["id"]
    began = driver.services.now().timestamp()
    assert driver.store(state).begin_run(trial, "000001-0000", 0, began, "killed")
    assert driver.item(state, state["plan"]["items"][0]) == 2
    (sample,) = driver.store(state).measured().samples
    assert [run.outcome for run in sample.invocations] == [Outcome.NO_REPORT, Outcome.OK]
    assert len(cloud.invocations()) == 1


def test_a_repeated_executor_invokes_nothing_again(cloud: Cloud, driver: Driver) -> None:
    state = driver.start({**POWER_TUNING_INPUT, "lambdaARN": cloud.simulate_function("orders")})
    driver.round(state)
    ran = len(cloud.invocations())
    for item in state["plan"]["items"]:
        driver.item(state, item, token="second")
    assert len(cloud.invocations()) == ran == 12


def test_runs_of_a_lost_executor_are_told_as_lost_and_not_repeated(cloud: Cloud, driver: Driver) -> None:
    state = driver.start({**POWER_TUNING_INPUT, "lambdaARN": cloud.simulate_function("orders")})
    driver.round(state, execute=False)
    lost = state["plan"]["items"][0]
    assert driver.store(state).claim(lost["id"], "all", "lost")
    for item in state["plan"]["items"]:
        driver.item(state, item)
    by_size = {s.configuration.memory_mb: s for s in driver.store(state).measured().samples}
    assert {run.outcome for run in by_size[lost["memory"]].invocations} == {Outcome.NO_REPORT}
    assert {i["memory_mb"] for i in cloud.invocations()} == {256, 512}


def test_a_repeated_planner_hands_out_the_same_round(cloud: Cloud, driver: Driver) -> None:
    state = driver.start({"lambdaARN": cloud.simulate_function("orders"), "architectures": "both"})
    driver.round(state, execute=False)
    first = state["plan"]
    driver.round(state, execute=False)
    assert state["plan"] == first | {"likely": []}
    assert len(driver.store(state).rounds()) == 1


def test_an_executor_without_time_begins_nothing_and_the_study_asks_for_the_rest(cloud: Cloud, driver: Driver) -> None:
    arn = cloud.simulate_function("orders", timeout_s=100)
    state = driver.start(
        {**POWER_TUNING_INPUT, "lambdaARN": arn, "powerValues": [256], "num": 6, "parallelInvocation": False}
    )
    left = iter([900.0, 900.0, 500.0, 110.0, 90.0])
    driver.remaining_s = lambda: next(left)
    driver.round(state)
    assert len(cloud.invocations()) == 2
    driver.remaining_s = lambda: 900.0
    while driver.round(state):
        pass
    assert outcomes(driver, driver.end(state)) == {256: {"ok": 6}}


def test_a_publisher_without_time_asks_to_be_called_again(cloud: Cloud, driver: Driver) -> None:
    sizes = list(range(128, 128 + 13))
    state = driver.start(
        {**POWER_TUNING_INPUT, "lambdaARN": cloud.simulate_function("orders"), "powerValues": sizes, "num": 1}
    )
    driver.remaining_s = lambda: 60.0
    driver.round(state, execute=False)
    assert len(state["plan"]["items"]) == 13
    assert len(driver.store(state).targets()) == 13


def test_a_deployment_in_between_ends_the_study_and_is_left_alone(cloud: Cloud, driver: Driver) -> None:
    arn = cloud.simulate_function("orders")
    state = driver.start({"lambdaARN": arn, "architectures": "both"})
    driver.round(state)
    cloud.client("lambda").update_function_configuration(FunctionName="orders", Timeout=77, Description="mine")
    cloud.wait("orders")
    while driver.round(state):
        pass
    state = driver.end(state)
    assert driver.result(state)["stopped_by"] == "function_changed"
    assert "function_changed" in {warning["code"] for warning in state["output"]["warnings"]}
    now = cloud.client("lambda").get_function_configuration(FunctionName="orders")
    assert (now["Timeout"], now["Description"]) == (77, "mine")
    assert cloud.function_names() == ["orders"]


def test_a_deployment_does_not_matter_to_copies_of_a_version(cloud: Cloud, driver: Driver) -> None:
    arn = cloud.simulate_function("orders")
    document = {"lambdaARN": f"{arn}:{cloud.publish('orders')}", "isolation": "copy", "powerValues": [256], "num": 1}
    state = driver.start(document)
    cloud.client("lambda").update_function_configuration(FunctionName="orders", Timeout=77)
    cloud.wait("orders")
    while driver.round(state):
        pass
    state = driver.end(state)
    assert driver.result(state)["stopped_by"] == "complete"
    assert "function_changed" not in {warning["code"] for warning in state["output"]["warnings"]}


def test_an_execution_that_measured_nothing_says_why(cloud: Cloud, driver: Driver) -> None:
    state = driver.start({"lambdaARN": cloud.simulate_function("orders")})
    state = driver.end(state, {"Error": "States.Timeout", "Cause": ""})
    assert state["error"]["Error"] == "StateMachine.Timeout"
    assert driver.store(state).read_text("result.json") is None


def test_payloads_come_from_s3_and_do_not_pass_through_the_state(cloud: Cloud, driver: Driver) -> None:
    body = json.dumps({"text": "x" * 1_000_000}).encode()
    cloud.client("s3").put_object(Bucket="tuner-bucket", Key="lists/big.json", Body=body)
    arn = cloud.simulate_function("orders")
    driver.run({**POWER_TUNING_INPUT, "lambdaARN": arn, "payload": 1, "payloadS3": "s3://tuner-bucket/lists/big.json"})
    assert driver.largest_state < 5_000


def test_the_largest_round_stays_under_the_limit_of_the_state() -> None:
    longest = Trial(10_000, Configuration(10_240, Architecture.X86_64), 1_000, 10_000, fresh=False)
    plan = encode_plan(NextState.MEASURE_LONG, [longest] * planner.MAX_ITEMS, at_once=1_000)
    # As Step Functions counts it: without spaces, and beside the folder of the execution.
    assert len(json.dumps(plan, separators=(",", ":"))) < 262_144 - 10_000


def test_a_long_execution_ends_before_its_history_is_full(cloud: Cloud, driver: Driver) -> None:
    arn = cloud.simulate_function("report", timeout_s=900)
    sizes = {"powerValues": [128, 256, 512, 1024, 1536, 3008], "num": 300}
    state = driver.start({"lambdaARN": arn, **sizes})
    plan = as_json(planner.plan(state["study"]["folder"], driver.services))
    asked = driver.store(state).rounds()
    assert len(plan["items"]) == 3
    execution = driver.store(state).execution
    assert transitions.count_execution([round_.trials for round_ in asked], execution, {}).events < 20_000
    for trial in asked[0].trials:
        lost = Invocation(Outcome.NO_REPORT)
        measured = Measured((Sample(trial.id, trial.configuration, (lost,) * trial.invocations),))
        driver.store(state).add_measured(trial.id, "lane-0000", measured)
    assert planner.plan(state["study"]["folder"], driver.services)["next"] == "done"
    stop = driver.store(state).stop()
    assert stop is not None
    assert stop.notice is not None
    assert stop.notice.code == "history_limit"


def test_the_ceiling_of_the_deployment_bounds_what_an_input_may_spend(cloud: Cloud, driver: Driver) -> None:
    arn = cloud.simulate_function("orders")
    parameters = {"TUNER_BUDGET_USD": "0.5", "TUNER_POWER_VALUES": "128, 256", "TUNER_ARCHITECTURES": "both"}
    driver.services.environment = parameters
    state = driver.start({"lambdaARN": arn, "num": 5, "budget": {"maxUsd": 3}})
    document = driver.store(state).execution.document
    assert document["budget"]["maxUsd"] == 0.5
    assert document["powerValues"] == [128, 256]
    assert document["architectures"] == "both"
