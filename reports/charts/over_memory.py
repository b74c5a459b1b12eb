"""Cost and duration over memory, one above the other on one axis of memory: the chart of the first screen.

A line is drawn only together with its band, and only where the search was over a whole range. Listed sizes stand
alone, and nothing is drawn between them. The flat zone is shaded, and every figure is in the chart's table too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from reports.charts import svg
from reports.charts.chart import (
    SHAPES,
    Chart,
    along,
    architectures,
    evenly,
    has_warm,
    log_note,
    panel_data,
    role_mark,
    row_name,
    scales,
    series,
    warm_runs,
)
from reports.words.escape import clip
from reports.words.flat_zone import FlatZone, flat_zone
from reports.words.numbers import DURATION, Interval, Unit, memory, money_unit
from reports.words.origin import kind_of_run, of_own_runs
from reports.words.rows import Key, ReportRow, Result
from reports.words.verdict import recommended_name
from tuner.plain_numbers import plural

if TYPE_CHECKING:
    from tuner.documents.result import IntervalDocument, MeasurementDocument, PointDocument, StatisticsDocument

WIDTH = 560.0
_LEFT, _RIGHT = 60.0, 14.0
_COST, _DURATION = (62.0, 152.0), (196.0, 296.0)
"""Top and bottom of each panel."""
_ROLES = (28.0, 14.0)
"""Heights of the names "recommended" and "now"."""
_NAME_BELOW, _NAME_ABOVE = 16.0, 6.0
"""Where the flat zone's name stands: below the upper panel, where no mark is, or above the foot of the only one."""


class Figure(NamedTuple):
    """What a panel shows: where its values come from and how they read."""

    name: str
    axis: str
    believed: Callable[[ReportRow], Interval | None]
    fitted: Callable[[PointDocument], IntervalDocument]
    statistics: Callable[[MeasurementDocument], StatisticsDocument | None]
    runs: Callable[[MeasurementDocument], list[float]]
    unit: Unit
    factor: float = 1.0


def draw(result: Result, rows: Sequence[ReportRow]) -> Chart:
    """Both panels, the current and the recommended configuration, and the flat zone."""
    measured = {(m["memory_mb"], m["architecture"]): m for m in result["measurements"]}
    x = svg.memory_scale([row.memory_mb for row in rows] or [128], _LEFT, WIDTH - _RIGHT)
    drawn = [_Panel(figure, top, bottom, result, rows, measured, x) for figure, (top, bottom) in _panels(result, rows)]
    foot, zone = drawn[-1].bottom, flat_zone(result)
    body = [
        _flat_zone(zone, x, drawn[0].top, foot),
        *(panel.draw() for panel in drawn),
        svg.x_axis(x, svg.memory_ticks(x), lambda v: f"{v:,.0f}", "memory in MB (log)", foot),
        drawn[0].roles(recommended_name(result), _ROLES),
        *(below.roles("", (above.bottom, above.bottom)) for above, below in pairwise(drawn)),
        series_of_failures(rows, x, foot),
        _flat_zone_name(zone, x, (drawn[0].bottom + _NAME_BELOW) if len(drawn) > 1 else foot - _NAME_ABOVE),
    ]
    known = "Cost and duration over memory" if len(drawn) > 1 else "Duration over memory"
    title = known if any(row.duration_ms for row in rows) else "Sizes that were tried"
    return Chart(
        "memory",
        title,
        svg.canvas(
            "".join(body),
            title,
            width=WIDTH,
            height=foot + svg.BOTTOM,
            data=scales(x, [panel_data(panel.figure.name, panel.y, panel.figure.factor) for panel in drawn]),
        ),
        _caption(result, rows),
        tuple((architecture, architecture) for architecture in architectures(rows)),
        (
            *("memory", "architecture"),
            *(head for panel in drawn for head in (panel.figure.axis, "95% interval")),
            *("runs, cold and failed ones too", "mark: mean of its own runs"),
        ),
        tuple(_table_row([panel.figure for panel in drawn], row, measured.get(row.key)) for row in rows),
    )


def _panels(result: Result, rows: Sequence[ReportRow]) -> list[tuple[Figure, tuple[float, float]]]:
    """The figures that are known, each with its place."""
    if any(row.cost_usd for row in rows):
        return [(_cost_figure(result), _COST), (_duration_figure(result), _DURATION)]
    return [(_duration_figure(result), _COST)]


def _duration_figure(result: Result) -> Figure:
    return Figure(
        "duration",
        f"duration of {kind_of_run(result)}",
        lambda row: row.duration_ms,
        lambda point: point["duration_ms"],
        lambda measurement: measurement["duration_ms"],
        lambda measurement: warm_runs(measurement, measurement["data"]["duration_ms"]),
        DURATION,
    )


def _cost_figure(result: Result) -> Figure:
    prices = result["prices"]

    def run_costs(measurement: MeasurementDocument) -> list[float]:
        per_ms = measurement["memory_mb"] / 1024 / 1000 * prices["gb_second_usd"][measurement["architecture"]]
        billed = warm_runs(measurement, measurement["data"]["billed_duration_ms"])
        return [ms * per_ms + prices["request_usd"] for ms in billed]

    return Figure(
        "cost",
        "cost of a million invocations",
        lambda row: row.cost_usd,
        lambda point: point["cost_usd"],
        lambda measurement: measurement["cost_usd"],
        run_costs,
        money_unit(prices["currency"]),
        1e6,
    )


class _Panel:
    """One figure of every configuration over memory, both architectures."""

    def __init__(
        self,
        figure: Figure,
        top: float,
        bottom: float,
        result: Result,
        rows: Sequence[ReportRow],
        measured: Mapping[Key, MeasurementDocument],
        x: svg.Scale,
    ) -> None:
        self.figure, self.top, self.bottom = figure, top, bottom
        self._values = _range_of(figure, rows, measured)
        self.y = svg.value_scale(self._values, bottom, top)
        self._result, self._rows, self._measured, self._x = result, rows, measured, x

    def draw(self) -> str:
        """Axis, curves and marks. Where nothing has a value, there is no axis."""
        shown = "".join(series(architecture, self._series(architecture)) for architecture in architectures(self._rows))
        if not self._values:
            return shown
        name = self.figure.axis + log_note(self.y)
        tell = along(self.y, self.figure.unit)
        return svg.y_axis(self.y, tell, name, left=_LEFT, right=self._x.end, name_at=self.top - 10) + shown

    def roles(self, name: str, lines: tuple[float, float]) -> str:
        """Rings around the current and the recommended configuration, with lines to their names or the panel above."""
        return "".join(
            role_mark(row, self._x(row.memory_mb), self.y(interval["mean"] * self.figure.factor), self._x, lines, name)
            for row in self._rows
            if (row.recommended or row.current) and (interval := self.figure.believed(row))
        )

    def _series(self, architecture: str) -> str:
        own = [row for row in self._rows if row.architecture == architecture]
        continuous = not self._result["request"]["listed"]
        return "".join(
            [
                _fitted(self.figure, self._result, architecture, self._x, self.y),
                _believed(self.figure, own, self._x, self.y, continuous=continuous),
                *(_measured(self.figure, row, self._measured.get(row.key), self._x, self.y) for row in own),
            ]
        )


def series_of_failures(rows: Sequence[ReportRow], x: svg.Scale, foot: float) -> str:
    """A cross at the foot of the chart for each size that was tried and failed."""
    return "".join(
        series(architecture, "".join(_failed(row, x, foot) for row in rows if row.architecture == architecture))
        for architecture in architectures([row for row in rows if row.failed])
    )


def _flat_zone(zone: FlatZone | None, x: svg.Scale, top: float, foot: float) -> str:
    """The sizes that cost the same within the tolerance, shaded through both panels."""
    if zone is None:
        return ""
    left, right = x(zone.low_mb), x(zone.high_mb)
    return (
        f'<rect class="flat" x="{svg.n(left)}" y="{svg.n(top)}" width="{svg.n(right - left)}" '
        f'height="{svg.n(foot - top)}"/>'
    )


def _flat_zone_name(zone: FlatZone | None, x: svg.Scale, y: float) -> str:
    """The name of the flat zone, above whatever is drawn."""
    return svg.label((x(zone.low_mb) + x(zone.high_mb)) / 2, y, "flat zone", "flat-name") if zone else ""


def _believed(figure: Figure, own: Sequence[ReportRow], x: svg.Scale, y: svg.Scale, *, continuous: bool) -> str:
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


def _alone(figure: Figure, row: ReportRow, interval: Interval, x: svg.Scale, y: svg.Scale) -> str:
    at, scale = x(row.memory_mb), figure.factor
    name = f"{row_name(row)}: {_told(figure, interval)}, estimated, not measured"
    return svg.whisker(at, y(interval["low"] * scale), y(interval["high"] * scale)) + svg.mark(
        at, y(interval["mean"] * scale), name, SHAPES[row.architecture], "hollow"
    )


def _measured(
    figure: Figure, row: ReportRow, measurement: MeasurementDocument | None, x: svg.Scale, y: svg.Scale
) -> str:
    """The single runs beside the mark of their mean with its interval."""
    statistics = figure.statistics(measurement) if measurement else None
    if measurement is None or statistics is None:
        return ""
    at = x(row.memory_mb)
    runs = [value * figure.factor for value in figure.runs(measurement)]
    warm = has_warm(measurement)
    shown = evenly(runs)
    shift = [at + (index * 7 % 5 - 2) * 2.2 for index in range(len(shown))]
    where = plural(measurement["environments"], "environment")
    name = f"{row_name(row)}: {_told(figure, statistics)}, mean of its own {_own_runs(measurement)} in {where}"
    return (
        svg.dots(zip(shift, map(y, shown), strict=True), "dots")
        + svg.whisker(at, y(statistics["low"] * figure.factor), y(statistics["high"] * figure.factor))
        + svg.mark(
            at, y(statistics["mean"] * figure.factor), name, SHAPES[row.architecture], "measured" if warm else "cold"
        )
    )


def _failed(row: ReportRow, x: svg.Scale, foot: float) -> str:
    """A cross with the reason."""
    if not row.failed:
        return ""
    height = foot - (8 if row.architecture == "x86_64" else 20)
    return svg.mark(x(row.memory_mb), height, f"{row_name(row)}: {clip(row.reason, 160)}", "cross", "failed")


def _range_of(figure: Figure, rows: Sequence[ReportRow], measured: Mapping[Key, MeasurementDocument]) -> list[float]:
    """The values that the axis has to hold: means, bands and intervals, and the bulk of the runs."""
    found: list[float] = []
    for row in rows:
        if interval := figure.believed(row):
            found += [interval["mean"], interval["low"], interval["high"]]
        if (measurement := measured.get(row.key)) and (statistics := figure.statistics(measurement)):
            found += [statistics[name] for name in ("mean", "low", "high", "p50", "p95")]
    return [value * figure.factor for value in found]


def _caption(result: Result, rows: Sequence[ReportRow]) -> str:
    parts = []
    if any(m["duration_ms"] for m in result["measurements"]):
        parts.append("Filled marks: means of own warm runs, 95% intervals; small dots: single runs.")
    if any(m["duration_ms"] and not has_warm(m) for m in result["measurements"]):
        parts.append("Pale marks: cold starts only, whose init is in the price.")
    if any(row.candidate and not row.measured for row in rows):
        if result["request"]["listed"]:
            parts.append("Hollow marks: estimated, not measured.")
        else:
            parts.append("Line and band: the fitted curve with its 95% interval.")
    elif result["fitted"]:
        parts.append("Thin line: the fitted curve; only marks can be recommended.")
    elif parts:
        parts.append("Nothing is drawn between measured sizes, because nothing is known there.")
    if parts and result["curve"]:
        parts.append(f"Rings and tables {'weigh in rare slow runs' if of_own_runs(result) else 'tell the curve'}.")
    if any(row.failed for row in rows):
        parts.append("Crosses: tried and failed.")
    return " ".join(parts)


def _table_row(figures: Sequence[Figure], row: ReportRow, measurement: MeasurementDocument | None) -> tuple[str, ...]:
    """What is believed of a size, and what its mark shows."""
    told: list[str] = []
    for figure in figures:
        interval = figure.believed(row)
        if interval is None:
            told += "–", "–"
        else:
            told += figure.unit.tell(interval["mean"] * figure.factor), _ends(figure, interval)
    state = clip(row.reason, 120) if row.reason else plural(row.runs, "run") if row.measured else "no"
    return memory(row.memory_mb), row.architecture, *told, state, _mark_told(figures, measurement)


def _mark_told(figures: Sequence[Figure], measurement: MeasurementDocument | None) -> str:
    """The figures of a mark, in the order of the panels, and the runs that they are of."""
    if measurement is None:
        return "–"
    found = [_told(figure, own) for figure in figures if (own := figure.statistics(measurement))]
    return ", ".join([*found, _own_runs(measurement)]) if found else "–"


def _own_runs(measurement: MeasurementDocument) -> str:
    """The runs that a mark is the mean of: `4 warm runs`; of cold ones only where there is no other."""
    runs = warm_runs(measurement, measurement["data"]["duration_ms"])
    return plural(len(runs), "warm run" if has_warm(measurement) else "cold run")


def _told(figure: Figure, interval: Interval) -> str:
    return f"{figure.unit.tell(interval['mean'] * figure.factor)} ({_ends(figure, interval)})"


def _ends(figure: Figure, interval: Interval) -> str:
    return figure.unit.range(interval["low"] * figure.factor, interval["high"] * figure.factor)
