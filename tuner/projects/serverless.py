"""Reads files of the Serverless Framework, with variables that lead to another part of the file or to another file.

A variable that the deployment decides (stage, option, environment) is named, not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from yaml.nodes import MappingNode, Node, SequenceNode

from tuner.projects.functions import UNKNOWN_PART, DeclaredFunction, Format, Setting, ValueUse, whole_number
from tuner.projects.sources import Sources
from tuner.projects.written import Key, insertion, literal, read_setting, with_own_place
from tuner.projects.yaml_tree import Tree, all_pairs, get, items, pairs, resolved, scalar

_BESIDE = ("name", "handler", "runtime", "timeout", "memorySize", "image")
_MEMORY = Key("memorySize", _BESIDE, listed=False, quoted=False, default="1024")
_ARCHITECTURE = Key("architecture", _BESIDE, listed=False, quoted=True, default="x86_64")
_DEFAULT_TIMEOUT_S = 6
"""Both defaults: https://www.serverless.com/framework/docs/providers/aws/guide/functions"""
_VARIABLE = re.compile(r"\$\{(?:(?P<self>self):|file\((?P<file>[^(){}$]+)\):?)(?P<path>[^{}$,]*)(?:,[^{}$]*)?\}")
_IN_TEXT = re.compile(r"(?:(?P<self>self):|file\((?P<file>[^(){}$]+)\):?)(?P<path>[\w.-]*)")
"""Variables within a text, and the start of those that hold other variables."""
_DEEPEST = 8
"""Variables that lead to variables."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service: its main file, the texts of the others, and what was read of them."""

    tree: Tree
    sources: Sources
    files: dict[Path, Tree] = field(default_factory=dict)
    meanings: dict[int, int] = field(default_factory=dict)

    def section(self, name: str) -> tuple[Tree, Node | None]:
        """A part of the main file, and the file that it stands in; None: it stands in no file here."""
        return self.followed(self.tree, get(self.tree.root, name))

    def functions(self) -> Iterator[tuple[str, tuple[Tree, Node | None]]]:
        """The functions by their names."""
        listed = get(self.tree.root, "functions")
        for part in items(listed) or ([listed] if listed is not None else []):
            home, functions = self.followed(self.tree, part)
            for name, function in pairs(functions):
                yield name, self.followed(home, function)

    def followed(self, tree: Tree, node: Node | None) -> tuple[Tree, Node | None]:
        """A node, or what a variable in its place stands for."""
        for _ in range(_DEEPEST):
            text = scalar(node)
            if "${" not in text:
                return tree, node
            variable = _VARIABLE.fullmatch(text.strip())
            if variable is None:
                break
            tree, node = self.target(tree, variable)
        return tree, None

    def target(self, tree: Tree, variable: re.Match[str]) -> tuple[Tree, Node | None]:
        """Where a variable leads to, and in which file; None: it leads to no file here."""
        home: Tree = self.tree
        if variable["file"]:
            path = self.tree.path.parent / variable["file"].strip()
            if path.suffix not in (".yml", ".yaml", ".json") or not self.sources.exists(path):
                return tree, None
            home = self.files.setdefault(path, Tree(path, self.sources))
        node = home.root
        for key in variable["path"].strip().strip(".").split("."):
            if key:
                home, node = self.followed(home, node)
                node = get(node, key)
        return home, node


def is_service(tree: Tree) -> bool:
    """Whether a document is of the Serverless Framework."""
    return get(tree.root, "functions") is not None


def read_service(tree: Tree, sources: Sources) -> Iterator[DeclaredFunction]:
    """The functions of a service, in its order."""
    service = Service(tree, sources)
    provider = service.section("provider")
    for name, function in service.functions():
        yield _function(service, provider, name, function)


def service_uses(tree: Tree, sources: Sources) -> Iterator[ValueUse]:
    """Everything that uses values, beside the definitions under `custom`."""
    service = Service(tree, sources)
    sections = (name for name in all_pairs(tree.root) if name not in ("functions", "custom"))
    owners = [*service.functions(), *((name, service.section(name)) for name in sections)]
    for owner, (home, node) in owners:
        inherited = owner == "provider"
        for key, value in all_pairs(node).items():
            if not (inherited and key in (_MEMORY.name, _ARCHITECTURE.name)):
                yield ValueUse(owner, key, _meaning(service, home, value))


def _meaning(service: Service, tree: Tree, node: Node | None) -> int:
    """A number that differs where what a value stands for differs. A value within itself stands for nothing further."""
    found = resolved(node)
    if found is None:
        return 0
    if id(found) not in service.meanings:
        service.meanings[id(found)] = 0
        service.meanings[id(found)] = hash(_parts(service, tree, found))
    return service.meanings[id(found)]


def _parts(service: Service, tree: Tree, node: Node) -> tuple[object, ...]:
    if isinstance(node, MappingNode):
        return tuple((key, _meaning(service, tree, value)) for key, value in all_pairs(node).items())
    if isinstance(node, SequenceNode):
        return tuple(_meaning(service, tree, item) for item in node.value)
    text = str(node.value)
    targets = [service.target(tree, variable) for variable in _IN_TEXT.finditer(text)]
    return (text, *(_meaning(service, home, target) for home, target in targets))


def _function(
    service: Service, shared_by: tuple[Tree, Node | None], name: str, found: tuple[Tree, Node | None]
) -> DeclaredFunction:
    tree, function = found
    home, provider = shared_by

    def setting(key: Key) -> Setting:
        def follow(node: Node, where: Tree = tree) -> Setting:
            return _value(service, where, node)

        if function is None:
            return Setting(None, (), "the function stands in no file here")
        if provider is None and get(function, key.name) is None:
            return Setting(None, (), "provider stands in no file here")
        shared = get(provider, key.name)
        if home.path == tree.path or shared is None or get(function, key.name) is not None:
            return read_setting(tree, function, shared, key, follow)
        # The shared value stands in another file than the function.
        return with_own_place(follow(shared, home), insertion(tree, function, key))

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
        timeout_s=whole_number(timeout),
        tmp_mb=whole_number(scalar(get(function, "ephemeralStorageSize"))),
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
    home, target = service.target(tree, found)
    if target is None:
        return Setting(None, (), f"{text} leads to no value in these files")
    return _value(service, home, target, depth + 1)
