"""Which functions of a template can run here, and as what."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuner.errors import InputError
from tuner.local.project import read_project

SAM = """
Globals:
  Function: {Timeout: 30, Runtime: python3.12, Environment: {Variables: {STAGE: dev, TABLE: !Ref Table}}}
Resources:
  Table: {Type: AWS::DynamoDB::Table}
  Orders:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: src/, Handler: orders.create.handler, MemorySize: 512, Environment: {Variables: {LEVEL: 3}}}
  Web:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: src, Handler: index.handler, Runtime: nodejs22.x, Architectures: [arm64], Timeout: 5,
      EphemeralStorage: {Size: 2048}}
  Fast: {Type: AWS::Serverless::Function, Properties: {CodeUri: src, Runtime: provided.al2023}}
  Image: {Type: AWS::Serverless::Function, Properties: {PackageType: Image}}
  Old: {Type: AWS::Serverless::Function, Properties: {CodeUri: src, Handler: a.B::c, Runtime: java21}}
  Gone: {Type: AWS::Serverless::Function, Properties: {CodeUri: s3://bucket/key, Handler: a.b}}
  Odd: {Type: AWS::Serverless::Function, Properties: {CodeUri: ODD, Handler: a.b}}
  Unbuilt: {Type: AWS::Serverless::Function, Properties: {CodeUri: dist, Handler: a.b}}
  Packed: {Type: AWS::Serverless::Function, Properties: {CodeUri: dist.zip, Handler: a.b}}
  Inline: {Type: AWS::Serverless::Function, Properties: {InlineCode: "def b(e, c): pass", Handler: index.b}}
  Nameless: {Type: AWS::Serverless::Function, Properties: {CodeUri: src, Handler: !Ref Table}}
""".replace("ODD", "x" * 300)
SERVERLESS = """
service: shop
provider: {name: aws, runtime: nodejs20.x, memorySize: 256, environment: {STAGE: "${opt:stage}"}}
functions:
  list: {handler: src/list.handler, timeout: 10}
  make: {handler: make.handler, runtime: python3.11, memorySize: 1024, ephemeralStorageSize: 1024}
"""


def test_a_sam_template_names_its_functions(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "template.yaml").write_text(SAM)
    found = {function.name: function for function in read_project(tmp_path / "template.yaml")}
    orders = found["Orders"]
    assert orders.target == f"{tmp_path}/src:orders.create.handler"
    assert (orders.memory_mb, orders.timeout_s, orders.architecture) == (512, 30.0, "x86_64")
    assert orders.environment == {"STAGE": "dev", "LEVEL": "3"}
    assert orders.left_out == ("TABLE",), "what refers to a resource is named, and left out"
    assert (found["Web"].timeout_s, found["Web"].architecture) == (5.0, "arm64")
    assert (orders.tmp_mb, found["Web"].tmp_mb) == (None, 2048)
    assert orders.unknown == {}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Fast", "no bootstrap"),
        ("Image", "it is a container image"),
        ("Old", "java21 has no loop"),
        ("Gone", "its code is in S3: tune it by its FILE:HANDLER, or the function in AWS"),
        ("Odd", "is not a folder"),
        ("Unbuilt", "is not a folder: build the project, or tune the function in AWS"),
        ("Packed", "its code is in an archive ("),
        ("Inline", "its code is inline in the template: tune it by its FILE:HANDLER"),
        ("Nameless", "the files do not tell its handler: tune it by its FILE:HANDLER"),
    ],
)
def test_a_function_that_cannot_run_here_says_why(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "template.yaml").write_text(SAM)
    found = {function.name: function for function in read_project(tmp_path / "template.yaml")}
    assert found[name].target == ""
    assert reason in found[name].reason


def test_a_serverless_file_names_its_functions(tmp_path: Path) -> None:
    (tmp_path / "serverless.yml").write_text(SERVERLESS)
    listed, made = read_project(tmp_path / "serverless.yml")
    assert (listed.target, listed.memory_mb, listed.timeout_s) == (f"{tmp_path}:src/list.handler", 256, 10.0)
    assert (made.target, made.memory_mb, made.timeout_s) == (f"{tmp_path}:make.handler", 1024, 6.0)
    assert (listed.tmp_mb, made.tmp_mb) == (None, 1024)
    assert (made.environment, made.left_out) == ({}, ("STAGE",))


def test_numbers_that_a_template_computes_are_unknown_with_the_reason(tmp_path: Path) -> None:
    text = SAM.replace("Timeout: 5", "Timeout: !If [Prod, 30, 5]").replace("Size: 2048", "Size: large")
    (tmp_path / "template.yaml").write_text(text)
    web = {function.name: function for function in read_project(tmp_path / "template.yaml")}["Web"]
    assert (web.timeout_s, web.tmp_mb) == (None, None)
    assert web.unknown == {
        "timeout": "Fn::If computes it during the deployment",
        "ephemeral_storage": "'large' is no whole number",
    }


@pytest.mark.parametrize("text", ["", "[", "Resources: {}", "- 1"])
def test_what_describes_no_function_is_bad_input(tmp_path: Path, text: str) -> None:
    (tmp_path / "template.yaml").write_text(text)
    with pytest.raises(InputError):
        read_project(tmp_path / "template.yaml")
