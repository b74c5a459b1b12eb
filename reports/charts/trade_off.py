"""The trade-off: cost against duration, with the configurations that no other one beats in both."""

from __future__ import annotations

from collections.abc import Sequence

from reports.charts import svg
from reports.charts.chart import (
    SHAPES,
    Chart,
    along,
    architectures,
    log_note,
    mean,
    panel_data,
    role_mark,
    row_name,
    scales,
    series,
)
from reports.words.bounds import within_bounds
from reports.words.numbers import DURATION, memory, milliseconds, money, money_unit
from reports.words.origin import kind_of_run
from reports.words.rows import ReportRow, Result
from reports.words.verdict import recommended_name

_BOTTOM = svg.HEIGHT - svg.BOTTOM


def draw(result: Result, rows: Sequence[ReportRow]) -> Chart:
    """Cost against duration, with the configurations that no other beats in both."""
    known = [row for row in rows if row.candidate and row.duration_ms and row.cost_usd]
    currency = result["prices"]["currency"]
    x = svg.value_scale((mean(row.duration_ms) for row in known), svg.LEFT, svg.WIDTH - svg.RIGHT)
    y = svg.value_scale((mean(row.cost_usd) * 1e6 for row in known), _BOTTOM, svg.TOP)
    body = [
        svg.y_axis(y, along(y, money_unit(currency)), "cost of a million invocations" + log_note(y), right=x.end),
        svg.x_axis(
            x, _thin(x.ticks()), along(x, DURATION), f"duration of {kind_of_run(result)}" + log_note(x), _BOTTOM
        ),
    ]
    frontier = sorted((mean(row.duration_ms), mean(row.cost_usd) * 1e6) for row in known if row.frontier)
    if len(frontier) > 1:
        body.append(svg.steps([(x(ms), y(usd)) for ms, usd in frontier], "frontier"))
    for architecture in architectures(known):
        own = [row for row in known if row.architecture == architecture]
        body.append(series(architecture, "".join(_trade_off_mark(row, x, y, currency) for row in own)))
    lines = (y.end - 6, y.end - 18)
    body += [
        role_mark(row, x(mean(row.duration_ms)), y(mean(row.cost_usd) * 1e6), x, lines, recommended_name(result))
        for row in known
        if row.recommended or row.current
    ]
    table = tuple(
        (memory(row.memory_mb), row.architecture, milliseconds(mean(row.duration_ms)), _cost(row, currency))
        for row in sorted(known, key=lambda row: mean(row.duration_ms))
        if row.frontier or row.current or row.recommended
    )
    return Chart(
        "trade-off",
        "Cost against duration",
        svg.canvas("".join(body), "Cost against duration", data=scales(x, [panel_data("trade-off", y, 1e6)])),
        _caption(known, stairs=_stairs_told(result) if len(frontier) > 1 else ""),
        tuple((architecture, architecture) for architecture in architectures(known)),
        ("memory", "architecture", "duration", "cost per million"),
        table,
    )


def _caption(known: Sequence[ReportRow], *, stairs: str) -> str:
    """What the picture shows, and nothing that it does not."""
    parts = ["Lower left is better.", *filter(None, [stairs])]
    if not all(row.measured for row in known):
        parts.append("Hollow marks were not measured themselves.")
    return " ".join(parts)


def _stairs_told(result: Result) -> str:
    """What the stairs join, with the bounds that all of it meets. Where nothing meets them, they join all the same."""
    recommended = result["recommendation"]
    bounds = "" if recommended is None or recommended["unmet"] else within_bounds(result)
    joined = " ".join(filter(None, ["The stairs join the best trade-offs", bounds]))
    other = "no other such configuration" if bounds else "no other configuration"
    return f"{joined}: {other} is both cheaper and faster than one of them."


def _trade_off_mark(row: ReportRow, x: svg.Scale, y: svg.Scale, currency: str) -> str:
    classes = ("measured" if row.measured else "hollow") + (" front" if row.frontier else " back")
    name = f"{row_name(row)}: {milliseconds(mean(row.duration_ms))}, {_cost(row, currency)} per million"
    at, height = x(mean(row.duration_ms)), y(mean(row.cost_usd) * 1e6)
    return svg.mark(at, height, name, SHAPES[row.architecture], classes)


def _cost(row: ReportRow, currency: str) -> str:
    return money(mean(row.cost_usd) * 1e6, currency)


def _thin(ticks: list[float]) -> list[float]:
    """Every second tick where there are too many for their numbers."""
    return ticks if len(ticks) <= 6 else ticks[::2]
