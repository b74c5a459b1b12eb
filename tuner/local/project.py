"""The functions of a project as its template describes them: AWS SAM, CloudFormation, or serverless.yml.

Says which of them can run on this machine and why others cannot. It resolves no references: a value that the template
computes is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tuner.errors import InputError
from tuner.local.worker.runtimes import runtime_named

FUNCTION_TYPES = ("AWS::Serverless::Function", "AWS::Lambda::Function")
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
        environment: environment variables with a literal value.
        architecture: its architecture, where the template tells it.
    """

    name: str
    target: str = ""
    reason: str = ""
    memory_mb: int | None = None
    timeout_s: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    architecture: str = "x86_64"


def read_project(path: Path) -> tuple[ProjectFunction, ...]:
    """The functions of a template, in its order.

    Raises:
        InputError: it cannot be read, or has no function.
    """
    document = _load(path)
    found = tuple(_of_sam(document, path.parent) if "Resources" in document else _of_serverless(document, path.parent))
    if not found:
        raise InputError.single("--from", f"{path} describes no function", "give a SAM template or a serverless.yml")
    return found


def _of_sam(document: Mapping[str, Any], folder: Path) -> Iterator[ProjectFunction]:
    shared = _mapping(_mapping(document.get("Globals")).get("Function"))
    for name, resource in _mapping(document["Resources"]).items():
        resource = _mapping(resource)
        if resource.get("Type") not in FUNCTION_TYPES:
            continue
        own = _mapping(resource.get("Properties"))
        variables = {
            **_mapping(_mapping(shared.get("Environment")).get("Variables")),
            **_mapping(_mapping(own.get("Environment")).get("Variables")),
        }
        merged = {**shared, **own}
        architectures = merged.get("Architectures")
        yield _function(
            name,
            folder / _text(merged.get("CodeUri") or merged.get("Code"), "."),
            handler=_text(merged.get("Handler")),
            runtime=_text(merged.get("Runtime")),
            memory=merged.get("MemorySize"),
            timeout=merged.get("Timeout"),
            variables=variables,
            architecture=_text(architectures[0]) if isinstance(architectures, list) and architectures else "x86_64",
            image=merged.get("PackageType") == "Image",
        )


def _of_serverless(document: Mapping[str, Any], folder: Path) -> Iterator[ProjectFunction]:
    provider = _mapping(document.get("provider"))
    for name, described in _mapping(document.get("functions")).items():
        own = _mapping(described)
        yield _function(
            name,
            folder,
            handler=_text(own.get("handler")),
            runtime=_text(own.get("runtime") or provider.get("runtime")),
            memory=own.get("memorySize", provider.get("memorySize", 1024)),
            timeout=own.get("timeout", provider.get("timeout", 6)),
            variables={**_mapping(provider.get("environment")), **_mapping(own.get("environment"))},
            architecture=_text(own.get("architecture") or provider.get("architecture"), "x86_64"),
            image="image" in own,
        )


def _function(
    name: str,
    code: Path,
    *,
    handler: str,
    runtime: str,
    memory: Any,
    timeout: Any,
    variables: Mapping[str, Any],
    architecture: str,
    image: bool,
) -> ProjectFunction:
    target, reason = _place(code, handler, runtime, image=image)
    return ProjectFunction(
        name=name,
        target=target,
        reason=reason,
        memory_mb=memory if isinstance(memory, int) else None,
        timeout_s=float(timeout) if isinstance(timeout, (int, float)) else None,
        environment={key: str(value) for key, value in variables.items() if isinstance(value, (str, int, float))},
        architecture=architecture,
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


def _load(path: Path) -> Mapping[str, Any]:
    import yaml

    class Loader(yaml.SafeLoader):
        """Leaves out what CloudFormation's own tags stand for."""

    Loader.add_multi_constructor("!", lambda *_: None)
    try:
        document = yaml.load(path.read_text("utf-8"), Loader)  # noqa: S506  (a SafeLoader)
    except OSError as exc:
        raise InputError.single("--from", f"{path} cannot be read: {exc.strerror}", "give a template") from exc
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as exc:
        raise InputError.single("--from", f"{path} is not YAML: {exc}", "correct the file") from exc
    return _mapping(document)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any, default: str = "") -> str:
    return value if isinstance(value, str) else default
