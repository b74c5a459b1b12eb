"""The duration and the cost of one configuration over the results of a function, with their changes.

Results stand at equal distances, the oldest first. Decides nothing: the changes come as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from reports.charts import svg
from reports.charts.chart import SHAPES, Chart, along
from reports.words.numbers import DURATION, Interval, Unit, money_unit
from reports.words.rows import Key, Result, key
from tuner.comparison.change_points import ChangePoint

if TYPE_CHECKING:
    from tuner.documents.result import MeasurementDocument

_MOST_DATES = 4
"""Dates that fit below the axis."""


class _Figure(NamedTuple):
    name: str
    axis: str
    value: Callable[[MeasurementDocument], Interval | None]
    unit: Unit


def draw(results: Sequence[Result], changes: Sequence[ChangePoint]) -> tuple[Chart, ...]:
    """The duration and the cost over the results; nothing where no configuration was measured twice."""
    where = followed(results)
    if where is None:
        return ()
    found = [{key(m): m for m in result["measurements"]}.get(where) for result in results]
    currency = results[-1]["prices"]["currency"]
    figures = (
        _Figure("duration", "duration", lambda m: m["duration_ms"], DURATION),
        _Figure("cost", "cost of a million", lambda m: m["cost_usd"], money_unit(currency, factor=1e6)),
    )
    dates = [result["created_at"][:10] for result in results]
    return tuple(filter(None, (_chart(figure, where, found, dates, changes) for figure in figures)))


def followed(results: Sequence[Result]) -> Key | None:
    """The configuration to follow: the one that most results measured, the newest recommendation among equals."""
    times = Counter(key(m) for result in results for m in result["measurements"] if m["duration_ms"])
    if not times or max(times.values()) < 2:
        return None
    recommended = results[-1]["recommendation"]
    aim = recommended["memory_mb"] if recommended else 0
    newest = recommended and key(recommended)
    return max(times, key=lambda where: (times[where], where == newest, -abs(where[0] - aim), where))


def _chart(
    figure: _Figure,
    where: Key,
    found: Sequence[MeasurementDocument | None],
    dates: Sequence[str],
    changes: Sequence[ChangePoint],
) -> Chart | None:
    points = {number: value for number, m in enumerate(found) if m and (value := figure.value(m))}
    if not points:
        return None
    bottom = svg.HEIGHT - svg.BOTTOM
    x = svg.Scale(-0.5, len(found) - 0.5, svg.LEFT, svg.WIDTH - svg.RIGHT)
    y = svg.value_scale([end for value in points.values() for end in (value["low"], value["high"])], bottom, svg.TOP)
    every = -(-len(found) // _MOST_DATES)
    body = [
        svg.y_axis(y, along(y, figure.unit), figure.axis),
        svg.x_axis(x, range(0, len(found), every), lambda number: dates[int(number)], "result", bottom),
        *(_change(change, x, bottom) for change in changes),
        svg.line([(x(number), y(value["mean"])) for number, value in points.items()], "curve"),
        *(_mark(figure, where, dates[number], x(number), y, value) for number, value in points.items()),
    ]
    title = f"{figure.name.capitalize()} at {where[0]:,} MB on {where[1]}"
    return Chart(
        f"trend-{figure.name}",
        title,
        svg.canvas(f'<g class="series trend">{"".join(body)}</g>', title),
        "Measured means with their 95% intervals, the oldest result first."
        + (" Dashed lines are changes of the level." if changes else ""),
        header=("result", figure.axis, "95% interval"),
        table=tuple(
            (dates[number], figure.unit.tell(value["mean"]), _ends(figure, value)) for number, value in points.items()
        ),
    )


def _ends(figure: _Figure, value: Mapping[str, float] | Interval) -> str:
    return figure.unit.range(value["low"], value["high"])


def _mark(figure: _Figure, where: Key, date: str, at: float, y: svg.Scale, value: Interval) -> str:
    name = f"{date}: {figure.unit.tell(value['mean'])} ({_ends(figure, value)})"
    return svg.whisker(at, y(value["low"]), y(value["high"])) + svg.mark(
        at, y(value["mean"]), name, SHAPES[where[1]], "measured"
    )


def _change(change: ChangePoint, x: svg.Scale, bottom: float) -> str:
    at = x(change.number - 0.5)
    name = change.verdict.value
    return svg.line([(at, svg.TOP), (at, bottom)], f"change-at {name}") + svg.label(
        at, svg.TOP - 6, name, f"change-name {name}"
    )
