"""Reads the functions of Terraform modules: as resources and as module calls, with their code and variables.

A value that an expression or the deployment decides is named, not guessed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from tuner.projects.functions import (
    UNKNOWN_PART,
    Code,
    DeclaredFunction,
    Format,
    Setting,
    Variables,
    code_at,
)
from tuner.projects.hcl import Attribute, Block, Call, Expression, Listing, Literal, Object, Reference
from tuner.projects.sources import Place, Sources, is_file
from tuner.projects.terraform_modules import (
    Located,
    Module,
    archive_named,
    archives,
    called_module,
    instances,
    is_null,
    is_repeated,
    module_calls,
    resolve,
    root_module,
    source_of,
    text_of,
)

_BESIDE = ("function_name", "handler", "runtime", "timeout", "memory_size", "package_type", "image_uri")
_DEFAULTS = {"memory_size": "128", "architectures": "x86_64", "timeout": "3"}
"""Of the resource and of the best known module alike."""
_KNOWN_MODULE = re.compile(r"terraform-aws-modules/(lambda/|terraform-aws-lambda)(?!.*//)")
_NAME = re.compile(r"\w+")
_JOINS = ("merge", "tomap")
"""Functions that make one map of maps."""
_DEEPEST = 8
"""Calls of merge() within each other."""


def read_module(folder: Path, sources: Sources) -> Iterator[DeclaredFunction]:
    """The functions of a root module and of the local modules that it calls.

    Raises:
        InputError: a file is not of the language.
    """
    yield from _functions(root_module(folder, sources), sources)


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
        elif block.get("function_name") is not None and "//modules/" not in source_of(block):
            yield _function(instance, path, block, address, sources)


def _function(module: Module, path: Path, block: Block, name: str, sources: Sources) -> DeclaredFunction:
    def text(attribute: str) -> str:
        given = _given(module, path, block, attribute)
        return text_of(given) if given is not None else ""

    def known(attribute: str) -> str:
        return "" if UNKNOWN_PART in text(attribute) else text(attribute)

    handler = known("handler")
    storage = next((inner for inner in block.blocks if inner.kind == "ephemeral_storage"), None)
    size = ("ephemeral_storage_size", block) if storage is None else ("size", storage)
    return DeclaredFunction(
        name,
        path,
        Format.TERRAFORM,
        _setting(module, path, block, "memory_size", sources),
        _setting(module, path, block, "architectures", sources),
        deployed=text("function_name"),
        code=_code(module, path, block, handler, sources),
        handler=handler,
        runtime=known("runtime"),
        timeout=_number(module, path, block, "timeout", sources),
        tmp=_number(module, path, size[1], size[0], sources),
        variables=_variables(module, path, block),
        image=text("package_type") == "Image" or _given(module, path, block, "image_uri") is not None,
    )


def _is_known(block: Block) -> bool:
    """Whether the inputs of a function are known: of a resource, or of the best known module."""
    return block.kind != "module" or _KNOWN_MODULE.search(source_of(block)) is not None


def _given(module: Module, path: Path, block: Block, *names: str) -> Located | None:
    """The first of some attributes that is written, and not null."""
    written = (Located(path, value, module) for name in names if (value := block.get(name)) is not None)
    return next((found for found in written if not is_null(resolve(found, 0))), None)


def _number(module: Module, path: Path, block: Block, name: str, sources: Sources) -> Setting:
    """A number that nobody changes here."""
    given = _given(module, path, block, name)
    if given is None:
        known = name not in _DEFAULTS or _is_known(block)
        return Setting(_DEFAULTS.get(name)) if known else Setting(None, (), _unknown_input(block, name))
    found = resolve(given, 0)
    if isinstance(found, str):
        return Setting(None, (), found)
    if not isinstance(found.expression, Literal):
        return Setting(None, (), f"{_shown(found, sources)} computes it")
    return Setting(found.expression.value)


def _code(module: Module, path: Path, block: Block, handler: str, sources: Sources) -> Code:
    """Where the code of a function is: in what an archive is made of, or beside it."""
    several = _given(module, path, block, "source_path") if _is_known(block) else None
    if several is not None:
        return _of_sources(several, handler)
    archive = _given(module, path, block, "filename", "local_existing_package")
    if archive is not None:
        return _of_archive(archive, handler, sources)
    in_s3 = _given(module, path, block, "s3_bucket", "s3_key", "s3_existing_package") is not None
    return Code(elsewhere="in S3" if in_s3 else "named nowhere in these files")


def _of_archive(archive: Located, handler: str, sources: Sources) -> Code:
    target, text, root = resolve(archive, 0), text_of(archive), archive.module.root
    named = archive_named(target) if isinstance(target, Located) else None
    if named is not None:
        return _of_block(*named, handler)
    if UNKNOWN_PART in text:
        reason = target if isinstance(target, str) else _shown(target, sources)
        return Code(elsewhere=f"in an archive that only Terraform can name ({reason})")
    for instance, path, block, _ in archives(archive.module):
        made = block.get("output_path")
        if made is not None and _same_path(root / text, root / text_of(Located(path, made, instance))):
            return _of_block(instance, path, block, handler)
    return code_at(root / text, handler)


def _same_path(one: Path, other: Path) -> bool:
    return os.path.normpath(one) == os.path.normpath(other)


def _of_block(module: Module, path: Path, block: Block, handler: str) -> Code:
    """The folder, or that of the file, that `archive_file` makes an archive of."""
    folder, file = (_given(module, path, block, name) for name in ("source_dir", "source_file"))
    if folder is None and file is None:
        return Code(elsewhere="in an archive of single texts")
    text = text_of(folder or file)  # type: ignore[arg-type]
    if UNKNOWN_PART in text:
        return Code(elsewhere=f"in an archive ({'.'.join(block.labels)}) of what only Terraform can name")
    return Code(module.root / text) if folder is not None else _of_file(module.root / text, handler)


def _of_file(file: Path, handler: str) -> Code:
    """The code where one file is all of it. Its neighbours are not."""
    module = handler.rpartition(".")[0]
    if module in ("", file.stem) or file.name == "bootstrap":
        return Code(file.parent)
    return Code(elsewhere=f"the file {file} alone, and its handler is {handler}")


def _of_sources(found: Located, handler: str) -> Code:
    """The folder or the file that the best known module packages, where it is one."""
    target = resolve(found, 0)
    if isinstance(target, Located) and isinstance(target.expression, Listing) and len(target.expression.items) == 1:
        found = Located(target.path, target.expression.items[0], target.module)
        target = resolve(found, 0)
    if isinstance(target, Located) and isinstance(target.expression, Object):
        inner, prefix = target.expression.get("path"), target.expression.get("prefix_in_zip")
        if inner is None or prefix is not None:
            return Code(elsewhere="what its module puts together (source_path)")
        found = Located(target.path, inner, target.module)
    text = text_of(found)
    if UNKNOWN_PART in text:
        return Code(elsewhere="what its module puts together (source_path)")
    path = found.module.root / text
    return _of_file(path, handler) if is_file(path) else Code(path)


def _variables(module: Module, path: Path, block: Block) -> Variables:
    """Environment variables, of the block `environment` or of the input of a module."""
    found: dict[str, str | None] = {}
    inputs = ("environment_variables",) if block.kind == "module" else ()
    maps = [block.get(name) for name in inputs]
    for inner in block.blocks:
        if inner.kind == "environment" or (inner.kind, inner.labels) == ("dynamic", ("environment",)):
            contents = [inner, *(content for content in inner.blocks if content.kind == "content")]
            maps += [content.get("variables") for content in contents]
    for written in maps:
        if written is not None:
            _add_variables(found, Located(path, written, module))
    return Variables(
        {name: text for name, text in found.items() if text is not None},
        tuple(name for name, text in found.items() if text is None),
    )


def _add_variables(found: dict[str, str | None], written: Located, depth: int = 0) -> None:
    """Add the variables of a map, or of the maps that a function joins. Null is no value."""
    target = resolve(written, 0)
    if is_null(target):
        return
    if isinstance(target, Located) and isinstance(target.expression, Object):
        for name, value, _ in target.expression.items:
            _add_variable(found, name, Located(target.path, value, target.module))
        return
    called = target.expression if isinstance(target, Located) else None
    if isinstance(target, Located) and isinstance(called, Call) and called.name in _JOINS and depth < _DEEPEST:
        for argument in called.arguments:
            _add_variables(found, Located(target.path, argument, target.module), depth + 1)
        return
    found[_giver(written.expression)] = None


def _add_variable(found: dict[str, str | None], name: str, value: Located) -> None:
    if is_null(resolve(value, 0)):
        found.pop(name, None)
    elif _NAME.fullmatch(name):
        text = text_of(value)
        found[name] = None if UNKNOWN_PART in text else text
    else:
        found["one that an expression names"] = None


def _giver(expression: Expression) -> str:
    """What gives variables whose names the files do not tell. Its text can hold values: a reference alone is shown."""
    if isinstance(expression, Reference):
        return f"those of {'.'.join(key if isinstance(key, str) else '…' for key in expression.keys)}"
    return f"those of {expression.name}()" if isinstance(expression, Call) else "those that an expression makes"


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
    if module.repeated or is_repeated(path, block, sources):
        return "count makes several functions of it"
    for inner in block.blocks:
        ignored = inner.get("ignore_changes") if inner.kind == "lifecycle" else None
        words = ignored.items if isinstance(ignored, Listing) else (ignored,)
        if any(isinstance(word, Reference) and word.keys[0] in ("all", name) for word in words):
            return f"lifecycle ignores changes of {name}"
    return ""


def _own_setting(path: Path, block: Block, name: str, sources: Sources) -> Setting:
    """A setting that is written nowhere. Only of the resource and the best known module its name is known."""
    if not _is_known(block):
        return Setting(None, (), _unknown_input(block, name))
    text = sources.text(path)
    if "\n" not in text[block.body_start : block.body_end]:
        return Setting(_DEFAULTS[name], (), "the block stands on one line")
    return Setting(_DEFAULTS[name], (_insertion(path, block, name, text),))


def _unknown_input(block: Block, name: str) -> str:
    return f"whether the module {source_of(block)} has an input {name} is not known"


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
