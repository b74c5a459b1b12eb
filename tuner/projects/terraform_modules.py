"""Reads the files of Terraform modules: blocks, and values through variables, locals, inputs, for_each and archives.

Follows a value to where it is written. A value that an expression or the deployment decides is named, not guessed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tuner.errors import InputError
from tuner.projects.functions import UNKNOWN_PART, whole_number
from tuner.projects.hcl import (
    Block,
    Call,
    Expression,
    HclError,
    Listing,
    Literal,
    Object,
    Reference,
    Template,
    parse_hcl,
    parse_json,
)
from tuner.projects.sources import Sources

_ONE_OR_NONE = re.compile(r"^[01]$|\?\s*(1\s*:\s*0|0\s*:\s*1)\s*\)?$")
"""A count of 0 or 1, or `condition ? 1 : 0`."""
_DEEPEST = 8
"""References that lead to references, and modules within modules."""
ARCHIVE = "archive_file"
"""Type of what makes an archive of a folder or of a file."""
_ESCAPE = re.compile(r"\\([nrt\"\\]|u[0-9A-Fa-f]{4})")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


@dataclass(frozen=True, slots=True)
class Located:
    """An expression with the file and the module that it stands in."""

    path: Path
    expression: Expression
    module: Module


@dataclass(frozen=True, slots=True)
class Module:
    """All files of a folder, as one module with the inputs of its call.

    Attributes:
        folder: its folder.
        files: the blocks by file.
        root: folder of the root module, where Terraform runs: paths in its files start there.
        inputs: what the call of the module gives; empty: it is the root module.
        each: key and value of the instance under `for_each`.
        address: the call, e.g. `module.orders.`; empty: it is the root module.
        variables: what files of variables give, by name.
        around: the folders of the modules that call it.
        repeated: whether `count` can make several instances of it.
    """

    folder: Path
    files: Mapping[Path, Block]
    root: Path
    inputs: Mapping[str, Located] = field(default_factory=dict)
    each: tuple[str, Located] | None = None
    address: str = ""
    variables: Mapping[str, Located] = field(default_factory=dict)
    around: frozenset[Path] = frozenset()
    repeated: bool = False

    def blocks(self, kind: str) -> Iterator[tuple[Path, Block]]:
        """Blocks of a kind, with their files."""
        for path, root in self.files.items():
            if not _overrides(path):
                yield from ((path, block) for block in root.blocks if block.kind == kind)

    @property
    def overriding(self) -> str:
        """The file that overrides parts of the module; empty: there is none."""
        return next((path.name for path in self.files if _overrides(path)), "")


def root_module(folder: Path, sources: Sources) -> Module:
    """A folder as the module that no other one calls."""
    return _with_variables(Module(folder, _files(folder, sources), folder), sources)


def _overrides(path: Path) -> bool:
    """https://developer.hashicorp.com/terraform/language/files/override"""
    return path.stem == "override" or path.stem.endswith("_override")


def _files(folder: Path, sources: Sources) -> dict[Path, Block]:
    return {path: _parsed(path, sources) for path in sorted(folder.glob("*.tf"))}


def _parsed(path: Path, sources: Sources) -> Block:
    try:
        return (parse_json if path.suffix == ".json" else parse_hcl)(sources.text(path))
    except (HclError, RecursionError) as exc:
        raise InputError.single(str(path), f"is not Terraform: {exc}", "run terraform validate") from exc


def _with_variables(module: Module, sources: Sources) -> Module:
    """The root module with its files of variables, in Terraform's order: the last one wins."""
    automatic = sorted(path for path in module.folder.glob("*.auto.tfvars*") if path.suffix in (".tfvars", ".json"))
    paths = [module.folder / "terraform.tfvars", module.folder / "terraform.tfvars.json", *automatic]
    loaded = {
        attribute.name: Located(path, attribute.value, module)
        for path in paths
        if sources.exists(path)
        for attribute in _parsed(path, sources).attributes
    }
    return replace(module, variables=loaded)


def module_calls(module: Module) -> Iterator[tuple[Module, Path, Block, str]]:
    """The calls of modules: the instance that calls, the file, the block and the address."""
    for path, block in module.blocks("module"):
        for instance, suffix in instances(module, path, block):
            yield instance, path, block, f"{module.address}module.{''.join(block.labels[:1])}{suffix}"


def called_module(module: Module, path: Path, block: Block, address: str, sources: Sources) -> Module | None:
    """The local module that a call makes; None: it is from elsewhere."""
    text = source_of(block)
    if not text.startswith("."):
        return None
    folder = (path.parent / text).resolve()
    around = module.around | {module.folder.resolve()}
    inputs = {item.name: Located(path, item.value, module) for item in block.attributes}
    readable = folder not in around and len(around) <= _DEEPEST
    files = _files(folder, sources) if readable else {}
    repeated = module.repeated or is_repeated(path, block, sources)
    return Module(folder, files, module.root, inputs, address=f"{address}.", around=around, repeated=repeated)


def source_of(block: Block) -> str:
    """The source of a called module; empty: it is no text."""
    source = block.get("source")
    return source.value if isinstance(source, Literal) else ""


def instances(module: Module, path: Path, block: Block) -> Iterator[tuple[Module, str]]:
    """The module once for each instance that `for_each` makes, with the key as Terraform writes it in an address."""
    repeated = block.get("for_each")
    if repeated is None:
        yield module, ""
        return
    found = resolve(Located(path, repeated, module), 0)
    made = found.expression if isinstance(found, Located) else None
    if isinstance(made, Call) and made.name == "toset" and len(made.arguments) == 1 and isinstance(found, Located):
        made = _expression(resolve(Located(found.path, made.arguments[0], found.module), 0))
    if isinstance(made, Object) and isinstance(found, Located):
        for key, value, _ in made.items:
            yield replace(module, each=(key, Located(found.path, value, found.module))), f'["{key}"]'
    elif isinstance(made, Listing) and isinstance(found, Located):
        for item in made.items:
            key = item.value if isinstance(item, Literal) else UNKNOWN_PART
            yield replace(module, each=(key, Located(found.path, item, found.module))), f'["{key}"]'
    else:
        yield module, ""


def _expression(found: Located | str) -> Expression | None:
    return found.expression if isinstance(found, Located) else None


def is_repeated(path: Path, block: Block, sources: Sources) -> bool:
    """Whether `count` can make more than one of a block."""
    count = block.get("count")
    return count is not None and not _ONE_OR_NONE.search(sources.text(path)[count.start : count.end])


def text_of(found: Located, depth: int = 0) -> str:
    """An expression as text, with `UNKNOWN_PART` for what the files do not tell."""
    resolved = resolve(found, depth)
    if isinstance(resolved, str) or depth > _DEEPEST:
        return UNKNOWN_PART
    expression = resolved.expression
    if isinstance(expression, Literal):
        return _unescaped(expression.value) if expression.quoted else expression.value
    if isinstance(expression, Call) and expression.name == "abspath" and len(expression.arguments) == 1:
        return text_of(replace(resolved, expression=expression.arguments[0]), depth + 1)
    if isinstance(expression, Template):
        return "".join(
            _unescaped(part)
            if isinstance(part, str)
            else text_of(Located(resolved.path, part, resolved.module), depth + 1)
            for part in expression.parts
        )
    return UNKNOWN_PART


def _unescaped(text: str) -> str:
    """What a quoted text stands for."""
    return (
        _ESCAPE.sub(lambda found: _ESCAPED.get(found[1]) or chr(int(found[1][1:], 16)), text)
        .replace("$${", "${")
        .replace("%%{", "%{")
    )


def is_null(found: Located | str) -> bool:
    """Whether a value is null: as if it were not written."""
    expression = found.expression if isinstance(found, Located) else None
    return isinstance(expression, Literal) and not expression.quoted and expression.value == "null"


def resolve(found: Located, depth: int) -> Located | str:
    """Where a value is written, or the reference to an archive that leads there; or why that is not known."""
    expression = found.expression
    if depth > _DEEPEST:
        return "it leads through too many references"
    if isinstance(expression, Template) and len(expression.parts) == 3 and expression.parts[::2] == ("", ""):
        inner = expression.parts[1]  # "${…}" alone stands for what is in it
        return resolve(replace(found, expression=inner), depth + 1) if isinstance(inner, Expression) else found
    if isinstance(expression, Reference):
        return _referenced(found, expression.keys, depth + 1)
    if isinstance(expression, Call) and expression.name in ("try", "lookup"):
        return _looked_up(found, expression, depth + 1)
    return found


def _looked_up(found: Located, call: Call, depth: int) -> Located | str:
    """The value that `try(object.key, default)` and `lookup(object, "key", default)` find, where the key is there."""
    arguments = call.arguments
    tried: Located | str
    if call.name == "try" and arguments:
        tried = resolve(replace(found, expression=arguments[0]), depth)
    elif len(arguments) >= 2 and isinstance(arguments[1], Literal):
        tried = _inside(resolve(replace(found, expression=arguments[0]), depth), (arguments[1].value,), depth)
    else:
        return f"{call.name}() computes it"
    return (
        f"{call.name}() falls back to a default, which other functions may share" if isinstance(tried, str) else tried
    )


def _referenced(found: Located, written: tuple[str | Expression, ...], depth: int) -> Located | str:
    module = found.module
    keys = [key if isinstance(key, str) else text_of(replace(found, expression=key), depth) for key in written]
    if UNKNOWN_PART in "".join(keys):
        return "a key that is known only to Terraform chooses it"
    kind, *rest = keys
    if kind == "each" and module.each is not None and rest:
        key, value = module.each
        if rest[0] == "value":
            return _inside(resolve(value, depth), tuple(rest[1:]), depth)
        at = value.expression
        return Located(value.path, Literal(at.start, at.start, key, quoted=True), module)
    if kind == "local" and rest:
        defined = [
            Located(path, written_, module)
            for path, block in module.blocks("locals")
            if (written_ := block.get(rest[0])) is not None
        ]
        if len(defined) > 1:
            return f"local.{rest[0]} is defined twice"
        if defined:
            return _inside(resolve(defined[0], depth), tuple(rest[1:]), depth)
    if kind == "var" and rest:
        start = _variable(module, rest[0])
        return start if isinstance(start, str) else _inside(resolve(start, depth), tuple(rest[1:]), depth)
    if kind == "path" and keys[1:] in (["module"], ["root"], ["cwd"]):
        folder = os.path.relpath(module.folder, module.root) if keys[1:] == ["module"] else "."
        at = found.expression
        return replace(found, expression=Literal(at.start, at.start, Path(folder).as_posix(), quoted=True))
    if keys[:1] == [ARCHIVE] or keys[:2] == ["data", ARCHIVE]:
        return replace(found, expression=Reference(found.expression.start, found.expression.end, tuple(keys)))
    return f"{'.'.join(keys)} is known only to Terraform"


def archive_named(found: Located) -> tuple[Module, Path, Block] | None:
    """The block of an archive that a resolved reference names, as its instance; None: it names none here."""
    if not isinstance(found.expression, Reference):
        return None
    keys = [key for key in found.expression.keys if isinstance(key, str)]
    label, *further = keys[keys.index(ARCHIVE) + 1 :] or [""]
    for instance, path, block, suffix in archives(found.module):
        if block.labels[1] == label and suffix in ("", f'["{further[0] if further else ""}"]'):
            return instance, path, block
    return None


def archives(module: Module) -> Iterator[tuple[Module, Path, Block, str]]:
    """The archives that the files of a module make, each instance with its key as in an address."""
    for kind in ("data", "resource"):
        for path, block in module.blocks(kind):
            if block.labels[:1] == (ARCHIVE,) and len(block.labels) == 2:
                for instance, suffix in instances(replace(module, each=None), path, block):
                    yield instance, path, block, suffix


def _variable(module: Module, name: str) -> Located | str:
    """What gives a variable: the call, a file of variables, else its default."""
    if name in module.inputs:
        return module.inputs[name]
    if not module.address:
        chosen = [
            path.name for path in sorted(module.folder.glob("*.tfvars*")) if _is_chosen(path) and _sets(path, name)
        ]
        if chosen:
            return f"{' and '.join(chosen)} can give var.{name}, and the command line of Terraform chooses"
        if name in module.variables:
            return module.variables[name]
    for path, block in module.blocks("variable"):
        if block.labels == (name,):
            default = block.get("default")
            return Located(path, default, module) if default is not None else f"var.{name} has no default here"
    return f"var.{name} is defined in no file here"


def _is_chosen(path: Path) -> bool:
    """Whether Terraform loads a file of variables only when it is named."""
    name = path.name.removesuffix(".json")
    return name.endswith(".tfvars") and name != "terraform.tfvars" and not name.endswith(".auto.tfvars")


def _sets(path: Path, name: str) -> bool:
    try:
        return any(item.name == name for item in _parsed(path, Sources()).attributes)
    except InputError:
        return True


def _inside(found: Located | str, keys: tuple[str, ...], depth: int) -> Located | str:
    """The value under keys of an object."""
    for key in keys:
        if isinstance(found, str):
            return found
        expression = found.expression
        value = expression.get(key) if isinstance(expression, Object) else None
        at = whole_number(key)
        if isinstance(expression, Listing) and at is not None and at < len(expression.items):
            value = expression.items[at]
        if value is None:
            return f"{key} is written in no object that these files show"
        found = resolve(Located(found.path, value, found.module), depth)
    return found
