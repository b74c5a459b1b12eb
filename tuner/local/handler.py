"""A handler on this machine: how a target names it, what runs it, and what is wrong with it.

Whether it can be loaded is found out by loading it in a worker, never in this process.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, takewhile
from pathlib import Path

from tuner.errors import BackendError, Fault, path_fault
from tuner.local.host import max_memory_mb
from tuner.local.limits.governor import Governor
from tuner.local.limits.isolation import HIDDEN
from tuner.local.worker.environment import ExecutionEnvironment
from tuner.local.worker.output import last_lines
from tuner.local.worker.runtimes import COMMAND, Runtime, guard_variables, names_a_handler, runtime_of, suffixes
from tuner.local.worker.spec import LocalInvocationResult, WorkerSpec
from tuner.model import FunctionError
from tuner.payloads import without_values
from tuner.plain_text import shortened
from tuner.pricing.price_list import DEFAULT_REGION
from tuner.redaction import Redaction
from tuner.settings import LocalOptions

BOOTSTRAP = "bootstrap"
"""Name of the program that a function brings as its own runtime (developer guide, "OS-only runtime")."""
_NO_SOURCE_DIRS = frozenset({"__pycache__", "node_modules", "venv", "site-packages"})
_MAX_HASHED_FILES = 2000
_MAX_HASHED_FOLDERS = 1000
_NAME = re.compile(r"[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)*")
_DEFINED = re.compile(r"(?m)^(?:(?:async )?def|export (?:async )?(?:const|let|function)|exports)[ .]+(\w+)")
_FORM = "write it as FILE:HANDLER, such as app.py:handler or index.mjs:handler"
_TYPESCRIPT = (".ts", ".mts", ".cts", ".tsx")
_REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")


@dataclass(frozen=True, slots=True)
class LocalHandler:
    """What a target names on this machine.

    Attributes:
        name: what to call it.
        root: folder of the function's code (LAMBDA_TASK_ROOT).
        handler: as Lambda spells it, e.g. `orders/create.handler`.
        command: what starts a worker.
        options: how the user wants it to be run.
        runtime: the runtime that runs it. None: it brings its own.
        file: the handler's file. None: there is none.
        interpreter: the runtime's program that the user asks for; empty: its own.
    """

    name: str
    root: Path
    handler: str
    command: tuple[str, ...]
    options: LocalOptions = field(default_factory=LocalOptions)
    runtime: Runtime | None = None
    file: Path | None = None
    interpreter: str = ""

    @property
    def runtime_identifier(self) -> str:
        """Identifier of the runtime in the Lambda API."""
        return self.runtime.identify(self.interpreter) if self.runtime else "provided"

    @property
    def region(self) -> str:
        """Region of the function: that which the user names, else that of the shell."""
        named = (os.environ.get(variable) for variable in _REGION_VARIABLES)
        return self.options.region or next(filter(None, named), DEFAULT_REGION)

    def spec(self, memory_mb: int, *, timeout_s: float | None = None, throttled: bool = True) -> WorkerSpec:
        """What a worker is to run, in the environment of this process."""
        return WorkerSpec(
            name=re.sub(r"[^\w-]", "-", Path(self.name.partition(":")[0]).stem) or "function",
            handler=self.handler,
            runtime=self.runtime_identifier,
            command=self.command,
            code_dir=self.root,
            memory_mb=memory_mb,
            timeout_s=self.options.timeout_s if timeout_s is None else timeout_s,
            region=self.region,
            environment=tuple(sorted(self._variables().items())),
            inherit_environment=True,
            throttled=throttled,
            provided=self.runtime is None,
            tmp_mb=self.options.tmp_mb,
            folders_above=self._folders_above(),
        )

    def _folders_above(self) -> tuple[Path, ...]:
        """Folders above the code that belong to it: those of the checkout of a revision."""
        if self.options.checkout is None:
            return ()
        checkout = Path(self.options.checkout).resolve()
        return tuple(folder for folder in self.root.parents if folder.is_relative_to(checkout))

    def _variables(self) -> dict[str, str]:
        return {**self.options.environment, **guard_variables(self.options.excluded, self.options.checkout)}

    def code_sha256(self) -> str:
        """SHA-256 over the source files of the function, and their names.

        Other files are left out: results of a run may lie among them. Of a very large tree the first 1,000 folders and
        2,000 files count. Of a function that brings its own runtime, the files that its command names count.
        """
        digest = hashlib.sha256()
        for file in self._sources():
            with contextlib.suppress(OSError):  # unreadable: it cannot be loaded either
                if file.is_file():  # not a pipe, a broken link or a folder
                    content = hashlib.sha256(file.read_bytes()).digest()
                    digest.update(os.fsencode(os.path.relpath(file, self.root)) + b"\0" + content)
        return digest.hexdigest()

    def _sources(self) -> Iterator[Path]:
        if self.runtime and self.file:
            files = islice(_files_below(self.root, self.runtime.suffixes), _MAX_HASHED_FILES)
            yield from {self.file: None} | dict.fromkeys(files)
            return
        words = (self.root / part for word in self.command for part in word.split(os.pathsep) if part)
        for path in words:
            yield from islice(_files_below(path, ("",)), _MAX_HASHED_FILES) if path.is_dir() else (path,)


@dataclass(frozen=True, slots=True)
class _Reading:
    """A target that is being read: its text and options, and where faults go."""

    text: str
    options: LocalOptions
    path: str
    faults: list[Fault]

    def fault(self, problem: str, remedy: str) -> None:
        self.faults.append(Fault(self.path, problem, remedy))


def parse_handler(
    text: str, options: LocalOptions | None = None, *, path: str = "TARGET"
) -> tuple[LocalHandler | None, tuple[Fault, ...]]:
    """Read a target and check everything that can be told without running it.

    Args:
        text: `FILE:HANDLER`, `ROOT:package.module.handler`, a folder with a `bootstrap`, or `-- COMMAND…`.
        options: how it is to be run.
        path: what to call the target in a fault.

    Returns:
        The handler, or None with all its faults.
    """
    reading = _Reading(text, options or LocalOptions(), path, [])
    try:
        found = _read_target(reading)
    except OSError as exc:
        if (refused := path_fault(exc, path)) is None:
            raise
        return None, (*reading.faults, refused)
    if found and not _is_text(f"{found.root}{found.name}"):
        reading.fault("its path has bytes that are no text in UTF-8", "rename it, or set PYTHONUTF8=1")
    return (None, tuple(reading.faults)) if reading.faults else (found, ())


def _read_target(reading: _Reading) -> LocalHandler | None:
    text = reading.text
    folder, _, name = text.partition(":")
    if text.startswith(COMMAND):
        return _read_command(reading, shlex.split(text.removeprefix(COMMAND)))
    if runtime_of(Path(text)) is None and any(map(_is_program, (Path(text), Path(reading.options.root or "", text)))):
        return _read_command(reading, [text])
    if Path(folder).is_dir():
        return _read_folder(reading, Path(folder).resolve(), name)
    return _read_file(reading)


def _is_text(path: str) -> bool:
    """Whether a path can be told to a worker, in a variable and in JSON."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _read_command(reading: _Reading, words: list[str]) -> LocalHandler | None:
    options = reading.options
    root = Path(options.root or ".").resolve()
    if words and "/" in words[0]:  # a worker starts in the folder of the code
        below = root / words[0]
        words[0] = str(below if below.is_file() else Path(words[0]).absolute())
    if not words or not shutil.which(words[0], path=options.environment.get("PATH")):
        alone = "; a function is one word: its name, or FILE:HANDLER" if len(words) > 1 else ""
        reading.fault(f"{words[0] if words else 'nothing'} cannot be run", f"install it, or put it into PATH{alone}")
        return None
    return LocalHandler(Path(words[0]).name, root, options.handler, tuple(words), options)


def _read_folder(reading: _Reading, folder: Path, name: str) -> LocalHandler | None:
    """A folder with its own runtime, or the root of a module that is named with dots."""
    options, program = reading.options, folder / BOOTSTRAP
    module, dot, function = name.rpartition(".")
    if dot and not _is_program(program):
        base = folder.joinpath(*module.replace("/", ".").split("."))
        files = [file for suffix in suffixes() if (file := base.with_name(base.name + suffix)).is_file()]
        if not files:
            tried = ", ".join(f"{base.name}{suffix}" for suffix in suffixes())
            reading.fault(
                f"{base.parent} has none of {tried}",
                "write it as ROOT:package.module.handler, with the function's name at the end, or build the project "
                "first and name what it built",
            )
            return None
        if len(files) > 1:
            there = " and ".join(file.name for file in files)
            reading.fault(f"{base.parent} has {there}", f"name the file: {files[0]}:{function}, with --root {folder}")
            return None
        return _handler_of(reading, files[0], function, folder)
    if not _is_program(program):
        given = Path(reading.text.partition(":")[0])
        example = next((file.name for file in sorted(given.iterdir()) if runtime_of(file)), "app.py")
        problem = f"{folder} has no executable {BOOTSTRAP}"
        reading.fault(problem, f"build one, or write it as FILE:HANDLER, such as {given / example}:handler")
        return None
    return LocalHandler(folder.name, folder, name or options.handler or BOOTSTRAP, (str(program),), options)


def _read_file(reading: _Reading) -> LocalHandler | None:
    """`FILE:HANDLER`, or what somebody meant by something like it."""
    name, _, function = reading.text.rpartition(":") if ":" in reading.text else (reading.text, "", "")
    file = Path(name)
    if file.suffix in _TYPESCRIPT:
        reading.fault(f"{name} is TypeScript", "bundle it to JavaScript first, and name the bundle")
        return None
    meant = (_meant(file) or _lacking(reading.text)) if runtime_of(file) is None else ""
    if runtime_of(file) is None and not (meant or file.suffix or file.exists()):
        reading.fault(f"{name} does not exist", f"give the path from the current folder, or {_FORM}")
        return None
    if runtime_of(file) is None:
        problem = f"{reading.text!r} names no file that ends in {', '.join(suffixes())}"
        reading.fault(problem, f"write {meant}" if meant else _FORM)
        if meant or not function:
            return None
    elif not function:
        reading.fault(f"{name} is a file, and no handler is named", f"write {name}:NAME, where NAME is your function")
        return None
    elif not file.is_file():
        problem = "is not a file" if file.exists() else "does not exist"
        reading.fault(f"{name} {problem}", "give the path from the current folder")
    # The file may be a link to another folder, which packagers follow: it is where the link is.
    place = file.parent.resolve() / file.name
    return _handler_of(reading, place, function, Path(reading.options.root or file.parent).resolve())


def _handler_of(reading: _Reading, file: Path, function: str, root: Path) -> LocalHandler | None:
    runtime = runtime_of(file)
    if not _NAME.fullmatch(function):
        reading.fault(f"{function!r} is not the name of a function", _FORM)
    if runtime is None:
        return None
    if "." in file.stem:
        reading.fault(f"{file.name} cannot be imported", "name the file without further dots")
    if not file.is_relative_to(root):
        reading.fault(f"{file} is not below --root {root}", "give a folder above the file")
        return None
    interpreter = _interpreter(reading, runtime)
    module = file.relative_to(root).with_suffix("").as_posix()
    return LocalHandler(
        name=f"{root.name}/{file.relative_to(root)}:{function}",
        root=root,
        handler=f"{module}.{function}",
        command=runtime.command(interpreter),
        options=reading.options,
        runtime=runtime,
        file=file,
        interpreter=interpreter,
    )


def _interpreter(reading: _Reading, runtime: Runtime) -> str:
    """The program that the user names for a runtime; of an environment the one in it."""
    named = reading.options.interpreters.get(runtime.option, "")
    path = Path(named).expanduser()
    inside = path / "bin" / runtime.option
    program = shutil.which(str(path) if path.is_absolute() else named) if named else runtime.find()
    # A worker starts in another folder. A link to an interpreter stays one: it tells which environment it is of.
    found = str(inside.absolute()) if inside.exists() else program and str(Path(program).absolute())
    if not found and named:
        remedy = f"give a program that runs {runtime.title}, or an environment such as .venv"
        reading.faults.append(Fault(f"--{runtime.option}", f"there is no {named}", remedy))
    elif not found:
        problem = f"{reading.text} needs {runtime.title}, and there is no {runtime.program} in PATH"
        reading.fault(problem, f"install it, or name it with --{runtime.option}")
    return (found or "") if named else ""


def _meant(file: Path) -> str:
    """What somebody meant who wrote `app.handler`, as Lambda does; empty: nothing that is there."""
    module, _, function = file.name.rpartition(".")
    for suffix in suffixes():
        if module and (there := file.with_name(module + suffix)).is_file():
            return f"{there}:{function}"
    return ""


def written_as_lambda_does(target: str) -> str:
    """What somebody may mean who wrote `app:handler`, `app` or the folder of either alone; empty: nothing is there."""
    return "" if names_a_handler(target) else _lacking(target)


def _lacking(target: str) -> str:
    """The handler that a target names but for a file, its end, or what tells that it is one; empty: none is there."""
    module, _, function = target.partition(":")
    if not module or not _NAME.fullmatch(function or "NAME"):
        return ""
    if _is_program(Path(module) / BOOTSTRAP):
        return f"./{target}"
    files = [Path(module + end) for end in suffixes()]
    if Path(module).is_dir():
        files += [file for file in sorted(Path(module).iterdir()) if runtime_of(file)]
    return next((f"{file}:{function or 'NAME'}" for file in files if file.is_file()), "")


def load_faults(handler: LocalHandler, *, path: str = "TARGET") -> tuple[Fault, ...]:
    """Start a worker, let it load the handler, and tell the function's own error if it cannot."""
    spec = handler.spec(max_memory_mb(), timeout_s=1.0, throttled=False)
    hide = Redaction.of_local_variables(handler.options.environment, os.environ)
    result: LocalInvocationResult | None = None
    try:
        with Governor() as governor:
            if governor.isolates and str(handler.root) in HIDDEN:
                problem = f"the code lies in {handler.root} itself, of which each environment has its own"
                return (Fault(path, problem, "put it into a folder below"),)
            with ExecutionEnvironment(spec, governor) as environment:
                error = environment.load()
                if error or not environment.usable:
                    result = environment.invoke(b"{}")
                    error = error or result.error
    except BackendError as exc:
        return (Fault(path, exc.message, exc.hint),)
    if error is None:
        return ()
    error = without_values(error, hide)
    head = f"{error.type}: {error.message}"
    # The stack of Node.js begins with the error itself.
    stack = shortened("\n".join(line.rstrip("\n") for line in error.stack).removeprefix(head).removeprefix("\n"))
    told = [f"{error.type}: {shortened(error.message)}", *stack.splitlines()]
    if result and not error.stack:
        told += map(hide, _before_the_error(last_lines(result.output), error))
    return (Fault(path, f"{handler.name} cannot be loaded: " + "\n".join(told), _remedy(handler, error)),)


def _before_the_error(lines: list[str], error: FunctionError) -> list[str]:
    """What a function wrote until the runtime's client told the error itself, and a hint on runtime updates."""
    marks = (f"[ERROR] {error.type}", "LAMBDA_WARNING: Unhandled exception")
    return list(takewhile(lambda line: not any(mark in line for mark in marks), lines))


def _remedy(handler: LocalHandler, error: FunctionError) -> str:
    if error.type == "Runtime.HandlerNotFound" and handler.file:
        near = difflib.get_close_matches(handler.handler.rpartition(".")[2], _functions(handler.file), 1)
        return f"did you mean {near[0]}?" if near else f"name a function that {handler.file.name} defines"
    if error.type == "Runtime.ImportModuleError" and handler.runtime:
        flag = f"--{handler.runtime.option}"
        looked = f"{handler.command[0]} looked in {handler.root} and among its own packages"
        root = _root_of(handler, error.message)
        folder = f"--root {root}" if root else "the folder above with --root"
        return f"{looked}: install it there, give {folder}, or the project's own interpreter with {flag}"
    if error.type == "KeyError" and any("environ" in line for line in error.stack):
        return "the function reads a variable that is not set here: give it with --env NAME=VALUE, or --env-file FILE"
    if error.type == "Runtime.UserCodeSyntaxError":
        return "correct the file"
    return "this is the function's own error: it occurs before any test call, while the code is loaded"


def _root_of(handler: LocalHandler, message: str) -> str:
    """The folder above the handler's that holds the module that was not found; empty: none does."""
    named = re.search(r"No module named '(\w+)", message)
    if named is None or handler.file is None:
        return ""
    above = (folder for folder in handler.file.parents if (folder / named[1]).is_dir())
    return str(next(above, ""))


def _functions(file: Path) -> list[str]:
    """Names of functions as the text of a file tells them: for a guess at what was meant."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return list(dict.fromkeys(_DEFINED.findall(file.read_text("utf-8"))))
    return []


def _files_below(folder: Path, endings: tuple[str, ...]) -> Iterator[Path]:
    """Files of a folder and those below it by the end of their names, always in the same order."""
    for parent, folders, files in islice(os.walk(folder), _MAX_HASHED_FOLDERS):
        folders[:] = sorted(name for name in folders if name not in _NO_SOURCE_DIRS and not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(files) if name.endswith(endings) and name[0] != ".")
