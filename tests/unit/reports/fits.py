"""What is wrong with a text for a narrow terminal, against the same text where every line has room.

The rule: no line is wider than the terminal, unless it is one word; and both have the same words, each as often. So no
word is broken, clipped or lost. Four things may differ: plots are left out, cells that are not known are not told,
names of a table's columns stand before cells that stand below their row, and a command that breaks ends its lines in a
backslash.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from reports.words.lines import columns
from reports.words.numbers import UNKNOWN

PLOT = re.compile(r"[▁▂▃▄▅▆▇█░▏]+")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
NAMES = (
    "95% interval, arch, runs, per million, result, made, recommended, duration, cost per million, saves, confidence, "
    "change, metric, where, baseline, candidate, verdict, function, size, a month, at stake, way, environments, "
    "cold starts, at most, now, cost, slack, slower requests, environment, above cheapest, nearest"
)
"""Columns of tables."""


def faults(narrow: str, wide: str, width: int, *, names: Iterable[str] = NAMES.split()) -> list[str]:
    """Lines that are too wide, and words that only one of the texts has, or has more often."""
    named = {name.rstrip(",") for name in names}
    shown, whole = _words(narrow), _words(wide)
    too_wide = [line for line in ESCAPE.sub("", narrow).splitlines() if columns(line) > width and _breaks(line)]
    lost = [f"lost: {word}" for word in (whole - shown) if word not in named]
    broken = [f"broken or clipped: {word}" for word in (shown - whole) if word not in named]
    return [*too_wide, *sorted(lost), *sorted(broken)]


def _words(text: str) -> Counter[str]:
    words = PLOT.sub(" ", ESCAPE.sub("", text)).split()
    return Counter(word.rstrip(",") for word in words if word.rstrip(",") not in ("", "\\", UNKNOWN))


def _breaks(line: str) -> bool:
    """Whether a line could have been broken: it has more than one word, or part of a command, but for its label."""
    words = line.removesuffix(" \\").split()
    return len(words) > 1 and not _is_labelled(line, words)


def _is_labelled(line: str, words: list[str]) -> bool:
    """Whether it is one word behind a label, as `Report  folder/report.html`."""
    return len(words) == 2 and re.search(r"\S {2,}\S", line) is not None
