"""Several results in one table and one page: releases of one function, or several functions.

The same results give the same bytes. Decides nothing: results and changes come as they are.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import NamedTuple

from reports.charts import overlay, trend
from reports.charts.overlay import SHOWN, Side
from reports.html import STYLES, page_of
from reports.words.comparison import bounds, change, metric_name
from reports.words.escape import code_cell, code_span, csv_cell, visible
from reports.words.lines import wide_table, wrapped
from reports.words.numbers import configuration, milliseconds, per_million, percent_range
from reports.words.rows import Result
from tuner.comparison.change_points import ChangePoint
from tuner.plain_numbers import plural

HEADER = ("result", "made", "recommended", "duration", "cost per million", "saves", "confidence", "change")
_BELOW_FIRST = (5, 6, 1, 3)
"""Columns that a narrow terminal shows below their row."""
_CSV_HEADER = (
    "function", "version", "created_at", "region", "memory_mb", "architecture", "duration_ms_mean", "duration_ms_low",
    "duration_ms_high", "cost_usd_mean", "cost_usd_low", "cost_usd_high", "saving_ratio_mean", "saving_ratio_low",
    "saving_ratio_high", "confidence", "change",
)  # fmt: skip


class Row(NamedTuple):
    """A result in the table: its name, its cells after the name, and how its level changed."""

    name: str
    cells: tuple[str, ...]
    verdict: str


def render_html(results: Sequence[Result], changes: Sequence[ChangePoint], untold: str) -> str:
    """The page of several results."""
    several = _several(results)
    newest = list(results)[-SHOWN:]
    sides = [Side(name, f"tone-{i}", it) for i, (name, it) in enumerate(zip(names(newest), newest, strict=True))]
    values = {
        "title": title(results, changes),
        "verdict": changes[-1].verdict.value if changes else "same",
        "header": HEADER,
        "rows": rows(results, changes),
        "charts": (*(() if several else trend.draw(results, changes)), *overlay.draw(sides)),
        "notes": [*([untold] if untold else []), *_left_out(results)],
    }
    return page_of("overlay.html", STYLES, (), values)


def render_markdown(results: Sequence[Result], changes: Sequence[ChangePoint], untold: str) -> str:
    """The table, with what changed above it."""
    lines = [f"### {code_span(title(results, changes))}", ""]
    lines += ["| " + " | ".join(HEADER) + " |", "|" + " --- |" * len(HEADER)]
    lines += ["| " + " | ".join([code_cell(row.name), *row.cells]) + " |" for row in rows(results, changes)]
    return "\n".join([*lines, *(["", f"> {code_span(untold)}"] if untold else [])]) + "\n"


def render_text(results: Sequence[Result], changes: Sequence[ChangePoint], untold: str, *, width: int = 100) -> str:
    """The table for a terminal of so many columns. Cells of columns that do not fit stand below their row."""
    found = [(visible(row.name), *row.cells) for row in rows(results, changes)]
    told = [title(results, changes), *([untold] if untold else [])]
    head = [part for text in told for part in wrapped(text, width)]
    return "\n".join([*head, "", *wide_table([HEADER, *found], width, below=_BELOW_FIRST)]) + "\n"


def render_csv(results: Sequence[Result], changes: Sequence[ChangePoint]) -> str:
    """Raw numbers, one row for each result (RFC 4180)."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(_CSV_HEADER)
    verdicts = {found.number: found.verdict.value for found in changes}
    for number, result in enumerate(results):
        writer.writerow([*_raw(result), verdicts.get(number, "")])
    return out.getvalue()


def title(results: Sequence[Result], changes: Sequence[ChangePoint]) -> str:
    """What the results are, and what changed, in a line."""
    if _several(results):
        functions = len({result["function"]["name"] for result in results})
        return f"{plural(functions, 'function')}, {plural(len(results), 'result')}"
    dates = [result["created_at"][:10] for result in results]
    told = f"{results[0]['function']['name']}: {plural(len(results), 'result')} from {dates[0]} to {dates[-1]}"
    moved = [f"{found.verdict.value} on {dates[found.number]}" for found in changes]
    return f"{told}; {', '.join(moved)}" if moved else told


def rows(results: Sequence[Result], changes: Sequence[ChangePoint]) -> tuple[Row, ...]:
    """The table: what each result recommends, and how its level changed."""
    found = {change_.number: change_ for change_ in changes}
    return tuple(
        Row(name, _cells(result, found.get(number)), found[number].verdict.value if number in found else "same")
        for number, (name, result) in enumerate(zip(names(results), results, strict=True))
    )


def names(results: Sequence[Result]) -> list[str]:
    """What tells the results apart: the function, else its version, else the time."""
    functions = [result["function"]["name"] for result in results]
    if len(set(functions)) == len(results) > 1:
        return functions
    versions = [result["function"]["version"] or "" for result in results]
    if all(versions) and len(set(zip(functions, versions, strict=True))) == len(results):
        told = versions
    else:
        told = _times(results)
    return [f"{name} {part}" for name, part in zip(functions, told, strict=True)] if _several(results) else told


def _times(results: Sequence[Result]) -> list[str]:
    """The days of the results; their times where two are of one day."""
    days = [result["created_at"][:10] for result in results]
    if len(set(days)) == len(days):
        return days
    return [result["created_at"].replace("T", " ").removesuffix("Z") for result in results]


def _cells(result: Result, changed: ChangePoint | None) -> tuple[str, ...]:
    chosen, currency, saving = result["recommendation"], result["prices"]["currency"], result["saving"]
    made = result["created_at"][:10]
    confidence = result.get("confidence")
    told = "; ".join(f"{metric_name(f)} {change(f)} ({bounds(f.effect)})" for f in changed.findings) if changed else ""
    if chosen is None:
        return (made, "none", "", "", "", "", told)
    return (
        made,
        configuration(chosen),
        milliseconds(chosen["duration_ms"]["mean"]),
        per_million(chosen["cost_usd"]["mean"], currency),
        percent_range(saving["ratio"]["low"], saving["ratio"]["high"]) if saving else "",
        confidence["level"] if confidence else "",
        told,
    )


def _raw(result: Result) -> list[object]:
    function, chosen, saving = result["function"], result["recommendation"], result["saving"]
    confidence = result.get("confidence")
    ends = ("mean", "low", "high")
    measured: list[object] = [""] * 8
    if chosen is not None:
        measured = [chosen["memory_mb"], chosen["architecture"]]
        measured += [chosen[name][end] for name in ("duration_ms", "cost_usd") for end in ends]  # type: ignore[literal-required]
    return [
        csv_cell(function["name"]),
        csv_cell(function["version"] or ""),
        csv_cell(result["created_at"]),
        csv_cell(function["region"] or ""),
        *measured,
        *((saving["ratio"][end] if saving else "") for end in ends),  # type: ignore[literal-required]
        confidence["level"] if confidence else "",
    ]


def _several(results: Sequence[Result]) -> bool:
    """Whether they are of several functions."""
    return len({result["function"]["name"] for result in results}) > 1


def _left_out(results: Sequence[Result]) -> list[str]:
    """What the charts over memory do not show."""
    if len(results) <= SHOWN:
        return []
    return [f"The charts over memory show the last {SHOWN} of {len(results)} results."]
