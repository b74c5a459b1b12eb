"""A whole project is tuned at once, with one summary."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuner.cli.main import run

TEMPLATE = """
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: src, Handler: app.handler, Runtime: python3.12, MemorySize: 512, Timeout: 20}
  Image: {Type: AWS::Serverless::Function, Properties: {PackageType: Image}}
"""
QUICK = ("--power-values", "512,1024", "--runs", "2", "--quiet")


def project(folder: Path) -> Path:
    (folder / "src").mkdir()
    (folder / "src" / "app.py").write_text("def handler(event, context): return event['n']")
    (folder / "event.json").write_text('{"n": 7}')
    (folder / "template.yaml").write_text(TEMPLATE)
    return folder / "template.yaml"


def test_every_function_that_can_run_is_tuned_and_the_others_say_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    event, out = f"Orders={tmp_path}/event.json", str(tmp_path / "out")
    status = run(["tune", "--from", str(project(tmp_path)), "--event", event, "--output", out, *QUICK])
    orders, image = capsys.readouterr().out.splitlines()
    assert status == 0
    assert orders.startswith("Orders")
    assert "(in use: 512 MB)" in orders
    assert "not tuned: it is a container image" in image
    assert (tmp_path / "out" / "Orders" / "result.json").exists()


def test_an_event_of_no_function_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tune", "--from", str(project(tmp_path)), "--event", "Order=x.json", *QUICK]) == 2
    assert "write NAME=FILE, with NAME of Image, Orders" in capsys.readouterr().err
