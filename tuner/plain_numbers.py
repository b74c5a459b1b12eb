"""Numbers in sentences: so many significant digits, thousands apart, never with an exponent.

Knows no unit. Forms with digits and units of their own have them in `reports.words.numbers`.
"""

from __future__ import annotations

import math


def significant(value: float, digits: int = 4) -> str:
    """A number with at most `digits` significant digits: `1,235`, `12,350`, `0.4`, `0`."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    text = f"{round(value, decimals):,.{max(0, decimals)}f}"
    return text.rstrip("0").rstrip(".") if decimals > 0 else text


def plural(amount: int, thing: str) -> str:
    """An amount and its thing: `1 run`, `12 runs`."""
    return f"{amount:,} {thing}" if amount == 1 else f"{amount:,} {thing}s"


def chance_words(chance: float) -> str:
    """A chance as a whole percentage: `31%`. What was estimated is never certain: `above 99%`."""
    return "above 99%" if chance > 0.99 else f"{chance:.0%}"
