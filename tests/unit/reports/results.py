"""The golden result documents, by name."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "golden" / "results"
NAMES = tuple(sorted(f"{path.parent.name}/{path.stem}" for path in FOLDER.glob("*/*.json")))


@cache
def _text(name: str) -> str:
    return (FOLDER / f"{name if '/' in name else f'1/{name}'}.json").read_text("utf-8")


def result(name: str) -> dict[str, Any]:
    """A document of one's own, by its name (of schema version 1, unless it says `2/name`)."""
    document: dict[str, Any] = json.loads(_text(name))
    return document
