"""A whole project is tuned at once, with one summary."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tuner.cli.main import run
from tuner.local.host import architecture
from tuner.model import Architecture

HERE = f"python3.{sys.version_info.minor}"
TEMPLATE = f"""
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties: {{CodeUri: src, Handler: app.handler, Runtime: {HERE}, MemorySize: 512, Timeout: 20}}
  Image: {{Type: AWS::Serverless::Function, Properties: {{PackageType: Image}}}}
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


def test_a_dry_run_plans_each_function_and_measures_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = run(["tune", "--from", str(project(tmp_path)), "--output", str(tmp_path / "out"), "--dry-run", *QUICK])
    shown = capsys.readouterr().out
    assert status == 0
    assert "Would tune src/app.py:handler on this machine" in shown
    assert "event      {}: give another with --event" in shown
    assert not (tmp_path / "out").exists()


def test_a_runtime_of_another_version_than_the_templates_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = project(tmp_path)
    template.write_text(TEMPLATE.replace(HERE, "python3.9"))
    assert run(["tune", "--from", str(template), "--dry-run", *QUICK]) == 0
    assert f"{HERE} here, python3.9 in the template: name another with --python" in capsys.readouterr().out


@pytest.mark.parametrize(("text", "told"), [(None, "it cannot be read"), ("{", "it is not JSON")])
def test_events_are_read_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, told: str
) -> None:
    template, event = project(tmp_path), tmp_path / "bad.json"
    if text is not None:
        event.write_text(text)
    out = str(tmp_path / "out")
    assert run(["tune", "--from", str(template), "--event", f"Orders={event}", "--output", out, *QUICK]) == 2
    assert f"--event: Orders={event}: {told}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_architecture_that_was_not_measured_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    template = project(tmp_path)
    other = "arm64" if architecture() is Architecture.X86_64 else "x86_64"
    template.write_text(TEMPLATE.replace("MemorySize: 512", f"MemorySize: 2048, Architectures: [{other}]"))
    event, out = f"Orders={tmp_path}/event.json", tmp_path / "out"
    assert run(["tune", "--from", str(template), "--event", event, "--output", str(out), *QUICK]) == 0
    result = json.loads((out / "Orders" / "result.json").read_text())
    assert "architecture_left_out" in [warning["code"] for warning in result["warnings"]]
    capsys.readouterr()
    arguments = ["--from", str(template), "--function", "Orders", "--force"]
    assert run(["patch", str(out / "Orders" / "result.json"), *arguments]) == 0
    told = capsys.readouterr()
    assert f"the architecture stays {other}" in told.err
    assert f"Architectures: [{other}]" in told.out.partition("\n+ ")[2], "the new line has it too"
