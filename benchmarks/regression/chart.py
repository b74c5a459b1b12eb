"""The two curves of the simulation as one SVG: what each true change is called, and what finding it costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

WIDTH, HEIGHT, LEFT, TOP, PLOT_W, PLOT_H = 760, 300, 50, 40, 290, 200
COLOURS = {"worse": "#b3261e", "same": "#4a5568", "not decided": "#b7791f", "duet": "#1f5fb4", "fixed size": "#4a5568"}


class Point(Protocol):
    """A row of the simulation."""

    @property
    def slowdown(self) -> float: ...
    @property
    def worse(self) -> float: ...
    @property
    def same(self) -> float: ...
    @property
    def not_decided(self) -> float: ...
    @property
    def mean_invocations(self) -> float: ...
    @property
    def fixed_invocations(self) -> float | None: ...


def draw(rows: Sequence[Point]) -> str:
    """The SVG document."""
    rows = sorted(rows, key=lambda row: row.slowdown)
    # Where the budget ended most duets, their cost is that of the budget.
    found = [row for row in rows if row.fixed_invocations and row.worse > 0.95]
    shares: dict[str, Callable[[Point], float]] = {
        "worse": lambda row: row.worse,
        "same": lambda row: row.same,
        "not decided": lambda row: row.not_decided,
    }
    left = _panel(
        LEFT, "Verdict by true change (threshold 5%)",
        {name: [(row.slowdown, value(row)) for row in rows] for name, value in shares.items()},
        [0, 0.25, 0.5, 0.75, 1.0], lambda v: f"{v:.0%}",
    )  # fmt: skip
    costs = {
        "duet": [(row.slowdown, math.log10(row.mean_invocations)) for row in found],
        "fixed size": [(row.slowdown, math.log10(row.fixed_invocations or 1)) for row in found],
    }
    right = _panel(
        LEFT + PLOT_W + 90, "Invocations to find it (mean)", costs, [1, 1.5, 2, 2.5, 3], lambda v: f"{10**v:,.0f}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="11">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>{left}{right}</svg>\n'
    )


def _panel(
    left: int,
    title: str,
    series: dict[str, list[tuple[float, float]]],
    ticks: list[float],
    label: Callable[[float], str],
) -> str:
    most = max(x for points in series.values() for x, _ in points)

    def place(x: float, y: float) -> tuple[float, float]:
        height = (y - ticks[0]) / (ticks[-1] - ticks[0])
        return left + PLOT_W * x / most, TOP + PLOT_H * (1 - height)

    parts = [f'<text x="{left}" y="{TOP - 16}" font-weight="bold">{title}</text>']
    for tick in ticks:
        _, y = place(0, tick)
        parts.append(f'<path d="M{left} {y:.1f}h{PLOT_W}" stroke="#e2e8f0"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{label(tick)}</text>')
    parts += [
        f'<text x="{place(x, 0)[0]:.1f}" y="{TOP + PLOT_H + 16}" text-anchor="middle">{x:.0%}</text>'
        for x in (0.0, 0.05, 0.1, 0.15, 0.2, 0.3)
        if x <= most
    ]
    for row, (name, points) in enumerate(series.items()):
        path = "L".join("{:.1f} {:.1f}".format(*place(x, y)) for x, y in points)
        parts.append(f'<path d="M{path}" fill="none" stroke="{COLOURS[name]}" stroke-width="2"/>')
        dots = ((*place(x, y), COLOURS[name]) for x, y in points)
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y, colour in dots]
        parts.append(f'<text x="{left + 100 * row}" y="{TOP + PLOT_H + 36}" fill="{COLOURS[name]}">● {name}</text>')
    return "".join(parts)
