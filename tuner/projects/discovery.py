"""Finds the files of a project that define functions, and reads them all alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tuner.errors import InputError
from tuner.projects.cdk import read_cdk
from tuner.projects.cloudformation import is_template, read_template, root_stack
from tuner.projects.functions import DeclaredFunction, ValueUse
from tuner.projects.serverless import is_service, read_service, service_uses
from tuner.projects.sources import Sources
from tuner.projects.template_uses import TemplateUses
from tuner.projects.terraform import read_module
from tuner.projects.terraform_uses import module_uses
from tuner.projects.yaml_tree import Tree

TEMPLATES = (
    "template.yaml",
    "template.yml",
    "template.json",
    "serverless.yml",
    "serverless.yaml",
    "serverless.json",
)
"""Names under which the tools of the formats look for a file, as far as it is YAML or JSON."""
_PROGRAMS = ("serverless.ts", "serverless.js", "serverless.mjs", "serverless.cjs")


def read_functions(path: Path, sources: Sources | None = None) -> tuple[DeclaredFunction, ...]:
    """The functions that a file or a folder defines, in their order.

    Args:
        path: a template, a serverless.yml, a .tf file, or a folder with any of them.
        sources: the texts. None: those of the disk.

    Raises:
        InputError: it cannot be read, or defines no function.
    """
    texts = sources or Sources()
    try:
        found = tuple(function for reader in _readers(path, texts) for function in reader.functions())
    except RecursionError as exc:
        raise _recursive(path) from exc
    if not found:
        programs = [name for name in _PROGRAMS if path.is_dir() and (path / name).exists()]
        told = f": {programs[0]} is a program, which is not run" if programs else ""
        remedy = "give a CloudFormation or SAM template, a serverless.yml, or a folder of Terraform files"
        raise InputError.single("--from", f"{path} describes no function{told}", remedy)
    return found


def read_uses(path: Path, sources: Sources) -> dict[tuple[str, str], int]:
    """What everything in a file or a folder that uses values stands for, by its owner and key.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return {(use.owner, use.key): use.meaning for reader in _readers(path, sources) for use in reader.uses()}
    except RecursionError as exc:
        raise _recursive(path) from exc


def _recursive(path: Path) -> InputError:
    return InputError.single("--from", f"{path} refers to itself", "correct the file")


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the functions of a document, and everything in it that uses values."""

    functions: Callable[[], Iterable[DeclaredFunction]]
    uses: Callable[[], Iterable[ValueUse]]


def _readers(path: Path, sources: Sources) -> Iterator[_Reader]:
    if not path.is_dir():
        yield from _of_file(path, sources)
        return
    for name in TEMPLATES:
        if sources.exists(path / name):
            yield from _of_file(path / name, sources)
    if any(path.glob("*.tf")):
        yield from _of_file(path / "main.tf", sources)
    if (path / "cdk.json").is_file():
        yield from _of_file(path / "cdk.json", sources)


def _of_file(path: Path, sources: Sources) -> Iterator[_Reader]:
    if path.suffix == ".tf":
        yield _Reader(partial(read_module, path.parent, sources), partial(module_uses, path.parent, sources))
        return
    if path.name == "cdk.json":
        yield _Reader(partial(read_cdk, path.parent, sources), tuple)
        return
    tree = Tree(path, sources)
    if is_template(tree):
        yield _Reader(partial(read_template, tree, sources), TemplateUses(root_stack(tree), sources).uses)
    elif is_service(tree):
        yield _Reader(partial(read_service, tree, sources), partial(service_uses, tree, sources))
