"""Reads CloudFormation and SAM templates, with Globals, parameters, mappings and nested stacks.

Follows a value to where it is written. A value that a condition or the deployment decides is named, not guessed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode

from tuner.projects.functions import (
    RANDOM_PART,
    UNKNOWN_PART,
    Code,
    DeclaredFunction,
    Format,
    Setting,
    Variables,
    code_at,
    whole_number,
)
from tuner.projects.sources import Sources
from tuner.projects.written import NULL, Key, literal, read_setting
from tuner.projects.yaml_tree import Tree, all_pairs, get, items, own, pairs, resolved, scalar

SERVERLESS_FUNCTION, FUNCTION = "AWS::Serverless::Function", "AWS::Lambda::Function"
FUNCTION_KINDS = (SERVERLESS_FUNCTION, FUNCTION)
_NESTED = {"AWS::CloudFormation::Stack": "TemplateURL", "AWS::Serverless::Application": "Location"}
_BESIDE = ("FunctionName", "CodeUri", "Handler", "Runtime", "Timeout", "MemorySize", "PackageType")
_MEMORY = Key("MemorySize", _BESIDE, listed=False, quoted=False, default="128")
_ARCHITECTURE = Key("Architectures", _BESIDE, listed=True, quoted=True, default="x86_64")
_TIMEOUT = Key("Timeout", _BESIDE, listed=False, quoted=False, default="3")
SETTINGS = (_MEMORY.name, _ARCHITECTURE.name)
_MACRO = "Fn::Transform"
_DYNAMIC = "{{resolve:"
"""Begins what CloudFormation reads from Systems Manager or Secrets Manager during the deployment."""
_IN_TEXT = re.compile(r"\$\{([^}]*)\}")
"""What Fn::Sub replaces within a text."""
_CDK_PATH = "aws:cdk:path"
_ASSET, _ASSET_OF = "aws:asset:path", "aws:asset:property"
"""Where CDK has put what a property stands for, from the folder of the template on, and which property that is."""
_IN_S3 = frozenset({"S3Bucket", "S3Key", "Bucket", "Key"})
_IMAGE = "ImageUri"
_SHORT = {"!Ref": "Ref", "!FindInMap": "Fn::FindInMap", "!Sub": "Fn::Sub", "!Join": "Fn::Join", "!If": "Fn::If"}
_SETTINGS: Mapping[str, Callable[[str], Any]] = {
    "samconfig.toml": tomllib.loads,
    "samconfig.yaml": yaml.safe_load,
    "samconfig.yml": yaml.safe_load,
}
_DEEPEST = 5
"""Stacks within stacks that are read."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A template, and the values that the stack around it gives to its parameters.

    Attributes:
        tree: the template.
        given: values by parameter, each with the stack that gives it.
        deployed_with: parameters that the project's deployment settings give, with the file that does.
        prefix: names of the stacks around it, each with a slash.
        around: the templates that it is nested in.
    """

    tree: Tree
    given: Mapping[str, tuple[Stack, Node]] = field(default_factory=dict)
    deployed_with: Mapping[str, str] = field(default_factory=dict)
    prefix: str = ""
    around: frozenset[Path] = frozenset()


def is_template(tree: Tree) -> bool:
    """Whether a document is a CloudFormation template."""
    return get(tree.root, "Resources") is not None


def read_template(tree: Tree, sources: Sources) -> Iterator[DeclaredFunction]:
    """The functions of a template and of its nested stacks, in their order."""
    yield from _functions(root_stack(tree), sources)


def root_stack(tree: Tree) -> Stack:
    """A template that no other one nests."""
    return Stack(tree, deployed_with=_deployment_settings(tree.path.parent))


def nested_stacks(stack: Stack, sources: Sources) -> Iterator[Stack]:
    """The stacks of local files that a template nests."""
    for name, resource in pairs(get(stack.tree.root, "Resources")):
        location = _NESTED.get(scalar(get(resource, "Type")))
        inner = _nested(stack, name, get(resource, "Properties"), location, sources) if location else None
        if inner is not None:
            yield inner


def _functions(stack: Stack, sources: Sources) -> Iterator[DeclaredFunction]:
    for name, resource in pairs(get(stack.tree.root, "Resources")):
        kind = scalar(get(resource, "Type"))
        properties = get(resource, "Properties")
        if kind in FUNCTION_KINDS:
            shared = get(stack.tree.root, "Globals", "Function") if kind == SERVERLESS_FUNCTION else None
            yield _function(stack, name, resource, properties, shared)
    for inner in nested_stacks(stack, sources):
        yield from _functions(inner, sources)


def _nested(stack: Stack, name: str, properties: Node | None, location: str, sources: Sources) -> Stack | None:
    """The stack in a local file; None: it is elsewhere."""
    address = scalar(get(properties, location))
    path = stack.tree.path.parent / address
    if not address or "://" in address or not sources.exists(path):
        return None
    around = stack.around | {stack.tree.path.resolve()}
    if path.resolve() in around or len(around) > _DEEPEST:
        return None
    given = {key: (stack, value) for key, value in pairs(get(properties, "Parameters"))}
    return Stack(Tree(path, sources), given, prefix=f"{stack.prefix}{name}/", around=around)


def _function(
    stack: Stack, name: str, resource: Node, properties: Node | None, shared: Node | None
) -> DeclaredFunction:
    def inherited(key: str) -> Node | None:
        found = get(properties, key)
        return found if found is not None else get(shared, key)

    def setting(key: Key) -> Setting:
        follow = (lambda node: _first(stack, node)) if key.listed else (lambda node: _value(stack, node))
        if properties is None:
            return Setting(None, (), "the function has no Properties")
        if own(properties, key.name) is None and any(_included(node) for node in (properties, shared)):
            return Setting(None, (), f"Fn::Transform can give {key.name} during the deployment")
        return read_setting(stack.tree, properties, get(shared, key.name), key, follow)

    construct = scalar(get(resource, "Metadata", _CDK_PATH)).removesuffix("/Resource")
    handler = _text(stack, inherited("Handler")) or ""
    written = inherited("CodeUri") if inherited("CodeUri") is not None else inherited("Code")
    inline = inherited("InlineCode") is not None or get(written, "ZipFile") is not None
    storage = get(inherited("EphemeralStorage"), "Size")
    return DeclaredFunction(
        stack.prefix + name,
        stack.tree.path,
        Format.CDK if construct else Format.CLOUDFORMATION,
        setting(_MEMORY),
        setting(_ARCHITECTURE),
        deployed=_deployed(stack, name, get(properties, "FunctionName")),
        code=Code(elsewhere="inline in the template") if inline else _code(stack, resource, written, handler),
        handler=handler,
        runtime=_text(stack, inherited("Runtime")) or "",
        timeout=setting(_TIMEOUT),
        tmp=Setting() if storage is None else _value(stack, storage),
        variables=_variables(stack, get(shared, "Environment"), get(properties, "Environment")),
        image=scalar(inherited("PackageType")) == "Image" or get(written, _IMAGE) is not None,
        construct=construct,
    )


def _code(stack: Stack, resource: Node, written: Node | None, handler: str) -> Code:
    """Where the code of a function is, as its Code or CodeUri tells; CDK tells of the folder beside it."""
    folder = stack.tree.path.parent
    asset = scalar(get(resource, "Metadata", _ASSET))
    if asset and scalar(get(resource, "Metadata", _ASSET_OF)) in ("", "Code"):
        return code_at(folder / asset, handler)
    if written is None:
        kind = scalar(get(resource, "Type"))  # `sam build` takes the folder of the template, Lambda takes none
        return Code(folder) if kind == SERVERLESS_FUNCTION else Code(elsewhere="named nowhere in the template")
    called, _ = intrinsic(written)
    if not called and _IN_S3 & all_pairs(written).keys():
        return Code(elsewhere="in S3")
    text = _text(stack, written)
    if text is None:
        return Code(elsewhere=f"known to the deployment alone ({_value(stack, written).reason})")
    return Code(elsewhere="in S3") if "://" in text else code_at(folder / text, handler)


def _variables(stack: Stack, *environments: Node | None) -> Variables:
    """Environment variables. Those of later nodes win."""
    found: dict[str, str | None] = {}
    for environment in environments:
        variables = get(environment, "Variables")
        computed = next(filter(None, (intrinsic(node)[0] for node in (environment, variables))), "")
        for key, value in {} if computed else all_pairs(variables).items():
            computed = computed or (key if key.startswith("Fn::") else "")
            if not key.startswith("Fn::"):
                found[key] = _text(stack, value)
        if computed:
            found[f"those of {computed}"] = None
    return Variables(
        {name: text for name, text in found.items() if text is not None},
        tuple(name for name, text in found.items() if text is None),
    )


def _included(node: Node | None) -> bool:
    """Whether a macro adds to a mapping."""
    return own(node, _MACRO) is not None or (node is not None and node.tag == "!Transform")


def _deployed(stack: Stack, name: str, node: Node | None) -> str:
    """Its name in AWS. CloudFormation makes one from the stack and the logical id where the template gives none."""
    if node is None:
        return f"{UNKNOWN_PART}-{name}-{RANDOM_PART}"
    return _name_part(stack, node)


def _name_part(stack: Stack, node: Node) -> str:
    called, argument = intrinsic(node)
    if called == "Fn::Sub":
        first = items(argument)[0] if items(argument) else argument
        text = str(resolved(first).value) if isinstance(resolved(first), ScalarNode) else UNKNOWN_PART  # type: ignore[union-attr]
        return re.sub(r"\$\{[^}]*\}", UNKNOWN_PART, text)
    if called == "Fn::Join" and len(items(argument)) == 2:
        glue, parts = items(argument)
        return scalar(glue).join(_name_part(stack, part) for part in items(parts))
    return UNKNOWN_PART if called else scalar(node)


def _first(stack: Stack, node: Node) -> Setting:
    """The value of a list of one."""
    found = items(node)
    if len(found) != 1:
        called, _ = intrinsic(node)
        return Setting(
            None, (), f"Architectures is computed by {called}" if called else "Architectures is no list of one"
        )
    return _value(stack, found[0])


def _text(stack: Stack, node: Node | None) -> str | None:
    """The text that a value stands for; None: there is no value, or only the deployment tells it."""
    called, argument = intrinsic(node)
    found = resolved(node)
    text: str | None = None
    if called == "Fn::Sub":
        text = _substituted(stack, argument)
    elif called == "Fn::Join" and len(items(argument)) == 2:
        glue, parts = items(argument)
        texts = [_text(stack, part) for part in items(parts)]
        known = [part for part in texts if part is not None]
        text = scalar(glue).join(known) if known and len(known) == len(texts) else None
    elif called and node is not None:
        text = _value(stack, node).value
    elif isinstance(found, ScalarNode) and found.tag != NULL:
        text = str(found.value)
    return None if text is None or _DYNAMIC in text else text


def _substituted(stack: Stack, argument: Node | None) -> str | None:
    """What Fn::Sub makes of a text; None: it takes something that only the deployment tells."""
    listed = items(argument)
    template = resolved(listed[0] if listed else argument)
    if not isinstance(template, ScalarNode):
        return None
    given = all_pairs(listed[1]) if len(listed) > 1 else {}
    parts = _IN_TEXT.split(str(template.value))
    for number, name in enumerate(parts):
        if number % 2:
            known = f"${{{name[1:]}}}" if name.startswith("!") else None
            if known is None:
                known = _text(stack, given[name]) if name in given else _parameter(stack, name).value
            if known is None:
                return None
            parts[number] = known
    return "".join(parts)


def _value(stack: Stack, node: Node) -> Setting:
    """A value, followed through parameters and mappings."""
    written = literal(stack.tree, node)
    if written is not None:
        dynamic = _DYNAMIC in (written.value or "")
        return Setting(None, (), f"{written.value} is read during the deployment") if dynamic else written
    called, argument = intrinsic(node)
    if called == "Ref" and argument is not None:
        return _parameter(stack, str(resolved(argument).value))  # type: ignore[union-attr]
    if called == "Fn::FindInMap":
        return _mapped(stack, items(argument))
    return Setting(None, (), f"{called or 'an expression'} computes it during the deployment")


def _parameter(stack: Stack, name: str) -> Setting:
    """The value of a parameter: of the stack around it, or its default."""
    if name in stack.given:
        outer, node = stack.given[name]
        return _value(outer, node)
    if name in stack.deployed_with:
        return Setting(None, (), f"{stack.deployed_with[name]} gives the parameter {name}")
    parameter = get(stack.tree.root, "Parameters", name)
    default = get(parameter, "Default")
    if default is None:
        return Setting(None, (), f"the deployment gives the parameter {name}, which has no default")
    if "SSM" in scalar(get(parameter, "Type")):
        return Setting(None, (), f"the parameter {name} is read from Systems Manager")
    note = f"A stack that exists keeps its value of {name}: deploy with the parameter override {name}={{value}}."
    found = literal(stack.tree, default, note=note) or Setting(None, (), f"the default of {name} is no plain value")
    fault = _not_allowed(parameter, found.value or "")
    return Setting(None, (), f"the parameter {name} {fault}") if fault else found


def _not_allowed(parameter: Node | None, value: str) -> str:
    """Why a parameter cannot have a value; empty: it can."""
    allowed = [scalar(item) for item in items(get(parameter, "AllowedValues"))]
    if allowed and value not in allowed:
        return f"allows only {', '.join(allowed)}"
    least, most = scalar(get(parameter, "MinValue")), scalar(get(parameter, "MaxValue"))
    number, least_number, most_number = map(whole_number, (value, least, most))
    if number is not None and least_number is not None and number < least_number:
        return f"allows no value below {least}"
    if number is not None and most_number is not None and number > most_number:
        return f"allows no value above {most}"
    return ""


def _mapped(stack: Stack, keys: list[Node]) -> Setting:
    names = [scalar(key) for key in keys]
    if len(names) != 3 or not all(names):
        return Setting(
            None,
            (),
            f"Fn::FindInMap takes it from {names[0] if names and names[0] else 'a mapping'} by a key of the deployment",
        )
    node = get(stack.tree.root, "Mappings", *names)
    found = literal(stack.tree, node) if node is not None else None
    return found or Setting(None, (), f"the mapping {names[0]} holds no plain value for it")


def intrinsic(node: Node | None) -> tuple[str, Node | None]:
    """The intrinsic function that a node calls, and its argument; empty: it calls none."""
    found = resolved(node)
    if found is None:
        return "", None
    if found.tag.startswith("!"):
        return _SHORT.get(found.tag, f"Fn::{found.tag[1:]}"), found
    called = list(pairs(found)) if isinstance(found, MappingNode) else []
    if len(called) == 1 and (called[0][0] == "Ref" or called[0][0].startswith("Fn::")):
        return called[0]
    return "", None


def _deployment_settings(folder: Path) -> dict[str, str]:
    """Parameters that the file of settings of `sam deploy` gives."""
    found: dict[str, str] = {}
    for name, read in _SETTINGS.items():
        with suppress(OSError, ValueError, yaml.YAMLError, RecursionError):
            found |= dict.fromkeys(_overrides(read((folder / name).read_text("utf-8"))), name)
    return found


def _overrides(settings: Any) -> Iterator[str]:
    for key, value in settings.items() if isinstance(settings, dict) else ():
        if key == "parameter_overrides":
            if isinstance(value, dict):
                yield from map(str, value)
            text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
            yield from re.findall(r"(?:ParameterKey=|(?<![\w=]))(\w+)\"?(?==|,ParameterValue)", text)
        else:
            yield from _overrides(value)
