"""Decides which functions of a project can run on this machine, and as what target.

Says why others cannot. It resolves no references: a value that the template computes is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tuner.local.worker.runtimes import runtime_named
from tuner.model import Architecture
from tuner.projects.discovery import read_functions
from tuner.projects.functions import DeclaredFunction

_PROVIDED = "provided"


@dataclass(frozen=True, slots=True)
class ProjectFunction:
    """One function of a template.

    Attributes:
        name: its name in the template.
        target: what to tune. Empty: it cannot run here.
        reason: why not; empty: it can run here.
        memory_mb: memory size in use, where the template tells it.
        timeout_s: its timeout, where the template tells it.
        tmp_mb: size of its /tmp, where the template tells it.
        environment: environment variables with a literal value.
        runtime: identifier of its runtime, e.g. "python3.13".
        architecture: its architecture, where the template tells it.
    """

    name: str
    target: str = ""
    reason: str = ""
    memory_mb: int | None = None
    timeout_s: float | None = None
    tmp_mb: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    runtime: str = ""
    architecture: str = "x86_64"


def read_project(path: Path) -> tuple[ProjectFunction, ...]:
    """The functions of a project, in its order.

    Raises:
        InputError: it cannot be read, or has no function.
    """
    return tuple(map(_on_this_machine, read_functions(path)))


def _on_this_machine(function: DeclaredFunction) -> ProjectFunction:
    target, reason = _place(function.code, function.handler, function.runtime, image=function.image)
    return ProjectFunction(
        name=function.name,
        target=target,
        reason=reason,
        memory_mb=function.memory_mb,
        timeout_s=function.timeout_s,
        tmp_mb=function.tmp_mb,
        environment=function.environment,
        runtime=function.runtime,
        architecture=function.architecture_in_use or Architecture.X86_64,
    )


def _place(code: Path, handler: str, runtime: str, *, image: bool) -> tuple[str, str]:
    """The target, or why there is none."""
    if image:
        return "", "it is a container image"
    if not code.is_dir():
        return "", f"{code} is not a folder: build the project, or tune the function in AWS"
    if runtime.startswith(_PROVIDED):
        missing = "" if (code / "bootstrap").exists() else f"{code} has no bootstrap: build the project first"
        return ("", missing) if missing else (f"{code}:{handler}" if handler else str(code), "")
    if runtime_named(runtime) is None:
        return "", f"{runtime or 'its runtime'} has no loop here: tune it with a command after --"
    return f"{code}:{handler}", ""
