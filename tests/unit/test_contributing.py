"""CONTRIBUTING.md sends nobody to a file that is not there, and to few files for one change."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
MOST = {"a strategy": 5, "a backend": 6, "a price source": 4, "a runtime of the local backend": 4}
"""Files to open for a change, at most."""
PLACE = re.compile(r"`((?:tuner|tests|reports|statemachine|docs)/[\w/.-]*)`")


def rows() -> dict[str, str]:
    """The changes of the table, and the files to open for each."""
    return {name.strip(): files for name, files in re.findall(r"^\| (a[^|]+) \| ([^|]+) \|", TEXT, re.MULTILINE)}


def test_every_place_that_is_named_exists() -> None:
    assert [place for place in PLACE.findall(TEXT) if not (ROOT / place).exists()] == []


def test_a_change_needs_few_files() -> None:
    found = rows()
    assert {name: len(PLACE.findall(found[name])) <= most for name, most in MOST.items()} == dict.fromkeys(MOST, True)
