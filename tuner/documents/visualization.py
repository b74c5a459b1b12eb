"""The address of AWS Lambda Power Tuning's page that draws cost and duration against memory.

Everything is in the fragment of the address, which browsers do not send: sizes, times and costs,
each as base64 of little-endian numbers.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

VISUALIZATION_PAGE = "https://lambda-power-tuning.show/"


@dataclass(frozen=True, slots=True)
class PlottedFunction:
    """Points of one function, by memory size; all three of the same length."""

    memory_mb: Sequence[int]
    duration_ms: Sequence[float]
    cost_usd: Sequence[float]
    name: str = ""


def visualization_url(
    first: PlottedFunction, second: PlottedFunction | None = None, *, page: str = VISUALIZATION_PAGE
) -> str:
    """The page's address for one function, or for two under their names."""
    parts = list(_encode(first))
    if second is not None:
        parts += [*_encode(second), quote(first.name, safe=""), quote(second.name, safe="")]
    return f"{page}#{';'.join(parts)}"


def _encode(function: PlottedFunction) -> tuple[str, str, str]:
    return _pack("h", function.memory_mb), _pack("f", function.duration_ms), _pack("f", function.cost_usd)


def _pack(kind: str, values: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}{kind}", *values)).decode()
