"""What commands show that need an account: they fit terminals and pipes of any width, and break and clip no word."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from reports.words.lines import columns
from tests.cloud.fixtures import ROOT, Cloud
from tests.integration.cli.screens import CASE, COMMAND, SURROUNDINGS
from tests.integration.cli.test_terminal import COLOUR, WIDE, on_terminal
from tests.unit.reports.fits import ESCAPE, faults

LONG_NAME = "billing-of-all-regions-and-currencies"
SMALL = ("--power-values", "256,512", "--runs", "1", "--payload", "{}")
COMMANDS = (
    ("tune", "orders", *SMALL, "--dry-run"),
    ("fleet", "orders", LONG_NAME, "no-such-function", *SMALL, "--output", "fleet-WIDTH"),
    ("fleet", "--tag", "team=nobody", *SMALL),
    ("apply", "fleet-WIDTH/orders", "--dry-run", "--force"),
    ("clean", "orders", "--dry-run"),
    ("clean", "no-such-function"),
    ("advise", "orders", LONG_NAME, "--no-query"),
    ("concurrency", "orders", "--no-query", "--cold-share", "1%"),
    ("execute", "arn:aws:states:us-east-1:123456789012:stateMachine:gone", '{"lambdaARN": "orders"}'),
)
MEASURED = (1, 3, 6, 7)
"""Commands that measure, or show what was measured: their words differ from run to run."""
TIME = re.compile(r"\d{8}[tT]\d{6}[zZ]-[0-9a-f]+")
ON_TERMINALS = ((60, {"FORCE_COLOR": "1"}), (80, {"NO_COLOR": "1"}), (100, {"TERM": "dumb"}), (160, {}))
IN_PIPES = ((60, {"FORCE_COLOR": "1"}),)

pytestmark = pytest.mark.usefixtures("here")


def screens(
    cloud: Cloud, folder: Path, cases: Sequence[tuple[int, Mapping[str, str]]], *, tty: bool
) -> list[list[str]]:
    """What each command writes in each case."""
    arguments = [sys.executable, "-m", "tests.integration.cli.screens", json.dumps((cases, COMMANDS))]
    own = {name: value for name, value in cloud.environment().items() if name not in SURROUNDINGS}
    own |= {"PYTHONPATH": str(ROOT)}
    if tty:
        text = on_terminal(arguments, folder, WIDE, own)[0]
    else:
        both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        text = subprocess.run(arguments, cwd=folder, env=own, text=True, check=True, **both).stdout  # type: ignore[call-overload]
    return [case.split(COMMAND)[1:] for case in text.split(CASE)[1:]]


def unnamed(text: str) -> str:
    """A text without the times in names, which no two runs share."""
    return TIME.sub("TIME", text)


def too_wide(text: str, width: int) -> list[str]:
    """Lines that are wider than the screen although they have several words."""
    lines = ESCAPE.sub("", text).replace("\r", "\n").splitlines()
    return [line for line in lines if columns(line) > width and len(line.split()) > 2]


@pytest.mark.parametrize(("tty", "cases"), [(True, ON_TERMINALS), (False, IN_PIPES)], ids=["terminals", "pipes"])
def test_what_needs_an_account_fits_any_terminal_too(
    cloud: Cloud, tmp_path: Path, tty: bool, cases: Sequence[tuple[int, Mapping[str, str]]]
) -> None:
    for name in ("orders", LONG_NAME):
        cloud.simulate_function(name, memory_mb=512)
    (wide, *shown) = screens(cloud, tmp_path, [(WIDE, {"NO_COLOR": "1"}), *cases], tty=tty)
    wrong = {}
    for (width, environment), texts in zip(cases, shown, strict=True):
        assert len(texts) == len(COMMANDS)
        assert "no-such-function" in texts[1]
        for number, (command, text, whole) in enumerate(zip(COMMANDS, texts, wide, strict=True)):
            found = too_wide(text, width) if number in MEASURED else faults(*map(unnamed, (text, whole)), width)
            found += [word for word in ("…", "Traceback", "defect") if word in text]
            if not tty or environment.keys() & {"NO_COLOR", "TERM"}:
                found += ["colour"] if COLOUR.search(text) else []
            if found:
                wrong[width, *environment, " ".join(command)] = found
    assert wrong == {}
