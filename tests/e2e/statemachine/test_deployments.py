"""The template, and as others deploy it: packaged for a repository, through Terraform, through the CDK."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from samtranslator.yaml_helper import yaml_parse

from tests.e2e.statemachine.stack import ROOT, lint

EXAMPLES = ROOT / "examples" / "deploy"
SCHEMA_PACKAGE = "@cdktf/provider-aws@21.22.1"
SAR_FIELDS = {"Name", "Description", "Author", "SpdxLicenseId", "LicenseUrl", "ReadmeUrl", "SemanticVersion"}


def needs(*programs: str) -> None:
    """Skip where a program is not installed; where TUNER_REQUIRE_NODE is set, as in CI, fail instead."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing and not os.environ.get("TUNER_REQUIRE_NODE"):
        pytest.skip(f"{', '.join(missing)} was not found")
    assert not missing, f"{missing} are required here"


def test_cfn_lint_finds_nothing_in_the_template_nor_in_what_is_packaged(packaged: Path) -> None:
    lint(ROOT / "template.yaml", packaged)


def test_the_packaged_template_refers_to_uploads_alone(packaged: Path) -> None:
    document = yaml_parse(packaged.read_text("utf-8"))
    for name, resource in document["Resources"].items():
        for field in ("CodeUri", "ContentUri", "DefinitionUri"):
            place = resource.get("Properties", {}).get(field)
            assert place is None or "packages" in str(place), f"{name}.{field} is {place}"


def test_the_packaged_template_can_be_published_as_a_serverless_application(packaged: Path) -> None:
    document = yaml_parse(packaged.read_text("utf-8"))
    application = document["Metadata"]["AWS::ServerlessRepo::Application"]
    assert application.keys() >= SAR_FIELDS
    assert all("packages" in application[field] for field in ("LicenseUrl", "ReadmeUrl")), "sam package uploads them"


def test_the_terraform_module_is_formatted_and_valid_where_its_provider_can_be_installed(tmp_path: Path) -> None:
    needs("terraform")
    folder = shutil.copytree(EXAMPLES / "terraform", tmp_path / "module")
    assert subprocess.run(["terraform", "fmt", "-check", "-diff", "."], cwd=folder, check=False).returncode == 0
    if not os.environ.get("TUNER_DEPLOY_EXAMPLES"):
        pytest.skip("TUNER_DEPLOY_EXAMPLES=1 installs the provider and validates")
    init = ["terraform", "init", "-input=false", "-no-color"]
    found = subprocess.run(init, cwd=folder, capture_output=True, text=True, check=False)
    if "could not connect to registry.terraform.io" in found.stderr:
        pytest.skip("registry.terraform.io, which alone has the provider, cannot be reached from here")
    assert found.returncode == 0, found.stderr
    subprocess.run(["terraform", "validate", "-no-color"], cwd=folder, check=True)


def test_the_terraform_module_sets_arguments_that_the_provider_has(tmp_path: Path) -> None:
    """The CDK for Terraform's package holds the provider's schema, and npm has it."""
    if not os.environ.get("TUNER_DEPLOY_EXAMPLES"):
        pytest.skip("TUNER_DEPLOY_EXAMPLES=1 fetches the schema and compares")
    needs("npm")
    packed = subprocess.run(["npm", "pack", "--silent", SCHEMA_PACKAGE], cwd=tmp_path, capture_output=True, check=True)
    module = (EXAMPLES / "terraform" / "main.tf").read_text("utf-8")
    resources = re.findall(r'^resource "aws_(\w+)" "\w+" \{\n(.*?)^\}', module, re.MULTILINE | re.DOTALL)
    assert {name for name, _ in resources} == {"s3_object", "cloudformation_stack"}
    with tarfile.open(tmp_path / packed.stdout.decode().strip()) as package:
        for name, body in resources:
            member = package.extractfile(f"package/lib/{name.replace('_', '-')}/index.d.ts")
            assert member is not None
            config = member.read().decode().partition("Config extends")[2].partition("\n}")[0]
            arguments = dict(re.findall(r"readonly (\w+)(\??):", config))
            given = {camel(argument) for argument in re.findall(r"^  (\w+) +=", body, re.MULTILINE)}
            assert given <= arguments.keys()
            assert {argument for argument, optional in arguments.items() if not optional} <= given


def camel(name: str) -> str:
    """An argument as the CDK for Terraform names it."""
    head, *rest = name.split("_")
    return head + "".join(map(str.capitalize, rest))


def test_the_cdk_app_synthesizes_the_packaged_template(packaged: Path, tmp_path: Path) -> None:
    if not os.environ.get("TUNER_DEPLOY_EXAMPLES"):
        pytest.skip("TUNER_DEPLOY_EXAMPLES=1 installs the CDK and synthesizes")
    needs("npm", "node")
    folder = shutil.copytree(EXAMPLES / "cdk", tmp_path / "app")
    subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True)
    variables = {**os.environ, "CDK_OUTDIR": str(tmp_path / "out"), "TUNER_TEMPLATE": str(packaged)}
    subprocess.run(["node", "app.js"], cwd=folder, env=variables, check=True)
    stack = json.loads((tmp_path / "out" / "LambdaTuner.template.json").read_text("utf-8"))["Resources"]["Tuner"]
    assert stack["Type"] == "AWS::CloudFormation::Stack"
    assert stack["Properties"]["Parameters"].keys() <= yaml_parse(packaged.read_text("utf-8"))["Parameters"].keys()
    assert any(path.read_bytes() == packaged.read_bytes() for path in (tmp_path / "out").glob("asset.*"))
