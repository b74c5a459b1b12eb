"""The golden result documents, by name."""

from __future__ import annotations

from typing import Any

from tests.golden.situations import SITUATIONS, document_of, released_names

NAMES = (*SITUATIONS, *released_names())


def result(name: str) -> dict[str, Any]:
    """A document of one's own, by its name."""
    return document_of(name)
