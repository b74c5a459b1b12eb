"""Reads files of the Serverless Framework, with variables that lead to another part of the file or to another file.

A variable that the deployment decides (stage, option, environment) is named, not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from tuner.projects.functions import (
    UNKNOWN_PART,
    Code,
    DeclaredFunction,
    Format,
    Setting,
    ValueUse,
    Variables,
    code_at,
)
from tuner.projects.sources import Sources
from tuner.projects.written import NULL, Key, insertion, literal, read_setting, with_own_place
from tuner.projects.yaml_tree import Tree, all_pairs, get, items, pairs, resolved, scalar

_BESIDE = ("name", "handler", "runtime", "timeout", "memorySize", "image")
_MEMORY = Key("memorySize", _BESIDE, listed=False, quoted=False, default="1024")
_ARCHITECTURE = Key("architecture", _BESIDE, listed=False, quoted=True, default="x86_64")
_TIMEOUT = Key("timeout", _BESIDE, listed=False, quoted=False, default="6")
"""All defaults: https://www.serverless.com/framework/docs/providers/aws/guide/functions"""
_VARIABLE = re.compile(r"\$\{(?:(?P<self>self):|file\((?P<file>[^(){}$]+)\):?)(?P<path>[^{}$,]*)(?:,[^{}$]*)?\}")
_IN_TEXT = re.compile(r"(?:(?P<self>self):|file\((?P<file>[^(){}$]+)\):?)(?P<path>[\w.-]*)")
"""Variables within a text, and the start of those that hold other variables."""
_DEEPEST = 8
"""Variables that lead to variables."""
_LONGEST = 4096
"""Characters of a text: Lambda allows 4 KB of environment variables in all."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service: its main file, the texts of the others, and what was read of them."""

    tree: Tree
    sources: Sources
    files: dict[Path, Tree] = field(default_factory=dict)
    meanings: dict[int, int] = field(default_factory=dict)
    texts: dict[int, str | None] = field(default_factory=dict)

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

    def text(key: str) -> str:
        return _text(service, tree, get(function, key)) or _text(service, home, get(provider, key)) or ""

    storage = get(function, "ephemeralStorageSize")
    handler = _text(service, tree, get(function, "handler")) or ""
    return DeclaredFunction(
        name,
        tree.path,
        Format.SERVERLESS,
        setting(_MEMORY),
        setting(_ARCHITECTURE),
        deployed=_deployed(service, name, scalar(get(function, "name"))),
        code=_code(service, tree, function, handler),
        handler=handler,
        runtime=text("runtime"),
        timeout=setting(_TIMEOUT),
        tmp=Setting() if storage is None else _value(service, tree, storage),
        variables=_variables(service, (home, provider), (tree, function)),
        image=get(function, "image") is not None,
    )


def _code(service: Service, tree: Tree, function: Node | None, handler: str) -> Code:
    """The folder of the service, or the archive that somebody else builds."""
    folder = service.tree.path.parent
    for home, node in ((tree, function), (service.tree, service.tree.root)):
        artifact = get(node, "package", "artifact")
        path = _text(service, home, artifact)
        if artifact is not None:
            return code_at(folder / path, handler) if path else Code(elsewhere="in an archive of an unknown name")
    return Code(folder)


def _variables(service: Service, *sources: tuple[Tree, Node | None]) -> Variables:
    """Environment variables; those of later sources win, and no value removes one."""
    found: dict[str, str | None] = {}
    for tree, source in sources:
        written = get(source, "environment")
        home, environment = service.followed(tree, written)
        if written is not None and not isinstance(resolved(environment), MappingNode):
            found["those of environment"] = None
        for key, value in all_pairs(environment).items():
            if value.tag == NULL:
                found.pop(key, None)
            else:
                found[key] = _text(service, home, value)
    return Variables(
        {name: text for name, text in found.items() if text is not None},
        tuple(name for name, text in found.items() if text is None),
    )


def _text(service: Service, tree: Tree, node: Node | None) -> str | None:
    """The text that a value stands for; None: there is no value, or the files do not tell it."""
    found = resolved(node)
    if not isinstance(found, ScalarNode) or found.tag.startswith("!") or found.tag == NULL:
        return None
    if id(found) not in service.texts:
        service.texts[id(found)] = None  # a text within itself is none
        service.texts[id(found)] = _filled_in(service, tree, str(found.value))
    return service.texts[id(found)]


def _filled_in(service: Service, tree: Tree, text: str) -> str | None:
    """A text with what its variables stand for; None: one of them stands for nothing in these files."""
    for _ in range(_DEEPEST):
        if "${" not in text:
            return text
        variables = list(_VARIABLE.finditer(text))
        for variable in reversed(variables):
            known = _text(service, *service.target(tree, variable))
            if known is None:
                return None
            text = text[: variable.start()] + known + text[variable.end() :]
        if not variables or len(text) > _LONGEST:
            return None
    return None


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
