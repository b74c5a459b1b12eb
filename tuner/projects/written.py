"""Builds a setting from where its value is written: by the function itself, by what it inherits from, or by nobody.

The order of the places is the order in which a person would try them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from yaml.nodes import Node, ScalarNode

from tuner.projects.functions import Setting
from tuner.projects.sources import Place
from tuner.projects.yaml_tree import AliasNode, Tree, merged, own, resolved

NULL = "tag:yaml.org,2002:null"
"""Tag of no value."""
Follow = Callable[[Node], Setting]
"""Reads a value that may be a variable or an intrinsic function."""


@dataclass(frozen=True, slots=True)
class Key:
    """How a format writes a setting.

    Attributes:
        name: its key.
        beside: keys that it is written next to.
        listed: whether its value is a list of one.
        quoted: whether JSON writes its value between quotes.
        default: the value when it is written nowhere.
    """

    name: str
    beside: tuple[str, ...]
    listed: bool
    quoted: bool
    default: str


def read_setting(tree: Tree, function: Node, shared: Node | None, key: Key, follow: Follow) -> Setting:
    """The setting of a function.

    Args:
        tree: the document of the function.
        function: its mapping.
        shared: value of the same setting that it inherits; None: it inherits none.
        key: how the setting is written.
        follow: reads a value.
    """
    written = own(function, key.name)
    if written is not None:
        return _followed(tree, written, follow)
    inherited = merged(function, key.name)
    inherited = inherited if inherited is not None else shared
    place = insertion(tree, function, key)
    places = (place,) if place else ()
    if inherited is None:
        reason = "" if places else f"the function has no properties to add {key.name} to"
        return Setting(key.default, places, reason)
    return with_own_place(_followed(tree, inherited, follow), place)


def insertion(tree: Tree, function: Node, key: Key) -> Place | None:
    """Where a function takes the setting as its own."""
    return tree.insertion(function, key.name, beside=key.beside, listed=key.listed, quoted=key.quoted)


def with_own_place(inherited: Setting, place: Place | None) -> Setting:
    """An inherited setting, which the function gets as its own: where it comes from holds for functions to come too.

    One of unknown value stays as it is.
    """
    if not inherited.value or place is None:
        return inherited
    return replace(inherited, places=(place, *inherited.places), reason="")


def _followed(tree: Tree, node: Node, follow: Follow) -> Setting:
    """A value, which an alias may stand for: then the alias itself is the second place."""
    found = follow(node)
    if isinstance(node, AliasNode) and isinstance(node.target, ScalarNode):
        return replace(found, places=(*found.places, tree.place(node)))
    return found


def literal(tree: Tree, node: Node, *, note: str = "") -> Setting | None:
    """A value that is written out; None: it is not a plain scalar."""
    found = resolved(node)
    if not isinstance(found, ScalarNode) or found.tag.startswith("!"):
        return None
    value = str(found.value).strip()
    if not value or found.tag == NULL:
        return Setting(None if found.tag == NULL else "", (), "it is empty there")
    return Setting(value, (tree.place(found, note=note),))
