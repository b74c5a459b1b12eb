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
from dataclasses import dataclass
from pathlib import Path

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
        numbers = re.search(r"(\d+)\.(\d+)", _printed(interpreter or self.find() or self.program, *self.version))
        return self.identifier.format(*numbers.groups()) if numbers else self.family


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
)
COMMAND = "-- "
"""Before the words of a command that brings its own runtime, as on the command line."""
EXCLUDED_VARIABLE = "_TUNER_EXCLUDED"
"""Variable that tells a loop from which folder no module of the function may be loaded."""
RUNTIMES = (PYTHON, NODE)
"""Every runtime whose handlers are files, in the order in which messages name them."""


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
