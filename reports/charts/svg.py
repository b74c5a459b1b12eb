"""Drawing with text: scales, axes and marks as SVG, without a drawing library.

Knows pixels and ticks, nothing of results. Everything that comes from outside is
escaped here. Colours are classes: the page, or the style sheet of a file of its own, decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from markupsafe import escape

from reports.words.escape import visible

WIDTH, HEIGHT = 480.0, 320.0
LEFT, RIGHT, TOP, BOTTOM = 58.0, 16.0, 46.0, 44.0
LOG_FROM = 6.0
"""An axis is logarithmic when its largest value is so many times its smallest."""
_DRAWABLE = (1e-12, 1e15)
"""What an axis can hold; anything else in a document is damage, and is drawn at the axis' end."""
_LEAST_GAP = 17.0
"""Pixels between the numbers of a vertical axis."""
_MEMORY_TICKS = (128, 256, 512, 1024, 2048, 4096, 10240)


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values from `low`..`high` to pixels `start`..`end`, on a logarithmic or linear axis."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The pixel of a value, held within the axis."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, at = math.log(low), math.log(high), math.log(at)
        return self.start + (at - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round values along the axis, some five of them."""
        return _log_ticks(self.low, self.high) if self.log else _linear_ticks(self.low, self.high)

    def as_data(self) -> dict[str, Any]:
        """What a script needs to place a mark."""
        return {"low": self.low, "high": self.high, "start": self.start, "end": self.end, "log": self.log}


def value_scale(values: Iterable[float], start: float, end: float, *, log: bool | None = None) -> Scale:
    """An axis for positive values: linear from zero, or logarithmic where they differ much."""
    found = [value for value in values if _DRAWABLE[0] < value < _DRAWABLE[1]] or [1.0]
    low, high = min(found), max(found)
    if high / low > LOG_FROM if log is None else log:
        return Scale(low / 1.15, high * 1.15, start, end, log=True)
    return Scale(0.0, high * 1.12, start, end)


def memory_scale(sizes: Sequence[int], start: float = LEFT, end: float = WIDTH - RIGHT) -> Scale:
    """A logarithmic axis over memory sizes, with room at both ends."""
    low, high = min(sizes), max(sizes)
    room = 1.5 if low == high else 1.06
    return Scale(low / room, high * room, start, end, log=True)


def memory_ticks(scale: Scale) -> list[float]:
    """Doublings of memory within the axis."""
    inside: list[float] = [tick for tick in _MEMORY_TICKS if scale.low <= tick <= scale.high]
    return inside or [round(math.sqrt(scale.low * scale.high))]


def n(value: float) -> str:
    """A coordinate: one decimal, none where it is zero."""
    return f"{value:.1f}".removesuffix(".0")


def points(pairs: Iterable[tuple[float, float]]) -> str:
    """Coordinates joined by straight lines, as path data."""
    return "M" + "L".join(f"{n(x)} {n(y)}" for x, y in pairs)


def line(pairs: Sequence[tuple[float, float]], classes: str) -> str:
    """A line through points."""
    return f'<path class="{classes}" d="{points(pairs)}"/>'


def steps(pairs: Sequence[tuple[float, float]], classes: str) -> str:
    """A staircase through points: what holds from each on, with nothing drawn between."""
    corners = [pairs[0]]
    for (_, before), (x, y) in pairwise(pairs):
        corners += [(x, before), (x, y)]
    return line(corners, classes)


def band(lower: Sequence[tuple[float, float]], upper: Sequence[tuple[float, float]], classes: str) -> str:
    """The area between two lines."""
    return f'<path class="{classes}" d="{points([*lower, *reversed(upper)])}Z"/>'


def dots(pairs: Iterable[tuple[float, float]], classes: str) -> str:
    """Many small dots as one path: a stroke of no length with round ends."""
    data = "".join(f"M{n(x)} {n(y)}h0" for x, y in pairs)
    return f'<path class="{classes}" d="{data}"/>' if data else ""


def mark(x: float, y: float, label: str, shape: str, classes: str) -> str:
    """A point with a name: a script makes it focusable, without one it has a tooltip."""
    return f'<g class="pt {classes}" role="img"><title>{text(label)}</title>{_shape(shape, x, y)}</g>'


def whisker(x: float, low: float, high: float, classes: str = "whisker") -> str:
    """A vertical interval."""
    return f'<path class="{classes}" d="M{n(x)} {n(low)}V{n(high)}"/>'


def label(x: float, y: float, content: str, classes: str = "tick", anchor: str = "middle") -> str:
    """Text at a place."""
    return f'<text class="{classes}" x="{n(x)}" y="{n(y)}" text-anchor="{anchor}">{text(content)}</text>'


def text(content: str) -> str:
    """Foreign text, escaped and without invisible characters."""
    return str(escape(visible(content)))


def x_axis(scale: Scale, ticks: Sequence[float], tell: Callable[[float], str], title: str, bottom: float) -> str:
    """Ticks, their numbers, and the axis' name below them."""
    parts = [f'<path class="axis" d="M{n(scale.start)} {n(bottom)}H{n(scale.end)}"/>']
    for tick in ticks:
        parts.append(f'<path class="axis" d="M{n(scale(tick))} {n(bottom)}v4"/>')
        parts.append(label(scale(tick), bottom + 17, tell(tick)))
    parts.append(label((scale.start + scale.end) / 2, bottom + 36, title, "name"))
    return "".join(parts)


def y_axis(
    scale: Scale,
    tell: Callable[[float], str],
    title: str,
    *,
    left: float = LEFT,
    right: float = WIDTH,
    name_at: float | None = None,
) -> str:
    """Grid lines with their numbers at the left, and the axis' name above them (at height `name_at`)."""
    parts, last = [], math.inf
    for tick in scale.ticks():
        y = scale(tick)
        if last - y < _LEAST_GAP:
            continue
        last = y
        parts.append(f'<path class="grid" d="M{n(left)} {n(y)}H{n(right)}"/>')
        parts.append(label(left - 6, y + 4, tell(tick), anchor="end"))
    parts.append(label(4, scale.end - 35 if name_at is None else name_at, title, "name", "start"))
    return "".join(parts)


def canvas(body: str, title: str, *, width: float = WIDTH, height: float = HEIGHT, data: str = "") -> str:
    """An inline picture that scales with the page."""
    scales = f' data-scales="{escape(data)}"' if data else ""
    return f'<svg viewBox="0 0 {n(width)} {n(height)}" role="group" aria-label="{text(title)}"{scales}>{body}</svg>'


def _shape(shape: str, x: float, y: float) -> str:
    if shape == "square":
        return f'<rect x="{n(x - 4.5)}" y="{n(y - 4.5)}" width="9" height="9" rx="1.5"/>'
    if shape == "cross":
        return f'<path d="M{n(x - 4)} {n(y - 4)}l8 8m0 -8l-8 8"/>'
    return f'<circle cx="{n(x)}" cy="{n(y)}" r="5"/>'


def _log_ticks(low: float, high: float) -> list[float]:
    wide = math.log10(high / low)
    steps_ = (1, 2, 5) if wide < 2.6 else (1,) if wide > 4.5 else (1, 3)
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [s * 10.0**e for e in exponents for s in steps_ if low <= s * 10.0**e <= high]
    return found or [low, high]


def _linear_ticks(low: float, high: float) -> list[float]:
    rough = (high - low) / 4
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough)
    return [step * i for i in range(math.ceil(low / step), math.floor(high / step) + 1)]
