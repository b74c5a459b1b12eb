"""`tuner patch`: writes recommendations back to the files that define the functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuner.cli.exit_codes import EXIT_FAILED, EXIT_OK
from tuner.cli.flags import Topic, aws_flags, format_flag, option
from tuner.cli.flags import command as declare
from tuner.cli.output import say, say_exact, say_json
from tuner.cli.results import file_faults
from tuner.errors import Fault, InputError, each_of, or_faults

if TYPE_CHECKING:
    from tuner.api.result import Result
    from tuner.aws.api.connection import Connection
    from tuner.projects.patch import Patched, ProjectPatch


@declare(
    adds_faults=True,
    epilog="""Examples:

\b
  tuner patch tuning/orders-20260918T041200Z | git apply
  tuner patch tuning/*/ --from infra/ --write
  tuner patch result.json --function Orders --branch right-size-orders
  tuner patch s3://bucket/executions/ --from infra/ --pull-requests""",
)
@click.argument("results", metavar="RESULT…", nargs=-1, required=True)
@option("--from", "project", group=Topic.COMMON, metavar="PATH", default=".", show_default=True,
        help="Template, serverless.yml, .tf file, or a folder with any of them.")  # fmt: skip
@option("--function", group=Topic.COMMON, metavar="NAME", help="Name of the function in the files, for one RESULT.")
@option("--write", group=Topic.SAFETY, is_flag=True, help="Change the files instead of printing a diff.")
@option("--branch", group=Topic.SAFETY, metavar="NAME",
        help="Commit to a new branch from HEAD. The working tree stays as it is.")  # fmt: skip
@option("--pull-requests", group=Topic.SAFETY, is_flag=True,
        help="Open, update or close a GitHub pull request for each function. Needs gh.")  # fmt: skip
@option("--force", group=Topic.SAFETY, is_flag=True, help="Use results with weak evidence too.")
@format_flag("text", "json")
@aws_flags("s3://")
def command(
    results: tuple[str, ...],
    *,
    project: str,
    function: str | None,
    write: bool,
    branch: str | None,
    pull_requests: bool,
    force: bool,
    format_: str,
    quiet: bool,
    connection: Connection,
    faults: list[Fault],
) -> int:
    """Change the memory size and architecture in the files that define the functions of each RESULT.

    Reads SAM and CloudFormation templates, serverless.yml, Terraform and synthesized CDK apps. Prints a unified diff.
    Nothing but the values changes. What cannot be found for sure is left alone and told on stderr; the exit code is
    then 1. Refuses the same results as `tuner apply`, unless --force is given, and two results of one function.

    With --pull-requests a RESULT may be a folder or an s3:// prefix of results: the newest of each function counts. A
    pull request is closed when its result no longer supports a change, or the files have it already.
    """
    from tuner.api.result_store import load_result
    from tuner.api.write_back.patching import commit_branch, patch_project, write_files
    from tuner.projects.discovery import read_functions

    ways = {"--write": write, "--branch": branch is not None, "--pull-requests": pull_requests}
    faults += _way_faults([flag for flag, given in ways.items() if given], function, len(results), force=force)
    or_faults(partial(read_functions, Path(project)), faults)
    if faults:
        raise InputError([*faults, *file_faults(results, connection)])
    if pull_requests:
        return _propose(results, Path(project), connection, format_=format_)
    read = each_of(partial(load_result, address, connection=connection) for address in results)
    loaded = dict(zip(results, read, strict=True))
    patch = patch_project(loaded, project, function=function, force=force)
    if patch.sources.changed and write:
        write_files(patch)
    elif patch.sources.changed and branch:
        commit_branch(patch, branch, _message(patch, list(loaded.values())))
    diff = patch.sources.diff(patch.root(Path(project)))
    if format_ == "json":
        say_json({"functions": [_row(row) for row in patch.functions], "diff": diff})
    elif not write and not branch:
        say_exact(diff)
    if not quiet or not patch.complete:
        say("\n".join(_told(row) for row in patch.functions), err=True)
    return EXIT_OK if patch.complete else EXIT_FAILED


def _way_faults(ways: Sequence[str], function: str | None, results: int, *, force: bool) -> Iterator[Fault]:
    """Faults of options that exclude one another."""
    if len(ways) > 1:
        yield Fault(ways[0], f"is given, and so is {' and '.join(ways[1:])}", "give one of them")
    if "--pull-requests" in ways:
        for flag in [name for name, given in (("--function", function), ("--force", force)) if given]:
            yield Fault(flag, "does not go with --pull-requests", "leave out one of them")
    if function and results > 1:
        yield Fault("--function", "is for one result", "give one RESULT")


def _propose(addresses: Sequence[str], project: Path, connection: Connection, *, format_: str) -> int:
    """Open, update and close pull requests."""
    from tuner.api.result_store import load_result, load_trend
    from tuner.api.write_back.pull_requests import GitHub, outcomes, propose

    results = []
    for address in addresses:
        trend = load_trend(address, connection=connection)
        results += [load_result(address, connection=connection)] if trend is None else trend
    proposals = propose(results, project, GitHub(project if project.is_dir() else project.parent))
    if format_ == "json":
        say_json([{"function": one.function, "outcome": one.outcome, "why": one.why} for one in proposals])
    else:
        say(outcomes(proposals))
    return EXIT_OK


def _told(row: Patched) -> str:
    """What became of a function, a line each."""
    name = row.name or row.wanted.function
    lines = [f"{name}: {change}" for change in row.changes]
    lines += [f"{name}: left alone: {reason}" for reason in row.left_alone]
    lines += [f"{name}: {note}" for note in row.notes]
    return "\n".join(lines or [f"{name}: has {row.wanted.configuration} already"])


def _row(row: Patched) -> dict[str, Any]:
    wanted = row.wanted.configuration
    return {
        "function": row.wanted.function,
        "name": row.name or None,
        "memory_mb": wanted.memory_mb,
        "architecture": wanted.architecture,
        "changes": list(row.changes),
        "left_alone": list(row.left_alone),
        "notes": list(row.notes),
    }


def _message(patch: ProjectPatch, results: Sequence[Result]) -> str:
    """The message of the commit: what changes, and the Markdown report of each function that changes."""
    from reports.markdown import render

    changed = [(row, result) for row, result in zip(patch.functions, results, strict=True) if row.changes]
    title = f"Right-size {', '.join(row.name for row, _ in changed)}"
    parts = [title, *(_told(row) for row, _ in changed), *(render(result.document) for _, result in changed)]
    return "\n\n".join(parts) + "\n"
