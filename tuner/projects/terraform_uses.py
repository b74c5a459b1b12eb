"""What a Terraform module says beside its definitions, with everything that its expressions refer to.

A change that alters any of it reaches more than the function that it is for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tuner.projects.functions import ValueUse
from tuner.projects.hcl import Block, Reference, parse_expression
from tuner.projects.sources import Sources
from tuner.projects.terraform_modules import (
    Located,
    Module,
    called_module,
    instances,
    module_calls,
    resolve,
    root_module,
)

_DEFINITIONS = ("locals", "variable", "output", "module", "terraform", "moved", "import", "removed")
_REFERENCE = re.compile(r"\b(?:var|local|each)(?:\.\w[\w-]*|\[(?:\"[^\"\n]*\"|[\w.]+)\])+")
_DEEPEST = 16
"""References that lead to references."""


def module_uses(folder: Path, sources: Sources) -> Iterator[ValueUse]:
    """Everything that uses values in a root module and in the local modules that it calls."""
    yield from _uses(root_module(folder, sources), sources)


def _uses(module: Module, sources: Sources) -> Iterator[ValueUse]:
    for path, root in module.files.items():
        for block in root.blocks:
            if block.kind not in _DEFINITIONS:
                for instance, suffix in instances(module, path, block):
                    owner = f"{module.address}{'.'.join(block.labels) or block.kind}{suffix}"
                    yield from _of_block(instance, path, block, owner, sources)
    for instance, path, block, address in module_calls(module):
        inner = called_module(instance, path, block, address, sources)
        if inner is not None:
            yield from _uses(inner, sources)
        else:
            yield from _of_block(instance, path, block, address, sources)


def _of_block(
    module: Module, path: Path, block: Block, owner: str, sources: Sources, within: str = ""
) -> Iterator[ValueUse]:
    text = sources.text(path)
    for attribute in block.attributes:
        # The keys of for_each make the instances. Their values count where they are used.
        followed = module.each is not None or "each.value" not in text[block.body_start : block.body_end]
        if not (attribute.name == "for_each" and followed):
            meaning = _meaning(Located(path, attribute.value, module), sources)
            yield ValueUse(owner, f"{within}{attribute.name}", meaning)
    for number, inner in enumerate(block.blocks):
        yield from _of_block(module, path, inner, owner, sources, f"{within}{inner.kind}[{number}].")


def _meaning(found: Located, sources: Sources, depth: int = 0) -> int:
    """A number that differs where what an expression stands for differs."""
    if depth > _DEEPEST:
        return 0
    text = sources.text(found.path)[found.expression.start : found.expression.end]
    parts: list[object] = [text]
    for written in _REFERENCE.findall(text):
        reference = parse_expression(written)
        target = resolve(replace(found, expression=reference), 0) if isinstance(reference, Reference) else ""
        parts.append(target if isinstance(target, str) else _meaning(target, sources, depth + 1))
    return hash(tuple(parts))
