"""Runs commands on what this process writes to, a terminal or a pipe, once for each width and surroundings.

Not a test: `test_terminal.py` starts it, with the cases and the commands as JSON. One process runs them all, since
starting takes longer than most of them.
"""

from __future__ import annotations

import fcntl
import functools
import json
import os
import pickle
import struct
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import botocore.session

import tuner.api.advising
import tuner.api.workflows.files
import tuner.api.workflows.tuning
import tuner.local.backend
from tuner.cli.main import run

CASE, COMMAND = "\x1d", "\x1e"
"""What is written before the output of a case, and of a command."""
ALIKE_ON_ANY_SCREEN = (
    (tuner.local.backend, "load_faults"),
    (tuner.api.workflows.files, "loads"),
    (tuner.api.workflows.tuning, "plan_workflow"),
    (tuner.api.advising, "advise_on_rows"),
)
"""What is worked out for a command, and takes three quarters of its time: once, and not again for each width."""
SURROUNDINGS = ("NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS")


def surround(width: int, environment: Mapping[str, str]) -> None:
    """Make the terminal that wide. A pipe has no width: there COLUMNS tells it."""
    for name in SURROUNDINGS:
        os.environ.pop(name, None)
    os.environ.update({"TERM": "xterm-256color", **environment})
    if os.isatty(1):
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    else:
        os.environ["COLUMNS"] = str(width)


def worked_out_once(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that works its answer out once for equal arguments, and gives a copy of it each time."""
    answers: dict[bytes, bytes] = {}

    @functools.wraps(function)
    def remembering(*arguments: Any, **named: Any) -> Any:
        asked = pickle.dumps((arguments, named))
        if asked not in answers:
            answers[asked] = pickle.dumps(function(*arguments, **named))
        return pickle.loads(answers[asked])

    return remembering


def main(cases: Sequence[tuple[int, Mapping[str, str]]], commands: Sequence[Sequence[str]]) -> None:
    """Run every command in every case. WIDTH in a word is the case's.

    The SDK's sessions share what loads its models, as in `tests/conftest.py`: each would parse them again.
    """
    botocore.session.create_loader = functools.cache(botocore.session.create_loader)
    for module, name in ALIKE_ON_ANY_SCREEN:
        setattr(module, name, worked_out_once(getattr(module, name)))
    for width, environment in cases:
        surround(width, environment)
        sys.stdout.write(CASE)
        for command in commands:
            sys.stdout.write(COMMAND)
            sys.stdout.flush()
            run([word.replace("WIDTH", str(width)) for word in command])
            sys.stderr.flush()


if __name__ == "__main__":
    main(*json.loads(sys.argv[1]))
