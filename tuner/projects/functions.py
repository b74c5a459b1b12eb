"""A function as a project's file defines it, and where its memory size and architecture are written.

Holds values only. The readers of the formats make them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from tuner.model import Architecture
from tuner.projects.sources import Place, is_file, is_folder

UNKNOWN_PART = "\0"
"""Stands in a deployed name for what is known only after the deployment."""
RANDOM_PART = "\1"
"""Stands in a deployed name for the 12 or 13 letters and digits that CloudFormation ends it with."""
ARCHIVES = (".zip", ".jar")
"""Ends of the names of archives."""
_MODULES = (".py", ".js", ".mjs", ".cjs")
"""Ends of the names of files that a handler can be in."""
_FEWEST_KNOWN = 3
"""A name with fewer known characters than this matches too much."""


class Format(Enum):
    """What a file is written for."""

    CLOUDFORMATION = "CloudFormation or SAM template"
    SERVERLESS = "Serverless Framework file"
    TERRAFORM = "Terraform module"
    CDK = "CDK app"


_NUMBER = re.compile(r"[0-9]{1,9}")


def whole_number(text: str) -> int | None:
    """The number that a value is; None: it is none, or has more digits than a memory size or a time can have."""
    return int(text) if _NUMBER.fullmatch(text) else None


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of a function: its value, and where that may be changed.

    Attributes:
        value: as written, e.g. `512` or `arm64`; None: it is not known from the files alone.
        places: where a new value may go, the best place first.
        reason: why it is not known, or may be changed nowhere.
    """

    value: str | None = None
    places: tuple[Place, ...] = ()
    reason: str = ""

    @property
    def number(self) -> int | None:
        """The value as a memory size or a time; None: it is none."""
        return whole_number(self.value or "")


@dataclass(frozen=True, slots=True)
class Code:
    """Where the code of a function is.

    Attributes:
        folder: its folder. None: the files tell none.
        elsewhere: where it is instead, e.g. "in S3".
        note: how the folder was found, where the file names another place.
    """

    folder: Path | None = None
    elsewhere: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Variables:
    """Environment variables of a function.

    Attributes:
        values: those that the files tell.
        left_out: names of the others; where the files tell no name, what gives them.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeclaredFunction:
    """One function of a project.

    Attributes:
        name: its name in the file: logical id, key, or Terraform address.
        path: the file.
        format: what the file is written for.
        memory, architecture: the settings that tuning decides.
        deployed: its name in AWS, with `UNKNOWN_PART` and `RANDOM_PART` for what is not known; empty: nothing is known.
        code: where its code is.
        handler, runtime: their texts; empty: not known.
        timeout: its timeout in seconds.
        tmp: size of its /tmp in MB. Without value and reason: nobody sets it.
        variables: its environment variables.
        image: whether it is a container image.
        construct: path of its CDK construct; empty: it has none.
    """

    name: str
    path: Path
    format: Format
    memory: Setting
    architecture: Setting
    deployed: str = ""
    code: Code = Code()
    handler: str = ""
    runtime: str = ""
    timeout: Setting = Setting()
    tmp: Setting = Setting()
    variables: Variables = Variables()
    image: bool = False
    construct: str = ""

    @property
    def memory_mb(self) -> int | None:
        """Memory size in MB; None: not known from the files alone."""
        return self.memory.number

    @property
    def architecture_in_use(self) -> Architecture | None:
        """Architecture; None: not known from the files alone."""
        values = {member.value: member for member in Architecture}
        return values.get(self.architecture.value or "")

    def may_be(self, name: str) -> bool:
        """Whether its name in AWS can be this one."""
        known = self.deployed.replace(UNKNOWN_PART, "").replace(RANDOM_PART, "")
        if len(known) < _FEWEST_KNOWN and known != self.deployed:
            return False
        patterns = {UNKNOWN_PART: "[a-zA-Z0-9-_]*", RANDOM_PART: "[a-zA-Z0-9]{12,13}"}
        pattern = "".join(patterns.get(char, re.escape(char)) for char in self.deployed)
        return bool(self.deployed) and re.fullmatch(pattern, name) is not None


@dataclass(frozen=True, slots=True)
class ValueUse:
    """Something in a project that uses values, e.g. the environment of a function.

    Attributes:
        owner: name of the function, the resource or the section.
        key: what of it.
        meaning: a number that differs where what it stands for differs.
    """

    owner: str
    key: str
    meaning: int


def find_named(functions: tuple[DeclaredFunction, ...], name: str) -> tuple[DeclaredFunction, ...]:
    """The function with a name in the project's files."""
    return tuple(found for found in functions if found.name == name)


def find_deployed(functions: tuple[DeclaredFunction, ...], name: str) -> tuple[DeclaredFunction, ...]:
    """The functions that a name in AWS can stand for: those with just that name, else those whose known parts fit."""
    exact = tuple(found for found in functions if found.deployed == name)
    if exact:
        return exact
    matching = [found for found in functions if found.may_be(name)]
    longest = max((len(found.deployed) for found in matching), default=0)
    return tuple(found for found in matching if len(found.deployed) == longest)


def find_local(functions: tuple[DeclaredFunction, ...], target: str) -> tuple[DeclaredFunction, ...]:
    """The functions whose code is what a target on this machine names.

    Args:
        functions: of the project.
        target: `FILE:HANDLER` such as `src/app.py:handler`, or `ROOT:package.module.handler`, or a folder. A result
            names the file from the function's own folder on, as `src/app.py:handler` for `backend/src/app.py`.
    """
    place, _, handler = target.rpartition(":") if ":" in target else (target, "", "")
    where = Path(place).resolve()
    if where.is_dir():
        return tuple(f for f in functions if _is_folder(f.code, where) and handler in ("", f.handler))
    alike = [f for f in functions if handler == f.handler.rpartition(".")[2]]
    exact = tuple(f for f in alike if where in _files(f, where.suffix))
    end = Path(place).parts
    return exact or tuple(f for f in alike if any(file.parts[-len(end) :] == end for file in _files(f, where.suffix)))


def _is_folder(code: Code, folder: Path) -> bool:
    return code.folder is not None and code.folder.resolve() == folder


def _files(function: DeclaredFunction, suffix: str) -> set[Path]:
    """Where the file of its handler can be; nowhere: the folder of its code is not known."""
    folder = function.code.folder
    if folder is None:
        return set()
    return {path.with_name(path.name + suffix).resolve() for path in _modules(folder, function.handler)}


def _modules(folder: Path, handler: str) -> list[Path]:
    """Where the module of a handler can be, without suffix. Python writes its folders with dots or slashes."""
    module = handler.rpartition(".")[0]
    return [folder / name for name in dict.fromkeys((module, module.replace(".", "/"))) if name]


def code_at(path: Path, handler: str) -> Code:
    """The code that a file names by its path: a folder, or an archive.

    Beside an archive, the folder of its name is the code where it holds the module of the handler.
    """
    if is_folder(path) or not (is_file(path) or path.suffix in ARCHIVES):
        return Code(path)
    beside = path.with_suffix("")
    files = (module.with_name(module.name + suffix) for module in _modules(beside, handler) for suffix in _MODULES)
    if path.suffix in ARCHIVES and any(map(is_file, files)):
        return Code(beside, note=f"{beside}, the folder beside {path.name}")
    return Code(elsewhere=f"in an archive ({path})" if path.suffix in ARCHIVES else f"the file {path}")
