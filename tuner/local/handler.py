"""A handler on this machine, named as `FILE:HANDLER`: what it is, and what is wrong with it.

Whether it can be loaded is found out by loading it in a worker, never in this process.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tuner.errors import BackendError, Fault
from tuner.local.host import max_memory_mb
from tuner.local.limits.governor import Governor
from tuner.local.worker.environment import ExecutionEnvironment
from tuner.local.worker.runtimes import Runtime, runtime_of, suffixes
from tuner.local.worker.spec import WorkerSpec
from tuner.model import FunctionError

_NO_SOURCE_DIRS = frozenset({"__pycache__", "node_modules", "venv", "site-packages"})
_MAX_HASHED_FILES = 2000
_MAX_HASHED_FOLDERS = 1000
_NAME = re.compile(r"[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)*")
_FORM = "write it as FILE:HANDLER, such as app.py:handler or index.mjs:handler"


@dataclass(frozen=True, slots=True)
class LocalHandler:
    """A handler: its file, and the name of the function in it."""

    file: Path
    function: str
    runtime: Runtime

    @property
    def name(self) -> str:
        """What to call it: folder, file and function."""
        return f"{self.file.parent.name}/{self.file.name}:{self.function}"

    @property
    def runtime_identifier(self) -> str:
        """Identifier of the runtime in the Lambda API."""
        return self.runtime.identify()

    def spec(self, memory_mb: int, *, timeout_s: float, throttled: bool = True) -> WorkerSpec:
        """What a worker is to run, in the environment of this process."""
        return WorkerSpec(
            name=self.file.stem,
            handler=f"{self.file.stem}.{self.function}",
            runtime=self.runtime_identifier,
            command=self.runtime.command(),
            code_dir=self.file.parent,
            memory_mb=memory_mb,
            timeout_s=timeout_s,
            inherit_environment=True,
            throttled=throttled,
        )

    def code_sha256(self) -> str:
        """SHA-256 over the source files of the handler's folder, and their names.

        Other files are left out: results of a run may lie among them. Of a very large tree
        the first 1,000 folders and 2,000 files count.
        """
        digest = hashlib.sha256()
        files = islice(_source_files(self.file.parent, self.runtime.suffixes), _MAX_HASHED_FILES)
        for file in {self.file: None} | dict.fromkeys(files):
            with contextlib.suppress(OSError):  # unreadable: it cannot be imported either
                if file.is_file():  # not a pipe, a broken link or a folder
                    content = hashlib.sha256(file.read_bytes()).digest()
                    digest.update(os.fsencode(file.relative_to(self.file.parent)) + b"\0" + content)
        return digest.hexdigest()


def parse_handler(text: str, *, path: str = "TARGET") -> tuple[LocalHandler | None, tuple[Fault, ...]]:
    """Read `FILE:HANDLER` and check everything that can be told without running it.

    Args:
        text: the target.
        path: what to call it in a fault.

    Returns:
        The target, or None with all its faults.
    """
    name, _, function = text.rpartition(":") if ":" in text else (text, "", "")
    file = Path(name)
    runtime = runtime_of(file)
    faults: list[Fault] = []
    if runtime is None:
        faults.append(Fault(path, f"{text!r} names no file that ends in {', '.join(suffixes())}", _FORM))
    elif not file.is_file():
        problem = "is not a file" if file.exists() else "does not exist"
        faults.append(Fault(path, f"{name} {problem}", "give the path from the current folder"))
    if not _NAME.fullmatch(function):
        faults.append(Fault(path, f"{function!r} is not the name of a function", _FORM))
    if runtime and "." in file.stem:
        faults.append(Fault(path, f"{file.name} cannot be imported", "name the file without further dots"))
    if runtime and not runtime.find():
        problem = f"{name} needs {runtime.title}, and there is no {runtime.program} in PATH"
        faults.append(Fault(path, problem, f"install {runtime.title}"))
    if faults or runtime is None:
        return None, tuple(faults)
    return LocalHandler(file.resolve(), function, runtime), ()


def load_faults(target: LocalHandler, *, path: str = "TARGET") -> tuple[Fault, ...]:
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
