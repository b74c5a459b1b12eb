"""What a real terminal of any width shows: whole words, nothing wider than the screen, colour only where wanted."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reports.words.lines import columns
from tests.integration.cli.live_run import MARK
from tests.integration.cli.screens import CASE, COMMAND, SURROUNDINGS
from tests.integration.cli.test_patch import TEMPLATE
from tests.unit.cli.test_simulate import CPU_BOUND as CURVE
from tests.unit.cli.test_watch import write as write_watched
from tests.unit.comparison.documents import result
from tests.unit.evidence.logs import Run, tailed
from tests.unit.evidence.logs import live as live_tail
from tests.unit.reports.fits import ESCAPE, faults
from tests.unit.reports.results import result as golden
from tests.unit.workflows.examples import DEFINITION, write_figures, write_results
from tuner.api.result_store import load_result
from tuner.cli import main
from tuner.documents.result import dumps

COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3\d|4\d|9\d)(?:;\d+)*m")
KEPT = frozenset({"2", "4", "128", "MB", "x86_64:", "of", "runs:", "out", "memory"})
"""Words of the failures that stay above the live lines."""
WIDTHS = (60, 80, 100, 160)
COMMANDS = (
    *(("report", f"{name}.json", "--format", "text") for name in ("aws", "throttled", "unmet", "all-failed", "long")),
    ("report", "releases", "--format", "text"),
    ("report", "aws.json", "throttled.json", "--format", "text"),
    ("compare", "releases/a.json", "releases/b.json"),
    ("compare", "releases/a.json", "releases/a.json"),
    ("compare", "releases/a.json", "results/never-written"),
    ("compare", "aws.json", "throttled.json", "--threshold", "5000%", "--confidence", "20%", "--drift", "0.5"),
    ("tune", "app.py:handler", "--payload", "{}", "--dry-run"),
    ("tune", "releases/a.json:handler", "--tolerance", "0.5", "--strategy", "fast", "--payload", "{}"),
    ("tune", "app.py:handler", "--input", "faults.json"),
    ("tune", "app.py:handler", "--power-valeus", "128"),
    ("duet", "app.py:handler", "--baseline", "no-such-branch", "--candidate", "app.py", "--runs", "0"),
    ("fleet", "faults.csv"),
    ("execute", "arn:aws:states:eu-west-1:123456789012:stateMachine:powerTuning", "faults.json"),
    ("apply", "throttled.json", "--dry-run"),
    ("apply", "gone.json"),
    ("clean", "orders", "--profile", "no-such-profile"),
    ("patch", "aws.json", "--from", "template.yaml"),
    ("patch", "throttled.json", "--from", "template.yaml"),
    ("patch", "unmet.json", "--from", "template.yaml", "--force"),
    ("advise", "--logs", "functions.log"),
    ("advise", "orders", "--logs", "orders.log", "--compare", "fargate"),
    ("advise",),
    ("concurrency", "orders", "--logs", "orders.log", "--cold-share", "1%"),
    ("concurrency", "orders", "--logs", "orders.log"),
    ("watch", "--once", "watched/result.json", "--logs", "checkout-render=watched/app.log"),
    ("watch", "--once", "watched/result.json", "--threshold", "much", "--logs", "x"),
    ("workflow", str(DEFINITION), "--results", "workflow", "--figures", "figures.json", "--deadline", "4s"),
    (
        "workflow",
        str(DEFINITION),
        "--results",
        "gone",
        "--figures",
        "figures.json",
        "--deadline",
        "4",
        "--items",
        "B=x",
    ),
    ("simulate", "curves.json", "--runs", "2", "--quiet"),
    ("simulate", "faults.json"),
    ("prices", "eu-west-1"),
    ("prices", "eu-wst-1"),
    ("schema", "resul"),
    ("tun",),
)
"""Every command but `mcp`, which speaks to programs, on what needs no account: its answers, and its errors."""
LONG_TEXT = " ".join(f"word{n}" for n in range(400))
"""More than is shown of a foreign text."""
WIDE = 400
"""A terminal in which no line breaks: its words are those that any other one has to show."""
ON_TERMINALS = ({"FORCE_COLOR": "1"}, {"NO_COLOR": "1"}, {"TERM": "dumb"})
IN_PIPES: tuple[dict[str, str], ...] = ({}, {"FORCE_COLOR": "1"})
TUNINGS = (
    (True, 60, {"TERM": "dumb"}), (True, 80, {"FORCE_COLOR": "1"}), (True, 100, {"NO_COLOR": "1"}), (True, 160, {}),
    (False, 60, {"FORCE_COLOR": "1"}),
)  # fmt: skip
"""Terminals on which a function is tuned, and a pipe."""
DUETS = ((True, 60, {}), (False, 80, {"FORCE_COLOR": "1"}))
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results, logs, curves, templates, and inputs with more than 25 faults."""
    found = tmp_path_factory.mktemp("terminal")
    for name in ("releases", "watched", "workflow"):
        (found / name).mkdir()
    (found / "app.py").write_text("def handler(event, context):\n    return event\n")
    for name in ("aws", "throttled", "unmet", "all-failed"):
        (found / f"{name}.json").write_text(json.dumps(golden(name)))
    (found / "long.json").write_text(json.dumps(with_long_texts(golden("throttled"))))
    for name, level, day in (("a", 0.0, 1), ("b", 0.5, 2)):
        document = result(level, seed=day, sizes=(512,), created_at=f"2026-08-0{day}T10:00:00Z")
        (found / "releases" / f"{name}.json").write_text(dumps(document))
    (found / "faults.json").write_text(json.dumps({"powerValues": [1] * 40, "strategy": "spede", "lambdaARN": 5}))
    (found / "faults.csv").write_text("lambdaARN,num,strategy\n" + "orders,x,cots\n" * 20)
    runs = [Run(f"r{n}", 100.0 + n % 7, 60.0 * n, init_ms=200.0 if n % 10 == 0 else None) for n in range(60)]
    (found / "orders.log").write_text(tailed(runs), "utf-8")
    several = [
        replace(run, id=f"{name}-{run.id}")
        for name in ("orders", "billing_of_all_regions_in_all_currencies")
        for run in runs
    ]
    (found / "functions.log").write_text(
        live_tail(several).replace("_of_all_regions_in_all_", "-of-all-regions-in-all-"), "utf-8"
    )
    write_watched(found / "watched", slower=1.6)
    write_results(found / "workflow")
    write_figures(found)
    (found / "template.yaml").write_text(TEMPLATE)
    (found / "curves.json").write_text(json.dumps([CURVE]))
    return found


def with_long_texts(document: dict[str, Any]) -> dict[str, Any]:
    """A result with texts that are long, and one that is too long to be shown."""
    document["warnings"].append({"code": "log_says_nothing", "message": LONG_TEXT[:1500]})
    document["measurements"][0]["errors"] = [{"type": "Long", "message": LONG_TEXT, "stack": [], "count": 3}]
    document["excluded"][0]["reason"] = LONG_TEXT[:700]
    return document


def surroundings(wanted: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command on a terminal that knows colours, without an account."""
    own = {name: value for name, value in os.environ.items() if name not in SURROUNDINGS and "AWS_" not in name}
    nowhere = {"AWS_CONFIG_FILE": "gone", "AWS_EC2_METADATA_DISABLED": "true", "AWS_SHARED_CREDENTIALS_FILE": "gone"}
    return own | {"TERM": "xterm-256color", **nowhere, **wanted}


def shown(folder: Path, cases: Sequence[tuple[int, Mapping[str, str]]], *, tty: bool) -> list[list[str]]:
    """What each command writes in each case: to a terminal, or to a pipe."""
    arguments = [sys.executable, "-m", "tests.integration.cli.screens", json.dumps((cases, COMMANDS))]
    own = surroundings({"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(folder / "cache")})
    if tty:
        text = on_terminal(arguments, folder, WIDE, own)[0]
    else:
        done = subprocess.run(
            arguments, cwd=folder, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True
        )
        text = done.stdout.decode()
    return [case.split(COMMAND)[1:] for case in text.split(CASE)[1:]]


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


@pytest.fixture(scope="module")
def wide(folder: Path) -> list[str]:
    """What each command writes where every line has room."""
    (found,) = shown(folder, [(WIDE, {"NO_COLOR": "1"})], tty=True)
    return found


def test_every_command_has_its_screen(wide: list[str]) -> None:
    assert {command[0] for command in COMMANDS} >= set(main.COMMANDS) - {"mcp"}
    empty = [command for command, text in zip(COMMANDS, wide, strict=True) if len(text.split()) < 4]
    assert empty == []
    assert [text for text in wide if "defect" in text or "Traceback" in text] == []


def test_what_is_left_out_is_counted(wide: list[str]) -> None:
    told = {" ".join(command): " ".join(text.split()) for command, text in zip(COMMANDS, wide, strict=True)}
    for text in (LONG_TEXT[:1500], LONG_TEXT[:700]):
        assert text in told["report long.json --format text"]
    assert (
        f"{LONG_TEXT[:2000].rstrip()}… ({len(LONG_TEXT) - 2000:,} more characters)"
        in told["report long.json --format text"]
    )
    assert "and 16 more" in told["tune app.py:handler --input faults.json"]


@pytest.mark.parametrize(("tty", "surroundings_"), [(True, ON_TERMINALS), (False, IN_PIPES)], ids=["terminal", "pipe"])
def test_no_word_is_broken_nothing_is_clipped_and_no_line_is_too_wide(
    folder: Path, wide: list[str], tty: bool, surroundings_: Sequence[Mapping[str, str]]
) -> None:
    cases = [(width, environment) for width in WIDTHS for environment in surroundings_]
    wrong = {}
    for (width, environment), texts in zip(cases, shown(folder, cases, tty=tty), strict=True):
        assert len(texts) == len(COMMANDS)
        for command, text, whole in zip(COMMANDS, texts, wide, strict=True):
            found = faults(text, whole, width)
            found += ["colour"] if ESCAPE.search(text) else []
            if found:
                wrong[width, *environment.items(), " ".join(command)] = found
    assert wrong == {}


PICTURE = re.compile(r"[▁▂▃▄▅▆▇█░]+")
SCREEN_ENDS = re.compile(r"[\r\n]")


def live(*widths: int, **environment: str) -> tuple[str, set[str]]:
    """What the live view of a search shows at each width, and every word that it may show."""
    arguments = [sys.executable, "-m", "tests.integration.cli.live_run", *map(str, widths)]
    own = surroundings(environment) | {"PYTHONPATH": str(ROOT)}
    told, words = on_terminal(arguments, ROOT, 200, own, output=subprocess.PIPE)
    return told.partition(MARK)[0], set(words.split())


def test_the_live_view_breaks_no_word_and_fits_at_every_width() -> None:
    told, words = live(*WIDTHS, FORCE_COLOR="1")
    assert COLOUR.search(told)
    for width, screen in zip(WIDTHS, told.split("COLUMNS ")[1:], strict=True):
        lines = [ESCAPE.sub("", line) for line in SCREEN_ENDS.split(screen)[1:]]
        assert max(map(len, lines)) <= width
        assert not any("…" in line for line in lines), "nothing is left out"
        assert {word for line in lines for word in PICTURE.sub(" ", line).split()} - words <= KEPT
        assert any("sure" in line and "wanted" in line for line in lines), "how sure the answer is"
        assert any("█" in line for line in lines), "as a bar"
        assert {line.split()[0] for line in lines if PICTURE.search(line)} >= {"sure", "cost", "time"}, "a plot"
        assert any("best guess" in line for line in lines)


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_where_colour_is_not_wanted_there_is_none(environment: dict[str, str]) -> None:
    told, _ = live(80, **environment)
    assert not COLOUR.search(told)
    assert "best guess" in told
    assert ("waiting for" in told) is ("NO_COLOR" in environment), "lines are redrawn on a terminal alone"


def written(folder: Path, command: Sequence[str], width: int, environment: Mapping[str, str], *, tty: bool) -> str:
    """What a command writes to a terminal or a pipe, without colours."""
    arguments, own = [sys.executable, "-m", "tuner", *command], surroundings(environment)
    shown = on_terminal(arguments, folder, width, own)[0] if tty else piped(arguments, folder, width, own)
    coloured = tty and "NO_COLOR" not in environment and environment.get("TERM") != "dumb"
    assert bool(COLOUR.search(shown)) <= coloured
    return ESCAPE.sub("", shown)


def piped(arguments: Sequence[str], folder: Path, width: int, own: Mapping[str, str]) -> str:
    """What a command writes to a pipe for which so many columns are asked."""
    environment = {**own, "COLUMNS": str(width)}
    both = subprocess.run(
        arguments, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
    )
    return both.stdout


def cut_or_too_wide(plain: str, width: int) -> list[str]:
    """Lines that are wider than the screen, or end in an ellipsis."""
    return [line for line in SCREEN_ENDS.split(plain) if columns(line) > width or "…" in line]


@pytest.mark.parametrize(("tty", "width", "environment"), DUETS)
def test_a_whole_duet_fits_the_terminal(folder: Path, tty: bool, width: int, environment: dict[str, str]) -> None:
    versions = ("--baseline", "app.py", "--candidate", "app.py", "--payload", "{}", "--samples", f"{width}.jsonl")
    command = ["duet", "app.py:handler", *versions, "--max-invocations", "32", "--runs", "2", "--threshold", "90%"]
    plain = written(folder, command, width, environment, tty=tty)
    assert cut_or_too_wide(plain, width) == []
    assert "pairs at" in plain
    assert "Chance of any false alarm in the whole comparison" in " ".join(plain.split())
    assert f"Every run is kept in {width}.jsonl." in " ".join(plain.split())


def test_a_terminal_gets_a_report_as_text_and_a_pipe_the_page(folder: Path) -> None:
    for more, tty, page in (((), True, False), ((), False, True), (("--format", "html"), True, True)):
        shown = written(folder, ["report", "aws.json", *more], 80, {}, tty=tty)
        assert shown.startswith("<!doctype html>") is page
        assert page or "What to do next:" in shown


@pytest.mark.parametrize(("tty", "width", "environment"), TUNINGS)
def test_a_whole_tuning_fits_the_terminal_from_its_first_line_to_its_last(
    folder: Path, tty: bool, width: int, environment: dict[str, str]
) -> None:
    output = folder / f"tuned-{width}-{tty}"
    command = ["tune", "app.py:handler", "--payload", "{}", "--power-values", "512,1024,1769", "--runs", "2"]
    plain = written(folder, [*command, "--output", output.name], width, environment, tty=tty)
    assert cut_or_too_wide(plain, width) == []
    result = load_result(output)
    answer = result.to_text(width=width)
    assert answer in plain
    assert faults(answer, result.to_text(width=WIDE), width) == []
    assert f"Report  {output.name}/report.html" in plain
