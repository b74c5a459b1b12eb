"""The example workflow on the stand-in: read, tuned with recorded payloads, planned, confirmed, applied, taken back."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.aws_e2e.harness import stand_in
from tests.cloud.fixtures import ROOT, Cloud
from tests.full_disk import file_size_limit
from tuner.api.tuning import tune
from tuner.api.workflows.logs import Logs
from tuner.api.workflows.result import WorkflowResult
from tuner.api.workflows.tuning import tune_workflow, undo
from tuner.aws.workflows.confirming import temporary_prefix
from tuner.cli.main import run
from tuner.documents.result import ResultDocument
from tuner.model import Architecture, Configuration
from tuner.search.decision import WeakEvidenceError
from tuner.workflows.plan import Binding

EXAMPLE = ROOT / "examples" / "workflow"
FUNCTIONS = ("check", "fraud", "reserve", "price", "courier", "post")
INPUTS = [{"items": list(range(1 + n % 3)), "express": n % 4 == 0} for n in range(8)]
SIZES_MB = (256, 1024)


ROUNDS = 5
"""A busy machine slows executions down while they are recorded or confirmed: then both are done anew."""


@pytest.fixture
def checkout(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The ARN of the deployed example, after a few executions."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in FUNCTIONS:
        cloud.create_function(f"checkout-{name}", EXAMPLE, f"app.{name}", memory_mb=256, timeout_s=30)
    client = cloud.client("stepfunctions")
    definition = (EXAMPLE / "definition.asl.json").read_text("utf-8")
    machine = client.create_state_machine(name="checkout", definition=definition, roleArn=cloud.role("states-role"))
    execute(cloud, str(machine["stateMachineArn"]), INPUTS[:2])
    return str(machine["stateMachineArn"])


def execute(cloud: Cloud, arn: str, inputs: Sequence[Any]) -> None:
    """Run the workflow, one execution after the other."""
    client = cloud.client("stepfunctions")
    for given in inputs:
        started = client.start_execution(stateMachineArn=arn, input=json.dumps(given))
        while (ended := client.describe_execution(executionArn=started["executionArn"]))["status"] == "RUNNING":
            time.sleep(0.02)
        assert ended["status"] == "SUCCEEDED", ended


def planned(cloud: Cloud, arn: str, output: Path, **options: Any) -> WorkflowResult:
    """The answer, with every function tuned over two sizes."""
    connection = stand_in(cloud.endpoint)

    def tune_quickly(function: str, payloads: Sequence[Mapping[str, Any]], folder: Path | None) -> ResultDocument:
        small: dict[str, Any] = {"power_values": SIZES_MB, "sampler": "grid", "runs": 4, "environments": 1}
        return tune(function, list(payloads), output=folder, connection=connection, **small).document

    return tune_workflow(arn, tune_missing=tune_quickly, connection=connection, output=output, **options)


def test_the_example_is_tuned_confirmed_applied_and_taken_back(cloud: Cloud, checkout: str, tmp_path: Path) -> None:
    before = {name: cloud.snapshot(f"checkout-{name}") for name in FUNCTIONS}
    off_by = []
    while not off_by or (abs(off_by[-1]) >= 0.1 and len(off_by) < ROUNDS):
        execute(cloud, checkout, INPUTS)
        folder = tmp_path / f"round-{len(off_by)}"
        result = planned(cloud, checkout, folder, deadline_ms=60_000.0, confirm=6, executions=8)
        assert result.confirmation is not None
        off_by.append(result.confirmation.off_by)
        told = (
            f"p50 predicted {result.confirmation.predicted_p50_ms:.0f} ms, measured {result.confirmation.p50_ms:.0f} ms"
        )
        sys.stdout.write(f"{told}, off by {off_by[-1]:+.1%}\n")
    assert abs(off_by[-1]) < 0.1, told

    steps = {step.path[-1]: step for step in result.plan.steps}
    assert set(result.configurations) == {f"checkout-{name}" for name in FUNCTIONS}
    assert steps["Courier"].visits == pytest.approx(0.25)
    assert steps["Price item"].function == steps["Price order"].function == "checkout-price"
    assert result.plan.binding is Binding.NOTHING
    assert result.payloads["checkout-courier"][0]["payload"]["express"] is True
    assert "<svg" in (folder / "report.html").read_text("utf-8")

    where: dict[str, Any] = {"executions": 8, "connection": stand_in(cloud.endpoint)}
    logs = tune_workflow(checkout, deadline_ms=60_000.0, logs=Logs(in_aws=True), **where).plan
    predicted = [notice.message for notice in logs.notices if notice.code == "curve_from_logs"]
    assert [name.partition(":")[0] for name in predicted] == list(logs.chosen.configurations)

    # Nothing of the user's has changed, and nothing is left.
    assert {name: cloud.snapshot(f"checkout-{name}") for name in FUNCTIONS} == before
    assert len(cloud.function_names()) == len(FUNCTIONS)
    machines = cloud.client("stepfunctions").list_state_machines()["stateMachines"]
    assert [machine["name"] for machine in machines] == ["checkout"]

    clean_up_after_a_killed_confirmation(cloud, checkout)

    where |= {"output": tmp_path / "applied"}
    # On a busy machine four runs may be too weak to apply, or the sizes in use may seem fast enough, so that nothing is
    # changed: then the functions are tuned again.
    for attempt in range(ROUNDS):
        with suppress(WeakEvidenceError):
            fastest_ms = result.plan.front[0].time_ms
            applied = tune_workflow(checkout, deadline_ms=1.05 * fastest_ms, apply=True, results=[folder], **where)
            if applied.undo:
                break
        assert {name: cloud.snapshot(f"checkout-{name}") for name in FUNCTIONS} == before
        folder = tmp_path / f"again-{attempt}"
        result = planned(cloud, checkout, folder, deadline_ms=60_000.0, executions=8)
    else:
        pytest.fail(f"{ROUNDS} results in a row changed nothing")
    assert applied.plan.met
    for name, configuration in applied.configurations.items():
        assert in_use(cloud, name) == configuration
    undo(tmp_path / "applied" / "undo.json", stand_in(cloud.endpoint))
    assert {in_use(cloud, f"checkout-{name}") for name in FUNCTIONS} == {Configuration(256, Architecture.X86_64)}


def clean_up_after_a_killed_confirmation(cloud: Cloud, arn: str) -> None:
    client = cloud.client("stepfunctions")
    definition = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}})
    for name in (f"{temporary_prefix(arn)}dead", f"{temporary_prefix(arn + '-other')}alive"):
        client.create_state_machine(name=name, definition=definition, roleArn=cloud.role("states-role"))
    assert run(["clean", arn, "--endpoint-url", cloud.endpoint]) == 0
    left = {machine["name"] for machine in client.list_state_machines()["stateMachines"]}
    assert left == {"checkout", f"{temporary_prefix(arn + '-other')}alive"}


def in_use(cloud: Cloud, name: str) -> Configuration:
    state = cloud.client("lambda").get_function_configuration(FunctionName=name)
    return Configuration(state["MemorySize"], Architecture(state["Architectures"][0]))


def test_a_run_that_filled_the_disk_goes_on_with_the_command_that_it_tells(
    cloud: Cloud, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        cloud.simulate_function(name, memory_mb=256)
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "OutputPath": "$.Payload"}
    function = f"arn:aws:lambda:{cloud.region}:{cloud.account}:function:"
    states = {
        "First": {**task, "Parameters": {"FunctionName": f"{function}first", "Payload.$": "$"}, "Next": "Second"},
        "Second": {**task, "Parameters": {"FunctionName": f"{function}second", "Payload": {}}, "End": True},
    }
    definition, role = json.dumps({"StartAt": "First", "States": states}), cloud.role("states-role")
    machine = cloud.client("stepfunctions").create_state_machine(name="two", definition=definition, roleArn=role)
    arn = str(machine["stateMachineArn"])
    execute(cloud, arn, INPUTS[:2])

    words = ["workflow", arn, "--deadline", "60s", "--tune", "--output", "out"]
    monkeypatch.setattr(sys, "argv", ["tuner", *words])
    with file_size_limit(12_000):
        assert run(words) == 1
    told = capsys.readouterr().err
    assert "error: cannot write out/first/" in told
    again = shlex.split(told.partition("Go on with:\n")[2].replace("\\\n", ""))
    assert again == ["tuner", *words[:-2], "--resume", "out"]

    begun = (here / "out" / "first" / "samples.jsonl").read_bytes()
    execute(cloud, arn, [{"items": [], "express": True}])  # what was recorded since changes no payload
    assert run(again[1:]) == 0, capsys.readouterr().err
    assert (here / "out" / "first" / "samples.jsonl").read_bytes().startswith(begun.rpartition(b"\n")[0])
    assert (here / "out" / "second" / "result.json").exists()
    assert not list((here / "out").rglob("earlier"))
