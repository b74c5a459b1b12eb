"""What a real terminal of any width shows: whole words, nothing wider than the screen, colour only where wanted."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.unit.comparison.documents import result
from tests.unit.reports.results import result as golden
from tuner.documents.result import dumps

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COMMANDS = (
    ("report", "one.json", "--format", "text"),
    ("report", "releases", "--format", "text"),
    ("compare", "releases/a.json", "releases/b.json"),
)
WIDE = 400
"""A terminal in which no line breaks: its words are those that any other one has to show."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result with much to tell, and two releases of a function."""
    found = tmp_path_factory.mktemp("terminal")
    (found / "releases").mkdir()
    (found / "one.json").write_text(dumps(golden("throttled")))  # type: ignore[arg-type]
    for name, level, day in (("a", 0.0, 1), ("b", 0.5, 2)):
        document = result(level, seed=day, sizes=(512,), created_at=f"2026-08-0{day}T10:00:00Z")
        (found / "releases" / f"{name}.json").write_text(dumps(document))
    return found


def shown(folder: Path, width: int, *, tty: bool, **environment: str) -> str:
    """What all commands write: to a terminal of so many columns, or to a pipe."""
    script = "from tuner.cli.main import run\n" + "\n".join(f"run({list(command)!r})" for command in COMMANDS)
    own = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    own |= {"TERM": "xterm-256color", **environment}
    arguments = [sys.executable, "-c", script]
    if not tty:
        return subprocess.run(arguments, cwd=folder, env=own, capture_output=True, text=True, check=True).stdout
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    with subprocess.Popen(arguments, cwd=folder, env=own, stdin=terminal, stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        written = b"".join(iter(lambda: _read(screen), b""))
        assert process.wait() == 0
    os.close(screen)
    return written.decode().replace("\r\n", "\n")


def _read(screen: int) -> bytes:
    """What a terminal got; empty when its program has ended, which Linux tells as an error."""
    try:
        return os.read(screen, 65536)
    except OSError:
        return b""


@pytest.fixture(scope="module")
def words(folder: Path) -> set[str]:
    """Every word that the commands write."""
    return set(shown(folder, WIDE, tty=True, NO_COLOR="1").split())


@pytest.mark.parametrize(
    ("width", "tty", "colour"),
    [(60, True, "NO_COLOR"), (80, True, "FORCE_COLOR"), (100, False, "NO_COLOR"), (160, True, "FORCE_COLOR")],
)
def test_no_word_is_broken_and_no_line_is_wider_than_the_screen(
    folder: Path, words: set[str], width: int, tty: bool, colour: str
) -> None:
    text = shown(folder, width, tty=tty, **{colour: "1"})
    if colour == "NO_COLOR":
        assert not ESCAPE.search(text)
    plain = ESCAPE.sub("", text)
    assert len(plain.splitlines()) > 20
    assert max(map(len, plain.splitlines())) <= width
    assert set(plain.split()) <= words
