"""Finds the functions in AWS that a tag, a stack or a project's files name. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tuner.aws.api.client import LambdaApi
from tuner.aws.api.connection import Connection
from tuner.aws.api.session import connect
from tuner.aws.evidence.reader import ReadingLimits, open_reader
from tuner.evidence.known_function import Selection
from tuner.projects.discovery import read_functions
from tuner.projects.functions import DeclaredFunction, find_deployed


def selected_functions(selection: Selection, connection: Connection) -> list[str]:
    """The ARNs of functions by name, tag or stack, each once.

    Raises:
        InputError: a name is none, or functions of several regions are named.
        AwsError: they cannot be listed.
    """
    with open_reader(connection, selection, ReadingLimits(), now_s=0.0, say=lambda _: None) as reader:
        return [state.arn for state in reader.states(selection)]


def functions_of_project(path: Path, connection: Connection) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The functions in AWS that a project defines, found by their names there.

    Args:
        path: a template, a serverless.yml, a .tf file, or a folder with any of them.
        connection: region, profile and role for AWS.

    Returns:
        Their names in AWS, and why others were not found, a sentence each.

    Raises:
        InputError: the project cannot be read.
        AwsError: the functions of the region cannot be listed.
    """
    declared = read_functions(path)
    clients = connect(connection)
    try:
        names = [state.name for state in LambdaApi(clients.control).functions()]
    finally:
        clients.close()
    return matched(declared, names)


def matched(declared: Sequence[DeclaredFunction], deployed: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The deployed functions that a project defines, and why others were not found."""
    candidates: dict[str, list[str]] = {function.name: [] for function in declared}
    for name in deployed:
        for function in find_deployed(tuple(declared), name):
            candidates[function.name].append(name)
    found = tuple(names[0] for names in candidates.values() if len(names) == 1)
    reasons = (
        f"{name}: {'can be ' + ', '.join(names) if names else 'no function of the region has its name'}."
        for name, names in candidates.items()
        if len(names) != 1
    )
    return found, tuple(reasons)
