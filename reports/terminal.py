"""The answer for a terminal: plain text without colours, so that it can be piped and pasted.

Control characters of foreign text are spelt out: nothing from a result can move a cursor.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from reports.words import verdict
from reports.words.confidence import confidence
from reports.words.numbers import clip, milliseconds, number, per_million, plural, visible
from reports.words.origin import origin
from reports.words.rows import Result, Row, left_out, rows

WIDTH = 100
_BAR = 14


def render(result: Result, *, width: int = WIDTH) -> str:
    """The headline, how sure it is, the table of what was measured, and what to know."""
    lines = [*_wrapped(str(verdict.headline(result)), width), ""]
    badge, estimate = origin(result)
    for note in (estimate and f"{badge}. {estimate}", verdict.partial(result), clip(verdict.trouble(result))):
        lines += [*_wrapped(note, width), ""] if note else []
    sure = confidence(result)
    lines += [*_wrapped(f"{sure.label}. {' '.join(sure.reasons)}", width), ""]
    lines += [line[:width].rstrip() for line in _table(result)]
    excluded = left_out(rows(result))
    lines += [""] if excluded else []
    for sizes, reason in excluded:
        lines += _wrapped(f"Left out {sizes}: {clip(reason)}", width)
    for notice in result["warnings"]:
        lines += ["", *_wrapped(f"{clip(notice['code'], 40)}: {clip(notice['message'])}", width, "! ")]
    for text in _errors(result):
        lines += ["", *_wrapped(text, width, "! ")]
    return "\n".join(lines)


def _table(result: Result) -> Iterator[str]:
    """Measured, current and recommended configurations, with a bar for the cost."""
    shown = [row for row in rows(result) if row.measured or row.recommended or row.current]
    if not shown:
        return
    currency = result["prices"]["currency"]
    dearest = max((row.cost_usd["mean"] for row in shown if row.cost_usd), default=0.0)
    cells: list[tuple[str, ...]] = [("", "memory", "arch", "duration", "95% interval", "per million", "", "runs", "")]
    cells += [_cells(row, currency, dearest) for row in shown]
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    right = (False, True, False, True, True, True, False, True, False)
    for line in cells:
        parts = (text.rjust(w) if r else text.ljust(w) for text, w, r in zip(line, widths, right, strict=True))
        yield "  ".join(parts)


def _cells(row: Row, currency: str, dearest: float) -> tuple[str, ...]:
    sign = "→" if row.recommended else "•" if row.current else " "
    notes = [word for word, told in (("recommended", row.recommended), ("now", row.current)) if told]
    notes += [] if row.measured or row.reason else ["not measured"]
    notes += ["left out"] if row.reason else []
    duration, cost = row.duration_ms, row.cost_usd
    return (
        sign,
        f"{row.memory_mb:,} MB",
        row.architecture,
        milliseconds(duration["mean"]) if duration else "–",
        f"{number(duration['low'])} to {number(duration['high'])}" if duration else "",
        per_million(cost["mean"], currency) if cost else "–",
        "█" * max(1, round(_BAR * (cost["mean"] / dearest))) if cost and dearest else "",
        f"{row.runs:,}" if row.measured else "–",
        ", ".join(notes),
    )


def _errors(result: Result) -> Iterator[str]:
    """The function's own errors, the same ones once."""
    seen: set[tuple[str, str]] = set()
    for measurement in result["measurements"]:
        for error in measurement["errors"]:
            if (error["type"], error["message"]) not in seen:
                seen.add((error["type"], error["message"]))
                where = f"{measurement['memory_mb']:,} MB {measurement['architecture']}"
                times = plural(error["count"], "time")
                yield f"{where}, {times}: {clip(error['type'], 80)}: {clip(error['message'])}"


def _wrapped(text: str, width: int, first: str = "") -> Sequence[str]:
    return textwrap.wrap(visible(text), width, initial_indent=first, subsequent_indent=" " * len(first))
