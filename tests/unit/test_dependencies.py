"""Every dependency has its reason in docs/dependencies.md, and nothing else is named there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"[A-Za-z0-9._-]+")


def declared() -> set[str]:
    """Names in pyproject.toml and in the requirements of other environments."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    for requirements in (ROOT / ".ci").glob("requirements-*.txt"):
        lines += requirements.read_text("utf-8").splitlines()
    return {found[0] for line in lines if (found := NAME.match(line))}


def reasons() -> dict[str, str]:
    """The tables of docs/dependencies.md."""
    text = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    return dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", text, flags=re.MULTILINE))


def test_every_dependency_has_a_reason_and_every_reason_a_dependency() -> None:
    assert set(reasons()) == declared()
    assert all(len(reason) > 8 for reason in reasons().values())
