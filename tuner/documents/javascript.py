"""How JavaScript reads JSON values, in which Power Tuning's handlers are written: truth, text, numbers, sums.

Decides nothing about fields. Every function takes any JSON value and never raises.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_OTHER_BASES = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)")
_INFINITY = re.compile(r"([+-]?)Infinity")
_INTEGER = re.compile(r"\s*([+-]?[0-9]{1,18})(?![0-9])")
MAX_DEPTH = 20
"""Lists within lists up to which they are read as text."""


def truthy(value: Any) -> bool:
    """Return whether a value is true: lists and objects are, empty texts, 0 and null are not."""
    return bool(value) or isinstance(value, (list, dict))


def as_text(value: Any, *, depth: int = MAX_DEPTH) -> str:
    """Return a value as `String` writes it."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ",".join("" if item is None else as_text(item, depth=depth - 1) for item in value) if depth else ""
    if isinstance(value, dict):
        return "[object Object]"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        value = int(value)
    return json.dumps(value)


def as_number(value: Any) -> float:
    """Return the number that `Number` finds in a value; not-a-number where it finds none."""
    if value is None:
        return 0.0
    if isinstance(value, (bool, int, float)):
        return _as_float(value)
    text = as_text(value).strip()
    if not text or _DECIMAL.fullmatch(text):
        return float(text or 0)
    if _OTHER_BASES.fullmatch(text):
        return _as_float(int(text, 0))
    found = _INFINITY.fullmatch(text)
    return float(f"{found[1]}inf") if found else math.nan


def parse_integer(value: Any) -> int | None:
    """Return the whole number at the beginning of a value, as `parseInt` reads it; None where there is none."""
    if isinstance(value, float):
        return int(value) if math.isfinite(value) else None
    found = _INTEGER.match(as_text(value))
    return int(found[1]) if found else None


def add(first: Any, second: Any) -> Any:
    """Return what `+` gives: a sum of numbers, or the texts of both one after the other."""
    if any(isinstance(value, (str, list, dict)) for value in (first, second)):
        return as_text(first) + as_text(second)
    return as_number(first) + as_number(second)


def rewrite(value: Any) -> Any:
    """Return a value as `JSON.stringify` writes it: `10.0` is 10, and what is too large for a number is null.

    Whole numbers keep all their digits.
    """
    try:
        return json.loads(json.dumps(value), parse_float=_parse_float, parse_constant=lambda _: None)
    except (ValueError, RecursionError):  # deeper or longer than the parser accepts
        return value


def _parse_float(text: str) -> int | float | None:
    number = float(text)
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() and abs(number) < 1e21 else number


def _as_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:  # a whole number beyond every float
        return math.inf if number > 0 else -math.inf
