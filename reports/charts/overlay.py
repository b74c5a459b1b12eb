"""Several results over memory on common axes: two sides of a comparison, releases, or functions.

A line is drawn only together with its band, where a result has a curve. Colour and dashes tell results apart, the
shape of a mark tells its architecture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from reports.charts import svg
from reports.charts.chart import SHAPES, Chart, along, log_note
from reports.words.escape import clip
from reports.words.numbers import DURATION, Interval, Unit, memory, money_unit
from reports.words.rows import Result

if TYPE_CHECKING:
    from tuner.documents.result import MeasurementDocument, PointDocument

SHOWN = 6
"""Results that stay apart in one chart, and as many tones as the style sheet has."""
LABEL_CHARACTERS = 40


class Side(NamedTuple):
    """One of the results: what it is called, the class of its colour, and its document."""

    label: str
    tone: str
    document: Result


class _Figure(NamedTuple):
    name: str
    axis: str
    value: Callable[[MeasurementDocument | PointDocument], Interval | None]
    unit: Unit


def draw(sides: Sequence[Side]) -> tuple[Chart, ...]:
    """The cost and the duration of all sides over memory; of neither without a measurement."""
    currencies = {side.document["prices"]["currency"] for side in sides}
    figures = [_Figure("duration", "duration", lambda point: point["duration_ms"], DURATION)]
    if len(currencies) == 1:
        currency = next(iter(currencies))
        cost = _Figure(
            "cost",
            "cost of a million invocations",
            lambda point: point["cost_usd"],
            money_unit(currency, factor=1e6),
        )
        figures.insert(0, cost)
    return tuple(filter(None, (_chart(figure, sides) for figure in figures)))


def _chart(figure: _Figure, sides: Sequence[Side]) -> Chart | None:
    marks = [(side, m, found) for side in sides for m in side.document["measurements"] if (found := figure.value(m))]
    if not marks:
        return None
    curves = [found for side in sides for p in _curve(side) if (found := figure.value(p))]
    x = svg.memory_scale([m["memory_mb"] for _, m, _ in marks])
    ends = [end for found in [*curves, *(found for *_, found in marks)] for end in (found["low"], found["high"])]
    y = svg.value_scale(ends, svg.HEIGHT - svg.BOTTOM, svg.TOP)
    body = [
        svg.y_axis(y, along(y, figure.unit), figure.axis + log_note(y)),
        svg.x_axis(x, svg.memory_ticks(x), lambda mb: f"{mb:,.0f}", "memory in MB (log)", svg.HEIGHT - svg.BOTTOM),
        *(_side(figure, side, x, y) for side in sides),
    ]
    title = f"{figure.name.capitalize()} over memory"
    return Chart(
        f"overlay-{figure.name}",
        title,
        svg.canvas("".join(body), title),
        "Measured means with their 95% intervals. Squares are x86_64, circles arm64."
        + (" Lines are fitted curves with their bands." if curves else ""),
        tuple((side.tone, clip(side.label, LABEL_CHARACTERS)) for side in sides),
        ("result", "memory", "architecture", figure.axis, "95% interval"),
        tuple(
            (
                clip(side.label, LABEL_CHARACTERS),
                memory(m["memory_mb"]),
                m["architecture"],
                figure.unit.tell(found["mean"]),
                _ends(figure, found),
            )
            for side, m, found in marks
        ),
    )


def _ends(figure: _Figure, found: Interval) -> str:
    return figure.unit.range(found["low"], found["high"])


def _side(figure: _Figure, side: Side, x: svg.Scale, y: svg.Scale) -> str:
    """The curves and marks of a result."""
    drawn = [*_curves(figure, side, x, y), *_marks(figure, side, x, y)]
    return f'<g class="series {side.tone}">{"".join(drawn)}</g>'


def _curve(side: Side) -> Sequence[PointDocument]:
    """The fitted curve of a result."""
    return side.document["fitted"] if side.document["request"]["listed"] else side.document["curve"]


def _curves(figure: _Figure, side: Side, x: svg.Scale, y: svg.Scale) -> Iterator[str]:
    points = sorted(_curve(side), key=lambda p: (p["architecture"], p["memory_mb"]))
    for _, group in groupby(points, key=lambda p: p["architecture"]):
        found = [(x(p["memory_mb"]), value) for p in group if (value := figure.value(p))]
        if len(found) > 1:
            yield svg.band([(at, y(v["low"])) for at, v in found], [(at, y(v["high"])) for at, v in found], "band")
            yield svg.line([(at, y(v["mean"])) for at, v in found], "curve")


def _marks(figure: _Figure, side: Side, x: svg.Scale, y: svg.Scale) -> Iterator[str]:
    for m in side.document["measurements"]:
        if value := figure.value(m):
            at = x(m["memory_mb"])
            name = f"{side.label}, {memory(m['memory_mb'])} {m['architecture']}: {figure.unit.tell(value['mean'])}"
            yield svg.whisker(at, y(value["low"]), y(value["high"]))
            yield svg.mark(at, y(value["mean"]), name, SHAPES[m["architecture"]], "measured")
