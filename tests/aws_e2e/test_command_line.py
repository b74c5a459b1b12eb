"""`tuner tune`, `apply`, `clean` and `prices` as a user runs them, on a real handler in the stand-in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cloud.fixtures import ROOT, Cloud
from tuner.cli.main import run
from tuner.documents.result import loads
from tuner.payloads import Payloads

HANDLER = {"app.py": "def handler(event, context):\n    return sum(i * i for i in range(event['n']))\n"}


pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def before(cloud: Cloud) -> dict[str, Any]:
    cloud.create_function("orders", HANDLER, "app.handler", memory_mb=512, Description="All orders")
    client = cloud.client("lambda")
    client.create_alias(FunctionName="orders", Name="RAM128", FunctionVersion=cloud.publish("orders"))
    return cloud.snapshot("orders")


def test_a_real_handler_is_tuned_on_both_architectures_and_left_as_it_was(
    cloud: Cloud, before: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.settings(control_plane_rate=15)
    cloud.forget_calls()
    arguments = ["--payload", '{"n": 30000}', "--arch", "both", "--power-values", "512,1024", "--runs", "2"]
    assert run(["tune", "orders", *arguments, "--output", "out", "--quiet"]) == 0
    document = loads((tmp_path / "out" / "result.json").read_text("utf-8"), name="result.json")
    assert document["function"]["backend"] == "aws"
    assert document["function"]["arn"] == before["configuration"]["FunctionArn"]
    assert document["recommendation"]["memory_mb"] in (512, 1024)
    assert {(m["memory_mb"], m["architecture"], m["outcomes"]["ok"]) for m in document["measurements"]} == {
        (memory_mb, architecture, 2) for memory_mb in (512, 1024) for architecture in ("x86_64", "arm64")
    }
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000
    assert "recommended" in capsys.readouterr().out
    assert "TooManyRequestsException" not in {call["outcome"] for call in cloud.calls()}, "AWS takes 15 a second"
    cloud.settings(control_plane_rate=None)
    assert cloud.snapshot("orders") == before
    assert cloud.function_names() == ["orders"]


def test_the_adaptive_search_runs_in_aws_with_a_payload_in_s3_that_is_told_as_any_other(
    cloud: Cloud, tmp_path: Path
) -> None:
    cloud.simulate_function("orders", memory_mb=512, model={"environments": 2})
    before = cloud.snapshot("orders")
    payload = [{"payload": {"n": 1}, "weight": 3}, {"payload": {"n": 2}, "weight": 1}]
    cloud.client("s3").create_bucket(Bucket="payloads")
    cloud.client("s3").put_object(Bucket="payloads", Key="mixed.json", Body=json.dumps(payload))
    arguments = [
        "--payload-s3",
        "s3://payloads/mixed.json",
        "--power-values",
        "128-3008",
        "--max-invocations",
        "8",
        "--output",
        "out",
        "--quiet",
    ]
    assert run(["tune", "orders", *arguments]) == 0
    document = json.loads((tmp_path / "out" / "result.json").read_text("utf-8"))
    assert document["tuning"]["invocations"] <= 8
    assert document["recommendation"]
    told = {"count": 2, "sha256": Payloads.decode(payload).digest(), "s3": "s3://payloads/mixed.json"}
    assert document["request"]["payload"] == told
    assert cloud.snapshot("orders") == before


def test_a_dry_run_prints_changes_permissions_and_cost_and_makes_none(
    cloud: Cloud, before: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.forget_calls()
    arguments = ["--arch", "both", "--power-values", "128,256", "--runs", "3", "--post-processor", "check"]
    assert run(["tune", "orders", *arguments, "--isolation", "versions", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "USD" not in said, "money is written as in every report"
    for words in (
        "publish a version of orders",
        "copy of orders with 256 MB arm64",
        "lambda:PublishVersion",
        "at most",
        "starts cold",
        "processors not included",
    ):
        assert words in said
    assert not [call for call in cloud.calls() if not call["operation"].startswith(("Get", "List"))]
    assert cloud.invocations() == []
    assert run(["tune", "orders", "--power-values", "128,128", "--runs", "3", "--dry-run"]) == 0
    assert "  runs         6\n" in capsys.readouterr().out, "a size that is listed twice has twice the runs"


@pytest.mark.usefixtures("before")
def test_a_dry_run_of_many_sizes_lists_the_changes_of_the_first_and_the_last(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["tune", "orders", "--dry-run"]) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("    ")]
    assert len([line for line in told if "and so on for " in line]) == 2
    assert len([line for line in told if "orders" in line]) == 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_run_with_130_and_everything_put_back(
    number: signal.Signals, cloud: Cloud, before: dict[str, Any], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tuner", "tune", "orders", "--payload", '{"n": 1}', "--power-values", "128,256"]
    environment = {**cloud.environment(), "XDG_STATE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([*command, "--runs", "50", "--output", "out"], env=environment, cwd=tmp_path, **options)
    cloud.faults.hook(lambda _: process.send_signal(number), "Invoke", nth=3)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "--resume" in said
    assert "Traceback" not in said
    assert cloud.snapshot("orders") == before
    assert (tmp_path / "out" / "result.json").exists()


def test_a_second_and_third_ctrl_c_still_say_what_is_kept_and_how_to_go_on(
    cloud: Cloud, before: dict[str, Any], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tuner", "tune", "orders", "--payload", '{"n": 1}', "--power-values", "128,256"]
    environment = {**cloud.environment(), "XDG_STATE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(
        [*command, "--runs", "50", "--output", "out", "--isolation", "versions"],
        env=environment,
        cwd=tmp_path,
        **options,
    )

    def interrupt(_: object) -> None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)

    def interrupt_twice(call: object) -> None:
        interrupt(call)
        interrupt(call)

    cloud.faults.hook(interrupt, "PublishVersion", nth=1)
    cloud.faults.hook(interrupt_twice, "UpdateFunctionConfiguration", nth=2)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "Ctrl-C again stops at once" in said
    assert "Interrupted" in said
    assert "tuner clean orders" in said or cloud.snapshot("orders") == before
    assert run(["clean", "orders"]) == 0
    assert cloud.snapshot("orders") == before


def test_apply_after_the_run_and_by_itself(
    cloud: Cloud, before: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--payload", '{"n": 1}', "--power-values", "256", "--runs", "1", "--output", "out", "--quiet"]
    assert run(["tune", "orders", *arguments, "--apply"]) == 0
    after = cloud.snapshot("orders")
    assert after["configuration"] == {**before["configuration"], "MemorySize": 256}
    assert after["aliases"] == before["aliases"]
    assert run(["apply", "out", "--alias", "live", "--dry-run"]) == 0
    assert "create the alias live" in capsys.readouterr().out
    assert cloud.snapshot("orders") == after
    assert run(["apply", "out/result.json", "--alias", "live"]) == 0
    served = cloud.client("lambda").get_function_configuration(FunctionName="orders", Qualifier="live")
    assert served["MemorySize"] == 256


def test_what_follows_the_answer_is_done_also_where_nobody_reads_it(
    cloud: Cloud, before: dict[str, Any], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tuner", "tune", "orders", "--payload", '{"n": 1}', "--power-values", "256"]
    environment = {**cloud.environment(), "XDG_STATE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as nowhere:
        options: dict[str, Any] = {"env": environment, "cwd": tmp_path, "stdout": nowhere, "stderr": nowhere}
        done = subprocess.run([*command, "--runs", "1", "--output", "out", "--apply"], check=False, **options)
    assert done.returncode == 0
    assert {"result.json", "report.html"} <= {file.name for file in (tmp_path / "out").iterdir()}
    assert cloud.snapshot("orders")["configuration"] == {**before["configuration"], "MemorySize": 256}


def test_clean_finds_nothing_on_a_function_that_was_never_tuned(
    cloud: Cloud, before: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["clean", "orders"]) == 0
    assert capsys.readouterr().out == "Nothing is left on orders.\n"
    assert cloud.snapshot("orders") == before


def test_prices_are_refreshed_kept_and_used(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.faults.add("throttle", "GetProducts")
    assert run(["prices", "eu-south-1", "--refresh", "--format", "json", "--quiet"]) == 0
    fresh = json.loads(capsys.readouterr().out)
    assert [tier["price"] for tier in fresh["gb_second"]["arm64"]] == [1.56138e-05, 1.40524e-05, 1.2491e-05]
    assert fresh["request"] == pytest.approx(2.3e-07)
    assert run(["prices", "eu-south-1", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == fresh
    assert run(["prices", "us-east-1"]) == 0
    assert "0.0000166667 up to 6,000,000,000" in capsys.readouterr().out
    assert run(["prices", "nowhere-1", "--refresh"]) == 2
