"""What a CloudFormation template says beside the sizes of its functions, with everything that values refer to.

A change that alters any of it reaches more than the function that it is for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from tuner.projects.cloudformation import SERVERLESS_FUNCTION, SETTINGS, Stack, intrinsic, nested_stacks
from tuner.projects.functions import ValueUse
from tuner.projects.sources import Sources
from tuner.projects.yaml_tree import all_pairs, get, items, resolved, scalar

_SECTIONS = ("Conditions", "Rules", "Hooks")
"""Those that use values. Outputs only tell them."""
_IN_TEXT = re.compile(r"\$\{([\w:]+)[^}]*\}")


@dataclass(slots=True)
class TemplateUses:
    """What the values of a stack stand for.

    Attributes:
        stack: the template.
        sources: the texts.
        known: what was read, by node. A node that contains itself stands for nothing further.
    """

    stack: Stack
    sources: Sources
    known: dict[int, int] = field(default_factory=dict)

    def uses(self) -> Iterator[ValueUse]:
        """Everything that uses values."""
        root = self.stack.tree.root
        for section in _SECTIONS:
            for name, node in all_pairs(get(root, section)).items():
                yield ValueUse(section, name, self.meaning(node))
        for name, node in all_pairs(get(root, "Globals", "Function")).items():
            if name not in SETTINGS:
                yield ValueUse("Globals", name, self.meaning(node))
        nested = list(nested_stacks(self.stack, self.sources))
        for name, resource in all_pairs(get(root, "Resources")).items():
            owner = f"{self.stack.prefix}{name}"
            read = any(inner.prefix == f"{owner}/" for inner in nested)
            for key, node in self._parts(resource).items():
                if not (read and key == "Parameters"):
                    yield ValueUse(owner, key, self.meaning(node))
        for inner in nested:
            yield from TemplateUses(inner, self.sources).uses()

    def _parts(self, resource: Node) -> dict[str, Node]:
        """What a resource says, with the settings that a function inherits."""
        parts = all_pairs(resource)
        properties = parts.pop("Properties", None)
        shared = get(self.stack.tree.root, "Globals", "Function")
        inherits = scalar(parts.get("Type")) == SERVERLESS_FUNCTION
        inherited = {key: node for key, node in all_pairs(shared).items() if inherits and key in SETTINGS}
        return {**parts, **inherited, **all_pairs(properties)}

    def meaning(self, node: Node | None) -> int:
        """A number that differs where what a node stands for differs."""
        found = resolved(node)
        if found is None:
            return 0
        if id(found) not in self.known:
            self.known[id(found)] = 0
            self.known[id(found)] = hash((found.tag, self._meaning(found)))
        return self.known[id(found)]

    def _meaning(self, node: Node) -> object:
        called, argument = intrinsic(node)
        if called == "Ref" and isinstance(resolved(argument), ScalarNode):
            return self._parameter(str(resolved(argument).value))  # type: ignore[union-attr]
        if called == "Fn::Sub":
            template = items(argument)[0] if items(argument) else argument
            named = _IN_TEXT.findall(str(getattr(resolved(template), "value", "")))
            return (*map(self._parameter, named), *map(self.meaning, items(argument)), self._plain(argument or node))
        if called == "Fn::FindInMap" and items(argument):
            return (*map(self.meaning, items(argument)), self._mapping(items(argument)))
        return self._plain(node)

    def _plain(self, node: Node) -> object:
        if isinstance(node, MappingNode):
            return tuple((key, self.meaning(value)) for key, value in all_pairs(node).items())
        if isinstance(node, SequenceNode):
            return tuple(self.meaning(item) for item in node.value)
        return str(node.value)

    def _parameter(self, name: str) -> object:
        if name in self.stack.given:
            outer, node = self.stack.given[name]
            return TemplateUses(outer, self.sources).meaning(node)
        return name, self.meaning(get(self.stack.tree.root, "Parameters", name, "Default"))

    def _mapping(self, keys: list[Node]) -> int:
        names = [scalar(key) for key in keys]
        exact = get(self.stack.tree.root, "Mappings", *names) if all(names) else None
        whole = get(self.stack.tree.root, "Mappings", names[0]) if names[0] else get(self.stack.tree.root, "Mappings")
        return self.meaning(exact if exact is not None else whole)
