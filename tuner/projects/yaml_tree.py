"""YAML and JSON as a tree of nodes that know their positions in the text.

A tree keeps what a loader drops: aliases, merge keys and the tags of CloudFormation. It computes no value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from yaml.events import AliasEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from tuner.errors import InputError
from tuner.projects.sources import Place, Sources

_PROPERTIES = re.compile(r"(?:[&!][^\s,\[\]{}]*\s+)*")
"""Anchor and tag, which stand before a value."""
_MERGE = "tag:yaml.org,2002:merge"


class AliasNode(Node):
    """`*name`: another node in the place of this one."""

    def __init__(self, target: Node, start: Any, end: Any) -> None:
        super().__init__(target.tag, target.value, start, end)
        self.target = target


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        event: Any = self.peek_event() if self.check_event(AliasEvent) else None  # type: ignore[no-untyped-call]
        node = super().compose_node(parent, index)
        return node if event is None or node is None else AliasNode(node, event.start_mark, event.end_mark)


class Tree:
    """A document of a file.

    Args:
        path: the file.
        sources: the texts.

    Raises:
        InputError: it is not YAML.
    """

    def __init__(self, path: Path, sources: Sources) -> None:
        self.path = path
        self.text = sources.text(path)
        self.newline = "\r\n" if "\r\n" in self.text else "\n"
        try:
            # JSON may be indented by tabs, which YAML refuses. A blank keeps every position.
            text = self.text.replace("\t", " ") if self.text.lstrip("\ufeff \t\r\n").startswith("{") else self.text
            self.root: Node | None = _Loader(text).get_single_node()
        except (yaml.YAMLError, RecursionError) as exc:
            raise InputError.single(str(path), f"is not YAML: {exc}", "correct the file") from exc

    def place(self, node: Node, *, note: str = "") -> Place:
        """Where the value of a scalar stands, without anchor and tag, between its quotes."""
        start, end = node.start_mark.index, node.end_mark.index
        if isinstance(node, AliasNode):
            return Place(self.path, start, end, note=note)
        if isinstance(node, ScalarNode) and node.style in ("|", ">"):
            # A block: its only line, without the indicator above it and the line ends below it.
            content = str(node.value).strip()
            start = self.text.rfind(content, start, end)
            return Place(self.path, start, start + len(content), note=note)
        skipped = _PROPERTIES.match(self.text, start, end)
        start = skipped.end() if skipped else start
        quoted = node.style in ("'", '"') if isinstance(node, ScalarNode) else False
        return Place(self.path, start + quoted, end - quoted, note=note)

    def insertion(
        self, mapping: Node, key: str, *, beside: tuple[str, ...], listed: bool, quoted: bool
    ) -> Place | None:
        """Where a mapping takes a new key: after the last of the keys `beside` that ends its line, else first.

        Args:
            mapping: the mapping.
            key: the key to insert.
            beside: keys that a person would write it next to, in no order.
            listed: write the value as a list of one.
            quoted: whether JSON writes the value between quotes.
        """
        node = resolved(mapping)
        if not isinstance(node, MappingNode):
            return None
        if node.flow_style:
            return self._in_flow(node, key, beside, listed, quoted)
        if not node.value:
            return None
        opening, closing = ("[", "]") if listed else ("", "")
        neighbour = self._neighbour(node, beside)
        column = node.value[0][0].start_mark.column
        if neighbour is not None:
            end = self._end_of_line(neighbour.end_mark.index)
            return Place(self.path, end, end, f"{self.newline}{' ' * column}{key}: {opening}", closing)
        start = node.value[0][0].start_mark.index
        return Place(self.path, start, start, f"{key}: {opening}", f"{closing}{self.newline}{' ' * column}")

    def _in_flow(self, node: MappingNode, key: str, beside: tuple[str, ...], listed: bool, quoted: bool) -> Place:
        is_json = self.text.lstrip("\ufeff \t\r\n").startswith("{") or any(k.style == '"' for k, _ in node.value)
        name = f'"{key}"' if is_json else key
        quote = '"' if is_json and quoted else ""
        opening, closing = (f"[{quote}", f"{quote}]") if listed else (quote, quote)
        if not node.value:
            start = node.end_mark.index - 1
            return Place(self.path, start, start, f"{name}: {opening}", closing)
        blank = "" if self.text[node.value[0][0].end_mark.index :].startswith((':"', ":{", ":[")) else " "
        pairs = [pair for pair in node.value if pair[0].value in beside and isinstance(pair[1], ScalarNode)]
        first, after = (pairs or node.value)[-1]
        line_start = self.text.rfind("\n", 0, first.start_mark.index) + 1
        indent = self.text[line_start : first.start_mark.index]
        gap = f"{self.newline}{indent}" if not indent.strip() else blank
        start, end = first.start_mark.index, after.end_mark.index
        if "#" in self.text[end : self._end_of_line(end)]:
            # The comment stays beside what it is about.
            return Place(self.path, start, start, f"{name}:{blank}{opening}", f"{closing},{gap}")
        return Place(self.path, end, end, f",{gap}{name}:{blank}{opening}", closing)

    def _neighbour(self, node: MappingNode, beside: tuple[str, ...]) -> Node | None:
        """The last value of one line among those keys."""
        found = [
            value
            for key, value in node.value
            if key.value in beside
            and isinstance(value, (ScalarNode, AliasNode))
            and value.start_mark.line == value.end_mark.line == key.start_mark.line
        ]
        return found[-1] if found else None

    def _end_of_line(self, index: int) -> int:
        end = self.text.find("\n", index)
        end = len(self.text) if end < 0 else end
        return end - 1 if self.text[index:end].endswith("\r") else end


def resolved(node: Node | None) -> Node | None:
    """What an alias stands for."""
    while isinstance(node, AliasNode):
        node = node.target
    return node


def pairs(node: Node | None) -> Iterator[tuple[str, Node]]:
    """Keys and values of a mapping in their order, without merged ones; nothing for other nodes."""
    found = resolved(node)
    if isinstance(found, MappingNode):
        yield from ((str(key.value), value) for key, value in found.value if key.tag != _MERGE)


def own(node: Node | None, key: str) -> Node | None:
    """The value of a key that a mapping holds itself. Of a key that stands twice the last one counts."""
    return dict(pairs(node)).get(key)


def merged(node: Node | None, key: str) -> Node | None:
    """The value of a key that comes in through a merge key."""
    found = resolved(node)
    if not isinstance(found, MappingNode):
        return None
    for name, value in found.value:
        if name.tag == _MERGE:
            many = resolved(value)
            for source in many.value if isinstance(many, SequenceNode) else [many]:
                taken = get(source, key)
                if taken is not None:
                    return taken
    return None


def all_pairs(node: Node | None) -> dict[str, Node]:
    """Keys and values of a mapping, merged ones too."""
    found = resolved(node)
    if not isinstance(found, MappingNode):
        return {}
    merges = [resolved(value) for key, value in found.value if key.tag == _MERGE]
    sources = [one for many in merges for one in (many.value if isinstance(many, SequenceNode) else [many])]
    inherited = [pair for source in reversed(sources) for pair in all_pairs(source).items()]
    return {**dict(inherited), **dict(pairs(found))}


def get(node: Node | None, *keys: str) -> Node | None:
    """The value under keys, one within the other, merged ones too; None: there is none."""
    for key in keys:
        value = own(node, key)
        node = value if value is not None else merged(node, key)
    return node


def scalar(node: Node | None) -> str:
    """The text of a plain scalar; empty for anything else."""
    found = resolved(node)
    return str(found.value) if isinstance(found, ScalarNode) and not found.tag.startswith("!") else ""


def items(node: Node | None) -> list[Node]:
    """The items of a list; empty for anything else."""
    found = resolved(node)
    return list(found.value) if isinstance(found, SequenceNode) else []
