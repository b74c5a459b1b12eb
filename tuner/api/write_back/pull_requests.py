"""Proposes recommendations as pull requests: one a function, opened, updated, and closed when it no longer holds.

The branch of a function has a fixed name, so a later run finds its pull request. What hosts the pull requests is an
argument; `GitHub` asks GitHub's own command line.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from tuner.api.result import Result
from tuner.api.write_back.patching import commit_files, patch_project, repository_of, run_git
from tuner.errors import TunerError
from tuner.projects.patch import Patched, ProjectPatch
from tuner.search.decision import WeakEvidenceError

BRANCHES = "lambda-tuner/"


class Proposed(StrEnum):
    """What became of the pull request of a function."""

    OPENED = "opened"
    UPDATED = "updated"
    CLOSED = "closed"
    NOTHING = "nothing"
    """There is none, and none is needed."""


@dataclass(frozen=True, slots=True)
class ProposedChange:
    """What became of the pull request of a function, and why."""

    function: str
    outcome: Proposed
    why: str


class Forge(Protocol):
    """Where pull requests live."""

    def find(self, branch: str) -> str | None:
        """The open pull request of a branch; None: there is none."""
        ...

    def push(self, repository: Path, commit: str, branch: str) -> None:
        """Make a branch point to a commit."""
        ...

    def open(self, branch: str, title: str, text: str) -> None:
        """Open a pull request."""
        ...

    def update(self, number: str, title: str, text: str) -> None:
        """Replace title and text of a pull request."""
        ...

    def close(self, number: str, comment: str) -> None:
        """Close a pull request, and delete its branch."""
        ...


def propose(results: Iterable[Result], project: Path, forge: Forge) -> list[ProposedChange]:
    """Propose what results recommend.

    Args:
        results: the newest one counts of each function.
        project: a template, a serverless.yml, a .tf file, or a folder with any of them.
        forge: where pull requests live.

    Raises:
        InputError: the project cannot be read, or a file differs from HEAD.
        TunerError: git or the forge failed.
    """
    return [_propose(result, project, forge) for result in newest(results)]


def newest(results: Iterable[Result]) -> list[Result]:
    """The newest result of each function, by the name of the function."""
    by_name: dict[str, Result] = {}
    for result in sorted(results, key=lambda found: found.document["created_at"]):
        by_name[result.document["function"]["name"]] = result
    return [by_name[name] for name in sorted(by_name)]


def branch_of(function: str) -> str:
    """The branch of a function's pull request."""
    return BRANCHES + "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in function)


def _propose(result: Result, project: Path, forge: Forge) -> ProposedChange:
    from reports.words.escape import code_span
    from reports.words.watching import closing_comment, pull_request

    function = result.document["function"]["name"]
    existing = forge.find(branch_of(function))
    patch, why = _wanted(result, project)
    if patch is None:
        if existing is None:
            return ProposedChange(function, Proposed.NOTHING, why)
        forge.close(existing, closing_comment(why))
        return ProposedChange(function, Proposed.CLOSED, why)
    repository = repository_of(patch)
    told = _sentence(patch.functions[0], result, quote=code_span)
    title, text = pull_request(function, told, patch.sources.diff(repository), result.to_markdown())
    commit = commit_files(patch, f"{title}\n\n{why}\n", flag="--pull-requests", at=result.document["created_at"])
    forge.push(repository, commit, branch_of(function))
    if existing is None:
        forge.open(branch_of(function), title, text)
        return ProposedChange(function, Proposed.OPENED, why)
    forge.update(existing, title, text)
    return ProposedChange(function, Proposed.UPDATED, why)


def _wanted(result: Result, project: Path) -> tuple[ProjectPatch | None, str]:
    """The changes of the files, and what they are in one sentence; None: there are none, and why."""
    try:
        patch = patch_project({result.document["function"]["name"]: result}, project)
    except WeakEvidenceError as error:
        return None, error.message
    (row,) = patch.functions
    if row.left_alone:
        return None, f"{row.name or row.wanted.function} is left alone: {'; '.join(row.left_alone)}."
    if not patch.sources.changed:
        return None, f"{row.name} has {row.wanted.configuration} already."
    return patch, _sentence(row, result, quote=str)


def _sentence(row: Patched, result: Result, *, quote: Callable[[str], str]) -> str:
    """What a function should have, and what else a person has to do; `quote` makes texts from outside harmless."""
    saving = result.saving
    gain = f", {saving.cost.mean:.0%} ({saving.cost.low:.0%} to {saving.cost.high:.0%}) cheaper" if saving else ""
    changes = "; ".join(map(quote, row.changes))
    notes = "".join(f" {quote(note)}" for note in row.notes)
    return f"{quote(row.name)} should have {row.wanted.configuration}{gain}: {changes}.{notes}"


@dataclass(frozen=True, slots=True)
class GitHub:
    """Pull requests on GitHub, by `gh`, in the repository of a folder."""

    folder: Path

    def find(self, branch: str) -> str | None:
        """The number of the open pull request of a branch; None: there is none."""
        listed = self._gh("pr", "list", "--head", branch, "--state", "open", "--json", "number", "--jq", ".[0].number")
        return listed or None

    def push(self, repository: Path, commit: str, branch: str) -> None:
        """Make a branch of `origin` point to a commit."""
        run_git(repository, "push", "--quiet", "--force", "origin", f"{commit}:refs/heads/{branch}")

    def open(self, branch: str, title: str, text: str) -> None:
        """Open a pull request."""
        self._gh("pr", "create", "--head", branch, "--title", title, "--body-file", "-", given=text)

    def update(self, number: str, title: str, text: str) -> None:
        """Replace title and text of a pull request."""
        self._gh("pr", "edit", number, "--title", title, "--body-file", "-", given=text)

    def close(self, number: str, comment: str) -> None:
        """Close a pull request, and delete its branch."""
        self._gh("pr", "close", number, "--comment", comment, "--delete-branch")

    def _gh(self, *arguments: str, given: str = "") -> str:
        try:
            command = ["gh", *arguments]
            done = subprocess.run(command, cwd=self.folder, input=given.encode(), capture_output=True, check=True)
        except FileNotFoundError as exc:
            raise TunerError("gh is not installed.", "Install GitHub's command line: https://cli.github.com") from exc
        except subprocess.CalledProcessError as exc:
            told = exc.stderr.decode(errors="replace").strip()
            raise TunerError(f"gh {' '.join(arguments[:2])} failed: {told}", "Log in, or set GH_TOKEN.") from exc
        return done.stdout.decode().strip()


def outcomes(proposals: Sequence[ProposedChange]) -> str:
    """What became of all pull requests, a line each."""
    return "\n".join(f"{found.function}: {found.outcome}. {found.why}" for found in proposals)
