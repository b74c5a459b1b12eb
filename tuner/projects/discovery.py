"""Finds the files of a project that define functions, and reads them all alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tuner.errors import InputError
from tuner.projects.cdk import read_cdk
from tuner.projects.cloudformation import is_template, read_template
from tuner.projects.functions import DeclaredFunction
from tuner.projects.serverless import is_service, read_service
from tuner.projects.sources import Sources
from tuner.projects.terraform import read_module
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
        found = tuple(_of_folder(path, texts) if path.is_dir() else _of_file(path, texts))
    except RecursionError as exc:
        raise InputError.single("--from", f"{path} refers to itself", "correct the file") from exc
    if not found:
        remedy = "give a CloudFormation or SAM template, a serverless.yml, or a folder of Terraform files"
        raise InputError.single("--from", f"{path} describes no function", remedy)
    return found


def _of_folder(folder: Path, sources: Sources) -> Iterator[DeclaredFunction]:
    for name in TEMPLATES:
        if sources.exists(folder / name):
            yield from _of_file(folder / name, sources)
    if any(folder.glob("*.tf")):
        yield from read_module(folder, sources)
    if (folder / "cdk.json").is_file():
        yield from read_cdk(folder, sources)


def _of_file(path: Path, sources: Sources) -> Iterator[DeclaredFunction]:
    if path.suffix == ".tf":
        yield from read_module(path.parent, sources)
        return
    if path.name == "cdk.json":
        yield from read_cdk(path.parent, sources)
        return
    tree = Tree(path, sources)
    if is_template(tree):
        yield from read_template(tree, sources)
    elif is_service(tree):
        yield from read_service(tree, sources)
