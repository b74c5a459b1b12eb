"""Reads files of the Serverless Framework, with variables that lead to another part of the file or to another file.

A variable that the deployment decides (stage, option, environment) is named, not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from yaml.nodes import Node

from tuner.projects.functions import UNKNOWN_PART, DeclaredFunction, Format, Setting
from tuner.projects.sources import Sources
from tuner.projects.written import Key, literal, read_setting
from tuner.projects.yaml_tree import Tree, get, items, pairs, scalar

_BESIDE = ("name", "handler", "runtime", "timeout", "memorySize", "image")
_MEMORY = Key("memorySize", _BESIDE, listed=False, default="1024")
_ARCHITECTURE = Key("architecture", _BESIDE, listed=False, default="x86_64")
_DEFAULT_TIMEOUT_S = 6
"""Both defaults: https://www.serverless.com/framework/docs/providers/aws/guide/functions"""
_VARIABLE = re.compile(r"\$\{(?:(?P<self>self):|file\((?P<file>[^(){}$]+)\):?)(?P<path>[^{}$,]*)(?:,[^{}$]*)?\}")
_DEEPEST = 8
"""Variables that lead to variables."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service: its main file, and the texts of the others."""

    tree: Tree
    sources: Sources


def is_service(tree: Tree) -> bool:
    """Whether a document is of the Serverless Framework."""
    return get(tree.root, "functions") is not None


def read_service(tree: Tree, sources: Sources) -> Iterator[DeclaredFunction]:
    """The functions of a service, in its order."""
    service = Service(tree, sources)
    functions_of = get(tree.root, "functions")
    for part in items(functions_of) or ([functions_of] if functions_of is not None else []):
        home, functions = _document(service, tree, part)
        for name, function in pairs(functions):
            yield _function(service, home, name, function)


def _document(service: Service, tree: Tree, node: Node) -> tuple[Tree, Node | None]:
    """A node, or what a variable in its place stands for."""
    found = _VARIABLE.fullmatch(scalar(node))
    return _target(service, tree, found) if found else (tree, node)


def _target(service: Service, tree: Tree, variable: re.Match[str]) -> tuple[Tree, Node | None]:
    keys = tuple(part for part in variable["path"].strip().split(".") if part)
    home = service.tree
    if variable["file"]:
        path = service.tree.path.parent / variable["file"].strip()
        if path.suffix not in (".yml", ".yaml", ".json") or not service.sources.exists(path):
            return tree, None
        home = Tree(path, service.sources)
    return home, get(home.root, *keys) if keys else home.root


def _function(service: Service, tree: Tree, name: str, function: Node) -> DeclaredFunction:
    provider = get(service.tree.root, "provider")

    def setting(key: Key) -> Setting:
        shared = get(provider, key.name)
        if tree is not service.tree and shared is not None and get(function, key.name) is None:
            # The shared value stands in another file than the function.
            found = read_setting(tree, function, None, key, lambda node: _value(service, tree, node))
            above = _value(service, service.tree, shared)
            return Setting(above.value, (*above.places, *found.places))
        return read_setting(tree, function, shared, key, lambda node: _value(service, tree, node))

    timeout = scalar(get(function, "timeout")) or scalar(get(provider, "timeout")) or str(_DEFAULT_TIMEOUT_S)
    return DeclaredFunction(
        name,
        tree.path,
        Format.SERVERLESS,
        setting(_MEMORY),
        setting(_ARCHITECTURE),
        deployed=_deployed(service, name, scalar(get(function, "name"))),
        code=service.tree.path.parent,
        handler=scalar(get(function, "handler")),
        runtime=scalar(get(function, "runtime")) or scalar(get(provider, "runtime")),
        timeout_s=float(timeout) if timeout.isdigit() else None,
        environment={
            key: scalar(value)
            for source in (provider, function)
            for key, value in pairs(get(source, "environment"))
            if scalar(value)
        },
        image=get(function, "image") is not None,
    )


def _deployed(service: Service, name: str, given: str) -> str:
    of_service = scalar(get(service.tree.root, "service")) or scalar(get(service.tree.root, "service", "name"))
    return re.sub(r"\$\{[^}]*\}", UNKNOWN_PART, given or f"{of_service}-{UNKNOWN_PART}-{name}")


def _value(service: Service, tree: Tree, node: Node, depth: int = 0) -> Setting:
    """A value, followed through variables."""
    text = scalar(node)
    if "${" not in text:
        return literal(tree, node) or Setting(None, (), "it is no plain value")
    found = _VARIABLE.fullmatch(text.strip())
    if found is None or depth >= _DEEPEST:
        return Setting(None, (), f"{text} is decided by the deployment")
    home, target = _target(service, tree, found)
    if target is None:
        return Setting(None, (), f"{text} leads to no value in these files")
    return _value(service, home, target, depth + 1)
