"""Reads Terraform modules: functions as resources and as module calls, with variables, locals, inputs and for_each.

Follows a value to where it is written. A value that an expression or the deployment decides is named, not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tuner.errors import InputError
from tuner.projects.functions import UNKNOWN_PART, DeclaredFunction, Format, Setting, whole_number
from tuner.projects.hcl import (
    Attribute,
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
from tuner.projects.sources import Place, Sources

_BESIDE = ("function_name", "handler", "runtime", "timeout", "memory_size", "package_type", "image_uri")
_DEFAULTS = {"memory_size": "128", "architectures": "x86_64"}
_KNOWN_MODULE = re.compile(r"terraform-aws-modules/(lambda/|terraform-aws-lambda)(?!.*//)")
_ONE_OR_NONE = re.compile(r"^[01]$|\?\s*(1\s*:\s*0|0\s*:\s*1)\s*\)?$")
"""A count of 0 or 1, or `condition ? 1 : 0`."""
_DEEPEST = 8
"""References that lead to references, and modules within modules."""


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
        inputs: what the call of the module gives; empty: it is the root module.
        each: key and value of the instance under `for_each`.
        address: the call, e.g. `module.orders.`; empty: it is the root module.
        variables: what files of variables give, by name.
        around: the folders of the modules that call it.
        repeated: whether `count` can make several instances of it.
    """

    folder: Path
    files: Mapping[Path, Block]
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


def read_module(folder: Path, sources: Sources) -> Iterator[DeclaredFunction]:
    """The functions of a root module and of the local modules that it calls.

    Raises:
        InputError: a file is not of the language.
    """
    yield from _functions(root_module(folder, sources), sources)


def root_module(folder: Path, sources: Sources) -> Module:
    """A folder as the module that no other one calls."""
    return _with_variables(Module(folder, _files(folder, sources)), sources)


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


def _functions(module: Module, sources: Sources) -> Iterator[DeclaredFunction]:
    for path, block in module.blocks("resource"):
        if block.labels[:1] == ("aws_lambda_function",) and len(block.labels) == 2:
            for instance, suffix in instances(module, path, block):
                name = f"{module.address}aws_lambda_function.{block.labels[1]}{suffix}"
                yield _function(instance, path, block, name, sources)
    for instance, path, block, address in module_calls(module):
        inner = called_module(instance, path, block, address, sources)
        if inner is not None:
            yield from _functions(inner, sources)
        elif block.get("function_name") is not None and "//modules/" not in _source(block):
            yield _function(instance, path, block, address, sources)


def module_calls(module: Module) -> Iterator[tuple[Module, Path, Block, str]]:
    """The calls of modules: the instance that calls, the file, the block and the address."""
    for path, block in module.blocks("module"):
        for instance, suffix in instances(module, path, block):
            yield instance, path, block, f"{module.address}module.{''.join(block.labels[:1])}{suffix}"


def called_module(module: Module, path: Path, block: Block, address: str, sources: Sources) -> Module | None:
    """The local module that a call makes; None: it is from elsewhere."""
    text = _source(block)
    if not text.startswith("."):
        return None
    folder = (path.parent / text).resolve()
    around = module.around | {module.folder.resolve()}
    inputs = {item.name: Located(path, item.value, module) for item in block.attributes}
    readable = folder not in around and len(around) <= _DEEPEST
    files = _files(folder, sources) if readable else {}
    repeated = module.repeated or _is_repeated(path, block, sources)
    return Module(folder, files, inputs, address=f"{address}.", around=around, repeated=repeated)


def _source(block: Block) -> str:
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


def _function(module: Module, path: Path, block: Block, name: str, sources: Sources) -> DeclaredFunction:
    def text(attribute: str) -> str:
        value = block.get(attribute)
        return _text(Located(path, value, module)) if value is not None else ""

    timeout = text("timeout")
    storage = next((inner.get("size") for inner in block.blocks if inner.kind == "ephemeral_storage"), None)
    return DeclaredFunction(
        name,
        path,
        Format.TERRAFORM,
        _setting(module, path, block, "memory_size", sources),
        _setting(module, path, block, "architectures", sources),
        deployed=text("function_name"),
        code=path.parent,
        handler=text("handler").replace(UNKNOWN_PART, ""),
        runtime=text("runtime").replace(UNKNOWN_PART, ""),
        timeout_s=whole_number(timeout),
        tmp_mb=None if storage is None else whole_number(_text(Located(path, storage, module))),
        image=text("package_type") == "Image",
    )


def _setting(module: Module, path: Path, block: Block, name: str, sources: Sources) -> Setting:
    reason = _not_for_sure(module, path, block, name, sources)
    if reason:
        return Setting(None, (), reason)
    written = next((item for item in block.attributes if item.name == name), None)
    if written is None:
        return _own_setting(path, block, name, sources)
    found = resolve(Located(path, written.value, module), 0)
    if isinstance(found, Located) and isinstance(found.expression, Listing) and name == "architectures":
        if len(found.expression.items) != 1:
            return Setting(None, (), "architectures is no list of one")
        found = resolve(Located(found.path, found.expression.items[0], found.module), 0)
    if isinstance(found, str):
        return Setting(None, (), found)
    if not isinstance(found.expression, Literal):
        return Setting(None, (), f"{_shown(found, sources)} computes {name}")
    if found.expression.value == "null":
        return Setting(None, (), f"{name} is null there")
    quoted = found.expression.quoted
    note = _validated(found, sources)
    place = Place(found.path, found.expression.start + quoted, found.expression.end - quoted, note=note)
    return Setting(found.expression.value, (place,))


def _not_for_sure(module: Module, path: Path, block: Block, name: str, sources: Sources) -> str:
    """Why a setting is not what the block says, or not of one function alone; empty: it is."""
    if module.overriding:
        return f"{module.overriding} overrides parts of the module"
    if module.repeated or _is_repeated(path, block, sources):
        return "count makes several functions of it"
    for inner in block.blocks:
        ignored = inner.get("ignore_changes") if inner.kind == "lifecycle" else None
        words = ignored.items if isinstance(ignored, Listing) else (ignored,)
        if any(isinstance(word, Reference) and word.keys[0] in ("all", name) for word in words):
            return f"lifecycle ignores changes of {name}"
    return ""


def _is_repeated(path: Path, block: Block, sources: Sources) -> bool:
    """Whether `count` can make more than one of a block."""
    count = block.get("count")
    return count is not None and not _ONE_OR_NONE.search(sources.text(path)[count.start : count.end])


def _own_setting(path: Path, block: Block, name: str, sources: Sources) -> Setting:
    """A setting that is written nowhere. Only of the resource and the best known module its name is known."""
    if block.kind == "module" and not _KNOWN_MODULE.search(_source(block)):
        return Setting(None, (), f"whether the module {_source(block)} has an input {name} is not known")
    text = sources.text(path)
    if "\n" not in text[block.body_start : block.body_end]:
        return Setting(_DEFAULTS[name], (), "the block stands on one line")
    return Setting(_DEFAULTS[name], (_insertion(path, block, name, text),))


def _validated(found: Located, sources: Sources) -> str:
    """What to check when the default of a variable changes; empty: nothing."""
    for path, block in found.module.blocks("variable"):
        inside = path == found.path and block.body_start <= found.expression.start < block.body_end
        if inside and any(inner.kind == "validation" for inner in block.blocks):
            return f"var.{block.labels[0]} has a validation: check that it allows {{value}}."
    return ""


def _shown(found: Located, sources: Sources) -> str:
    text = sources.text(found.path)[found.expression.start : found.expression.end]
    return " ".join(text.split())


def _insertion(path: Path, block: Block, name: str, text: str) -> Place:
    """A line of its own after one of the neighbours, with the equals sign in their column."""
    newline = "\r\n" if "\r\n" in text else "\n"
    opening, closing = ('["', '"]') if name == "architectures" else ("", "")
    beside = [item for item in block.attributes if item.name in _BESIDE and _is_line(text, item)]
    if not beside:
        indent = " " * (block.start - text.rfind("\n", 0, block.start) - 1)
        at = block.body_start
        return Place(path, at, at, f"{newline}{indent}  {name} = {opening}", closing)
    last = beside[-1]
    end = text.find("\n", last.value.end)
    end = len(text) if end < 0 else end - text[last.value.end : end].endswith("\r")
    indent = text[text.rfind("\n", 0, last.start) + 1 : last.start]
    key = name.ljust(last.equals - last.start - 1)
    return Place(path, end, end, f"{newline}{indent}{key} = {opening}", closing)


def _is_line(text: str, item: Attribute) -> bool:
    return "\n" not in text[item.start : item.value.end]


def _text(found: Located, depth: int = 0) -> str:
    """An expression as text, with `UNKNOWN_PART` for what the files do not tell."""
    resolved = resolve(found, depth)
    if isinstance(resolved, str) or depth > _DEEPEST:
        return UNKNOWN_PART
    expression = resolved.expression
    if isinstance(expression, Literal):
        return expression.value
    if isinstance(expression, Template):
        return "".join(
            part if isinstance(part, str) else _text(Located(resolved.path, part, resolved.module), depth + 1)
            for part in expression.parts
        )
    return UNKNOWN_PART


def resolve(found: Located, depth: int) -> Located | str:
    """Where a value is written; or why that is not known."""
    expression = found.expression
    if depth > _DEEPEST:
        return "it leads through too many references"
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
    keys = [key if isinstance(key, str) else _text(replace(found, expression=key), depth) for key in written]
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
    return f"{'.'.join(keys)} is known only to Terraform"


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
