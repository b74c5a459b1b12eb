"""The runtimes of handlers on this machine, in one registry.

A runtime is an interpreter, the files it runs, and the loop that serves invocations in it. To add one, add an entry
to `RUNTIMES` and its loop to `runtime/`. Whether a handler loads is not decided here.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tuner.local.worker.node_options import node_options

Version = tuple[int, int]
"""Major and minor version of an interpreter."""
LOOPS = Path(__file__).with_name("runtime")
"""Folder of the loops, one file for each runtime."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """One runtime of Lambda on this machine.

    Attributes:
        family: prefix of the runtime's identifier in the Lambda API, e.g. "nodejs".
        title: what people call it.
        option: name of its program, and of the option that gives another one.
        suffixes: of the files that can hold a handler.
        program: interpreter; looked up in PATH unless it is a path.
        options: options of the interpreter, before the loop's file.
        loop: file in `LOOPS` that loads the handler and serves invocations.
        version: command-line options that print the interpreter's version.
        identifier: identifier in the Lambda API; `{0}` and `{1}` are the parts of the version.
        options_at: further options by version (None: it cannot be told), memory size and variables of the function.
    """

    family: str
    title: str
    option: str
    suffixes: tuple[str, ...]
    program: str
    options: tuple[str, ...]
    loop: str
    version: tuple[str, ...]
    identifier: str
    options_at: Callable[[Version | None, int, Mapping[str, str]], tuple[str, ...]] | None = None

    def command(self, interpreter: str = "") -> tuple[str, ...]:
        """The command that starts a worker.

        Args:
            interpreter: program to use instead of the runtime's own.
        """
        return (interpreter or self.find() or self.program, *self.options, str(LOOPS / self.loop))

    def find(self) -> str | None:
        """Path of the runtime's own interpreter; None when it is not installed."""
        return shutil.which(self.program)

    def identify(self, interpreter: str = "") -> str:
        """Identifier of the runtime in the Lambda API, e.g. "python3.12"; the family alone when it cannot be told."""
        version = self.version_of(interpreter or self.find() or self.program)
        return self.identifier.format(*version) if version else self.family

    def version_of(self, interpreter: str) -> Version | None:
        """Version of an interpreter; None when it cannot be told."""
        numbers = re.search(r"(\d+)\.(\d+)", _printed(interpreter, *self.version))
        return (int(numbers[1]), int(numbers[2])) if numbers else None


@functools.cache
def _printed(*command: str) -> str:
    """What a command prints; nothing when it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr


PYTHON = Runtime(
    family="python",
    title="Python",
    option="python",
    suffixes=(".py",),
    program=sys.executable,
    # No byte code is written: the code directory stays as it is, and every cold start compiles, as in Lambda.
    options=("-uB",),
    loop="bootstrap.py",
    version=("--version",),
    identifier="python{0}.{1}",
)
NODE = Runtime(
    family="nodejs",
    title="Node.js",
    option="node",
    suffixes=(".js", ".mjs", ".cjs"),
    program="node",
    options=(),
    loop="bootstrap.mjs",
    version=("--version",),
    identifier="nodejs{0}.x",
    options_at=node_options,
)
COMMAND = "-- "
"""Before the words of a command that brings its own runtime, as on the command line."""
RUNTIMES = (PYTHON, NODE)
"""Every runtime whose handlers are files, in the order in which messages name them."""


def command_at(command: Sequence[str], memory_mb: int, variables: Mapping[str, str]) -> tuple[str, ...]:
    """A command as a worker starts it: with the options that Lambda's own runtime has at a memory size.

    Args:
        command: as `Runtime.command` gives it, or any other, which stays as it is.
        memory_mb: memory size of the function.
        variables: environment variables of the worker.
    """
    program, *words = command
    runtime = next((runtime for runtime in RUNTIMES if words and words[-1] == str(LOOPS / runtime.loop)), None)
    if runtime is None or runtime.options_at is None:
        return tuple(command)
    return (program, *runtime.options_at(runtime.version_of(program), memory_mb, variables), *words)


def guard_variables(excluded: str | None, checkout: str | None) -> dict[str, str]:
    """Variables by which a loop refuses modules of a working tree.

    Args:
        excluded: folder from which no module of the function may be loaded.
        checkout: folder with the revision, whose modules may be loaded wherever it lies.
    """
    folders = {"_TUNER_EXCLUDED": excluded, "_TUNER_CHECKOUT": checkout}
    return {name: folder for name, folder in folders.items() if folder}


def suffixes() -> tuple[str, ...]:
    """Suffixes of all files that can hold a handler."""
    return tuple(suffix for runtime in RUNTIMES for suffix in runtime.suffixes)


def runtime_of(file: Path) -> Runtime | None:
    """The runtime that runs a file; None when no runtime does."""
    return next((runtime for runtime in RUNTIMES if file.suffix in runtime.suffixes), None)


def runtime_named(identifier: str) -> Runtime | None:
    """The runtime of an identifier of the Lambda API, e.g. "nodejs22.x"; None when no handler of it can run here."""
    return next((runtime for runtime in RUNTIMES if identifier.startswith(runtime.family)), None)


def names_a_handler(target: str) -> bool:
    """Whether a target is on this machine. Names and ARNs of functions in AWS have no dots and no slashes."""
    return target.startswith(COMMAND) or "/" in target or "." in target
