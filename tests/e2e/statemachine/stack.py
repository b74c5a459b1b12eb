"""The stack as its users deploy it: `sam build`, `sam deploy`, executions by boto3.

SAM CLI lives in an environment of its own, which `make check` sets up; `SAM` names another one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cloud.fixtures import Cloud
from tuner.aws.api.s3 import Address

ROOT = Path(__file__).parents[3]
STACK = "tuner"
WATCHED = Address("watched", "functions.json")
"""The list of the functions that the stack watches."""
PATIENCE_S = 240.0
LOOK_S = 0.25
"""How often a test looks: each look costs a stand-in that is at work some milliseconds."""


def sam_folder() -> Path:
    """Where `sam` and `cfn-lint` are."""
    named = os.environ.get("TUNER_SAM_BIN")
    folder = Path(named) if named else ROOT / ".venv-sam" / "bin"
    assert (folder / "sam").exists(), f"no SAM CLI in {folder}: run `make setup`, or name it with TUNER_SAM_BIN"
    return folder


def run_sam(*arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a SAM command in the project's root; its output."""
    return _run("sam", *arguments, environment=environment)


def lint(*templates: Path) -> None:
    """Find nothing with cfn-lint, as `sam validate --lint` calls it; its start takes longer than a template."""
    _run("cfn-lint", "--regions", "us-east-1", "--template", *map(str, templates))


def _run(program: str, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    variables = {**os.environ, **(environment or {}), "SAM_CLI_TELEMETRY": "0", "PYTHON": sys.executable}
    command = [str(sam_folder() / program), *arguments]
    found = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout + found.stderr


@dataclass
class Stack:
    """A deployed stack in the stand-in."""

    cloud: Cloud
    outputs: dict[str, str]

    @classmethod
    def deploy(cls, cloud: Cloud, template: Path, **parameters: str) -> Stack:
        """Deploy a template that `sam build` or `sam package` wrote."""
        options = ["--stack-name", STACK, "--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset"]
        if parameters:
            options += ["--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items())]
        run_sam("deploy", "--template-file", str(template), *options, environment=cloud.environment())
        described = cloud.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
        return cls(cloud, {item["OutputKey"]: item["OutputValue"] for item in described["Outputs"]})

    def start(self, document: Any, *, machine: str = "StateMachineARN") -> str:
        """Start an execution; its ARN."""
        client = self.cloud.client("stepfunctions")
        reply = client.start_execution(stateMachineArn=self.outputs[machine], input=json.dumps(document))
        return str(reply["executionArn"])

    def wait(self, execution: str) -> dict[str, Any]:
        """The execution when it has ended."""
        client, end = self.cloud.client("stepfunctions"), time.monotonic() + PATIENCE_S
        while True:
            found: dict[str, Any] = client.describe_execution(executionArn=execution)
            if found["status"] != "RUNNING":
                return found
            assert time.monotonic() < end, f"still running: {self.entered(execution)}"
            time.sleep(LOOK_S)

    def run(self, document: Any, *, machine: str = "StateMachineARN") -> dict[str, Any]:
        """The output of an execution that succeeds."""
        ended = self.wait(self.start(document, machine=machine))
        assert ended["status"] == "SUCCEEDED", f"{ended.get('error')}: {ended.get('cause')}"
        output: dict[str, Any] = json.loads(ended["output"])
        return output

    def history(self, execution: str) -> list[dict[str, Any]]:
        """Every event of an execution."""
        paginator = self.cloud.client("stepfunctions").get_paginator("get_execution_history")
        return list(paginator.paginate(executionArn=execution).build_full_result()["events"])

    def entered(self, execution: str) -> list[str]:
        """The states that were entered, in order: what Step Functions charges for."""
        details = [event.get("stateEnteredEventDetails") for event in self.history(execution)]
        return [detail["name"] for detail in details if detail]

    def resource(self, name: str) -> str:
        """The physical id of a resource of the stack."""
        described = self.cloud.client("cloudformation").describe_stack_resource(StackName=STACK, LogicalResourceId=name)
        return str(described["StackResourceDetail"]["PhysicalResourceId"])

    def keys(self, prefix: str) -> list[str]:
        """Names of the objects of the stack's bucket that begin with a prefix."""
        found = self.cloud.client("s3").list_objects_v2(Bucket=self.outputs["Bucket"], Prefix=prefix)
        return [item["Key"] for item in found.get("Contents", ())]

    def read(self, address: str) -> bytes:
        """An object by its address."""
        bucket, _, key = address.removeprefix("s3://").partition("/")
        content: bytes = self.cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return content
