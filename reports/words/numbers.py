"""Numbers as words for people: units and rounding.

Decides how many digits a figure deserves. Knows nothing of documents.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from tuner.pricing.currency import currency_sign

if TYPE_CHECKING:
    from tuner.documents.result import ConfigurationDocument, RangeDocument

Interval: TypeAlias = "RangeDocument"
"""`mean`, `low` and `high` of a metric, as in the result document."""
UNKNOWN = "–"
"""A value that is not known, in a cell of a table."""
ASTRONOMIC = 1e15
"""From here on a number is told as a power of ten."""
_WELL_TOLD, _MORE_DECIMALS = 0.1, 2
"""Ends of an interval read apart, and the smaller is rounded by at most a tenth, if so many more decimals do it."""


def memory(memory_mb: int) -> str:
    """A memory size: `1,024 MB`."""
    return f"{memory_mb:,} MB"


def configuration(item: ConfigurationDocument) -> str:
    """A configuration: `1,024 MB on arm64`."""
    return f"{memory(item['memory_mb'])} on {item['architecture']}"


def number(value: float) -> str:
    """Three significant digits, whole from 100 on, thousands apart."""
    if not math.isfinite(value):
        return "unknown"
    return f"{'-' if value < 0 else ''}{_digits(value, _decimals(value))}"


def milliseconds(value: float) -> str:
    """A duration: `0.85 ms`, `210 ms`, from ten seconds on `12.3 s`."""
    factor, unit = _time_unit(value)
    return f"{number(value * factor)} {unit}"


def milliseconds_range(low: float, high: float) -> str:
    """The ends of an interval of durations: `846 to 1,005 ms`, `9.5 to 10.2 s`."""
    factor, unit = _time_unit(max(low, high))
    first, last = _alike(low * factor, high * factor, _decimals)
    return f"{first} to {last} {unit}"


def milliseconds_axis(value: float, largest: float) -> str:
    """A duration beside a tick of an axis whose values all have the unit of the largest: `0.5 s`, `5,000 ms`."""
    factor, unit = _time_unit(largest)
    return f"{value * factor:,.6g} {unit}"


def seconds(value: float) -> str:
    """A time span: `74 s`, from two minutes on `3 min 20 s`."""
    if value < 120:
        return f"{value:.0f} s" if value == int(value) else f"{number(value)} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def money(value: float, currency: str = "USD") -> str:
    """An amount: `$412`, `$41.20`, `$0.000412`."""
    return _amount(value, _digits(value, _money_decimals(value)), currency)


def money_range(low: float, high: float, currency: str = "USD") -> str:
    """The ends of an interval of amounts: `$91 to 125`, `-$3.00 to $5.00`."""
    first, last = _alike(low, high, _money_decimals)
    if low >= 0:
        return f"{_amount(low, first, currency)} to {last}"
    return f"{_amount(low, first, currency)} to {_amount(high, last, currency)}"


def per_million(cost: float, currency: str = "USD") -> str:
    """The cost of an invocation, told for a million of them."""
    return money(cost * 1e6, currency)


def percent(fraction: float) -> str:
    """A share: `38%`, below ten `4.2%`, below a tenth of a percent `0.03%`."""
    return f"{100 * fraction:.{_percent_decimals(100 * fraction)}f}%"


def percent_range(low: float, high: float) -> str:
    """Two shares in one unit: `35 to 41%`, `-0.5 to 12.0%`."""
    first, last = _alike(100 * low, 100 * high, _percent_decimals)
    return f"{'-' if low < 0 else ''}{first} to {'-' if high < 0 else ''}{last}%"


def sign_of(currency: str) -> str:
    """What stands before an amount of a currency; ¤ where its code is none of ISO 4217."""
    known = len(currency) == 3 and currency.isascii() and currency.isalpha()
    return currency_sign(currency) if known else "¤"


_WHOLE_TICKS_FROM = 15.0
"""An axis that reaches this amount has no tick between whole amounts above 1."""


class Unit(NamedTuple):
    """How values of one kind read: alone, as the ends of an interval, and along an axis beside the largest value."""

    tell: Callable[[float], str]
    range: Callable[[float, float], str]
    axis: Callable[[float, float], str]


DURATION = Unit(milliseconds, milliseconds_range, milliseconds_axis)


def money_unit(currency: str, *, factor: float = 1.0) -> Unit:
    """Amounts: values times `factor`."""
    return Unit(
        lambda value: money(value * factor, currency),
        lambda low, high: money_range(low * factor, high * factor, currency),
        lambda value, largest: _money_tick(value * factor, largest * factor, currency),
    )


def _money_tick(value: float, largest: float, currency: str) -> str:
    """An amount along an axis, without `.00` where the axis has whole amounts; cents beside dollars."""
    if value == round(value, 2) and 0 < value < 1 <= largest:
        return _amount(value, f"{value:.2f}", currency)
    told = money(value, currency)
    return told.removesuffix(".00") if largest >= _WHOLE_TICKS_FROM else told


def count(value: float) -> str:
    """A number of things: `20 million`, `1.5 million`, `250,000`."""
    return f"{value / 1e6:,.6g} million" if value >= 1e6 else f"{value:,.6g}" if value < 1000 else f"{value:,.0f}"


def sentence(text: str) -> str:
    """Text that ends in a full stop."""
    return text if text.endswith((".", "!", "?", "…")) else text + "."


def _time_unit(largest_ms: float) -> tuple[float, str]:
    """What milliseconds are multiplied by, and the unit that this gives."""
    return (0.001, "s") if abs(largest_ms) >= 10_000 else (1.0, "ms")


def _amount(value: float, digits: str, currency: str) -> str:
    return f"{'-' if value < 0 else ''}{sign_of(currency)}{digits}"


def _digits(value: float, decimals: int) -> str:
    size = abs(value)
    return f"{size:.3g}" if size >= ASTRONOMIC else f"{size:,.{decimals}f}"


def _decimals(value: float) -> int:
    """Decimals that leave three significant digits, also where rounding makes one more before the point: 0.9996."""
    size = float(f"{abs(value):.3g}")
    return 0 if size == 0 else min(6, max(0, 2 - math.floor(math.log10(size))))


def _money_decimals(value: float) -> int:
    """Cents up to a hundred; three significant digits below one."""
    size = abs(value)
    return 0 if size >= 99.995 or size == 0 else 2 if size >= 1 else _decimals(size)


def _percent_decimals(value: float) -> int:
    size = abs(value)
    return 0 if size >= 9.95 or size == 0 else 1 if size >= 0.095 else 2


def _alike(low: float, high: float, decimals_of: Callable[[float], int]) -> tuple[str, str]:
    """The sizes of both ends with equally many decimals: those of the larger, or more where they tell too little."""
    small, large = sorted((abs(low), abs(high)))
    usual = decimals_of(large)

    def tells(decimals: int) -> bool:
        apart = low == high or round(low, decimals) != round(high, decimals)
        return apart and abs(round(small, decimals) - small) <= _WELL_TOLD * small

    decimals = next(filter(tells, range(usual, usual + _MORE_DECIMALS + 1)), usual)
    return _digits(low, decimals), _digits(high, decimals)
