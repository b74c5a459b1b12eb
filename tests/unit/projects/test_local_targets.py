"""A result that was measured on this machine belongs to the function whose code is its target."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuner.model import Architecture, Configuration
from tuner.projects.patch import Wanted, make_patch

TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties: {Handler: app.handler, CodeUri: src/orders, Runtime: python3.12, MemorySize: 512}
  Billing:
    Type: AWS::Serverless::Function
    Properties: {Handler: app.handler, CodeUri: src/billing, Runtime: python3.12, MemorySize: 512}
  Deep:
    Type: AWS::Serverless::Function
    Properties: {Handler: shop.api.create, CodeUri: src, Runtime: python3.12, MemorySize: 512}
  Node:
    Type: AWS::Serverless::Function
    Properties: {Handler: lib/index.run, CodeUri: src, Runtime: nodejs22.x, MemorySize: 512}
"""
FILES = ("src/orders/app.py", "src/billing/app.py", "src/shop/api.py", "src/lib/index.mjs")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return Path()


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("src/orders/app.py:handler", "Orders"),
        ("src/billing:app.handler", "Billing"),
        ("src/shop/api.py:create", "Deep"),
        ("src:shop.api.create", "Deep"),
        ("src/lib/index.mjs:run", "Node"),
        ("src/orders", "Orders"),
        ("orders/app.py:handler", "Orders"),
        ("billing/app.py:handler", "Billing"),
    ],
)
def test_a_target_on_this_machine_finds_its_function(project: Path, target: str, name: str) -> None:
    (patched,) = make_patch(project, [Wanted(target, Configuration(1024, Architecture.X86_64))]).functions
    assert (patched.name, len(patched.changes)) == (name, 1)


@pytest.mark.parametrize("target", ["src/orders/app.py:other", "src/app.py:handler", "elsewhere/app.py:handler"])
def test_a_target_that_is_no_functions_code_is_left_alone(project: Path, target: str) -> None:
    (patched,) = make_patch(project, [Wanted(target, Configuration(1024, Architecture.X86_64))]).functions
    assert (patched.name, patched.changes) == ("", ())
    assert "is none of the functions here" in patched.left_alone[0]


def test_two_functions_with_the_same_code_are_named_and_left_alone(project: Path) -> None:
    text = (project / "template.yaml").read_text().replace("src/billing", "src/orders")
    (project / "template.yaml").write_text(text)
    wanted = Wanted("src/orders/app.py:handler", Configuration(1024, Architecture.X86_64))
    (patched,) = make_patch(project, [wanted]).functions
    assert "can be Orders, Billing" in patched.left_alone[0]


def test_a_target_finds_a_function_by_the_sources_of_its_archive_and_none_whose_code_is_elsewhere(
    project: Path,
) -> None:
    (project / "template.yaml").unlink()
    (project / "main.tf").write_text("""
data "archive_file" "orders" {
  type        = "zip"
  source_dir  = "${path.module}/src/orders"
  output_path = "orders.zip"
}
resource "aws_lambda_function" "orders" {
  handler  = "app.handler"
  runtime  = "python3.12"
  filename = data.archive_file.orders.output_path
}
resource "aws_lambda_function" "billing" {
  handler   = "app.handler"
  runtime   = "python3.12"
  s3_bucket = "artifacts"
  s3_key    = "billing.zip"
}
""")
    targets = ("src/orders/app.py:handler", "src/billing/app.py:handler", "app.py:handler")
    wanted = [Wanted(target, Configuration(1024, Architecture.X86_64)) for target in targets]
    assert [make_patch(project, [one]).functions[0].name for one in wanted] == [
        "aws_lambda_function.orders",
        "",
        "aws_lambda_function.orders",
    ]
