"""A handler on this machine, named as `FILE:HANDLER`: what it is, and what is wrong with it.

Whether it can be loaded is found out by loading it in a worker, never in this process.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tuner.errors import BackendError, Fault
from tuner.local.host import max_memory_mb
from tuner.local.limits.governor import Governor
from tuner.local.worker.environment import ExecutionEnvironment
from tuner.local.worker.spec import RuntimeFamily, WorkerSpec
from tuner.model import FunctionError

_FAMILIES = {
    ".py": RuntimeFamily.PYTHON,
    ".js": RuntimeFamily.NODE,
    ".mjs": RuntimeFamily.NODE,
    ".cjs": RuntimeFamily.NODE,
}
_SOURCES = {
    RuntimeFamily.PYTHON: (".py",),
    RuntimeFamily.NODE: (".js", ".mjs", ".cjs"),
}
_NO_SOURCE_DIRS = frozenset({"__pycache__", "node_modules", "venv", "site-packages"})
_MAX_HASHED_FILES = 2000
_MAX_HASHED_FOLDERS = 1000
_NAME = re.compile(r"[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)*")
_FORM = "write it as FILE:HANDLER, such as app.py:handler or index.mjs:handler"


@dataclass(frozen=True, slots=True)
class LocalTarget:
    """A handler: its file, and the name of the function in it."""

    file: Path
    function: str
    family: RuntimeFamily

    @property
    def name(self) -> str:
        """What to call it: folder, file and function."""
        return f"{self.file.parent.name}/{self.file.name}:{self.function}"

    @property
    def runtime(self) -> str:
        """The interpreter, spelt as the Lambda API spells runtimes."""
        if self.family is RuntimeFamily.PYTHON:
            return f"python{sys.version_info.major}.{sys.version_info.minor}"
        version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S607
        return f"nodejs{version.strip().lstrip('v').partition('.')[0]}.x"

    def spec(self, memory_mb: int, *, timeout_s: float, throttled: bool = True) -> WorkerSpec:
        """What a worker is to run, in the environment of this process."""
        return WorkerSpec(
            name=self.file.stem,
            handler=f"{self.file.stem}.{self.function}",
            runtime=self.family,
            code_dir=self.file.parent,
            memory_mb=memory_mb,
            timeout_s=timeout_s,
            inherit_environment=True,
            module_file=self.file.name,
            throttled=throttled,
        )

    def code_sha256(self) -> str:
        """SHA-256 over the source files of the handler's folder, and their names.

        Other files are left out: results of a run may lie among them. Of a very large tree
        the first 1,000 folders and 2,000 files count.
        """
        digest = hashlib.sha256()
        files = islice(_source_files(self.file.parent, _SOURCES[self.family]), _MAX_HASHED_FILES)
        for file in {self.file: None} | dict.fromkeys(files):
            with contextlib.suppress(OSError):  # unreadable: it cannot be imported either
                if file.is_file():  # not a pipe, a broken link or a folder
                    content = hashlib.sha256(file.read_bytes()).digest()
                    digest.update(os.fsencode(file.relative_to(self.file.parent)) + b"\0" + content)
        return digest.hexdigest()


def parse_target(text: str, *, path: str = "TARGET") -> tuple[LocalTarget | None, tuple[Fault, ...]]:
    """Read `FILE:HANDLER` and check everything that can be told without running it.

    Args:
        text: the target.
        path: what to call it in a fault.

    Returns:
        The target, or None with all its faults.
    """
    name, _, function = text.rpartition(":") if ":" in text else (text, "", "")
    file = Path(name)
    family = _FAMILIES.get(file.suffix)
    faults: list[Fault] = []
    if family is None:
        faults.append(Fault(path, f"{text!r} does not name a .py, .js, .mjs or .cjs file", _FORM))
    elif not file.is_file():
        problem = "is not a file" if file.exists() else "does not exist"
        faults.append(Fault(path, f"{name} {problem}", "give the path from the current folder"))
    if not _NAME.fullmatch(function):
        faults.append(Fault(path, f"{function!r} is not the name of a function", _FORM))
    if family is RuntimeFamily.PYTHON and "." in file.stem:
        faults.append(Fault(path, f"{file.name} cannot be imported", "name the file without further dots"))
    if family is RuntimeFamily.NODE and not shutil.which("node"):
        faults.append(Fault(path, f"{name} needs Node.js, and there is no node in PATH", "install Node.js"))
    if faults or family is None:
        return None, tuple(faults)
    return LocalTarget(file.resolve(), function, family), ()


def load_faults(target: LocalTarget, *, path: str = "TARGET") -> tuple[Fault, ...]:
    """Start a worker, let it load the handler, and tell the function's own error if it cannot."""
    spec = target.spec(max_memory_mb(), timeout_s=1.0, throttled=False)
    try:
        with Governor() as governor, ExecutionEnvironment(spec, governor) as environment:
            error = environment.load()
            if error is None and not environment.usable:
                error = environment.invoke(b"{}").error
    except BackendError as exc:
        return (Fault(path, exc.message, exc.hint),)
    if error is None:
        return ()
    if error.type == "Runtime.HandlerNotFound":
        remedy = f"name a function that {target.file.name} defines"
    else:
        remedy = "it must load without arguments: see the function's own error above"
    return (Fault(path, f"{target.name} cannot be loaded: {_told(error)}", remedy),)


def _told(error: FunctionError) -> str:
    return "\n".join([f"{error.type}: {error.message}", *(line.rstrip("\n") for line in error.stack)])


def _source_files(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    """What is named like a source file in a folder and those below it, always in the same order."""
    for parent, folders, files in islice(os.walk(folder), _MAX_HASHED_FOLDERS):
        folders[:] = sorted(name for name in folders if name not in _NO_SOURCE_DIRS and not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(files) if name.endswith(suffixes) and name[0] != ".")
