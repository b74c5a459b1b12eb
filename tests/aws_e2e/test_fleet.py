"""`tuner fleet` and `tuner advise --from` as a user runs them, on simulated functions in the stand-in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cloud.fixtures import Cloud
from tuner.cli.main import run

TEMPLATE = """Transform: AWS::Serverless-2016-10-31
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: shop-orders, Handler: app.handler, CodeUri: ., Runtime: python3.12, MemorySize: 512}
  Billing:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: shop-billing, Handler: app.handler, CodeUri: ., Runtime: python3.12, MemorySize: 512}
"""


@pytest.fixture(autouse=True)
def project(here: Path) -> None:
    """A template in the user's folder."""
    (here / "template.yaml").write_text(TEMPLATE)


def test_the_functions_of_a_template_are_tuned_and_what_is_not_there_is_told(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.simulate_function("shop-orders", memory_mb=512)
    words = ["fleet", "--from", "template.yaml", "--power-values", "256,512", "--runs", "1", "--output", "out"]
    assert run([*words, "--payload", "{}"]) == 1
    shown = capsys.readouterr()
    assert "Billing: no function of the region has its name." in shown.err
    assert "shop-orders" in shown.out
    summary = json.loads(Path("out/summary.json").read_text())
    assert (summary["tuned"], summary["failed"]) == (1, 0)
    assert "shop-orders" in Path("out/summary.html").read_text()
    cloud.forget_calls()
    assert run(["fleet", "shop-orders", "--power-values", "256,512", "--runs", "1", "--resume", "out", "--quiet"]) == 0
    assert "Invoke" not in cloud.operations()


def test_a_list_gives_each_function_its_input_and_names_every_fault(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.simulate_function("shop-orders", memory_mb=512)
    Path("list.csv").write_text('lambdaARN,powerValues,num\nshop-orders,"256,512",1\n')
    assert run(["fleet", "list.csv", "--format", "json", "--quiet", "--output", "out"]) == 0
    assert json.loads(capsys.readouterr().out)["tuned"] == 1
    Path("list.csv").write_text("lambdaARN,num,strategy\na,x,cost\nb,1,fastest\n")
    assert run(["fleet", "list.csv"]) == 2
    told = capsys.readouterr().err
    assert "$.list[0].num" in told
    assert "$.list[1].strategy" in told


def test_advise_reads_the_functions_of_a_template(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.simulate_function("shop-orders", memory_mb=512)
    assert run(["advise", "--from", "template.yaml", "--format", "json", "--no-query", "--quiet"]) == 0
    shown = capsys.readouterr()
    assert [advice["function"] for advice in json.loads(shown.out)] == ["shop-orders"]
    assert "Billing: no function of the region has its name." in shown.err
