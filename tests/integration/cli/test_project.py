"""A whole project is tuned at once, with one summary."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reports.words.verdict import versus_now
from tests.full_disk import file_size_limit
from tests.golden.situations import document_of
from tuner.api.result import Result
from tuner.cli.commands.measure.tune import command
from tuner.cli.main import run
from tuner.cli.project import tune_project
from tuner.cli.request import TuneRequest
from tuner.errors import InterruptedRunError, NoSpaceError, NotRecordedError, TunerError
from tuner.local.host import architecture
from tuner.model import Architecture
from tuner.settings import Settings

ROOT = Path(__file__).parents[3]
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
    orders, *lines, image = capsys.readouterr().out.splitlines()
    assert status == 0
    assert orders.startswith("Orders")
    assert "(in use: 512 MB)" in orders
    assert lines[-1] == f"  report     {tmp_path / 'out' / 'Orders' / 'report.html'}"
    assert "not tuned: it is a container image" in image
    assert (tmp_path / "out" / "Orders" / "result.json").exists()


def test_code_whose_path_the_system_refuses_leaves_out_its_own_function_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = project(tmp_path)
    refused = f"CodeUri: src, Handler: {'x' * 300}.handler, Runtime: {HERE}"
    template.write_text(f"{TEMPLATE}  Gone: {{Type: AWS::Serverless::Function, Properties: {{{refused}}}}}\n")
    event = f"Orders={tmp_path}/event.json"
    assert run(["tune", "--from", str(template), "--event", event, "--output", str(tmp_path / "out"), *QUICK]) == 0
    shown = capsys.readouterr()
    assert "File name too long" in shown.out
    assert "not begun" not in shown.out
    assert "defect" not in shown.err


def test_an_event_of_no_function_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tune", "--from", str(project(tmp_path)), "--event", "Order=x.json", *QUICK]) == 2
    assert "write NAME=FILE, with NAME of Image, Orders" in capsys.readouterr().err


def test_faults_of_flags_and_events_are_told_once_before_any_function(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = ["--event", "Order=x.json", "--event", "Bill=y.json", "--event", f"Orders={tmp_path}/gone.json"]
    flags = ["--runs", "0", "--strategy", "fast", "--isolation", "copy", "--env-file", "gone", "--apply"]
    assert run(["tune", "--from", str(project(tmp_path)), *events, *flags, "--resume", "a", "--output", "b"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    wanted = ("--runs: 0", "--strategy:", "--isolation:", "--env-file:", "--apply:", "--output:", "Order=x", "Bill=y",
              "gone.json: it cannot be read")  # fmt: skip
    assert [one for one in wanted if shown.err.count(one) != 1] == []


def test_a_dry_run_plans_each_function_and_measures_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = run(["tune", "--from", str(project(tmp_path)), "--output", str(tmp_path / "out"), "--dry-run", *QUICK])
    shown = capsys.readouterr().out
    assert status == 0
    assert "Would tune src/app.py:handler on this machine" in shown
    assert "event      {}: give another with --event" in shown
    assert "  sizes      512, 1024 MB\n" in shown
    assert not (tmp_path / "out").exists()


def test_a_runtime_of_another_version_than_the_templates_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = project(tmp_path)
    template.write_text(TEMPLATE.replace(HERE, "python3.9"))
    assert run(["tune", "--from", str(template), "--dry-run", *QUICK]) == 0
    assert f"{HERE} here, python3.9 in the template: name another with --python" in capsys.readouterr().out


def test_the_program_of_a_runtime_counts_for_its_functions_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = project(tmp_path)
    programs = ["--python", sys.executable, "--node", "/no/such/node"]
    assert run(["tune", "--from", str(template), "--dry-run", *programs, *QUICK]) == 2
    assert "--node: runs a runtime that no function of --from has (leave it out)" in capsys.readouterr().err
    (tmp_path / "src" / "page.mjs").write_text("export const handler = async () => 1\n")
    page = "CodeUri: src, Handler: page.handler, Runtime: nodejs22.x"
    template.write_text(f"{TEMPLATE}  Page: {{Type: AWS::Serverless::Function, Properties: {{{page}}}}}\n")
    assert run(["tune", "--from", str(template), "--dry-run", *programs, *QUICK]) == 0
    shown = capsys.readouterr().out
    assert "Would tune src/app.py:handler" in shown
    assert "not tuned: --node: there is no /no/such/node" in shown


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


PROJECT = f"""
Parameters:
  Stage: {{Type: String, Default: dev}}
Globals:
  Function: {{Runtime: {HERE}, Handler: app.handler, CodeUri: src}}
Resources:
  First: {{Type: AWS::Serverless::Function, Properties: {{MemorySize: 512}}}}
  Orders:
    Type: AWS::Serverless::Function
    Properties:
      MemorySize: 512
      Architectures: [{architecture()}]
      Timeout: 20
      EphemeralStorage: {{Size: 1024}}
      Environment: {{Variables: {{TABLE: !Sub "orders-${{Stage}}", QUEUE: !Ref Queue, OWN: template}}}}
  Last: {{Type: AWS::Serverless::Function, Properties: {{Timeout: !If [Prod, 30, 3]}}}}
"""
TABLE_NEEDED = """
import os, time
def handler(event, context):
    if event.get("table"):
        assert os.environ["TABLE"] == event["table"]
        os.chdir(os.environ["NOTES"])
        with open("runs", "a") as runs:
            runs.write(".")
        if os.path.getsize("runs") > 13 and not os.path.exists("go"):
            time.sleep(600)
    return event
"""
"""A handler whose fourteenth run of sixteen hangs, until there is a file `go`."""


def three_functions(folder: Path) -> Path:
    project(folder)
    (folder / "src" / "app.py").write_text(TABLE_NEEDED)
    (folder / "event.json").write_text('{"table": "orders-dev"}')
    (folder / "template.yaml").write_text(PROJECT)
    return folder / "template.yaml"


NOTHING = SimpleNamespace(recommendation=None)
"""A result without an answer."""


class Interrupting:
    """Tunes nothing, and is interrupted at the function Orders."""

    def __init__(self, template: Path, error: BaseException | None = None, result: Any = NOTHING) -> None:
        self.template, self.error, self.result = template, error, result
        self.stop = threading.Event()
        self.given: dict[str, Mapping[str, Any]] = {}
        self.titles: list[str] = []

    def tune(self, _: TuneRequest, given: Mapping[str, Any], place: Path, title: str) -> Any:
        self.titles.append(title)
        self.given[place.name] = given
        place.mkdir(parents=True)
        (place / "samples.jsonl").write_text("{}\n")
        if place.name == "Orders":
            if self.error:
                raise self.error
            self.stop.set()
        return self.result

    def run(self, *arguments: str) -> None:
        words = ["--from", str(self.template), *arguments]
        tune_project(
            self.template,
            command.make_context("tune", words).params,
            read=lambda target, _: TuneRequest(Settings(target), {}),
            tune=self.tune,
            show_plan=lambda _: "",
            go_on=lambda: "Go on with it.",
            folder=self.template.parent / "out",
            stop=self.stop,
        )


@pytest.mark.parametrize("error", [InterruptedRunError("Interrupted after 3 runs."), KeyboardInterrupt()])
def test_what_is_finished_is_told_when_the_command_is_interrupted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    with pytest.raises(type(error)):
        Interrupting(three_functions(tmp_path), error).run()
    rows = capsys.readouterr().out.splitlines()
    assert rows[0] == "First                   no recommendation"
    assert [row for row in rows[1:] if not row.startswith("  ")] in (
        ["Orders                  interrupted", "Last                    not begun"],
        ["Orders                  not begun", "Last                    not begun"],
    )


@pytest.mark.parametrize("cause", [NoSpaceError("no space"), NotRecordedError(NoSpaceError("no space"), "out/Orders")])
def test_where_nothing_can_be_written_the_functions_that_are_left_are_not_begun(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cause: TunerError
) -> None:
    with pytest.raises(type(cause)) as caught:
        Interrupting(three_functions(tmp_path), cause).run()
    rows = [row for row in capsys.readouterr().out.splitlines() if not row.startswith("  ")]
    assert rows == [
        "First                   no recommendation",
        "Orders                  not tuned: no space",
        "Last                    not begun",
    ]
    assert caught.value.hint.endswith("Go on with it.")


def test_a_project_that_fills_the_disk_tells_the_command_that_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, flags = tmp_path / "out", ("--power-values", "512,1024", "--runs", "6", "--quiet")
    event = f"Orders={tmp_path}/event.json"
    with file_size_limit(2500):
        assert run(["tune", "--from", str(project(tmp_path)), "--event", event, "--output", str(out), *flags]) == 1
    told = capsys.readouterr()
    assert f"not tuned: cannot write {out}/Orders/samples.jsonl: File too large" in told.out
    assert f"error: cannot write {out}/Orders/samples.jsonl: File too large" in told.err
    assert f"Free some space. What was measured until then is kept in {out}/Orders." in told.err
    (again,) = (line for line in told.err.splitlines() if line.strip().startswith("tuner tune"))
    assert run([*shlex.split(again)[1:], "--quiet"]) == 0, "with space it goes on"


def test_after_an_interruption_between_two_functions_the_rest_is_not_begun(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tuned = Interrupting(three_functions(tmp_path))
    with pytest.raises(InterruptedRunError) as caught:
        tuned.run()
    rows = [row for row in capsys.readouterr().out.splitlines() if not row.startswith("  ")]
    assert rows[-1] == "Last                    not begun"
    assert rows[-2] == "Orders                  no recommendation"
    assert tuned.titles == ["First (1 of 3)", "Orders (2 of 3)"]
    assert caught.value.hint == "Go on with it."


def test_the_summary_tells_what_a_recommendation_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = document_of("aws")
    with pytest.raises(InterruptedRunError):
        Interrupting(three_functions(tmp_path), result=Result(document)).run()
    assert f"\n  change     {versus_now(document['saving'])}\n  report     " in capsys.readouterr().out


def test_what_a_function_is_asked_for_is_of_the_template_unless_a_flag_says_it(tmp_path: Path) -> None:
    (tmp_path / "dev.env").write_text("OWN=file\n")
    tuned = Interrupting(three_functions(tmp_path))
    with pytest.raises(InterruptedRunError):
        tuned.run("--event", f"Orders={tmp_path}/event.json", "--env-file", f"{tmp_path}/dev.env", "--env", "STAGE=x")
    asked = ("payload", "env", "timeout", "ephemeral_storage")
    assert {name: tuple(given[key] for key in asked) for name, given in tuned.given.items()} == {
        "First": (None, ("STAGE=x",), "3", None),
        "Orders": (f"@{tmp_path}/event.json", ("TABLE=orders-dev", "STAGE=x"), "20", "1024"),
    }


def test_a_project_that_was_interrupted_goes_on_with_the_command_that_it_tells(
    tmp_path: Path, notes: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    three_functions(tmp_path)
    flags = ("--event", "Orders=event.json", "--power-values", "512,1024", "--runs", "8", "--output", "out")
    process = subprocess.Popen(
        [sys.executable, "-m", "tuner", "tune", "--from", "template.yaml", *flags],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    out_folder = tmp_path / "out"
    samples = out_folder / "Orders" / "samples.jsonl"
    while process.poll() is None and not (samples.exists() and '"kind": "sample"' in samples.read_text()):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    first, *others = [line for line in out.splitlines() if not line.startswith("  ")]
    assert first.startswith("First                   ")
    assert "  report     out/First/report.html" in out.splitlines()
    assert "First (1 of 3)  round 1  0/16 runs" in err
    assert "Orders (2 of 3)  round 1  0/16 runs" in err
    assert others == ["Orders                  interrupted", "Last                    not begun"]

    lines = [line.strip() for line in err.splitlines()]
    again = shlex.split(lines[lines.index("Go on with:") + 1])
    assert again[:2] == ["tuner", "tune"]
    assert again[-2:] == ["--resume", "out"]
    assert "orders-dev" not in again, "values of variables are never shown"
    monkeypatch.chdir(tmp_path)
    (notes / "go").touch()
    finished, begun = ((out_folder / name / "samples.jsonl").read_bytes() for name in ("First", "Orders"))
    assert run([*again[1:], "--quiet"]) == 0, capsys.readouterr().err
    assert (out_folder / "First" / "samples.jsonl").read_bytes() == finished, "nothing of it is measured again"
    assert samples.read_bytes().startswith(begun), "what was measured is kept"
    assert not list(out_folder.rglob("earlier"))
    for name in ("Orders", "Last"):
        document = json.loads((out_folder / name / "result.json").read_text())
        assert [measured["runs"] for measured in document["measurements"]] == [8, 8]
        assert name == "Last" or document["current"]["memory_mb"] == 512, "as the template says"


def test_a_project_goes_on_where_a_run_of_one_of_its_functions_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template, out = project(tmp_path), tmp_path / "out"
    assert run(["tune", "--from", str(template), "--resume", str(out), *QUICK]) == 2
    assert f"--resume: {out} holds no run of a function of {template}" in capsys.readouterr().err
    assert not out.exists()
    assert run(["tune", "--from", str(template), "--resume", str(out), "--output", "other", *QUICK]) == 2
    assert "--output: a resumed run goes on in its own folder" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [("--format", "json"), ("--open",)])
def test_flags_that_are_of_one_result_are_refused_for_a_project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...]
) -> None:
    assert run(["tune", "--from", str(project(tmp_path)), "--output", str(tmp_path / "out"), *flags, *QUICK]) == 2
    assert f"error: {flags[0]}: " in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_record_keeps_the_limits_that_flags_gave_whatever_the_template_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template, out = project(tmp_path), tmp_path / "out"
    given = ["--from", str(template), "--event", f"Orders={tmp_path}/event.json"]
    assert run(["tune", *given, "--timeout", "9", "--output", str(out), *QUICK]) == 0
    assert run(["tune", *given, "--resume", str(out), "--quiet"]) == 0
    document = json.loads((out / "Orders" / "result.json").read_text())
    words = document["function"]["details"]["arguments"]
    assert words[words.index("--timeout") + 1] == "9"
    assert [measured["runs"] for measured in document["measurements"]] == [2, 2]


def test_the_size_in_use_is_that_of_a_flag_before_that_of_the_template(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    event, out = f"Orders={tmp_path}/event.json", str(tmp_path / "out")
    given = ["--from", str(project(tmp_path)), "--event", event, "--output", out, "--memory-in-use", "1024"]
    assert run(["tune", *given, *QUICK]) == 0
    document = json.loads((tmp_path / "out" / "Orders" / "result.json").read_text())
    assert "(in use: 1,024 MB)" in capsys.readouterr().out
    assert document["current"]["memory_mb"] == 1024
    assert document["function"]["details"]["arguments"][-2:] == ["--memory-in-use", "1024"]


def test_what_a_template_does_not_tell_is_named_without_values_and_with_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    template = three_functions(tmp_path)
    assert run(["tune", "--from", str(template), "--dry-run", *QUICK]) == 0
    shown = capsys.readouterr().out
    assert "variables  left out: QUEUE (give them with --env NAME=VALUE)" in shown
    assert "timeout    900 s here: Fn::If computes it during the deployment (give it with --timeout)" in shown
    assert "orders-dev" not in shown
    given = ("--env", "QUEUE=here", "--timeout", "9")
    assert run(["tune", "--from", str(template), "--dry-run", *given, *QUICK]) == 0
    shown = capsys.readouterr().out
    assert "left out" not in shown
    assert "timeout  " not in shown
    monkeypatch.setenv("QUEUE", "of the shell")
    assert run(["tune", "--from", str(template), "--dry-run", *QUICK]) == 0
    assert "left out" not in capsys.readouterr().out, "the function sees the variables of the shell"


def test_a_variable_that_was_left_out_is_named_where_a_handler_cannot_be_loaded_without_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = three_functions(tmp_path)
    (tmp_path / "src" / "app.py").write_text("import os\nQUEUE = os.environ['QUEUE']\ndef handler(e, c): pass")
    assert run(["tune", "--from", str(template), "--dry-run", *QUICK]) == 1
    shown = capsys.readouterr().out
    assert "KeyError: 'QUEUE'" in shown
    assert shown.count("left out: QUEUE") == 1, "of the function that has it"


def test_a_cdk_app_is_tuned_from_its_assets_and_code_in_s3_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def function(asset: str) -> dict[str, Any]:
        code = {"S3Bucket": {"Fn::Sub": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"}, "S3Key": "0f.zip"}
        found = {"aws:cdk:path": "Shop/Fn/Resource", "aws:asset:path": asset, "aws:asset:property": "Code"}
        return {
            "Type": "AWS::Lambda::Function",
            "Properties": {"Code": code, "Handler": "app.handler", "Runtime": HERE},
            "Metadata": {name: value for name, value in found.items() if value},
        }

    project(tmp_path)
    (tmp_path / "template.yaml").unlink()
    (tmp_path / "src").rename(tmp_path / "cdk.out.asset")
    (tmp_path / "cdk.out").mkdir()
    (tmp_path / "cdk.out.asset").rename(tmp_path / "cdk.out" / "asset.0f")
    (tmp_path / "cdk.json").write_text('{"app": "python3 app.py"}')
    (tmp_path / "app.py").write_text("raise SystemExit('this is the app, not the handler')")
    resources = {"Resources": {"Orders": function("asset.0f"), "Imported": function("")}}
    (tmp_path / "cdk.out" / "Shop.template.json").write_text(json.dumps(resources))
    event, out = f"Orders={tmp_path}/event.json", str(tmp_path / "out")
    assert run(["tune", "--from", str(tmp_path), "--event", event, "--output", out, *QUICK]) == 0
    _, *lines, imported = capsys.readouterr().out.splitlines()
    assert any(line.startswith("  report ") for line in lines)
    assert imported == (
        "Imported                not tuned: its code is in S3: tune it by its FILE:HANDLER, or the function in AWS"
    )


def test_a_long_name_stands_apart_from_what_is_said_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "main.tf").write_text(
        'resource "aws_lambda_function" "orders" {\n handler = "a.b"\n runtime = "python3.12"\n s3_key = "a"\n}\n'
    )
    assert run(["tune", "--from", str(tmp_path), *QUICK]) == 1
    assert "aws_lambda_function.orders  not tuned: its code is in S3" in capsys.readouterr().out
