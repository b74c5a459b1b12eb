"""Decides which functions of a project can run on this machine, and as what target.

Says why others cannot, and what of a function the files do not tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tuner.local.worker.runtimes import runtime_named
from tuner.model import Architecture
from tuner.projects.discovery import read_functions
from tuner.projects.functions import Code, DeclaredFunction, Setting
from tuner.projects.sources import is_folder

_PROVIDED = "provided"
_BY_HAND = "tune it by its FILE:HANDLER, or the function in AWS"


@dataclass(frozen=True, slots=True)
class ProjectFunction:
    """One function of a template.

    Attributes:
        name: its name in the template.
        target: what to tune. Empty: it cannot run here.
        reason: why not; empty: it can run here.
        memory_mb: memory size in use, where the template tells it.
        timeout_s: its timeout, where the template tells it or leaves it to the default of its format.
        tmp_mb: size of its /tmp, where the template tells it.
        environment: environment variables whose values the template tells.
        left_out: names of the others.
        unknown: why the template does not tell its timeout or the size of its /tmp, by the parameter that gives it.
        code_note: how the folder of its code was found, where the template names another place.
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
    left_out: tuple[str, ...] = ()
    unknown: Mapping[str, str] = field(default_factory=dict)
    code_note: str = ""
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
    unknown = {"timeout": _unknown(function.timeout), "ephemeral_storage": _unknown(function.tmp)}
    return ProjectFunction(
        name=function.name,
        target=target,
        reason=reason,
        memory_mb=function.memory_mb,
        timeout_s=function.timeout.number,
        tmp_mb=function.tmp.number,
        environment=function.variables.values,
        left_out=function.variables.left_out,
        unknown={name: told for name, told in unknown.items() if told},
        code_note=function.code.note,
        runtime=function.runtime,
        architecture=function.architecture_in_use or Architecture.X86_64,
    )


def _unknown(setting: Setting) -> str:
    """Why a number is not known; empty: it is, or nobody sets it."""
    if setting.number is not None:
        return ""
    return setting.reason or (f"{setting.value!r} is no whole number" if setting.value else "")


def _place(code: Code, handler: str, runtime: str, *, image: bool) -> tuple[str, str]:
    """The target, or why there is none."""
    provided = runtime.startswith(_PROVIDED)
    if image:
        return "", "it is a container image"
    if runtime and not provided and runtime_named(runtime) is None:
        return "", f"{runtime} has no loop here: tune it with a command after --"
    if code.folder is None:
        return "", f"its code is {code.elsewhere}: {_BY_HAND}"
    if not is_folder(code.folder):
        return "", f"{code.folder} is not a folder: build the project, or tune the function in AWS"
    if provided:
        built = (code.folder / "bootstrap").exists()
        target = f"{code.folder}:{handler}" if handler else str(code.folder)
        return (target, "") if built else ("", f"{code.folder} has no bootstrap: build the project first")
    if not runtime or not handler:
        return "", f"the files do not tell its {'handler' if runtime else 'runtime'}: {_BY_HAND}"
    return f"{code.folder}:{handler}", ""
