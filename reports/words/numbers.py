"""Numbers as words for people: units and rounding.

Decides how many digits a figure deserves. Knows nothing of documents.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tuner.documents.result import ConfigurationDocument, RangeDocument
from tuner.pricing.price_list import currency_sign

Interval = RangeDocument
"""`mean`, `low` and `high` of a metric, as in the result document."""


def memory(memory_mb: int) -> str:
    """A memory size: `1,024 MB`."""
    return f"{memory_mb:,} MB"


def configuration(item: ConfigurationDocument) -> str:
    """A configuration: `1,024 MB on arm64`."""
    return f"{memory(item['memory_mb'])} on {item['architecture']}"


def number(value: float) -> str:
    """Three significant digits, whole from 100 on, thousands apart."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "unknown"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(decimals, 6)}f}"


def milliseconds(value: float) -> str:
    """A duration: `0.85 ms`, `210 ms`, from ten seconds on `12.3 s`."""
    return f"{number(value / 1000)} s" if abs(value) >= 10_000 else f"{number(value)} ms"


def seconds(value: float) -> str:
    """A time span: `74 s`, from two minutes on `3 min 20 s`."""
    if value < 120:
        return f"{value:.0f} s" if value == int(value) else f"{number(value)} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def money(value: float, currency: str = "USD") -> str:
    """An amount: `$412`, `$41.20`, `$0.000412`."""
    symbol = _symbol(currency)
    sign, size = ("−" if value < 0 else ""), abs(value)
    if size >= 99.995 or size == 0:
        return f"{sign}{symbol}{size:,.0f}"
    return f"{sign}{symbol}{size:.2f}" if size >= 1 else f"{sign}{symbol}{number(size)}"


def per_million(cost: float, currency: str = "USD") -> str:
    """The cost of an invocation, told for a million of them."""
    return money(cost * 1e6, currency)


def percent(fraction: float) -> str:
    """A share: `38%`, below ten `4.2%`, below a tenth of a percent `0.03%`."""
    return f"{_percent(fraction)}%"


def percent_range(low: float, high: float) -> str:
    """Two shares in one unit: `35 to 41%`."""
    return f"{_percent(low)} to {_percent(high)}%"


def spread(interval: Interval, unit: str = "ms", currency: str = "USD") -> str:
    """The ends of an interval, in ms, or in money for a million invocations."""
    tell = milliseconds if unit == "ms" else (lambda value: per_million(value, currency))
    return span(tell(interval["low"]), tell(interval["high"]))


def span(low: str, high: str) -> str:
    """Two told values with their common unit once: `846 to 1,005 ms`, `$3.72 to 4.39`."""
    value, _, unit = low.partition(" ")
    if unit and high.endswith(f" {unit}"):
        return f"{value} to {high}"
    symbol = low.rstrip("0123456789.,")
    return f"{low} to {high.removeprefix(symbol)}" if symbol else f"{low} to {high}"


def count(value: float) -> str:
    """A number of things: `20 million`, `1.5 million`, `250,000`."""
    return f"{value / 1e6:,.6g} million" if value >= 1e6 else f"{value:,.6g}" if value < 1000 else f"{value:,.0f}"


def plural(amount: int, thing: str) -> str:
    """An amount and its thing: `1 run`, `12 runs`."""
    return f"{amount:,} {thing}" if amount == 1 else f"{amount:,} {thing}s"


def listing(items: Sequence[str]) -> str:
    """Items as a sentence lists them: `a, b and c`."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1] if items else ""


def sentence(text: str) -> str:
    """Text that ends in a full stop."""
    return text if text.endswith((".", "!", "?", "…")) else text + "."


def _symbol(currency: str) -> str:
    """The sign of a currency; ¤ where its code is none of ISO 4217."""
    known = len(currency) == 3 and currency.isascii() and currency.isalpha()
    return currency_sign(currency) if known else "¤"


def _percent(fraction: float) -> str:
    value = fraction * 100
    size = abs(value)
    return f"{value:.0f}" if size >= 9.95 or size == 0 else f"{value:.1f}" if size >= 0.095 else f"{value:.2f}"
