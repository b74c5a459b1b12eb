"""Writes recommendations back to the files that define the functions: as a diff, in the files, or on a branch of git.

Applies the same rule as `tuner apply`: a result whose evidence is weak changes nothing.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tuner.api.files import MAKE_WRITABLE, write_text
from tuner.api.result import Result
from tuner.documents.decision import configuration_of, decision_evidence
from tuner.errors import InputError, TunerError
from tuner.projects.patch import ProjectPatch, Wanted, make_patch
from tuner.search.decision import WeakEvidenceError, objections

_FILE_MODE = "100644"


def patch_project(
    results: Mapping[str, Result], project: str | Path = ".", *, function: str | None = None, force: bool = False
) -> ProjectPatch:
    """Change the memory size and architecture of functions in the texts of a project. Writes nothing.

    Args:
        results: one a function, by where it is.
        project: a template, a serverless.yml, a .tf file, or a folder with any of them.
        function: name in the project of the only result's function. None: its name in AWS finds it.
        force: change it even when the evidence is weak.

    Raises:
        InputError: the project cannot be read, `function` is given for more than one result, or two results are of
            one function.
        WeakEvidenceError: a result recommends nothing; or its evidence does not support a change, and `force` is not
            set.
    """
    if function is not None and len(results) != 1:
        raise InputError.single("--function", "is for one result", "give one RESULT")
    _require_evidence(results, force=force)
    return make_patch(Path(project), [_wanted(source, result, function) for source, result in results.items()])


def _require_evidence(results: Mapping[str, Result], *, force: bool) -> None:
    """Make sure that every result supports a change: `force` makes up for weak evidence, not for none.

    Raises:
        WeakEvidenceError: some do not: all of them, with the reasons.
    """
    refused = {
        source: "; ".join(objections(decision_evidence(result.document)))
        for source, result in results.items()
        if result.recommendation is None or not force
    }
    reasons = {source: reason for source, reason in refused.items() if reason}
    if not reasons:
        return
    told = [f"{source}: {reason}" for source, reason in reasons.items()]
    message = "\n".join(["No file is changed.", *told])
    remedy = "Tune again, or leave these results out."
    if len(results) == 1:
        message, remedy = f"The recommendation is not applied: {', '.join(reasons.values())}.", "Tune again."
    if any(results[source].recommendation for source in reasons):
        remedy += " --force uses weak evidence all the same."
    raise WeakEvidenceError(message, remedy)


def _wanted(source: str, result: Result, function: str | None) -> Wanted:
    document = result.document
    recommended = document["recommendation"]
    assert recommended is not None, "results without recommendation are refused before"
    return Wanted(
        document["function"]["name"],
        configuration_of(recommended),
        named=function,
        compared=len({one["architecture"] for one in document["measurements"]}) > 1,
        source=source,
        note=_note(result),
    )


def _note(result: Result) -> str:
    """That a configuration was not measured in AWS; empty: it was."""
    from reports.words.origin import origin

    kind, told = origin(result.document)
    return f"{kind}. {told}" if told else ""


def write_files(patch: ProjectPatch) -> None:
    """Write the changed files, each whole or not at all.

    Raises:
        TunerError: one cannot be written.
    """
    for path, text in patch.sources.changed.items():
        write_text(path, text, otherwise=MAKE_WRITABLE)


def commit_branch(patch: ProjectPatch, branch: str, message: str) -> str:
    """Commit the changed files to a new branch from HEAD. The working tree, the index and HEAD stay as they are.

    Args:
        patch: the changes.
        branch: its name.
        message: of the commit; its first line is the title.

    Returns:
        The commit.

    Raises:
        InputError: there is no repository, the branch exists, or a file differs from HEAD.
        TunerError: git failed.
    """
    root = repository_of(patch)
    if branch.startswith("-"):
        raise InputError.single("--branch", f"{branch} is no name of a branch", "choose another name")
    if run_git(root, "branch", "--list", branch):
        raise InputError.single("--branch", f"{branch} exists", "choose another name, or delete it")
    commit = commit_files(patch, message, flag="--branch")
    run_git(root, "branch", branch, commit)
    return commit


def repository_of(patch: ProjectPatch) -> Path:
    """The root of the repository that holds the changed files.

    Raises:
        TunerError: there is none.
    """
    return Path(run_git(next(iter(patch.sources.changed)).parent, "rev-parse", "--show-toplevel"))


def commit_files(patch: ProjectPatch, message: str, *, flag: str, at: str | None = None) -> str:
    """Commit the changed files on top of HEAD, without a branch.

    Args:
        patch: the changes.
        message: of the commit.
        flag: that asks for it, for the error.
        at: time of the commit in ISO 8601, so that the same change gives the same commit; None: now.

    Raises:
        InputError: a file differs from HEAD.
        TunerError: git failed.
    """
    changed, root = patch.sources.changed, repository_of(patch)
    names = {path: path.resolve().relative_to(root.resolve()).as_posix() for path in changed}
    differing = run_git(root, "status", "--porcelain", "--", *names.values())
    if differing:
        raise InputError.single(flag, f"files differ from HEAD: {differing}", "commit or stash them")
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        run_git(root, "read-tree", "HEAD", **index)
        for path, name in names.items():
            blob = run_git(root, "hash-object", "-w", "--path", name, "--stdin", given=changed[path])
            mode = run_git(root, "ls-files", "--stage", "--", name, **index).partition(" ")[0] or _FILE_MODE
            run_git(root, "update-index", "--cacheinfo", f"{mode},{blob},{name}", **index)
        tree = run_git(root, "write-tree", **index)
    dates = {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at} if at else {}
    return run_git(root, "commit-tree", tree, "-p", "HEAD", given=message, **dates)


def run_git(folder: Path, *arguments: str, given: str | None = None, **environment: str) -> str:
    """What a git command prints.

    Raises:
        TunerError: git is not installed, or failed.
    """
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(
            command,
            input=None if given is None else given.encode(),
            capture_output=True,
            check=True,
            env={**os.environ, **environment},
        )
    except FileNotFoundError as exc:
        raise TunerError("git is not installed.", "Install git, or leave --branch out.") from exc
    except subprocess.CalledProcessError as exc:
        told = exc.stderr.decode(errors="replace").strip()
        raise TunerError(f"git {arguments[0]} failed: {told}", "Run it in a git repository.") from exc
    return done.stdout.decode().strip()
