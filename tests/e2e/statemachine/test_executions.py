"""Executions of the deployed stack, from input to output, report and the function afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from statemachine.transitions import EXECUTION, LONG_PASS, LONG_TRIAL, ROUND, SHORT_ROUNDS, TRIAL, Count
from tests.cloud.fixtures import Cloud
from tests.e2e.statemachine.stack import LOOK_S, PATIENCE_S, ROOT, Stack
from tuner.pricing.price_list import state_transition_usd

SIZES = [128, 256, 512, 1024, 1536, 3008]
POWER_TUNING_TRANSITIONS = 6 + 3 * len(SIZES)
POWER_TUNING_INPUT = {
    "powerValues": SIZES,
    "num": 5,
    "payload": {},
    "parallelInvocation": True,
    "strategy": "cost",
}
POWER_TUNING_OUTPUT = {"power", "cost", "duration", "stateMachine"}
COUNTING = "def handler(event, context):\n    return sum(n * n for n in range(20_000))\n"
HUNGRY = "def handler(event, context):\n    return len(bytearray(b'1') * 180_000_000)\n"


def tuner(cloud: Cloud, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does."""
    command = [sys.executable, "-m", "tuner", *arguments]
    variables = {**os.environ, **cloud.environment(), "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)


@pytest.mark.usefixtures("busy")
def test_an_input_of_power_tuning_tunes_a_real_handler_and_gives_its_output(stack: Stack) -> None:
    arn = stack.cloud.create_function("app-counting", {"app.py": COUNTING}, "app.handler")
    before = stack.cloud.snapshot("app-counting")
    document = {
        **POWER_TUNING_INPUT,
        "lambdaARN": arn,
        "powerValues": [256, 512, 1024],
        "num": 2,
        "includeOutputResults": True,
    }
    output = stack.run(document)
    assert output.keys() >= POWER_TUNING_OUTPUT | {"stats"}
    assert output["stateMachine"].keys() == {"executionCost", "lambdaCost", "visualization"}
    assert output["power"] in (256, 512, 1024)
    assert {point["value"] for point in output["stats"]} == {256, 512, 1024}
    assert b"app-counting" in stack.read(output["report"])
    assert json.loads(stack.read(output["result"]))["stopped_by"] == "complete"
    assert stack.cloud.snapshot("app-counting") == before


def test_six_configurations_take_no_more_transitions_than_power_tuning_and_cost_what_the_output_says(
    stack: Stack,
) -> None:
    arn = stack.cloud.simulate_function("app-six")
    execution = stack.start({**POWER_TUNING_INPUT, "lambdaARN": arn})
    output = json.loads(stack.wait(execution)["output"])
    entered = stack.entered(execution)
    assert len(entered) == 19 <= POWER_TUNING_TRANSITIONS
    assert output["stateMachine"]["executionCost"] == pytest.approx(len(entered) * state_transition_usd("us-east-1"))
    history = stack.history(execution)
    assert Count(len(entered), len(history)) == EXECUTION + ROUND + TRIAL * 6
    largest = max(len(json.dumps(event, default=str)) for event in history)
    assert largest < 16_000


def test_scripts_that_take_the_only_machine_of_power_tunings_name_find_it(stack: Stack) -> None:
    """As its execute.sh looks for a name that contains a word, and others for one that begins with it."""
    listed = stack.cloud.client("stepfunctions").list_state_machines()["stateMachines"]
    assert len(listed) == 3, "the stack watches too"
    for found in (
        [machine["stateMachineArn"] for machine in listed if "powerTuningStateMachine" in machine["name"]],
        [machine["stateMachineArn"] for machine in listed if machine["name"].startswith("powerTuningStateMachine")],
    ):
        assert found == [stack.outputs["StateMachineARN"]]


@pytest.mark.usefixtures("busy")
def test_both_architectures_of_a_real_handler_are_measured_by_the_adaptive_sampler_in_one_task(stack: Stack) -> None:
    arn = stack.cloud.create_function("app-either", {"app.py": COUNTING}, "app.handler", memory_mb=512)
    before, names = stack.cloud.snapshot("app-either"), stack.cloud.function_names()
    bounds = {"powerValues": "256-1024", "budget": {"maxInvocations": 12}}
    execution = stack.start({"lambdaARN": arn, "architectures": "both", "invocationsPerMonth": 1e6, **bounds})
    output = json.loads(stack.wait(execution)["output"])
    entered = stack.entered(execution)
    assert Count(len(entered), len(stack.history(execution))) == EXECUTION + SHORT_ROUNDS
    assert output["stateMachine"]["executionCost"] == pytest.approx(len(entered) * state_transition_usd("us-east-1"))
    result = json.loads(stack.read(output["result"]))
    assert len([step for step in result["search"] if step["trials"]]) > 1
    assert {m["architecture"] for m in result["measurements"]} == {"x86_64", "arm64"}
    assert stack.cloud.snapshot("app-either") == before
    assert stack.cloud.function_names() == names


def test_a_failing_function_fails_the_execution_with_its_own_error_and_keeps_the_runs(stack: Stack) -> None:
    broken = {"app.py": "def handler(event, context):\n    raise KeyError('no such order')\n"}
    arn = stack.cloud.create_function("app-failing", broken, "app.handler")
    before = stack.cloud.snapshot("app-failing")
    ended = stack.wait(stack.start({**POWER_TUNING_INPUT, "lambdaARN": arn, "powerValues": [256, 512], "num": 2}))
    assert (ended["status"], ended["error"]) == ("FAILED", "AllFailedError")
    assert "KeyError: 'no such order'" in ended["cause"]
    address = next(word for word in ended["cause"].split() if word.startswith("s3://"))
    assert json.loads(stack.read(address))["stopped_by"] == "all_failed"
    assert stack.cloud.snapshot("app-failing") == before


def test_a_function_that_runs_out_of_memory_at_small_sizes_is_tuned_at_the_others(stack: Stack) -> None:
    arn = stack.cloud.create_function("app-hungry", {"app.py": HUNGRY}, "app.handler", timeout_s=30)
    before = stack.cloud.snapshot("app-hungry")
    output = stack.run({**POWER_TUNING_INPUT, "lambdaARN": arn, "powerValues": [128, 512, 1024], "num": 2})
    assert output["power"] in (512, 1024)
    found = {m["memory_mb"]: m["outcomes"] for m in json.loads(stack.read(output["result"]))["measurements"]}
    assert found[128]["out_of_memory"] == 2
    assert stack.cloud.snapshot("app-hungry") == before


def test_a_bad_input_fails_at_once_with_every_fault(stack: Stack) -> None:
    ended = stack.wait(stack.start({"lambdaARN": "orders", "powerValues": [96], "unknown": 1}))
    assert (ended["status"], ended["error"]) == ("FAILED", "InputError")
    assert "$.powerValues[0]: 96" in ended["cause"]


def test_a_refused_function_is_told_why_and_gives_its_lock_back(stack: Stack) -> None:
    arn = stack.cloud.simulate_function("app-reserved")
    stack.cloud.client("lambda").put_function_concurrency(FunctionName="app-reserved", ReservedConcurrentExecutions=0)
    ended = stack.wait(stack.start({**POWER_TUNING_INPUT, "lambdaARN": arn}))
    assert (ended["status"], ended["error"]) == ("FAILED", "InputError")
    assert "reserved concurrency of 0" in ended["cause"]
    bucket = stack.outputs["Bucket"]
    found = stack.cloud.client("s3").list_objects_v2(Bucket=bucket, Prefix="locks/")
    assert not [item["Key"] for item in found.get("Contents", ()) if "app-reserved" in item["Key"]]


def test_a_long_function_with_large_answers_takes_one_pass_for_each_trial(stack: Stack) -> None:
    arn = stack.cloud.simulate_function("app-long", timeout_s=900, model={"output": "x" * 300_000})
    before = stack.cloud.snapshot("app-long")
    execution = stack.start({**POWER_TUNING_INPUT, "lambdaARN": arn, "powerValues": [512, 1024], "num": 2})
    ended = stack.wait(execution)
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    output, entered = json.loads(ended["output"]), stack.entered(execution)
    count = Count(len(entered), len(stack.history(execution)))
    assert count == EXECUTION + ROUND + (LONG_TRIAL + LONG_PASS) * 2
    assert output["stateMachine"]["executionCost"] == pytest.approx(len(entered) * state_transition_usd("us-east-1"))
    assert stack.cloud.snapshot("app-long") == before


KILLED = {
    "Initializer": "Initializer",
    "Planner": "Planner",
    "Next Step": None,
    "Round": "Measurer",
    "Publisher": "Publisher",
    "Measure": None,
    "Executor": "Executor",
    "Long Executor": "Executor",
    "Cleaner": "Cleaner",
    "Analyzer": "Analyzer",
    "Reporter": "Reporter",
}
"""States, and the handlers that they call."""


def until(holds: Callable[[], bool], what: str, *, look_s: float = LOOK_S) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(look_s)


def killed_at_the_call_of(handler: str, document: dict[str, Any], stack: Stack) -> str:
    """An execution that is stopped while it calls a handler, which runs to its end nevertheless, as in AWS."""
    started, ended = Future[str](), threading.Event()
    cloud, name = stack.cloud, stack.resource(f"{handler}Function")
    arn = f"arn:aws:lambda:{cloud.region}:{cloud.account}:function:{name}"
    call: dict[str, Any] = {"operation": "Invoke", "caller": "states", "where": {"FunctionName": arn}}
    cloud.faults.hook(lambda _: kill(started.result(60), stack), **call)
    cloud.faults.hook(lambda _: ended.set(), **call, after=True)
    started.set_result(stack.start(document))
    assert ended.wait(PATIENCE_S), f"{handler} was never called"
    return started.result()


def kill(execution: str, stack: Stack) -> None:
    """Stop an execution."""
    stack.cloud.client("stepfunctions").stop_execution(executionArn=execution, cause="killed by a test")


@pytest.mark.parametrize("state", KILLED)
def test_an_execution_killed_at_any_state_leaves_the_function_as_it_was_and_nobody_starts_a_cleaner(
    stack: Stack, state: str
) -> None:
    name = f"app-killed-{state.replace(' ', '').lower()}"
    timeout_s = 900 if state.startswith("Long") else 10
    arn = stack.cloud.simulate_function(name, model={"pace": 2.0}, timeout_s=timeout_s)
    before, names = stack.cloud.snapshot(name), stack.cloud.function_names()
    grid = {**POWER_TUNING_INPUT, "powerValues": [256], "num": 1}
    document = {**({} if state == "Round" else grid), "lambdaARN": arn, "architectures": "both"}
    if handler := KILLED[state]:
        execution = killed_at_the_call_of(handler, document, stack)
        assert stack.entered(execution)[-1] == state
    else:
        execution = stack.start(document)
        until(lambda: state in stack.entered(execution), f"{state} was never entered", look_s=0.05)
        kill(execution, stack)
    assert stack.wait(execution)["status"] == "ABORTED"
    locked = lambda: stack.keys(f"locks/arn/aws/lambda/us-east-1/123456789012/function/{name}")  # noqa: E731
    until(
        lambda: not locked() and stack.cloud.function_names() == names and stack.cloud.snapshot(name) == before,
        f"{name} is not as it was",
    )


def test_an_execution_that_the_data_limit_ends_is_cleaned_and_fails_under_a_name_of_ours(stack: Stack) -> None:
    arn = stack.cloud.simulate_function("app-limit")
    before = stack.cloud.snapshot("app-limit")
    # The input fits into the state, and the answer of the Planner does not.
    stack.cloud.settings(largest_state_bytes=1_000)
    try:
        sizes = list(range(128, 128 + 20))
        ended = stack.wait(stack.start({**POWER_TUNING_INPUT, "lambdaARN": arn, "powerValues": sizes, "num": 1}))
    finally:
        stack.cloud.settings(largest_state_bytes=262_144)
    assert ended["status"] == "FAILED"
    assert ended["error"] == "StateMachine.DataLimitExceeded"
    until(lambda: stack.cloud.snapshot("app-limit") == before, "app-limit is not as it was")


def test_the_recommendation_is_applied_when_asked_for_also_when_the_report_cannot_be_drawn(stack: Stack) -> None:
    arn = stack.cloud.simulate_function("app-applied", memory_mb=3008, model={"cpu_ms": 5, "wait_ms": 200})
    document = {**POWER_TUNING_INPUT, "lambdaARN": arn, "powerValues": [128, 3008], "num": 3}
    stack.cloud.faults.add("deny", "PutObject", caller="function", where={"ContentType": "text/html; charset=utf-8"})
    output = stack.run({**document, "autoOptimize": True, "autoOptimizeAlias": "live"})
    assert output["reportFailure"]["Error"] == "DeniedError"
    assert "report" not in output
    client = stack.cloud.client("lambda")
    assert client.get_function_configuration(FunctionName="app-applied")["MemorySize"] == output["power"] == 128
    assert client.get_function_configuration(FunctionName="app-applied", Qualifier="live")["MemorySize"] == 128


def test_a_fleet_with_as_many_broken_functions_as_are_tolerated_is_tuned_and_ranked(stack: Stack) -> None:
    cloud, models = stack.cloud, [{"cpu_ms": 20.0 * n, "wait_ms": 5.0 * n} for n in range(1, 5)]
    arns = [cloud.simulate_function(f"app-fleet-{n}", model=model, memory_mb=1769) for n, model in enumerate(models)]
    listed = "lambdaARN,powerValues,invocationsPerMonth\n" + "".join(f'{arn},"256,1769",1e6\n' for arn in arns)
    broken = cloud.simulate_function("app-fleet-broken", model={"fails": "TypeError"})
    listed += f'{broken},"256",\n'
    bucket = stack.outputs["Bucket"]
    cloud.client("s3").put_object(Bucket=bucket, Key="lists/functions.csv", Body=listed.encode())
    document = {"list": f"s3://{bucket}/lists/functions.csv", "defaults": {"num": 1}, "concurrency": 2}
    output = stack.run(document, machine="FleetStateMachineARN")
    summary: dict[str, Any] = json.loads(stack.read(output["summary"]))
    assert (output["functions"], output["tuned"], output["failed"]) == (5, 4, 1)
    assert {f["function"]: f["error"] for f in summary["failures"]} == {broken: "AllFailedError"}
    savings = [item["savingPerMonth"] for item in summary["savings"]]
    assert savings == sorted(savings, reverse=True)
    assert b"app-fleet-0" in stack.read(output["report"])


def test_a_fleet_with_more_broken_functions_than_are_tolerated_fails_under_a_name_of_ours(stack: Stack) -> None:
    cloud, bucket = stack.cloud, stack.outputs["Bucket"]
    broken = cloud.simulate_function("app-fleet-refused", model={"fails": "TypeError"})
    cloud.client("s3").put_object(Bucket=bucket, Key="lists/broken.csv", Body=f"lambdaARN\n{broken}\n".encode())
    document = {"list": f"s3://{bucket}/lists/broken.csv", "toleratedFailurePercentage": 0, "defaults": {"num": 1}}
    ended = stack.wait(stack.start(document, machine="FleetStateMachineARN"))
    assert (ended["status"], ended["error"]) == ("FAILED", "StateMachine.ExceedToleratedFailureThreshold")


def test_a_fleet_with_too_many_failures_says_why_and_brings_its_summary(stack: Stack, tmp_path: Path) -> None:
    bucket, functions = stack.outputs["Bucket"], json.dumps(["app-missing"]).encode()
    stack.cloud.client("s3").put_object(Bucket=bucket, Key="lists/broken.json", Body=functions)
    document = json.dumps({"list": f"s3://{bucket}/lists/broken.json"})
    machine = stack.outputs["FleetStateMachineARN"]
    found = tuner(stack.cloud, tmp_path, "execute", machine, document, "--output", "out")
    assert found.returncode == 1
    assert "StateMachine.ExceedToleratedFailureThreshold" in found.stderr
    assert f"Not tuned: 1 of 1 functions. Each is told with its cause: s3://{bucket}/fleets/" in found.stderr
    assert "measuring 0 trials" not in found.stderr
    (failure,) = json.loads((tmp_path / "out" / "summary.json").read_text("utf-8"))["failures"]
    assert "app-missing" in failure["cause"]
    assert "app-missing" in (tmp_path / "out" / "summary.html").read_text("utf-8")


def test_execute_tells_of_each_round_and_brings_result_and_report_home(stack: Stack, tmp_path: Path) -> None:
    arn = stack.cloud.simulate_function("app-brought")
    document = {"lambdaARN": arn, "powerValues": "256-2048", "budget": {"maxInvocations": 8}}
    (tmp_path / "input.json").write_text(json.dumps(document))
    machine = stack.outputs["StateMachineARN"]
    found = tuner(stack.cloud, tmp_path, "execute", machine, "input.json", "--output", "out")
    assert found.returncode == 0, found.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"output.json", "result.json", "report.html"}
    assert "round 1  0 runs  $0.000000  measuring " in found.stderr
    assert " MB x86_64" in found.stdout


def test_execute_fails_when_the_execution_does_and_brings_what_was_measured(stack: Stack, tmp_path: Path) -> None:
    arn = stack.cloud.simulate_function("app-unlucky", model={"fails": "TypeError"})
    machine = stack.outputs["StateMachineARN"]
    document = json.dumps({**POWER_TUNING_INPUT, "lambdaARN": arn, "powerValues": [256], "num": 1})
    found = tuner(stack.cloud, tmp_path, "execute", machine, document, "--output", "out")
    assert found.returncode == 1
    assert "round 1  measuring 1 trial" in found.stderr
    assert "ended FAILED" in found.stderr
    assert "TypeError" in found.stderr
    assert (tmp_path / "out" / "result.json").exists()


def test_execute_starts_nothing_for_a_bad_input(stack: Stack, tmp_path: Path) -> None:
    machine = stack.outputs["StateMachineARN"]
    before = stack.cloud.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    found = tuner(stack.cloud, tmp_path, "execute", machine, '{"lambdaARN": "f", "powerValues": [96], "num": 0}')
    assert found.returncode == 2
    assert "$.powerValues[0]" in found.stderr
    assert "$.num" in found.stderr
    assert stack.cloud.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"] == before
