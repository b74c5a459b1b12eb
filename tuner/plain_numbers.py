"""Numbers in sentences: so many significant digits, thousands apart, never with an exponent.

Knows no unit. Forms with digits and units of their own have them in `reports.words.numbers`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

MOST_LISTED = 12
"""Numbers that a line lists one by one."""


def significant(value: float, digits: int = 4) -> str:
    """A number with at most `digits` significant digits: `1,235`, `12,350`, `0.4`, `0`."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    text = f"{round(value, decimals):,.{max(0, decimals)}f}"
    return text.rstrip("0").rstrip(".") if decimals > 0 else text


def as_given(value: float) -> str:
    """A number as a user gave it, thousands apart and without exponent: `20`, `0.655`, `1,500.5`."""
    text = f"{value:,.9f}"
    return text.rstrip("0").rstrip(".")


def listed(values: Sequence[int]) -> str:
    """Whole numbers one by one: `128, 512, 1024`; many by their ends: `40 from 128 to 3,538`."""
    if len(values) <= MOST_LISTED:
        return ", ".join(map(str, values))
    return f"{len(values):,} from {min(values):,} to {max(values):,}"


def joined(items: Sequence[str]) -> str:
    """Items as a sentence lists them: `a, b and c`."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1] if items else ""


def plural(amount: int, thing: str) -> str:
    """An amount and its thing: `1 run`, `12 runs`."""
    return f"{amount:,} {thing}" if amount == 1 else f"{amount:,} {thing}s"


def days_words(days: float) -> str:
    """A time span in a unit that suits it: `14 days`, `16.8 hours`, `3 minutes`."""
    for unit, factor in (("day", 1.0), ("hour", 24.0)):
        if days * factor >= 1:
            told = significant(days * factor, 3)
            return f"{told} {unit}" if told == "1" else f"{told} {unit}s"
    return plural(max(1, round(days * 24 * 60)), "minute")


def chance_words(chance: float) -> str:
    """A chance as a whole percentage: `31%`. What was estimated is never certain: `above 99%`."""
    return "above 99%" if chance > 0.99 else f"{chance:.0%}"
