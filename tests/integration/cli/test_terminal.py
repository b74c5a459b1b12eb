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

from reports.words.lines import columns
from tests.integration.cli.live_run import MARK
from tests.unit.comparison.documents import result
from tests.unit.reports.results import result as golden
from tuner.api.result_store import load_result
from tuner.documents.result import dumps

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3\d|4\d|9\d)(?:;\d+)*m")
KEPT = frozenset({"2", "4", "128", "MB", "x86_64:", "of", "runs:", "out", "memory"})
"""Words of the failures that stay above the live lines."""
COMMANDS = (
    ("report", "one.json", "--format", "text"),
    ("report", "releases", "--format", "text"),
    ("compare", "releases/a.json", "releases/b.json"),
    ("compare", "releases/a.json", "results/never-written"),
    ("tune", "app.py:handler", "--payload", "{}", "--dry-run"),
    ("prices", "eu-west-1"),
    ("tune", "releases/a.json:handler", "--tolerance", "0.5", "--strategy", "fast", "--payload", "{}"),
)
TUNINGS = ((60, {"TERM": "dumb"}), (80, {"FORCE_COLOR": "1"}), (100, {"NO_COLOR": "1"}), (160, {}))
"""Terminals on which a function is tuned."""
WIDE = 400
"""A terminal in which no line breaks: its words are those that any other one has to show."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result with much to tell, and two releases of a function."""
    found = tmp_path_factory.mktemp("terminal")
    (found / "releases").mkdir()
    (found / "app.py").write_text("def handler(event, context):\n    return event\n")
    (found / "one.json").write_text(dumps(golden("throttled")))  # type: ignore[arg-type]
    for name, level, day in (("a", 0.0, 1), ("b", 0.5, 2)):
        document = result(level, seed=day, sizes=(512,), created_at=f"2026-08-0{day}T10:00:00Z")
        (found / "releases" / f"{name}.json").write_text(dumps(document))
    return found


SHOWING = """
import fcntl, os, struct, sys, termios
from tuner.cli.main import run
for case in sys.argv[1:]:
    width, colour = case.split(":")
    for name in ("NO_COLOR", "FORCE_COLOR"):
        os.environ.pop(name, None)
    os.environ[colour] = "1"
    if os.isatty(1):
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 50, int(width), 0, 0))
    print("COLUMNS", flush=True)
    for command in {commands}:
        run(list(command))
"""
"""Runs all commands at several widths in one process, which starts once."""


def shown(folder: Path, *cases: tuple[int, str], tty: bool) -> list[str]:
    """What all commands write for each width and colour: to a terminal, or to a pipe."""
    arguments = [sys.executable, "-c", SHOWING.replace("{commands}", repr(COMMANDS))]
    arguments += [f"{width}:{colour}" for width, colour in cases]
    own = surroundings({})
    if tty:
        text = on_terminal(arguments, folder, WIDE, own)[0]
    else:
        text = subprocess.run(arguments, cwd=folder, env=own, capture_output=True, text=True, check=True).stdout
    return text.split("COLUMNS\n")[1:]


def surroundings(wanted: dict[str, str]) -> dict[str, str]:
    """The environment of a command on a terminal that knows colours."""
    own = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    return own | {"TERM": "xterm-256color", **wanted}


def on_terminal(
    arguments: list[str], folder: Path, width: int, own: dict[str, str], *, output: int | None = None
) -> tuple[str, str]:
    """What a command writes to a terminal of so many columns; and its output, where that is a pipe."""
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    with subprocess.Popen(
        arguments, cwd=folder, env=own, stdin=terminal, stdout=output or terminal, stderr=terminal, text=True
    ) as process:
        os.close(terminal)
        written = b"".join(iter(lambda: _read(screen), b""))
        piped = process.stdout.read() if process.stdout else ""
        assert process.wait() == 0
    os.close(screen)
    return written.decode().replace("\r\n", "\n"), piped


def _read(screen: int) -> bytes:
    """What a terminal got; empty when its program has ended, which Linux tells as an error."""
    try:
        return os.read(screen, 65536)
    except OSError:
        return b""


def faults(text: str, width: int, wide: str) -> list[str]:
    """Lines that are wider than the screen, and words that a screen for every line does not show: broken ones."""
    lines, words = ESCAPE.sub("", text).splitlines(), set(ESCAPE.sub("", wide).split())
    broken = [word for line in lines for word in line.split() if word not in words]
    return [line for line in lines if columns(line) > width] + broken


@pytest.mark.parametrize("planted", ["a long wo\nrd", "a long word, longer", "a long …", "注文 long", "lo-\nng"])
def test_the_rule_finds_what_is_broken_clipped_or_too_wide(planted: str) -> None:
    assert faults("a long\nword", 8, "a long word 注文") == []
    assert faults(planted, 8, "a long word 注文") != []


ON_TERMINALS = ((60, "NO_COLOR"), (80, "FORCE_COLOR"), (160, "FORCE_COLOR"))
PIPED = (100, "NO_COLOR")


def test_no_word_is_broken_and_no_line_is_wider_than_the_screen(folder: Path) -> None:
    wide, *screens = shown(folder, (WIDE, "NO_COLOR"), *ON_TERMINALS, tty=True)
    screens += shown(folder, PIPED, tty=False)
    for (width, colour), text in zip((*ON_TERMINALS, PIPED), screens, strict=True):
        if colour == "NO_COLOR":
            assert not ESCAPE.search(text)
        assert len(text.splitlines()) > 20
        assert faults(text, width, wide) == []


LIVE_WIDTHS = (60, 80, 100, 160)
ROOT = Path(__file__).parents[3]
PICTURE = re.compile(r"[▁▂▃▄▅▆▇█░]+")
SCREEN_ENDS = re.compile(r"[\r\n]")


def live(*widths: int, **environment: str) -> tuple[str, set[str]]:
    """What the live view of a search shows at each width, and every word that it may show."""
    arguments = [sys.executable, "-m", "tests.integration.cli.live_run", *map(str, widths)]
    own = surroundings(environment) | {"PYTHONPATH": str(ROOT)}
    told, words = on_terminal(arguments, ROOT, 200, own, output=subprocess.PIPE)
    return told.partition(MARK)[0], set(words.split())


def test_the_live_view_breaks_no_word_and_fits_at_every_width() -> None:
    told, words = live(*LIVE_WIDTHS, FORCE_COLOR="1")
    assert COLOUR.search(told)
    for width, screen in zip(LIVE_WIDTHS, told.split("COLUMNS ")[1:], strict=True):
        lines = [ESCAPE.sub("", line) for line in SCREEN_ENDS.split(screen)[1:]]
        assert max(map(len, lines)) <= width
        assert not any("…" in line for line in lines), "nothing is left out"
        assert {word for line in lines for word in PICTURE.sub(" ", line).split()} - words <= KEPT
        assert any("sure" in line and "wanted" in line for line in lines), "how sure the answer is"
        assert any("█" in line for line in lines), "as a bar"
        assert {line.split()[0] for line in lines if PICTURE.search(line)} >= {"sure", "cost", "time"}, "a plot"
        assert any("best so far" in line for line in lines)


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_where_colour_is_not_wanted_there_is_none(environment: dict[str, str]) -> None:
    told, _ = live(80, **environment)
    assert not COLOUR.search(told)
    assert "best so far" in told
    assert ("waiting for" in told) is ("NO_COLOR" in environment), "lines are redrawn on a terminal alone"


@pytest.mark.parametrize(("width", "environment"), TUNINGS)
def test_a_whole_tuning_fits_the_terminal_from_its_first_line_to_its_last(
    folder: Path, width: int, environment: dict[str, str]
) -> None:
    output = folder / f"tuned-{width}"
    command = ["tune", "app.py:handler", "--payload", "{}", "--power-values", "512,1024,1769", "--runs", "2"]
    arguments = [sys.executable, "-m", "tuner", *command, "--output", output.name]
    shown = on_terminal(arguments, folder, width, surroundings(environment))[0]
    assert bool(COLOUR.search(shown)) <= ("NO_COLOR" not in environment and environment.get("TERM") != "dumb")
    plain = ESCAPE.sub("", shown)
    assert [line for line in SCREEN_ENDS.split(plain) if columns(line) > width] == []
    assert "…" not in plain
    result = load_result(output)
    answer = result.to_text(width=width)
    assert answer in plain
    assert faults(answer, width, result.to_text(width=WIDE)) == []
    assert f"Report  {output.name}/report.html" in plain
