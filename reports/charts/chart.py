"""What all charts share: their form, the shapes of architectures, names of marks, and which runs are shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from reports.charts import svg
from reports.words.numbers import Interval, Unit, memory
from reports.words.rows import ReportRow

if TYPE_CHECKING:
    from tuner.documents.result import MeasurementDocument

SHAPES = {"x86_64": "square", "arm64": "circle"}
"""Architectures differ in shape too, so that colour is never the only sign."""
MAX_DOTS = 24
"""Single runs drawn for one configuration; of more, evenly spaced ranks stand for all."""


class Chart(NamedTuple):
    """A picture, what it shows, its legend (series, label), and its figures as a table."""

    name: str
    title: str
    svg: str
    caption: str
    legend: tuple[tuple[str, str], ...] = ()
    header: tuple[str, ...] = ()
    table: tuple[tuple[str, ...], ...] = ()


def architectures(rows: Sequence[ReportRow]) -> tuple[str, ...]:
    """The architectures that rows are of."""
    return tuple(sorted({row.architecture for row in rows}))


def warm_runs(measurement: MeasurementDocument, column: Sequence[float | None]) -> list[float]:
    """The values of the usable warm runs in one column; of the cold runs where no run was warm."""
    data = measurement["data"]
    usable = [
        (cold, float(value))
        for ok, cold, value in zip(data["usable"], data["cold"], column, strict=True)
        if ok and value is not None
    ]
    return [value for cold, value in usable if not cold] or [value for _, value in usable]


def has_warm(measurement: MeasurementDocument) -> bool:
    """Whether any usable run was warm."""
    data = measurement["data"]
    return any(ok and not cold for ok, cold in zip(data["usable"], data["cold"], strict=True))


def evenly(values: Sequence[float], most: int = MAX_DOTS) -> list[float]:
    """At most so many values: evenly spaced ranks stand for all."""
    ordered = sorted(values)
    if len(ordered) <= most:
        return ordered
    return [ordered[round(i * (len(ordered) - 1) / (most - 1))] for i in range(most)]


def scales(x: svg.Scale, panels: Sequence[Mapping[str, Any]]) -> str:
    """The axis of memory or duration, and each panel's own axis, as JSON for the script that places marks."""
    return json.dumps({"x": x.as_data(), "panels": panels}, separators=(",", ":"))


def panel_data(figure: str, y: svg.Scale, factor: float = 1.0) -> dict[str, Any]:
    """A panel as the script needs it: which figure of a row it shows, where, and in which unit."""
    return {"figure": figure, "y": y.as_data(), "factor": factor}


def series(architecture: str, content: str) -> str:
    """The marks and lines of an architecture, which the legend switches on and off."""
    return f'<g class="series {architecture}" data-series="{architecture}">{content}</g>'


def row_name(row: ReportRow) -> str:
    """A configuration as marks name it: `1,024 MB arm64`."""
    return f"{memory(row.memory_mb)} {row.architecture}"


def mean(interval: Interval | None) -> float:
    """The mean of a figure; 0 where it is not known."""
    return float(interval["mean"]) if interval else 0.0


def along(scale: svg.Scale, unit: Unit) -> Callable[[float], str]:
    """How ticks of an axis read: all in the unit of the largest."""
    return lambda value: unit.axis(value, scale.high)


def log_note(scale: svg.Scale) -> str:
    """What the name of an axis says of a logarithmic scale."""
    return " (log)" if scale.log else ""


def role_mark(row: ReportRow, at: float, height: float, x: svg.Scale, lines: tuple[float, float], chosen: str) -> str:
    """A ring around the point of the current or recommended configuration, and a line up to its name.

    `lines` are the heights of both names, recommended and now; `chosen` is what the recommended one is called.
    Without a name, only ring and line are drawn.
    """
    role = "best" if row.recommended else "now"
    name = (chosen + (" = now" if row.current else "") if row.recommended else "now") if chosen else ""
    line = lines[0] if row.recommended else lines[1]
    anchor = "start" if at < x.start + 40 else "end" if at > x.end - 40 else "middle"
    return (
        f'<g class="{role}"><path class="drop" d="M{svg.n(at)} {svg.n(line + 3)}V{svg.n(height - 8)}"/>'
        f'<circle class="ring" cx="{svg.n(at)}" cy="{svg.n(height)}" r="8"/>'
        f"{svg.label(at, line, name, 'role', anchor) if name else ''}</g>"
    )
