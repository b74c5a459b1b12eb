"""The charts over memory and the trade-off: what was measured, what is believed, how surely.

A line is drawn only together with its band, and only where the search was over a whole
range; listed sizes stand alone, and nothing is drawn between them. Every chart brings its
own table, so that no figure is to be had from the picture alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from reports.charts import svg
from reports.words import verdict
from reports.words.numbers import Interval, clip, memory, milliseconds, money, plural, span
from reports.words.rows import Key, Result, Row
from tuner.documents.result import IntervalDocument, MeasurementDocument, PointDocument, StatisticsDocument

SHAPES = {"x86_64": "square", "arm64": "circle"}
"""Architectures differ in shape too, so that colour is never the only sign."""
MAX_DOTS = 24
"""Single runs drawn for one configuration; of more, evenly spaced ranks stand for all."""
_BOTTOM = svg.HEIGHT - svg.BOTTOM


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture, what it shows, its legend (series, label), and its figures as a table."""

    name: str
    title: str
    svg: str
    caption: str
    legend: tuple[tuple[str, str], ...] = ()
    header: tuple[str, ...] = ()
    table: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """What a chart over memory shows: where its values come from and how they read."""

    name: str
    title: str
    axis: str
    believed: Callable[[Row], Interval | None]
    fitted: Callable[[PointDocument], IntervalDocument]
    statistics: Callable[[MeasurementDocument], StatisticsDocument | None]
    runs: Callable[[MeasurementDocument], list[float]]
    tell: Callable[[float], str]
    factor: float = 1.0


def duration(result: Result, rows: Sequence[Row]) -> Chart:
    """Duration against memory."""
    figure = Figure(
        "duration",
        "Duration against memory",
        f"duration of {verdict.kind_of_run(result)}",
        lambda row: row.duration_ms,
        lambda point: point["duration_ms"],
        lambda measurement: measurement["duration_ms"],
        lambda measurement: warm_runs(measurement, measurement["data"]["duration_ms"]),
        milliseconds,
    )
    return over_memory(figure, result, rows)


def cost(result: Result, rows: Sequence[Row]) -> Chart:
    """Cost against memory."""
    prices = result["prices"]

    def run_costs(measurement: MeasurementDocument) -> list[float]:
        per_ms = measurement["memory_mb"] / 1024 / 1000 * prices["gb_second_usd"][measurement["architecture"]]
        billed = warm_runs(measurement, measurement["data"]["billed_duration_ms"])
        return [ms * per_ms + prices["request_usd"] for ms in billed]

    figure = Figure(
        "cost",
        "Cost against memory",
        "cost of a million invocations",
        lambda row: row.cost_usd,
        lambda point: point["cost_usd"],
        lambda measurement: measurement["cost_usd"],
        run_costs,
        lambda value: money(value, prices["currency"]),
        1e6,
    )
    return over_memory(figure, result, rows)


def over_memory(figure: Figure, result: Result, rows: Sequence[Row]) -> Chart:
    """One figure of every configuration over memory, both architectures."""
    measured = {(m["memory_mb"], m["architecture"]): m for m in result["measurements"]}
    values = _range_of(figure, rows, measured)
    x = svg.memory_scale([row.memory_mb for row in rows] or [128])
    y = svg.value_scale(values, _BOTTOM, svg.TOP)
    body = [
        svg.y_axis(y, figure.tell, figure.axis + (" (log)" if y.log else ""), right=x.end),
        svg.x_axis(x, svg.memory_ticks(x), lambda v: f"{v:,.0f}", "memory in MB (log)", _BOTTOM),
    ]
    for architecture in architectures(rows):
        own = [row for row in rows if row.architecture == architecture]
        drawn = [
            _fitted(figure, result, architecture, x, y),
            _believed(figure, own, x, y, continuous=not result["request"]["listed"]),
            *(_measured(figure, row, measured.get(row.key), x, y) for row in own),
            *(_failed(row, x) for row in own if row.reason),
        ]
        body.append(_series(architecture, "".join(drawn)))
    body.append(_roles(figure, rows, x, y))
    table = tuple(_table_row(figure, row) for row in rows)
    return Chart(
        figure.name,
        figure.title,
        svg.canvas("".join(body), figure.title, data=scales(x, y, figure.factor)),
        _caption(result, rows),
        tuple((architecture, architecture) for architecture in architectures(rows)),
        ("memory", "architecture", figure.axis, "95% interval", "measured"),
        table,
    )


def trade_off(result: Result, rows: Sequence[Row]) -> Chart:
    """Cost against duration, with the configurations that no other beats in both."""
    known = [row for row in rows if row.candidate and row.duration_ms and row.cost_usd]
    currency = result["prices"]["currency"]
    x = svg.value_scale((_mean(row.duration_ms) for row in known), svg.LEFT, svg.WIDTH - svg.RIGHT)
    y = svg.value_scale((_mean(row.cost_usd) * 1e6 for row in known), _BOTTOM, svg.TOP)
    body = [
        svg.y_axis(y, lambda v: money(v, currency), "cost of a million invocations" + _log(y), right=x.end),
        svg.x_axis(x, _thin(x.ticks()), milliseconds, f"duration of {verdict.kind_of_run(result)}" + _log(x), _BOTTOM),
    ]
    frontier = sorted((_mean(row.duration_ms), _mean(row.cost_usd) * 1e6) for row in known if row.frontier)
    if len(frontier) > 1:
        body.append(svg.steps([(x(ms), y(usd)) for ms, usd in frontier], "frontier"))
    for architecture in architectures(known):
        own = [row for row in known if row.architecture == architecture]
        body.append(_series(architecture, "".join(_trade_off_mark(row, x, y, currency) for row in own)))
    body += [
        _role_mark(row, x(_mean(row.duration_ms)), y(_mean(row.cost_usd) * 1e6), x, y)
        for row in known
        if row.recommended or row.current
    ]
    table = tuple(
        (memory(row.memory_mb), row.architecture, milliseconds(_mean(row.duration_ms)), _cost(row, currency))
        for row in sorted(known, key=lambda row: _mean(row.duration_ms))
        if row.frontier or row.current or row.recommended
    )
    return Chart(
        "trade-off",
        "Cost against duration",
        svg.canvas("".join(body), "Cost against duration", data=scales(x, y, 1e6)),
        "Lower left is better. The stairs are the frontier: no other configuration is both cheaper and faster than "
        "one of its corners. Hollow marks were not measured themselves.",
        tuple((architecture, architecture) for architecture in architectures(known)),
        ("memory", "architecture", "duration", "cost per million"),
        table,
    )


def architectures(rows: Sequence[Row]) -> tuple[str, ...]:
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


def scales(x: svg.Scale, y: svg.Scale, factor: float = 1.0) -> str:
    """Both axes as JSON, for the script that places marks."""
    return json.dumps({"x": x.as_data(), "y": y.as_data(), "factor": factor}, separators=(",", ":"))


def _believed(figure: Figure, own: Sequence[Row], x: svg.Scale, y: svg.Scale, *, continuous: bool) -> str:
    """The fitted curve in its band where a range was searched; else each unmeasured size by itself."""
    known = [(row, interval) for row in own if row.candidate and (interval := figure.believed(row))]
    if not continuous or len(known) < 3 or all(row.measured for row, _ in known):
        return "".join(_alone(figure, row, interval, x, y) for row, interval in known if not row.measured)
    return _curve([(row.memory_mb, interval) for row, interval in known], x, y, figure.factor, "curve")


def _fitted(figure: Figure, result: Result, architecture: str, x: svg.Scale, y: svg.Scale) -> str:
    """The curve behind listed sizes, in its band: for orientation, since only listed sizes are candidates."""
    found = [point for point in result["fitted"] if point["architecture"] == architecture]
    if len(found) < 3:
        return ""
    known = [(point["memory_mb"], figure.fitted(point)) for point in found]
    return _curve(known, x, y, figure.factor, "curve fitted")


def _curve(known: Sequence[tuple[int, Interval]], x: svg.Scale, y: svg.Scale, factor: float, classes: str) -> str:
    """A line through the means, in the band of their intervals."""
    low = [(x(memory_mb), y(interval["low"] * factor)) for memory_mb, interval in known]
    high = [(x(memory_mb), y(interval["high"] * factor)) for memory_mb, interval in known]
    mean = [(x(memory_mb), y(interval["mean"] * factor)) for memory_mb, interval in known]
    return svg.band(low, high, "band") + svg.line(mean, classes)


def _alone(figure: Figure, row: Row, interval: Interval, x: svg.Scale, y: svg.Scale) -> str:
    at, scale = x(row.memory_mb), figure.factor
    name = f"{row_name(row)}: {_told(figure, interval)}, estimated, not measured"
    return svg.whisker(at, y(interval["low"] * scale), y(interval["high"] * scale)) + svg.mark(
        at, y(interval["mean"] * scale), name, SHAPES[row.architecture], "hollow"
    )


def _measured(figure: Figure, row: Row, measurement: MeasurementDocument | None, x: svg.Scale, y: svg.Scale) -> str:
    """The single runs beside the mark of their mean with its interval."""
    statistics = figure.statistics(measurement) if measurement else None
    if measurement is None or statistics is None:
        return ""
    at = x(row.memory_mb)
    runs = [value * figure.factor for value in figure.runs(measurement)]
    warm = has_warm(measurement)
    shown = evenly(runs)
    shift = [at + (index * 7 % 5 - 2) * 2.2 for index in range(len(shown))]
    name = (
        f"{row_name(row)}: {_told(figure, statistics)}, measured: {plural(len(runs), 'run')} "
        f"in {plural(measurement['environments'], 'environment')}{'' if warm else ', cold starts only'}"
    )
    return (
        svg.dots(zip(shift, map(y, shown), strict=True), "dots")
        + svg.whisker(at, y(statistics["low"] * figure.factor), y(statistics["high"] * figure.factor))
        + svg.mark(
            at, y(statistics["mean"] * figure.factor), name, SHAPES[row.architecture], "measured" if warm else "cold"
        )
    )


def _failed(row: Row, x: svg.Scale) -> str:
    """A cross at the foot of the chart, with the reason."""
    height = _BOTTOM - (8 if row.architecture == "x86_64" else 20)
    return svg.mark(x(row.memory_mb), height, f"{row_name(row)}: {clip(row.reason, 160)}", "cross", "failed")


def _roles(figure: Figure, rows: Sequence[Row], x: svg.Scale, y: svg.Scale) -> str:
    """Where the current and the recommended configuration are."""
    found = []
    for row in rows:
        interval = figure.believed(row)
        if (row.recommended or row.current) and interval:
            found.append(_role_mark(row, x(row.memory_mb), y(interval["mean"] * figure.factor), x, y))
    return "".join(found)


def _role_mark(row: Row, at: float, height: float, x: svg.Scale, y: svg.Scale) -> str:
    """A ring around the point, and a line up to its name above the chart."""
    role = "best" if row.recommended else "now"
    name = "recommended" + (" = now" if row.current else "") if row.recommended else "now"
    line = y.end - (6 if row.recommended else 18)
    anchor = "start" if at < x.start + 40 else "end" if at > x.end - 40 else "middle"
    return (
        f'<g class="{role}"><path class="drop" d="M{svg.n(at)} {svg.n(line + 3)}V{svg.n(height - 8)}"/>'
        f'<circle class="ring" cx="{svg.n(at)}" cy="{svg.n(height)}" r="8"/>'
        f"{svg.label(at, line, name, 'role', anchor)}</g>"
    )


def _trade_off_mark(row: Row, x: svg.Scale, y: svg.Scale, currency: str) -> str:
    classes = ("measured" if row.measured else "hollow") + (" front" if row.frontier else " back")
    name = f"{row_name(row)}: {milliseconds(_mean(row.duration_ms))}, {_cost(row, currency)} per million"
    at, height = x(_mean(row.duration_ms)), y(_mean(row.cost_usd) * 1e6)
    return svg.mark(at, height, name, SHAPES[row.architecture], classes)


def _range_of(figure: Figure, rows: Sequence[Row], measured: Mapping[Key, MeasurementDocument]) -> list[float]:
    """The values that the axis has to hold: means and bands, and the bulk of the runs."""
    found: list[float] = []
    for row in rows:
        if interval := figure.believed(row):
            found += [interval["mean"], interval["low"], interval["high"]]
        if (measurement := measured.get(row.key)) and (statistics := figure.statistics(measurement)):
            found += [statistics["mean"], statistics["p50"], statistics["p95"]]
    return [value * figure.factor for value in found]


def _caption(result: Result, rows: Sequence[Row]) -> str:
    parts = ["Filled marks: measured means with their 95% intervals; small dots: single warm runs."]
    if any(m["duration_ms"] and not has_warm(m) for m in result["measurements"]):
        parts.append("Pale marks: cold starts only, whose init is in the price.")
    if any(row.candidate and not row.measured for row in rows):
        if result["request"]["listed"]:
            parts.append("Hollow marks: estimated, not measured.")
        else:
            parts.append("Line and band: the fitted curve with its 95% interval, also where nothing was measured.")
    elif result["fitted"]:
        parts.append("Thin line and band: the fitted curve with its 95% interval; only the marks can be recommended.")
    else:
        parts.append("Nothing is drawn between measured sizes, because nothing is known there.")
    if any(row.reason for row in rows):
        parts.append("Crosses: sizes that failed.")
    return " ".join(parts)


def _table_row(figure: Figure, row: Row) -> tuple[str, ...]:
    interval = figure.believed(row)
    told = ("–", "–") if interval is None else (figure.tell(interval["mean"] * figure.factor), _ends(figure, interval))
    state = clip(row.reason, 120) if row.reason else plural(row.runs, "run") if row.measured else "no"
    return memory(row.memory_mb), row.architecture, *told, state


def _told(figure: Figure, interval: Interval) -> str:
    return f"{figure.tell(interval['mean'] * figure.factor)} ({_ends(figure, interval)})"


def _ends(figure: Figure, interval: Interval) -> str:
    return span(figure.tell(interval["low"] * figure.factor), figure.tell(interval["high"] * figure.factor))


def _series(architecture: str, content: str) -> str:
    return f'<g class="series {architecture}" data-series="{architecture}">{content}</g>'


def row_name(row: Row) -> str:
    """A configuration as marks name it: `1,024 MB arm64`."""
    return f"{memory(row.memory_mb)} {row.architecture}"


def _cost(row: Row, currency: str) -> str:
    return money(_mean(row.cost_usd) * 1e6, currency)


def _mean(interval: Interval | None) -> float:
    return float(interval["mean"]) if interval else 0.0


def _log(scale: svg.Scale) -> str:
    return " (log)" if scale.log else ""


def _thin(ticks: list[float]) -> list[float]:
    """Every second tick where there are too many for their numbers."""
    return ticks if len(ticks) <= 6 else ticks[::2]
