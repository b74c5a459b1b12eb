"""The README's commands run as they stand there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cloud.fixtures import ROOT, Cloud, simulated_code
from tests.cloud.zips import zipped

README = (ROOT / "README.md").read_text("utf-8")
ELSEWHERE = {
    "pip install .": "make sets the same package up",
    "sam build && sam deploy --guided": "tests/e2e/statemachine builds and deploys",
    "tuner execute STATE_MACHINE_ARN input.json": "tests/e2e/statemachine starts executions",
}


def commands() -> list[str]:
    """Every command of the README's consoles, without comments."""
    blocks = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [re.sub(r"\s+# .*", "", line).strip() for line in lines]


HERE = [command for command in commands() if command.startswith("tuner") and command not in ELSEWHERE]


WAITING = {"cpu_ms": 0.5, "wait_ms": 20, "noise": 0.001, "environments": 2}
"""A function that memory hardly changes: searches come to their end after a few rounds."""
SLOWER = {**WAITING, "wait_ms": 40}
"""What its second version is like, so that a duet ends after a few rounds too."""
HANDLER = "import time\n\n\ndef handler(event, context):\n    time.sleep(0.02)\n    return event['n']\n"
"""A handler that waits, for the same reason."""


@pytest.fixture
def account(cloud_server: Cloud) -> Cloud:
    """An account with a function that has two versions."""
    cloud_server.reset()
    cloud_server.settings(create_seconds=0, update_seconds=0, publish_seconds=0)
    cloud_server.simulate_function("slower", model=SLOWER)
    cloud_server.simulate_function("my-function", memory_mb=1024, model=WAITING)
    cloud_server.publish("my-function")
    code = zipped({"app.py": simulated_code("slower")})
    cloud_server.client("lambda").update_function_code(FunctionName="my-function", ZipFile=code)
    cloud_server.wait("my-function")
    cloud_server.publish("my-function")
    return cloud_server


def test_every_command_is_run_by_some_test() -> None:
    assert {c for c in commands() if not c.startswith("make ")} == {*HERE, *ELSEWHERE}
    assert len(HERE) >= 4


@pytest.mark.parametrize("command", [command for command in commands() if command.startswith("make ")])
def test_make_knows_the_target(command: str) -> None:
    done = subprocess.run([*shlex.split(command), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", HERE)
def test_a_command_runs_as_it_stands(command: str, account: Cloud, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(HANDLER)
    (tmp_path / "event.json").write_text('{"n": 1}')
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    program = bin_folder / "tuner"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tuner "$@"\n')
    program.chmod(0o755)
    environment = {
        **os.environ,
        **account.environment(),
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 3), done.stderr
    assert done.stdout


def test_every_link_leads_to_a_file() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
