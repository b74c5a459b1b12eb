"""The commands of the tutorial run one after the other, as they stand there but for a handler that has less to do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cloud.fixtures import ROOT

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
ELSEWHERE = ("python3 -m venv .venv && . .venv/bin/activate", "pip install .")
"""Commands that `make setup` does in another way."""
WORK, LESS_WORK = '{"n": 300000}', '{"n": 3000}'
"""What the handler counts to there, and here, where nobody asks what it costs."""


def commands() -> list[str]:
    """Every command of the tutorial's consoles."""
    blocks = re.findall(r"```console\n(.*?)```", TUTORIAL, re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    assert any(WORK in line for line in lines)
    return [line.replace(WORK, LESS_WORK) for line in lines if line not in ELSEWHERE]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with the handler of the tutorial, and the tuner in PATH."""
    handler = re.search(r'```python title="app.py"\n(.*?)```', TUTORIAL, re.DOTALL)
    assert handler is not None
    (tmp_path / "app.py").write_text(handler[1])
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "tuner"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tuner "$@"\n')
    program.chmod(0o755)
    return tmp_path


def test_every_command_of_the_tutorial_works(here: Path) -> None:
    environment = {**os.environ, "PATH": f"{here / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    assert len(commands()) >= 4
    for command in commands():
        done = subprocess.run(
            command, shell=True, cwd=here, env=environment, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert done.stdout
    assert {path.name for path in (here / "tuning" / "first").iterdir()} >= {
        "report.html",
        "result.json",
        "samples.jsonl",
    }
