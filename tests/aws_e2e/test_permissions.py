"""The policies of docs/permissions.md are exactly what the tool needs: no call is missing, none is allowed in vain."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from tests.aws_e2e.harness import BOTH, open_quickly, quick_api, quick_reader, settings, stand_in, tune
from tests.aws_e2e.test_apply import result as applicable
from tests.cloud.fixtures import Cloud, zipped
from tests.unit.cli.progress.test_execution import told
from tests.unit.comparison.documents import result
from tuner.api.fleets.selection import functions_of_project, selected_functions
from tuner.api.result import Result
from tuner.api.watching import watch
from tuner.aws.api.logs import LogLookup
from tuner.aws.api.price_list import fetch_prices
from tuner.aws.api.session import connect
from tuner.aws.changes import apply, cleanup
from tuner.aws.evidence.reader import ReadingLimits
from tuner.aws.workflows.cleaning import clean_workflow
from tuner.aws.workflows.confirming import TemporaryMachine
from tuner.aws.workflows.reading import StateMachines
from tuner.cli.main import run
from tuner.documents.result import dumps
from tuner.errors import LeftBehindError
from tuner.evidence.known_function import Selection
from tuner.model import Architecture
from tuner.settings import Settings

DOCUMENT = Path(__file__).parents[2] / "docs" / "permissions.md"
NAMES = {
    "REGION": "us-east-1", "STACK": "shop", "ACCOUNT": "123456789012", "FUNCTION": "orders", "BUCKET": "payloads",
    "PROCESSOR": "pre", "TUNER_ROLE": "tuner", "ROLE": "lambda-role", "STATE_MACHINE": "tuner",
    "STATES_ROLE": "states", "FLEET_STATE_MACHINE": "tunerFleet-1",
}  # fmt: skip
IMPLIED = {
    "lambda:CreateFunction": ("lambda:TagResource", "iam:PassRole"),
    "states:CreateStateMachine": ("iam:PassRole",),
}
"""What IAM checks beside the action of a call: for its tags and for its role."""
FLEET_DOCUMENTS = {"summary": "json", "report": "html"}
"""What the output of a fleet names, and how the names of these files end."""
Use = Callable[[Cloud, Path], None]


def allowed(*sections: str) -> set[tuple[str, str]]:
    """Actions and resource patterns of some sections of the document."""
    found: set[tuple[str, str]] = set()
    for section in re.split(r"^## ", DOCUMENT.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        title, body = section.split("\n", 1)
        if title in sections:
            policy = json.loads(body.split("```json")[1].split("```")[0])
            found |= {
                (action, re.sub(r"[A-Z_]{4,}", lambda name: NAMES[name[0]], resource))
                for statement in policy["Statement"]
                for action in _listed(statement["Action"])
                for resource in _listed(statement["Resource"])
            }
    return found


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def needed(cloud: Cloud) -> set[tuple[str, str]]:
    """Actions and resources of the calls that were made."""
    calls = cloud.calls(caller="user")
    made = {(call["action"], call["resource"]) for call in calls}
    # Who may not list a bucket is told that a missing object is forbidden.
    missing = {("s3:ListBucket", call["resource"].split("/")[0]) for call in calls if call["outcome"] == "NoSuchKey"}
    role = {"lambda": "lambda-role", "states": "states"}
    implied = {
        (
            action,
            f"arn:aws:iam::123456789012:role/{role[call.partition(':')[0]]}" if action == "iam:PassRole" else resource,
        )
        for call, resource in made
        for action in IMPLIED.get(call, ())
    }
    return made | implied | missing


def tune_versions(cloud: Cloud, folder: Path) -> None:
    cloud.faults.add("lose_reply", "PublishVersion")  # a lost answer must not need more
    tune(cloud, folder, settings(sizes=(256, 4096)))


def tune_copies(cloud: Cloud, folder: Path) -> None:
    tune(cloud, folder, settings(architectures=BOTH, isolation="copy"))


def tune_both(cloud: Cloud, folder: Path) -> None:
    tune(cloud, folder, settings(architectures=BOTH))


def recover(cloud: Cloud, folder: Path) -> None:
    """By the record of a run that could not undo anything, as if it had been killed."""
    leave_behind(cloud, folder, settings(architectures=BOTH))
    assert "recovered" in [notice.code for notice in tune(cloud, folder, settings(architectures=BOTH)).notices]


def leave_behind(cloud: Cloud, folder: Path, asked: Settings) -> None:
    cloud.faults.add("deny", "DeleteFunction", times=None)
    with pytest.raises(LeftBehindError):
        tune(cloud, folder, asked)
    cloud.faults.clear()


def duet(cloud: Cloud, folder: Path) -> None:
    version = cloud.publish("orders")
    cloud.client("lambda").create_alias(FunctionName="orders", Name="live", FunctionVersion=version)
    cloud.forget_calls()
    leave_behind(cloud, folder, settings(isolation="copy"))
    with ExitStack() as sides:
        for candidate, target in enumerate((f"orders:{version}", "orders:live")):
            asked, place = settings(target, isolation="copy"), stand_in(cloud.endpoint)
            sides.enter_context(open_quickly(asked, place, folder, candidate=bool(candidate)))


def tune_layers(cloud: Cloud, folder: Path) -> None:
    client = cloud.client("lambda")
    layer = client.publish_layer_version(LayerName="lib", Content={"ZipFile": zipped({"lib.py": ""})})
    client.update_function_configuration(FunctionName="orders", Layers=[layer["LayerVersionArn"]])
    cloud.wait("orders")
    cloud.forget_calls()
    tune(cloud, folder, settings(architectures=(Architecture.ARM64,), isolation="copy"))


def look_up(cloud: Cloud, folder: Path) -> None:
    tune(cloud, folder, settings(sizes=(256,)))
    run = cloud.invocations()[-1]
    logs = LogLookup(cloud.client("logs"), pauses_s=(0.0,))
    assert logs.find("/aws/lambda/orders", run["request_id"], 0, threading.Event())


def read_payload(cloud: Cloud, folder: Path) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="payloads")
    s3.put_object(Bucket="payloads", Key="one.json", Body="{}")
    cloud.forget_calls()
    tune(cloud, folder, settings(payload_s3="s3://payloads/one.json"))


def process(cloud: Cloud, folder: Path) -> None:
    cloud.simulate_function("pre", model={"output": {"n": 1}})
    cloud.forget_calls()
    tune(cloud, folder, settings(pre_processor="pre", post_processor="pre"))


def apply_all(cloud: Cloud, alias: str | None) -> None:
    for memory_mb in (256, 320):
        document = applicable(cloud, memory_mb, "arm64", code_sha256=None)
        apply.apply_recommendation(document, stand_in(cloud.endpoint), alias=alias, make_api=quick_api)


def apply_latest(cloud: Cloud, folder: Path) -> None:
    cloud.forget_calls()
    apply_all(cloud, None)


def apply_alias(cloud: Cloud, folder: Path) -> None:
    apply_all(cloud, "live")


def clean(cloud: Cloud, folder: Path) -> None:
    """After a run that could not delete its copies, and one that could not put $LATEST back."""
    cloud.faults.add("deny", "DeleteFunction", times=None)
    cloud.faults.add("deny", "UpdateFunctionConfiguration", nth=2, times=None)
    for isolation in ("copy", "versions"):
        with pytest.raises(LeftBehindError):
            tune(cloud, folder / isolation, settings(sizes=(128,), isolation=isolation))
    cloud.faults.clear()
    cloud.forget_calls()
    done = cleanup.clean("orders", stand_in(cloud.endpoint), {"XDG_STATE_HOME": str(folder)}, make_api=quick_api)
    assert [line.split()[1] for line in done] == ["restore", "delete", "delete"]


def keep_baseline(cloud: Cloud, folder: Path) -> None:
    cloud.client("s3").create_bucket(Bucket="payloads")
    cloud.forget_calls()
    (folder / "result.json").write_text(dumps(result()))
    command = ["compare", "s3://payloads/orders.json", str(folder / "result.json"), "--update-baseline"]
    assert run([*command, "--endpoint-url", cloud.endpoint, "--region", "us-east-1"]) == 0


def execute(cloud: Cloud, folder: Path) -> None:
    """A state machine whose output names a report that is missing, and whose search tells how far it is."""
    s3, states = cloud.client("s3"), cloud.client("stepfunctions")
    s3.create_bucket(Bucket="payloads")
    s3.put_object(Bucket="payloads", Key="executions/orders/run/result.json", Body="{}")
    output = {name: f"s3://payloads/executions/orders/run/{name}" for name in ("result.json", "report.html")}
    progress = "executions/orders/run/progress.json"
    s3.put_object(Bucket="payloads", Key=progress, Body=told(1))
    begun = {"Type": "Pass", "Result": {"study": {"progress": f"s3://payloads/{progress}"}}, "Next": "Round"}
    done = {"Type": "Pass", "Result": {"result": output["result.json"], "report": output["report.html"]}, "End": True}
    definition = json.dumps({"StartAt": "Initializer", "States": {"Initializer": begun, "Round": done}})
    machine = states.create_state_machine(name="tuner", definition=definition, roleArn=cloud.role("states"))
    cloud.forget_calls()
    arguments = [machine["stateMachineArn"], '{"lambdaARN": "orders", "payload": {}}', "--endpoint-url", cloud.endpoint]
    assert run(["execute", *arguments, "--output", str(folder)]) == 0


def execute_fleet(cloud: Cloud, folder: Path) -> None:
    """A fleet whose output names its summary, and a page that is missing."""
    s3, states = cloud.client("s3"), cloud.client("stepfunctions")
    s3.create_bucket(Bucket="payloads")
    s3.put_object(Bucket="payloads", Key="fleets/run/summary.json", Body="{}")
    places = {name: f"s3://payloads/fleets/run/summary.{ending}" for name, ending in FLEET_DOCUMENTS.items()}
    done = {"Type": "Pass", "Result": {"tuned": 1, "failed": 0, **places}, "End": True}
    definition = json.dumps({"StartAt": "Summary", "States": {"Summary": done}})
    machine = states.create_state_machine(name="tunerFleet-1", definition=definition, roleArn=cloud.role("states"))
    cloud.forget_calls()
    arguments = [machine["stateMachineArn"], '{"list": "s3://payloads/lists/functions.csv"}', "--output", str(folder)]
    assert run(["execute", *arguments, "--endpoint-url", cloud.endpoint]) == 0
    assert (folder / "summary.json").exists()


def confirm_workflow(cloud: Cloud, folder: Path) -> None:
    """Reads a workflow and its executions, runs a temporary copy, and cleans up."""
    states = cloud.client("stepfunctions")
    definition: dict[str, Any] = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}
    role = cloud.role("states")
    machine = states.create_state_machine(name="tuner", definition=json.dumps(definition), roleArn=role)
    arn = machine["stateMachineArn"]
    client = connect(stand_in(cloud.endpoint)).states
    cloud.forget_calls()
    machines = StateMachines(client)
    temporary = TemporaryMachine(client, machines.describe(arn))
    assert machines.recorded(arn).executions == []
    with temporary.running(definition) as copy:
        assert len(temporary.measure(copy, [{}] * 4, threading.Event())) == 1
        assert len(clean_workflow(arn, stand_in(cloud.endpoint), {"XDG_STATE_HOME": str(folder)}, dry_run=True)) == 1


def refresh(cloud: Cloud, folder: Path) -> None:
    fetch_prices(connect(stand_in(cloud.endpoint)).pricing, "us-east-1", date(2026, 9, 1))


def advise(cloud: Cloud, folder: Path) -> None:
    """By name and by tag, with and without a query, with Compute Optimizer enrolled."""
    client = cloud.client("lambda")
    arn = client.get_function_configuration(FunctionName="orders")["FunctionArn"]
    client.tag_resource(Resource=arn, Tags={"team": "shop"})
    client.invoke(FunctionName="orders")
    cloud.settings(optimizer_enrolled=True)
    cloud.forget_calls()
    for selection, query in ((Selection(("orders",)), True), (Selection(tag=("team", "shop")), False)):
        reader = quick_reader(cloud, ReadingLimits(query=query), later_s=9)
        assert len(next(reader.read_all(selection)).rows) == 1


def advise_stack(cloud: Cloud, folder: Path) -> None:
    template = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    cloud.client("cloudformation").create_stack(StackName="shop", TemplateBody=template)
    cloud.forget_calls()
    assert not list(quick_reader(cloud, ReadingLimits()).read_all(Selection(stack="shop")))


def list_fleet(cloud: Cloud, folder: Path) -> None:
    """By tag, and by a template; then as any tuning."""
    connection = stand_in(cloud.endpoint)
    client = cloud.client("lambda")
    arn = client.get_function_configuration(FunctionName="orders")["FunctionArn"]
    client.tag_resource(Resource=arn, Tags={"team": "shop"})
    resource = {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "orders"}}
    (folder / "template.json").write_text(json.dumps({"Resources": {"Orders": resource}}))
    cloud.forget_calls()
    assert selected_functions(Selection(tag=("team", "shop")), connection) == [arn]
    assert functions_of_project(folder / "template.json", connection) == (("orders",), ())
    tune_versions(cloud, folder)


def watch_once(cloud: Cloud, folder: Path) -> None:
    cloud.client("lambda").invoke(FunctionName="orders")
    cloud.forget_calls()
    document = result(sizes=(512,), environments=2, runs=4, name="orders")
    document["function"]["arn"] = f"arn:aws:lambda:{cloud.region}:{cloud.account}:function:orders"
    (report,) = watch([Result(document)], connection=stand_in(cloud.endpoint), max_usd=1.0)
    assert report.function == "orders"


VERSIONS, COPIES = "Tune with versions", "Tune with copies"


@pytest.mark.parametrize(
    ("use", "sections"),
    [
        (tune_versions, [VERSIONS]),
        (tune_copies, [COPIES]),
        (tune_both, [VERSIONS, COPIES]),
        (recover, [VERSIONS, COPIES]),
        (duet, [COPIES]),
        (tune_layers, [COPIES, "Read layers"]),
        (look_up, [VERSIONS, "Read reports from the logs"]),
        (read_payload, [VERSIONS, "Read the payload from S3"]),
        (process, [VERSIONS, "Call processors"]),
        (apply_latest, ["Apply"]),
        (apply_alias, ["Apply", "Apply through an alias"]),
        (clean, ["Clean"]),
        (keep_baseline, ["Read results in S3"]),
        (execute, ["Execute the state machine"]),
        (execute_fleet, ["Execute the fleet state machine"]),
        (confirm_workflow, ["Read and confirm a workflow"]),
        (refresh, ["Refresh prices"]),
        (advise, ["Advise"]),
        (advise_stack, ["Advise on a stack"]),
        (list_fleet, [VERSIONS, "Tune a fleet"]),
        (watch_once, ["Watch"]),
    ],
)
def test_a_policy_allows_what_a_use_needs_and_nothing_else(
    use: Use, sections: list[str], cloud: Cloud, tmp_path: Path
) -> None:
    cloud.simulate_function("orders", memory_mb=512)
    cloud.forget_calls()
    use(cloud, tmp_path)
    policy, calls = allowed(*sections), needed(cloud)
    refused = {call for call in calls if not any(_covers(entry, call) for entry in policy)}
    assert not refused, "the policy lacks these"
    vain = {entry[0] for entry in policy} - {action for action, _ in calls}
    assert not vain, "nothing needs these"


def _covers(entry: tuple[str, str], call: tuple[str, str]) -> bool:
    return entry[0] == call[0] and (call[1] == "*" or fnmatchcase(call[1], entry[1]))


def test_every_section_is_put_to_the_test() -> None:
    titles = set(re.findall(r"^## (.+)$", DOCUMENT.read_text("utf-8"), flags=re.MULTILINE))
    tested = {
        title
        for mark in test_a_policy_allows_what_a_use_needs_and_nothing_else.pytestmark
        for _, sections in mark.args[1]
        for title in sections
    }
    assert titles - tested == {"Assume a role", "Findings of checkov"}


def test_a_role_is_assumed_for_every_call(cloud: Cloud, tmp_path: Path) -> None:
    cloud.simulate_function("orders", memory_mb=512)
    cloud.forget_calls()
    role = cloud.role("tuner")
    clients = connect(stand_in(cloud.endpoint, role_arn=role))
    quick_api(clients.control).state("orders")
    last = cloud.calls(service="lambda")[-1]
    assert "assumed-role/tuner/lambda-tuner" in last["principal"]
    assumed = next(call for call in cloud.calls() if call["operation"] == "AssumeRole")
    assert any(_covers(entry, (assumed["action"], assumed["resource"])) for entry in allowed("Assume a role"))
