"""The deployed state machine, handlers included, on a second open engine: Step Functions of LocalStack, in host mode.

LocalStack interprets the definition that was deployed. The stand-in is its Lambda, S3 and STS, where the handlers'
code really runs under their roles. Opt-in, since it needs an environment of its own: `make test-localstack`.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.statemachine.stack import PATIENCE_S, ROOT, Stack

ENVIRONMENT = os.environ.get("TUNER_LOCALSTACK")
pytestmark = pytest.mark.skipif(not ENVIRONMENT, reason="`make test-localstack` makes its environment and runs this")
START_S = 120.0
GRID = {"powerValues": [256, 1024], "num": 2, "payload": {}, "includeOutputResults": True}
ADAPTIVE = {"powerValues": "256-1024", "architectures": "both", "budget": {"maxInvocations": 12}}
WAITING = {"cpu_ms": 5, "wait_ms": 200}
"""A function that waits: the smallest size is clearly the cheapest."""


@dataclass
class Engine:
    """LocalStack's Step Functions, with the deployed definition."""

    client: Any
    machine: str

    def end(self, document: Any) -> tuple[dict[str, Any], list[str]]:
        """An execution that has ended, and the states that it entered."""
        execution = self.client.start_execution(stateMachineArn=self.machine, input=json.dumps(document))
        arn, end = execution["executionArn"], time.monotonic() + PATIENCE_S
        while (found := self.client.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < end, "still running"
            time.sleep(0.2)
        paginator = self.client.get_paginator("get_execution_history")
        events = paginator.paginate(executionArn=arn).build_full_result()["events"]
        return found, [e["stateEnteredEventDetails"]["name"] for e in events if "stateEnteredEventDetails" in e]


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until_ready(process: subprocess.Popen[str], endpoint: str, log: Path) -> None:
    """Wait until LocalStack answers."""
    end = time.monotonic() + START_S
    while True:
        try:
            urllib.request.urlopen(f"{endpoint}/_localstack/health", timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            assert process.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < end, log.read_text("utf-8")
            time.sleep(0.5)


@pytest.fixture(scope="module")
def engine(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """LocalStack in a process of its own, which calls the stand-in wherever a task calls AWS."""
    assert ENVIRONMENT is not None
    folder, endpoint = tmp_path_factory.mktemp("localstack"), f"http://127.0.0.1:{free_port()}"
    log = folder / "log.txt"
    variables = {
        **stack.cloud.environment(),
        "SERVICES": "stepfunctions",
        "STRICT_SERVICE_LOADING": "1",
        "DISTRIBUTED_MODE": "1",  # its clients leave the endpoint to AWS_ENDPOINT_URL
        "GATEWAY_LISTEN": endpoint.removeprefix("http://"),
        "DISABLE_EVENTS": "1",  # reports nothing to its makers
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DNS_ADDRESS": "0",
        "LOCALSTACK_VOLUME_DIR": str(folder),
        "TMPDIR": str(folder),
    }
    command = [str(ROOT / ENVIRONMENT / "bin" / "python"), "-m", "localstack.runtime.main"]
    with log.open("w") as output:
        process = subprocess.Popen(command, env=variables, stdout=output, stderr=subprocess.STDOUT, text=True)
    try:
        until_ready(process, endpoint, log)
        yield created(stack, endpoint)
    finally:
        process.terminate()
        process.wait(timeout=60)


def created(stack: Stack, endpoint: str) -> Engine:
    """The state machine with the definition and the role that were deployed."""
    # LocalStack takes the access key for the account.
    client = stack.cloud.session().client(
        "stepfunctions", endpoint_url=endpoint, aws_access_key_id=stack.cloud.account, aws_secret_access_key="secret"
    )
    deployed = stack.cloud.client("stepfunctions").describe_state_machine(
        stateMachineArn=stack.outputs["StateMachineARN"]
    )
    made = client.create_state_machine(
        name=deployed["name"], definition=deployed["definition"], roleArn=deployed["roleArn"]
    )
    return Engine(client, made["stateMachineArn"])


@pytest.mark.parametrize("asked", [GRID, ADAPTIVE], ids=["grid", "adaptive"])
def test_both_engines_take_the_same_states_to_the_same_output(
    stack: Stack, engine: Engine, asked: dict[str, Any]
) -> None:
    name = f"app-engines-{'grid' if 'num' in asked else 'adaptive'}"
    document = {**asked, "lambdaARN": stack.cloud.simulate_function(name, model=WAITING)}
    before, names = stack.cloud.snapshot(name), stack.cloud.function_names()
    first = stack.start(document)
    expected, entered = json.loads(stack.wait(first)["output"]), stack.entered(first)
    found, entered_there = engine.end(document)
    assert found["status"] == "SUCCEEDED", found.get("cause")
    output = json.loads(found["output"])
    assert output.keys() == expected.keys()
    assert (output["power"], output["architecture"]) == (expected["power"], expected["architecture"])
    assert set(entered_there) == set(entered)
    assert json.loads(stack.read(output["result"]))["recommendation"]["memory_mb"] == output["recommendation"]["power"]
    assert name.encode() in stack.read(output["report"])
    assert stack.cloud.snapshot(name) == before
    assert stack.cloud.function_names() == names


def test_the_second_engine_fails_with_the_own_error_of_a_function_and_leaves_it_as_it_was(
    stack: Stack, engine: Engine
) -> None:
    arn = stack.cloud.simulate_function("app-engines-broken", model={"fails": "TypeError"})
    before = stack.cloud.snapshot("app-engines-broken")
    found, entered = engine.end({**GRID, "lambdaARN": arn})
    assert (found["status"], found["error"]) == ("FAILED", "AllFailedError")
    assert "TypeError" in found["cause"]
    assert {"Cleaner", "Analyzer", "Failed"} <= set(entered)
    assert stack.cloud.snapshot("app-engines-broken") == before


def test_the_second_engine_applies_the_recommendation_through_an_alias(stack: Stack, engine: Engine) -> None:
    arn = stack.cloud.simulate_function("app-engines-applied", memory_mb=3008, model=WAITING)
    asked = {**GRID, "powerValues": [128, 3008], "autoOptimize": True, "autoOptimizeAlias": "live"}
    found, entered = engine.end({**asked, "lambdaARN": arn})
    assert found["status"] == "SUCCEEDED", found.get("cause")
    client = stack.cloud.client("lambda")
    applied = client.get_function_configuration(FunctionName="app-engines-applied", Qualifier="live")
    assert applied["MemorySize"] == json.loads(found["output"])["power"] == 128
    assert entered[-1] == "Optimizer"
