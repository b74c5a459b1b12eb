"""The stand-in's Step Functions refuses, bounds and ends as AWS does where moto's own does not."""

from __future__ import annotations

import json
import re
import threading
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.fixtures import Cloud

ROLE = "arn:aws:iam::123456789012:role/states"
PATIENCE_S = 60.0


def machine(cloud: Cloud, states: dict[str, Any], **options: Any) -> str:
    """ARN of a new state machine that begins with the first of the states."""
    definition = {"StartAt": next(iter(states)), "States": states, **options}
    created = cloud.client("stepfunctions").create_state_machine(
        name=f"m{time.monotonic_ns()}", definition=json.dumps(definition), roleArn=ROLE
    )
    return str(created["stateMachineArn"])


def execute(cloud: Cloud, arn: str, given: Any = None) -> dict[str, Any]:
    """The description of an execution that has ended."""
    client = cloud.client("stepfunctions")
    execution = client.start_execution(stateMachineArn=arn, input=json.dumps(given or {}))["executionArn"]
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        description = client.describe_execution(executionArn=execution)
        if description["status"] != "RUNNING":
            return dict(description)
        time.sleep(0.02)
    raise AssertionError("the execution does not end")


def task(function: str, **options: Any) -> dict[str, Any]:
    """A Task that invokes a function by its ARN, and ends."""
    return {"Type": "Task", "Resource": function, "End": True, **options}


def test_a_task_runs_the_function_and_its_calls_are_the_roles(cloud: Cloud) -> None:
    function = cloud.simulate_function("f", model={"output": {"done": True}})
    ended = execute(cloud, machine(cloud, {"A": task(function)}))
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", {"done": True})
    (entry,) = cloud.calls(caller="states")
    assert (entry["action"], entry["principal"]) == (
        "lambda:InvokeFunction",
        "arn:aws:sts::123456789012:assumed-role/states/states",
    )


def test_executions_without_a_name_get_one_each(cloud: Cloud) -> None:
    arn = machine(cloud, {"A": {"Type": "Pass", "End": True}})
    assert execute(cloud, arn)["name"] != execute(cloud, arn)["name"]


def test_times_in_the_context_are_written_as_aws_writes_them(cloud: Cloud) -> None:
    parameters = {"started.$": "$$.Execution.StartTime", "entered.$": "$$.State.EnteredTime"}
    ended = execute(cloud, machine(cloud, {"A": {"Type": "Pass", "Parameters": parameters, "End": True}}))
    for moment in json.loads(ended["output"]).values():
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", moment)


def test_the_integration_with_lambda_and_the_sdk_normalises_parameters(cloud: Cloud) -> None:
    cloud.simulate_function("f", model={"output": [1, 2]})
    cloud.client("s3").create_bucket(Bucket="bucket")
    states = {
        "Invoke": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "f", "Payload": {"x": 1}},
            "ResultSelector": {"result.$": "$.Payload"},
            "Next": "Put",
        },
        "Put": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:s3:putObject",
            "Parameters": {"Bucket": "bucket", "Key": "k.json", "Body.$": "$.result"},
            "ResultPath": None,
            "Next": "Get",
        },
        "Get": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
            "Parameters": {"Bucket": "bucket", "Key": "k.json"},
            "ResultSelector": {"text.$": "$.Body"},
            "End": True,
        },
    }
    ended = execute(cloud, machine(cloud, states))
    assert ended["status"] == "SUCCEEDED", ended
    assert json.loads(json.loads(ended["output"])["text"]) == [1, 2]


def test_a_throttled_invocation_has_the_name_that_retriers_know(cloud: Cloud) -> None:
    function = cloud.simulate_function("f")
    cloud.client("lambda").put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    ended = execute(cloud, machine(cloud, {"A": task(function)}))
    assert (ended["status"], ended["error"]) == ("FAILED", "Lambda.TooManyRequestsException")
    cloud.forget_calls()
    retry = [{"ErrorEquals": ["Lambda.TooManyRequestsException"], "IntervalSeconds": 2, "MaxAttempts": 3}]
    execute(cloud, machine(cloud, {"A": task(function, Retry=retry)}))
    assert len(cloud.calls(caller="states")) == 4


def test_a_result_over_the_data_limit_fails_the_state(cloud: Cloud) -> None:
    function = cloud.simulate_function("f", model={"output": "x" * 262_200})
    ended = execute(cloud, machine(cloud, {"A": task(function)}))
    assert (ended["status"], ended["error"]) == ("FAILED", "States.DataLimitExceeded")


@pytest.mark.parametrize(
    ("caught", "status"), [(["States.ALL"], "FAILED"), (["States.DataLimitExceeded"], "SUCCEEDED")], ids=str
)
def test_the_data_limit_is_caught_by_its_name_and_not_by_all(cloud: Cloud, caught: list[str], status: str) -> None:
    """What only States.ALL catches ended the old definition of the state machine without its Cleaner."""
    function = cloud.simulate_function("f", model={"output": "x" * 262_200})
    catch = [{"ErrorEquals": caught, "ResultPath": "$.error", "Next": "Cleaner"}]
    states = {"A": task(function, Catch=catch), "Cleaner": {"Type": "Pass", "End": True}}
    assert execute(cloud, machine(cloud, states))["status"] == status


def test_parameters_over_the_data_limit_fail_the_state(cloud: Cloud) -> None:
    function = cloud.simulate_function("f")
    double = {"Type": "Task", "Resource": function, "Parameters": {"a.$": "$.x", "b.$": "$.x"}, "End": True}
    ended = execute(cloud, machine(cloud, {"A": double}), {"x": "x" * 200_000})
    assert (ended["status"], ended["error"]) == ("FAILED", "States.DataLimitExceeded")


def test_an_input_over_the_data_limit_is_refused(cloud: Cloud) -> None:
    arn = machine(cloud, {"A": {"Type": "Pass", "End": True}})
    with pytest.raises(ClientError, match="less than or equal to 262144"):
        cloud.client("stepfunctions").start_execution(stateMachineArn=arn, input=json.dumps("x" * 262_144))


def test_a_definition_with_a_dangling_next_or_a_state_that_nothing_reaches_is_refused(cloud: Cloud) -> None:
    for states in (
        {"A": {"Type": "Pass", "Next": "B"}},
        {"A": {"Type": "Pass", "End": True}, "B": {"Type": "Pass", "End": True}},
        {
            "A": {
                "Type": "Map",
                "ItemProcessor": {"StartAt": "X", "States": {"Y": {"Type": "Pass", "End": True}}},
                "End": True,
            }
        },
    ):
        with pytest.raises(ClientError, match="MISSING_TRANSITION_TARGET"):
            machine(cloud, states)


def test_the_history_is_bounded(cloud: Cloud) -> None:
    cloud.settings(history_limit=100)
    states: dict[str, Any] = {"A": {"Type": "Pass", "Next": "B"}, "C": {"Type": "Succeed"}}
    states["B"] = {
        "Type": "Choice",
        "Choices": [{"Variable": "$.stop", "IsPresent": True, "Next": "C"}],
        "Default": "A",
    }
    ended = execute(cloud, machine(cloud, states))
    assert ended["status"] == "FAILED"
    assert "maximum number of history events" in ended["cause"]


def test_the_history_comes_in_pages_and_backwards(cloud: Cloud) -> None:
    client = cloud.client("stepfunctions")
    ended = execute(cloud, machine(cloud, {"A": {"Type": "Pass", "End": True}}))
    names = {"executionArn": ended["executionArn"]}
    first = client.get_execution_history(**names, maxResults=2)
    rest = client.get_execution_history(**names, maxResults=2, nextToken=first["nextToken"])
    kinds = [event["type"] for event in first["events"] + rest["events"]]
    assert kinds == ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    last = client.get_execution_history(**names, reverseOrder=True, maxResults=1)["events"][0]
    assert last["type"] == "ExecutionSucceeded"


def test_an_abort_is_immediate_and_starts_nothing_more(cloud: Cloud) -> None:
    function = cloud.simulate_function("f")
    states = {"A": {"Type": "Task", "Resource": function, "Next": "B"}, "B": task(function)}
    client, arn = cloud.client("stepfunctions"), machine(cloud, states)
    begun, aborted = threading.Event(), threading.Event()
    cloud.faults.hook(lambda _: (begun.set(), aborted.wait(60)), "Invoke", caller="states")
    execution = client.start_execution(stateMachineArn=arn)["executionArn"]
    assert begun.wait(60)
    client.stop_execution(executionArn=execution, error="Enough", cause="of it")
    description = client.describe_execution(executionArn=execution)
    assert (description["status"], description["error"]) == ("ABORTED", "Enough")
    aborted.set()
    while not cloud.invocations():
        time.sleep(0.02)
    time.sleep(0.2)  # B could begin now
    events = client.get_execution_history(executionArn=execution)["events"]
    assert events[-1]["type"] == "ExecutionAborted"
    assert len(cloud.calls(caller="states")) == 1


def test_waits_and_pauses_before_retries_pass_at_the_pace_of_the_settings(cloud: Cloud) -> None:
    start = time.monotonic()
    ended = execute(cloud, machine(cloud, {"A": {"Type": "Wait", "Seconds": 10, "End": True}}))
    assert ended["status"] == "SUCCEEDED"
    assert 0.15 < time.monotonic() - start < 10


def test_a_distributed_map_reads_a_list_from_s3_and_tolerates_failures(cloud: Cloud) -> None:
    function = cloud.simulate_function("f", model={"fails": "Broken", "fails_on": "bad"})
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="list.json", Body=json.dumps([{"n": "good"}, {"n": "bad"}, {"n": "good"}]))
    states: dict[str, Any] = {
        "Each": {
            "Type": "Map",
            "ItemReader": {
                "Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {"InputType": "JSON"},
                "Parameters": {"Bucket": "bucket", "Key": "list.json"},
            },
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "One",
                "States": {"One": task(function)},
            },
            "ToleratedFailurePercentage": 50,
            "ResultWriter": {
                "Resource": "arn:aws:states:::s3:putObject",
                "Parameters": {"Bucket.$": "$.bucket", "Prefix": "out"},
            },
            "End": True,
        }
    }
    ended = execute(cloud, machine(cloud, states), {"bucket": "bucket"})
    assert ended["status"] == "SUCCEEDED", ended
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket="bucket", Prefix="out")["Contents"]]
    assert any(key.endswith("manifest.json") for key in keys)
    states["Each"]["ToleratedFailurePercentage"] = 20
    ended = execute(cloud, machine(cloud, states), {"bucket": "bucket"})
    assert (ended["status"], ended["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")


def test_a_task_that_runs_over_its_time_fails_with_a_timeout(cloud: Cloud) -> None:
    function = cloud.simulate_function("f", model={"cpu_ms": 0, "wait_ms": 3000, "pace": 1.0})
    ended = execute(cloud, machine(cloud, {"A": task(function, TimeoutSeconds=1)}))
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Timeout")


def test_an_execution_that_runs_over_its_time_is_timed_out(cloud: Cloud) -> None:
    function = cloud.simulate_function("f", model={"cpu_ms": 0, "wait_ms": 3000, "pace": 1.0})
    ended = execute(cloud, machine(cloud, {"A": task(function)}, TimeoutSeconds=1))
    assert ended["status"] == "TIMED_OUT"
    assert ended["stopDate"] >= ended["startDate"]


def test_rows_of_a_csv_file_start_executions_and_wait_for_them(cloud: Cloud) -> None:
    inner = machine(cloud, {"A": {"Type": "Pass", "Parameters": {"name.$": "$.name"}, "End": True}})
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="list.csv", Body="name,size\none,1\ntwo,2\n")
    start = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": inner, "Input.$": "$"},
        "OutputPath": "$.Output",
        "End": True,
    }
    states = {
        "Each": {
            "Type": "Map",
            "MaxConcurrency": 2,
            "ItemReader": {
                "Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
                "Parameters": {"Bucket": "bucket", "Key": "list.csv"},
            },
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "Start",
                "States": {"Start": start},
            },
            "End": True,
        }
    }
    ended = execute(cloud, machine(cloud, states))
    assert ended["status"] == "SUCCEEDED", ended
    assert json.loads(ended["output"]) == [{"name": "one"}, {"name": "two"}]


def test_a_fail_state_passes_on_an_error_of_step_functions_itself(cloud: Cloud) -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "B"}]
    function = cloud.simulate_function("f", model={"cpu_ms": 0, "wait_ms": 3000, "pace": 1.0})
    states = {
        "A": task(function, TimeoutSeconds=1, Catch=catch),
        "B": {"Type": "Fail", "ErrorPath": "$.Error", "CausePath": "$.Cause"},
    }
    ended = execute(cloud, machine(cloud, states))
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Timeout")
