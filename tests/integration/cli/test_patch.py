"""`tuner patch` prints a diff that git applies, changes the files, or commits to a branch."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.golden.situations import document_of
from tuner.cli.main import run
from tuner.documents.result import dumps

TEMPLATE = """\
Resources:
  Render:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub "${Stage}-render"
      Handler: app.handler
      MemorySize: 512  # by hand
"""


def git(folder: Path, *arguments: str, given: str | None = None) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], input=given, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a template, and a result of its function beside it."""
    repository = tmp_path / "project"
    (repository / "infra").mkdir(parents=True)
    (repository / "infra" / "template.yaml").write_text(TEMPLATE)
    git(repository, "init", "-q")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "first")
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "a")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@b")
    (tmp_path / "result.json").write_text(dumps(document_of("aws")), "utf-8")
    monkeypatch.chdir(repository)
    return repository


def patched(document: Mapping[str, Any] | None = None) -> str:
    """The template with what a document recommends; by default that of the folder `project`."""
    best = (document or document_of("aws"))["recommendation"]
    assert best is not None
    text = TEMPLATE.replace("512", str(best["memory_mb"]))
    return text if best["architecture"] == "x86_64" else text + f"      Architectures: [{best['architecture']}]\n"


def test_the_diff_is_one_that_git_applies(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["patch", "../result.json", "--from", "infra", "--function", "Render"]) == 0
    diff = capfd.readouterr().out
    assert (project / "infra" / "template.yaml").read_text() == TEMPLATE
    git(project, "apply", "-", given=diff)
    assert (project / "infra" / "template.yaml").read_text() == patched()


@pytest.mark.parametrize("absolute", [False, True])
def test_a_module_beside_the_folder_is_in_a_diff_for_the_repository(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], absolute: bool
) -> None:
    stage, module = project / "stages" / "prod", project / "module" / "main.tf"
    stage.mkdir(parents=True)
    module.parent.mkdir()
    module.write_text('resource "aws_lambda_function" "x" {\n  function_name = "render"\n  memory_size = 512\n}\n')
    (stage / "main.tf").write_text('module "render" {\n  source = "../../module"\n}\n')
    monkeypatch.chdir(stage)
    command = ["patch", str(project.parent / "result.json"), "--from", str(stage) if absolute else "."]
    assert run([*command, "--function", "module.render.aws_lambda_function.x"]) == 0
    diff = capfd.readouterr().out
    assert diff.startswith("--- a/module/main.tf\n")
    git(project, "apply", "-", given=diff)
    assert "512" not in module.read_text()


def test_a_file_outside_of_the_repository_is_left_alone(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (project.parent / "other.yaml").write_text(TEMPLATE)
    nested = "Resources: {Inner: {Type: 'AWS::CloudFormation::Stack', Properties: {TemplateURL: ../../other.yaml}}}"
    (project / "infra" / "template.yaml").write_text(nested)
    assert run(["patch", "../result.json", "--from", "infra", "--function", "Inner/Render", "--write"]) == 1
    assert "is outside of" in capfd.readouterr().err
    assert (project.parent / "other.yaml").read_text() == TEMPLATE


def test_write_changes_the_files(project: Path) -> None:
    (project / "infra" / "template.yaml").chmod(0o640)
    assert run(["patch", "../result.json", "--from", "infra/template.yaml", "--function", "Render", "--write"]) == 0
    assert (project / "infra" / "template.yaml").read_text() == patched()
    assert (project / "infra" / "template.yaml").stat().st_mode & 0o777 == 0o640
    assert run(["patch", "../result.json", "--from", "infra", "--function", "Render", "--write"]) == 0, (
        "nothing is left"
    )


def test_a_branch_gets_the_change_and_the_working_tree_none(project: Path) -> None:
    (project / "untracked").write_text("mine")
    head = git(project, "rev-parse", "HEAD")
    assert run(["patch", "../result.json", "--from", "infra", "--function", "Render", "--branch", "size"]) == 0
    assert (project / "infra" / "template.yaml").read_text() == TEMPLATE
    assert git(project, "rev-parse", "HEAD") == head
    assert git(project, "show", "size:infra/template.yaml") == patched().strip()
    assert git(project, "diff", "--name-only", "HEAD", "size") == "infra/template.yaml"
    message = git(project, "log", "-1", "--format=%B", "size")
    assert message.startswith("Right-size Render\n\nRender: memory size 512 -> ")
    assert "|" in message, "the Markdown report"


def test_a_branch_is_refused_when_the_file_differs_from_head(project: Path) -> None:
    (project / "infra" / "template.yaml").write_text(TEMPLATE + "# mine\n")
    assert run(["patch", "../result.json", "--from", "infra", "--function", "Render", "--branch", "size"]) == 2
    assert git(project, "branch", "--list", "size") == ""


def test_what_is_not_found_is_told_and_fails(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (project / "infra" / "template.yaml").write_text(TEMPLATE.replace("-render", "-list"))
    assert run(["patch", "../result.json", "--from", "infra"]) == 1
    told = capfd.readouterr()
    assert told.out == ""
    assert "is none of the functions here (Render)" in told.err


@pytest.mark.parametrize("situation", ["partial", "unmet"])
def test_a_result_that_apply_refuses_is_refused_unless_forced(project: Path, situation: str) -> None:
    (project.parent / "result.json").write_text(dumps(document_of(situation)), "utf-8")
    command = ["patch", "../result.json", "--from", "infra", "--function", "Render"]
    assert run(command) == 1
    assert run([*command, "--force"]) == 0


def test_a_result_without_recommendation_is_named_among_others(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (project.parent / "failed.json").write_text(dumps(document_of("all-failed")), "utf-8")
    command = ["patch", "../result.json", "../failed.json", "--from", "infra", "--write"]
    assert run(command) == 1
    told = capfd.readouterr().err
    assert "../failed.json: there is no recommendation" in told
    assert "../result.json" not in told
    assert "leave these results out" in told
    assert "--force" not in told, "it does not help"
    assert run([*command, "--force"]) == 1
    assert (project / "infra" / "template.yaml").read_text() == TEMPLATE


def test_two_results_of_one_function_are_refused_by_their_names(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    older = dumps(document_of("aws")).replace("checkout-render", "prod-render")
    for name in ("older.json", "newer.json"):
        (project.parent / name).write_text(older, "utf-8")
    assert run(["patch", "../older.json", "../newer.json", "--from", "infra", "--write"]) == 2
    assert "../newer.json: is a result of Render, as ../older.json is (give one of them)" in capfd.readouterr().err
    assert (project / "infra" / "template.yaml").read_text() == TEMPLATE
    assert run(["patch", "../newer.json", "../newer.json", "--from", "infra", "--write"]) == 0, "one file, named twice"


def test_a_result_of_this_machine_is_told_to_be_an_estimate(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (project.parent / "result.json").write_text(dumps(document_of("local")), "utf-8")
    command = ["patch", "../result.json", "--from", "infra", "--function", "Render"]
    assert run([*command, "--branch", "size"]) == 0
    told = "Render: Local estimate. Measured on this machine, not in AWS."
    assert told in capfd.readouterr().err
    assert git(project, "log", "-1", "--format=%B", "size").count(told) == 1
