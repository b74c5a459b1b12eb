"""Reads the templates that a CDK app has synthesized, and finds the source line of a construct.

A CDK app is a program: nothing here changes it. What is found is a hint for a person.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tuner.model import Architecture, Configuration
from tuner.projects.cloudformation import is_template, read_template
from tuner.projects.functions import DeclaredFunction, Format, Setting
from tuner.projects.sources import Sources
from tuner.projects.yaml_tree import Tree

_SOURCES = (".ts", ".js", ".py")
_NOT_SOURCES = frozenset({"node_modules", "cdk.out", ".venv", "venv", ".git", "dist", "build"})
_SYNTHESIZED = "the template is written by the CDK app"


def read_cdk(folder: Path, sources: Sources) -> Iterator[DeclaredFunction]:
    """The functions in the synthesized templates of an app; none: `cdk synth` did not run yet.

    Stages have the same logical ids: a function whose id another one has too is named by the path of its construct.
    """
    try:
        output = str(json.loads(sources.text(folder / "cdk.json")).get("output", "cdk.out"))
    except (ValueError, AttributeError):
        output = "cdk.out"
    trees = (Tree(path, sources) for path in sorted((folder / output).glob("**/*.template.json")))
    found = [
        function
        for tree in trees
        if is_template(tree)
        for function in read_template(tree, sources)
        if function.construct
    ]
    names = Counter(function.name for function in found)
    for function in found:
        yield _left_alone(replace(function, name=function.name if names[function.name] == 1 else function.construct))


def _left_alone(function: DeclaredFunction) -> DeclaredFunction:
    return replace(
        function,
        format=Format.CDK,
        memory=Setting(function.memory.value, (), _SYNTHESIZED),
        architecture=Setting(function.architecture.value, (), _SYNTHESIZED),
    )


def cdk_hint(function: DeclaredFunction, wanted: Configuration, root: Path) -> str:
    """What a person writes into the source of a construct, and where."""
    architecture = "ARM_64" if wanted.architecture is Architecture.ARM64 else "X86_64"
    line = _source_line(function.construct.rpartition("/")[2], root)
    where = line or "its source was not found"
    return (
        f"construct {function.construct} ({where}): "
        f"memorySize: {wanted.memory_mb}, architecture: lambda.Architecture.{architecture}"
    )


def _source_line(identifier: str, root: Path) -> str:
    """File and line of the only function construct with an id; empty: there is none, or more than one."""
    pattern = re.compile(rf"\w*Function\w*\s*\(\s*(?:this|self|scope|stack)\s*,\s*(['\"`]){re.escape(identifier)}\1")
    found = []
    for path in sorted(_source_files(root)):
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        found += [
            f"{path.relative_to(root).as_posix()}:{text.count(chr(10), 0, hit.start()) + 1}"
            for hit in pattern.finditer(text)
        ]
    return found[0] if len(found) == 1 else ""


def _source_files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir() and path.name not in _NOT_SOURCES and not path.is_symlink():
            yield from _source_files(path)
        elif path.suffix in _SOURCES and not path.name.endswith(".d.ts"):
            yield path
