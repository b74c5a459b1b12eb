"""A pull request a function: opened, updated, left as it is, and closed when it no longer holds."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.golden.situations import AWS, RENDER, Situation, tuned
from tests.integration.cli.test_patch import TEMPLATE, git, patched, project
from tuner.api.result import Result
from tuner.api.write_back.pull_requests import Proposed, branch_of, newest, propose
from tuner.model import SamplerName
from tuner.settings import MemorySizes

__all__ = ["project"]
GOLDEN = Path(__file__).parents[2] / "golden" / "watch"
TEXT, DOCUMENT = GOLDEN / "proposed.md", GOLDEN / "proposed.json"
MEASURED = Situation(
    RENDER,
    AWS,
    MemorySizes(listed=(256, 512, 1024, 2048)),
    sampler=SamplerName.GRID,
    invocations_per_month=20e6,
)
"""What the document was measured as. It is kept, so that no change of the search or of an estimate changes the text."""


@dataclass
class FakeForge:
    """Pull requests in memory; branches are real."""

    pulls: dict[str, tuple[str, str]] = field(default_factory=dict)
    closed: list[str] = field(default_factory=list)
    commits: list[str] = field(default_factory=list)

    def find(self, branch: str) -> str | None:
        return branch if branch in self.pulls else None

    def push(self, repository: Path, commit: str, branch: str) -> None:
        git(repository, "update-ref", f"refs/heads/{branch}", commit)
        self.commits.append(commit)

    def open(self, branch: str, title: str, text: str) -> None:
        self.pulls[branch] = (title, text)

    def update(self, number: str, title: str, text: str) -> None:
        assert number in self.pulls
        self.pulls[number] = (title, text)

    def close(self, number: str, comment: str) -> None:
        del self.pulls[number]
        self.closed.append(comment)


@pytest.fixture
def result() -> Result:
    if os.environ.get("UPDATE_GOLDEN"):
        DOCUMENT.write_text(json.dumps(tuned(MEASURED), separators=(",", ":")) + "\n", "utf-8")
    document = json.loads(DOCUMENT.read_text("utf-8"))
    document["function"]["name"] = "prod-render"
    return Result(document)


def outcomes(result: Result, forge: FakeForge) -> list[Proposed]:
    return [found.outcome for found in propose([result], Path("infra"), forge)]


def test_a_pull_request_is_opened_updated_and_closed_when_the_files_have_it(project: Path, result: Result) -> None:
    forge = FakeForge()
    assert outcomes(result, forge) == [Proposed.OPENED]
    assert outcomes(result, forge) == [Proposed.UPDATED]
    assert len(set(forge.commits)) == 1, "the same change gives the same commit, so nothing is built again"
    changed = patched(result.document)
    assert git(project, "show", f"{branch_of('prod-render')}:infra/template.yaml") == changed.rstrip("\n")
    assert (project / "infra" / "template.yaml").read_text() == TEMPLATE
    (project / "infra" / "template.yaml").write_text(changed)
    git(project, "commit", "-qam", "merged")
    assert outcomes(result, forge) == [Proposed.CLOSED]
    assert forge.closed[0].startswith("This no longer holds: `Render has ")
    assert outcomes(result, forge) == [Proposed.NOTHING]


def test_the_text_is_as_agreed(project: Path, result: Result) -> None:
    """Run with UPDATE_GOLDEN=1 to write it and its document anew."""
    forge = FakeForge()
    outcomes(result, forge)
    ((title, text),) = forge.pulls.values()
    told = f"{title}\n\n{text}"
    if os.environ.get("UPDATE_GOLDEN"):
        TEXT.write_text(told, "utf-8")
    assert told == TEXT.read_text("utf-8")


def test_evidence_that_became_weak_closes_the_pull_request(project: Path, result: Result) -> None:
    forge = FakeForge()
    outcomes(result, forge)
    result.document["stopped_by"] = "interrupted"
    assert outcomes(result, forge) == [Proposed.CLOSED]


def test_the_newest_result_of_a_function_counts(result: Result) -> None:
    older = Result({**result.document, "created_at": "2020-01-01T00:00:00Z"})
    assert newest([result, older, result]) == [result]
