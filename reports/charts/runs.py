"""The charts of single runs and of the search: scatter, cold starts, and how the doubt shrank.

Cold and warm runs stand apart everywhere: they are different experiences.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import TYPE_CHECKING, NamedTuple

from reports.charts import svg
from reports.charts.chart import SHAPES, Chart, along, architectures, evenly, row_name
from reports.words.numbers import DURATION, count, memory, milliseconds, milliseconds_range, percent
from reports.words.rows import Key, ReportRow, Result, key
from reports.words.verdict import recommended_name
from tuner.plain_numbers import plural

if TYPE_CHECKING:
    from tuner.documents.result import MeasurementDocument, SearchRoundDocument, StatisticsDocument

_BOTTOM = svg.HEIGHT - svg.BOTTOM
REACH = 2.0
"""How far the init chart reaches beyond what was seen: an interval of few cold starts may reach from nearly nothing."""
_STRIP_DOTS = 120
_NEAR = 1.5
"""Runs at a size that is no further away than this factor may stand in for a size that was not measured."""


class Strip(NamedTuple):
    """Runs of one kind at one configuration: `role` (best, now), warm or cold, and their times in ms."""

    role: str
    name: str
    kind: str
    architecture: str
    values: tuple[float, ...]


def distribution(result: Result, rows: Sequence[ReportRow]) -> Chart | None:
    """Every run at the current and the recommended configuration; None when neither has any."""
    found = _strips(result, rows)
    if not found:
        return None
    x = svg.value_scale([v for strip in found for v in strip.values], 16, svg.WIDTH - svg.RIGHT)
    step = (_BOTTOM - 16) / len(found)
    body = [svg.x_axis(x, _fitting(x.ticks()), along(x, DURATION), "time until the answer" + _log(x), _BOTTOM)]
    body += [f'<path class="grid" d="M{svg.n(x(tick))} 8V{svg.n(_BOTTOM)}"/>' for tick in _fitting(x.ticks())]
    body += [_strip(strip, x, 16 + index * step, step) for index, strip in enumerate(found)]
    return Chart(
        "runs",
        "Single runs, cold and warm",
        svg.canvas("".join(body), "Distribution of runs"),
        "Each dot is a run. Ticks: median and 95th percentile. Warm: handler time; cold: init and handler time, "
        "what a caller waits.",
        (("warm", "warm"), ("cold", "cold")),
        ("configuration", "kind", "runs", "median", "p95", "longest"),
        tuple(_strip_row(strip) for strip in found),
    )


def init(result: Result, rows: Sequence[ReportRow]) -> Chart | None:
    """Init duration of cold starts against memory; None when there was no cold start."""
    by_key = {row.key: row for row in rows}
    cold = [(m, m["init_duration_ms"]) for m in result["measurements"] if m["init_duration_ms"]]
    if not cold:
        return None
    seen = [v for m, known in cold for v in (*_inits(m), known["mean"])]
    reach = (min(seen) / REACH, max(seen) * REACH)
    ends = [known[end] for _, known in cold for end in ("low", "high")]
    cut = any(not reach[0] <= end <= reach[1] for end in ends)
    x = svg.memory_scale([row.memory_mb for row in rows])
    y = svg.value_scale([*seen, *(_within(end, reach) for end in ends)], _BOTTOM, svg.TOP)
    body = [
        svg.y_axis(y, along(y, DURATION), "init duration of a cold start" + _log(y), right=x.end),
        svg.x_axis(x, svg.memory_ticks(x), lambda v: f"{v:,.0f}", "memory in MB (log)", _BOTTOM),
    ]
    for architecture in sorted({m["architecture"] for m, _ in cold}):
        own = [found for found in cold if found[0]["architecture"] == architecture]
        marks = "".join(_init_mark(by_key[key(m)], m, statistics, x, y, reach) for m, statistics in own)
        body.append(f'<g class="series {architecture}" data-series="{architecture}">{marks}</g>')
    return Chart(
        "init",
        "Init duration against memory",
        svg.canvas("".join(body), "Init duration against memory"),
        "Marks: mean of the cold starts with its 95% interval; dots: single cold starts. Nothing is drawn between "
        "sizes: init was observed there only." + (" Intervals that reach beyond the chart are cut off." if cut else ""),
        tuple((a, a) for a in architectures([by_key[key(m)] for m, _ in cold])),
        ("memory", "architecture", "cold starts", "mean", "95% interval"),
        tuple(_init_row(m, statistics) for m, statistics in cold),
    )


def search(result: Result) -> Chart | None:
    """Where the search went, and how the expected regret fell; None without rounds."""
    rounds = [r for r in result["search"] if r["trials"] or r["expected_regret"] is not None]
    sizes = sorted({trial["memory_mb"] for r in rounds for trial in r["trials"]})
    if not sizes:
        return None
    doubts = [(r["invocations"], r["expected_regret"]) for r in rounds if r["expected_regret"] is not None]
    last = max(result["tuning"]["invocations"], 1)
    x = svg.Scale(0, last * 1.04, svg.LEFT, svg.WIDTH - svg.RIGHT)
    split = 172.0 if doubts else _BOTTOM
    size = svg.memory_scale(sizes, split, svg.TOP)
    body = [_search_axis(size, x), _trials(rounds, x, size)]
    if doubts:
        body.append(_doubt(doubts, x, split, result["request"]["tolerance"]))
    body.append(svg.x_axis(x, [t for t in x.ticks() if t == int(t)], count, "invocations made so far", _BOTTOM))
    return Chart(
        "search",
        "Where the search went",
        svg.canvas("".join(body), "Where the search went"),
        "Above: the sizes that each round tried. Below: what the choice was expected to lose against the true best; "
        "the dashed line is the tolerance."
        if doubts
        else "The sizes that were tried, in their order.",
        tuple((a, a) for a in sorted({t["architecture"] for r in rounds for t in r["trials"]})),
        ("round", "invocations before", "expected loss", "tried"),
        tuple(_round_row(r) for r in rounds),
    )


def _strips(result: Result, rows: Sequence[ReportRow]) -> list[Strip]:
    measured = {key(m): m for m in result["measurements"] if any(m["data"]["usable"])}
    found: list[Strip] = []
    for role in ("now", "best"):
        row = next((r for r in rows if (r.current if role == "now" else r.recommended)), None)
        if row is None or (role == "now" and row.recommended):
            continue
        where = row.key if row.key in measured else _nearest(row, list(measured))
        if where is None:
            continue
        called = recommended_name(result)
        name = {"now": "now", "best": f"{called} = now" if row.current else called}[role]
        name += f": {row_name(row)}" if where == row.key else f" was not measured; nearest: {memory(where[0])}"
        for kind in ("warm", "cold"):
            values = _waits(measured[where], cold=kind == "cold")
            if values:
                found.append(Strip(role, name, kind, row.architecture, tuple(values)))
    return found


def _nearest(row: ReportRow, measured: Sequence[Key]) -> Key | None:
    """The measured size that is closest, where one is close enough to say something about it."""
    same = [
        where for where in measured if where[1] == row.architecture and abs(log(where[0] / row.memory_mb)) < log(_NEAR)
    ]
    return min(same, key=lambda where: (abs(log(where[0] / row.memory_mb)), where), default=None)


def _waits(measurement: MeasurementDocument, *, cold: bool) -> list[float]:
    data = measurement["data"]
    runs = zip(data["usable"], data["cold"], data["duration_ms"], data["init_duration_ms"], strict=True)
    return [ms + (init_ms or 0.0) for ok, was_cold, ms, init_ms in runs if ok and was_cold is cold and ms is not None]


def _strip(strip: Strip, x: svg.Scale, top: float, height: float) -> str:
    shown = evenly(strip.values, _STRIP_DOTS)
    middle, room = top + 18 + (height - 24) / 2, min((height - 26) / 2, 13)
    places = [(x(value), middle + ((i * 37 % 100) / 50 - 1) * room) for i, value in enumerate(shown)]
    ticks = "".join(
        _quantile(strip, name, x(value), middle, room + 4, value)
        for name, value in (("median", _rank(strip.values, 0.5)), ("95th percentile", _rank(strip.values, 0.95)))
        if len(strip.values) > 2
    )
    title = f"{strip.name}, {strip.kind} ({plural(len(strip.values), 'run')})"
    return (
        f'<g class="series {strip.architecture}" data-series="{strip.kind}">'
        f"{svg.label(16, top + 12, title, f'strip {strip.role}', 'start')}"
        f"{svg.dots(places, 'dots large')}{svg.dots(places, 'dots hole') if strip.kind == 'cold' else ''}{ticks}</g>"
    )


def _quantile(strip: Strip, name: str, at: float, middle: float, half: float, value: float) -> str:
    """A tick across the strip."""
    told = svg.text(f"{strip.name}, {strip.kind}, {name}: {milliseconds(value)}")
    path = f"M{svg.n(at)} {svg.n(middle - half)}v{svg.n(2 * half)}"
    return f'<g class="pt quantile" role="img"><title>{told}</title><path d="{path}"/></g>'


def _strip_row(strip: Strip) -> tuple[str, ...]:
    median, tail = _rank(strip.values, 0.5), _rank(strip.values, 0.95)
    times = tuple(milliseconds(value) for value in (median, tail, max(strip.values)))
    return strip.name, strip.kind, f"{len(strip.values):,}", *times


def _rank(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def _inits(measurement: MeasurementDocument) -> list[float]:
    data = measurement["data"]
    pairs = zip(data["init_duration_ms"], data["usable"], strict=True)
    return [value for value, ok in pairs if ok and value is not None]


def _within(value: float, reach: tuple[float, float]) -> float:
    """A value, or the end of what a chart reaches beyond which it lies."""
    return min(max(value, reach[0]), reach[1])


def _init_mark(
    row: ReportRow,
    measurement: MeasurementDocument,
    statistics: StatisticsDocument,
    x: svg.Scale,
    y: svg.Scale,
    reach: tuple[float, float],
) -> str:
    at = x(row.memory_mb)
    shown = evenly(_inits(measurement))
    shift = [at + (index * 7 % 5 - 2) * 2.2 for index in range(len(shown))]
    told = milliseconds_range(statistics["low"], statistics["high"])
    starts = plural(measurement["cold_starts"], "cold start")
    name = f"{row_name(row)}: init {milliseconds(statistics['mean'])} ({told}), {starts}"
    return (
        svg.dots(zip(shift, map(y, shown), strict=True), "dots")
        + svg.whisker(at, y(_within(statistics["low"], reach)), y(_within(statistics["high"], reach)))
        + svg.mark(at, y(statistics["mean"]), name, SHAPES[row.architecture], "measured")
    )


def _init_row(measurement: MeasurementDocument, statistics: StatisticsDocument) -> tuple[str, ...]:
    return (
        memory(measurement["memory_mb"]),
        measurement["architecture"],
        f"{measurement['cold_starts']:,}",
        milliseconds(statistics["mean"]),
        milliseconds_range(statistics["low"], statistics["high"]),
    )


def _search_axis(size: svg.Scale, x: svg.Scale) -> str:
    parts = [svg.label(4, svg.TOP - 35, "memory in MB (log)", "name", "start")]
    for tick in svg.memory_ticks(size):
        parts.append(f'<path class="grid" d="M{svg.n(x.start)} {svg.n(size(tick))}H{svg.n(x.end)}"/>')
        parts.append(svg.label(x.start - 6, size(tick) + 4, f"{tick:,.0f}", anchor="end"))
    return "".join(parts)


def _trials(rounds: Sequence[SearchRoundDocument], x: svg.Scale, size: svg.Scale) -> str:
    """One mark for each trial, where its first invocation stood."""
    groups: dict[str, list[str]] = {}
    for round_ in rounds:
        made = round_["invocations"]
        for trial in round_["trials"]:
            runs = trial["environments"] * trial["runs_per_environment"]
            where = f"{memory(trial['memory_mb'])} {trial['architecture']}"
            name = f"round {round_['round'] + 1}: {where}, {plural(runs, 'run')}"
            mark = svg.mark(x(made), size(trial["memory_mb"]), name, SHAPES[trial["architecture"]], "trial")
            groups.setdefault(trial["architecture"], []).append(mark)
            made += runs
    return "".join(
        f'<g class="series {architecture}" data-series="{architecture}">{"".join(marks)}</g>'
        for architecture, marks in sorted(groups.items())
    )


def _doubt(doubts: Sequence[tuple[int, float]], x: svg.Scale, split: float, tolerance: float | None) -> str:
    held = [value for _, value in doubts] + ([tolerance] if tolerance else [])
    y = svg.value_scale(held, _BOTTOM, split + 48)
    parts = [svg.y_axis(y, percent, "expected loss" + _log(y), right=x.end)]
    if tolerance:
        parts.append(f'<path class="tolerance" d="M{svg.n(x.start)} {svg.n(y(tolerance))}H{svg.n(x.end)}"/>')
    places = [(x(made), y(value)) for made, value in doubts]
    if len(places) > 1:
        parts.append(svg.steps(places, "doubt"))
    for (made, value), (at, height) in zip(doubts, places, strict=True):
        parts.append(svg.mark(at, height, f"after {plural(made, 'invocation')}: {percent(value)}", "circle", "doubt"))
    return "".join(parts)


def _round_row(round_: SearchRoundDocument) -> tuple[str, ...]:
    tried = ", ".join(
        f"{memory(t['memory_mb'])} {t['architecture']} × {t['environments'] * t['runs_per_environment']}"
        for t in round_["trials"][:12]
    )
    more = len(round_["trials"]) - 12
    doubt = round_["expected_regret"]
    return (
        f"{round_['round'] + 1}",
        f"{round_['invocations']:,}",
        "–" if doubt is None else percent(doubt),
        (tried + (f" and {more} more" if more > 0 else "")) or "nothing: the search ended",
    )


def _log(scale: svg.Scale) -> str:
    return " (log)" if scale.log else ""


def _fitting(ticks: list[float]) -> list[float]:
    return ticks if len(ticks) <= 6 else ticks[::2]
