"""The state machines' definitions: every state reached, every name given, every retry safe, every validator content."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from statemachine.handler_time import EXECUTOR_GB, MEASURER_GB
from tests.cloud.fixtures import Cloud
from tests.integration.statemachine.template import template

ROOT = Path(__file__).parents[3]
DEFINITIONS = sorted((ROOT / "statemachine").glob("*.asl.json"))
VALIDATORS = ROOT / ".ci" / "validators"
SERVICE_FAULTS = {
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.TooManyRequestsException",
}
State = dict[str, Any]
each_definition = pytest.mark.parametrize("path", DEFINITIONS, ids=lambda path: path.name)


def substituted(path: Path) -> str:
    """The definition as it is deployed."""
    text = path.read_text("utf-8").replace("${partition}", "aws")
    text = re.sub(r"\$\{\w*tateMachineArn\}", "arn:aws:states:us-east-1:123456789012:stateMachine:tuner", text)
    return re.sub(r"\$\{\w+Arn\}", "arn:aws:lambda:us-east-1:123456789012:function:handler", text)


def scopes(machine: State) -> Iterator[State]:
    """The machine itself, and the item processors in it."""
    yield machine
    for state in machine["States"].values():
        if "ItemProcessor" in state:
            yield from scopes(state["ItemProcessor"])


def states(path: Path) -> dict[str, State]:
    """Every state, by name."""
    return {
        name: state for scope in scopes(json.loads(path.read_text("utf-8"))) for name, state in scope["States"].items()
    }


def successors(state: State) -> set[str]:
    """Where a state can lead to."""
    choices = [*state.get("Choices", ()), *state.get("Catch", ())]
    return {name for item in [state, *choices] for name in (item.get("Next"), item.get("Default")) if name}


@each_definition
def test_every_state_is_reached_and_reaches_an_end(path: Path) -> None:
    for scope in scopes(json.loads(path.read_text("utf-8"))):
        reached, waiting = set(), [scope["StartAt"]]
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting.extend(successors(scope["States"][name]))
        assert reached == scope["States"].keys()
        for name, state in scope["States"].items():
            ends = state.get("End") or state["Type"] in ("Succeed", "Fail")
            assert ends or successors(state), f"{name} leads nowhere"


@each_definition
def test_the_template_gives_every_name_that_a_definition_asks_for(path: Path) -> None:
    wanted = set(re.findall(r"\$\{(\w+)\}", path.read_text("utf-8")))
    machines = [item["Properties"] for item in template()["Resources"].values() if "StateMachine" in item["Type"]]
    given = next(m["DefinitionSubstitutions"] for m in machines if m["DefinitionUri"].endswith(path.name))
    assert wanted == given.keys()


def test_handlers_are_repeated_after_faults_of_the_service_alone() -> None:
    for name, state in states(ROOT / "statemachine" / "definition.asl.json").items():
        for retry in state.get("Retry", ()):
            expected = {"Cleaner": {"States.ALL"}}.get(name, SERVICE_FAULTS)
            assert set(retry["ErrorEquals"]) == expected, name


def test_whatever_fails_after_the_first_change_leads_through_the_cleaner() -> None:
    machine = states(ROOT / "statemachine" / "definition.asl.json")
    for name in ("Planner", "Round", "Publisher", "Measure", "Measure Long"):
        assert {catch["Next"] for catch in machine[name]["Catch"]} == {"Cleaner"}
        # States.ALL does not catch the other one (error handling, Step Functions documentation, 2026-09).
        assert [catch["ErrorEquals"] for catch in machine[name]["Catch"]] == [
            ["States.DataLimitExceeded"],
            ["States.ALL"],
        ]


def test_no_later_error_takes_the_place_of_the_first() -> None:
    machine = states(ROOT / "statemachine" / "definition.asl.json")
    written = {name: machine[name]["Catch"][0]["ResultPath"] for name in ("Cleaner", "Analyzer", "Reporter")}
    assert written == {"Cleaner": "$.cleaning", "Analyzer": "$.analysis", "Reporter": "$.output.reportFailure"}


def test_the_names_that_users_of_power_tuning_know_are_kept() -> None:
    known = {"Initializer", "Publisher", "Executor", "Cleaner", "Analyzer", "Optimizer"}
    assert known <= states(ROOT / "statemachine" / "definition.asl.json").keys()


@each_definition
def test_the_interpreters_parser_takes_it(path: Path) -> None:
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

    AmazonStateLanguageParser.parse(substituted(path))


def install_validators() -> None:
    """Install what `package-lock.json` lists, once for all test processes. npm writes its own copy of it at the end."""
    with (VALIDATORS / "package-lock.json").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (VALIDATORS / "node_modules" / ".package-lock.json").is_file():
            subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=VALIDATORS, check=True)


@each_definition
def test_asl_validator_finds_nothing(path: Path, tmp_path: Path) -> None:
    """Where Node.js is found; continuous integration requires it."""
    if shutil.which("npm") is None:
        assert not os.environ.get("TUNER_REQUIRE_NODE"), "npm is required here, and was not found"
        pytest.skip("npm was not found")
    install_validators()
    deployed = tmp_path / path.name
    deployed.write_text(substituted(path), "utf-8")
    command = [str(VALIDATORS / "node_modules" / ".bin" / "asl-validator"), "--json-path", str(deployed)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


@each_definition
def test_no_fail_state_uses_an_error_name_of_step_functions(path: Path) -> None:
    """The specification of the Amazon States Language keeps names with this prefix to itself."""
    found = states(path)
    for name, state in found.items():
        assert not state.get("Error", "").startswith("States."), name
        if state["Type"] == "Fail" and "ErrorPath" in state:
            # Whatever a Catch writes goes through the choice that renames the names of Step Functions.
            before = {other for other, item in found.items() if name in successors(item)}
            assert before == {"Outcome", "Own Name"}
            renamed = [choice["Next"] for choice in found["Outcome"]["Choices"] if "States.*" in json.dumps(choice)]
            assert renamed == ["Own Name"]


@pytest.mark.parametrize("name", ["definition.asl.json", "fleet.asl.json"])
@pytest.mark.parametrize(
    ("error", "told"), [("States.Timeout", "StateMachine.Timeout"), ("AllFailedError", "AllFailedError")]
)
def test_an_error_of_step_functions_gets_a_name_of_ours(name: str, error: str, told: str, cloud: Cloud) -> None:
    ends = {"Outcome", "Own Name", "Failed", "Not Analyzed", "Done"}
    end = {one: state for one, state in states(ROOT / "statemachine" / name).items() if one in ends}
    end["Optimizer"] = {"Type": "Succeed"}
    reached = {"Outcome", *(one for state in end.values() for one in successors(state))}
    definition = {"StartAt": "Outcome", "States": {one: state for one, state in end.items() if one in reached}}
    client = cloud.client("stepfunctions")
    machine = client.create_state_machine(
        name=name.replace(".", "-"), definition=json.dumps(definition), roleArn=cloud.role("states")
    )
    summary = {"functions": 2, "failed": 1, "summary": "s3://bucket/summary.json"}
    document = {"error": {"Error": error, "Cause": "It took too long."}, "summary": summary, "optimize": True}
    started = client.start_execution(stateMachineArn=machine["stateMachineArn"], input=json.dumps(document))
    while (ended := client.describe_execution(executionArn=started["executionArn"]))["status"] == "RUNNING":
        time.sleep(0.02)
    assert (ended["status"], ended["error"]) == ("FAILED", told)
    assert ended["cause"].startswith("It took too long.")


@each_definition
def test_whatever_catches_all_errors_catches_the_data_limit_too(path: Path) -> None:
    # States.ALL does not catch it (error handling, Step Functions documentation, 2026-09).
    for name, state in states(path).items():
        caught = [catch["ErrorEquals"] for catch in state.get("Catch", ())]
        assert caught in ([], [["States.DataLimitExceeded"], ["States.ALL"]]), name


def test_watching_is_off_by_default_and_switched_on_by_one_parameter() -> None:
    watching = {name for name in template()["Resources"] if name.startswith("Watch")}
    assert watching == {"WatcherFunction", "WatchTopic", "WatchAlarm", "WatchStateMachine"}
    assert {template()["Resources"][name].get("Condition") for name in watching} == {"Watches"}
    assert template()["Parameters"]["watch"]["Default"] == ""
    assert all(
        "Default" in parameter for name, parameter in template()["Parameters"].items() if name.startswith("watch")
    )
    assert str(template()["Conditions"]["Watches"]).count("watch") == 1


def test_the_memory_of_the_handlers_that_measure_is_that_of_the_bill() -> None:
    resources = template()["Resources"]
    found = [resources[name]["Properties"]["MemorySize"] / 1024 for name in ("MeasurerFunction", "ExecutorFunction")]
    assert found == [MEASURER_GB, EXECUTOR_GB]
