"""What is installed: the commands, their pinned dependencies, and the skill that tells assistants of them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

from tuner.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def name_of(line: str) -> str:
    return re.split(r"[^A-Za-z0-9_-]", line)[0].lower().replace("_", "-")


def test_both_commands_start_the_same_program() -> None:
    assert PROJECT["scripts"] == dict.fromkeys(("tuner", "lambda-tuner"), "tuner.__main__:main")


def test_every_dependency_is_pinned_for_the_action_and_the_image() -> None:
    lines = (ROOT / ".ci" / "constraints.txt").read_text("utf-8").splitlines()
    pinned = {name_of(line) for line in lines if "==" in line}
    assert {name_of(line) for line in PROJECT["dependencies"]} <= pinned


def test_the_image_runs_without_rights() -> None:
    text = (ROOT / "examples" / "ci" / "container" / "Dockerfile").read_text("utf-8")
    assert re.search(r"^USER 10001$", text, re.MULTILINE)
    assert text.index("USER 10001") > text.rindex("FROM ")


def test_the_skill_names_only_commands_that_exist() -> None:
    text = (ROOT / "examples" / "assistants" / "right-size-lambda" / "SKILL.md").read_text("utf-8")
    head = yaml.safe_load(text.split("---")[1])
    assert set(head) == {"name", "description"}
    assert set(re.findall(r"\btuner (\w+)", text)) <= set(COMMANDS)
