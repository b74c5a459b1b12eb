"""The answer for a terminal: plain text without colours, so that it can be piped and pasted.

Control characters of foreign text are spelt out: nothing from a result can move a cursor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports.words import snippets, verdict
from reports.words.confidence import confidence
from reports.words.escape import whole
from reports.words.flat_zone import worth_knowing
from reports.words.lines import wide_table, wrapped
from reports.words.numbers import UNKNOWN, milliseconds, milliseconds_range, per_million
from reports.words.origin import figures_of, origin
from reports.words.rows import ReportRow, Result, left_out, own_errors, rows
from reports.words.warnings import warned
from tuner.shell_lines import command_lines

WIDTH = 100
HEADER = ("", "memory", "arch", "duration", "95% interval", "p95", "per million", "above cheapest", "runs", "")
"""The columns. The p95 is shown where the question bounds it."""
RIGHT = frozenset({1, 3, 4, 5, 6, 8})
"""Columns that stand at the right."""
BAR = 7
"""The column of a plot, which a narrow terminal goes without."""
BELOW_FIRST = (4, 8, 2)
"""Columns that a narrow terminal shows below their row: the interval, the runs, the architecture."""
_BAR = 14
SLIGHTLY = "▏"
"""The bar of a size that costs a little more than the cheapest."""
LEAST_SCALE = 0.1
"""The bars end at this excess at least, so that a difference of a percent does not look large."""


def render(result: Result, *, width: int = WIDTH, file: str = "", go_on: str = "", payload: str = "") -> str:
    """The headline, how sure it is, the table of what was measured, what to do, and what to know.

    Args:
        result: the document.
        width: columns of the terminal.
        file: that the result is in, for the commands to name it; empty: not known.
        go_on: the command that goes on with this run, where it is known better than from the result.
        payload: as it was given on the command line; empty: it must not be shown, or it is not known.
    """
    lines = [*wrapped(str(verdict.headline(result)), width), ""]
    badge, estimate = origin(result)
    for note in (estimate and f"{badge}. {estimate}", verdict.partial(result), whole(verdict.trouble(result))):
        lines += [*wrapped(note, width), ""] if note else []
    sure = confidence(result)
    lines += [*wrapped(f"{sure.label}. {' '.join(sure.reasons)}", width), ""]
    for sentence in worth_knowing(result):
        lines += wrapped(sentence, width)
    lines += ["", *_table(result, width)] if worth_knowing(result) else _table(result, width)
    basis = figures_of(result, _shown(result))
    lines += ["", *wrapped(basis, width)] if basis else []
    excluded = left_out(rows(result))
    lines += [""] if excluded else []
    for sizes, reason in excluded:
        lines += wrapped(f"Left out {sizes}: {whole(reason)}", width)
    lines += ["", *_next(result, width, file, go_on, payload)]
    for warning in warned(result):
        mark = "- " if warning.is_note else "! "
        lines += ["", *wrapped(f"{whole(warning.title)}: {whole(warning.message)}", width, mark)]
    for where, kind, message in own_errors(result):
        lines += ["", *wrapped(f"{where}: {whole(kind)}: {whole(message)}", width, "! ")]
    return "\n".join(lines)


def _next(result: Result, width: int, file: str, go_on: str, payload: str) -> Iterator[str]:
    """What to do, with the commands; where that is to apply it, by one way of several."""
    step = verdict.next_step(result)
    yield from wrapped(f"What to do next: {step.text}", width)
    resumes = go_on and verdict.kind(result) is verdict.Kind.RESUME and result["stopped_by"] != "function_changed"
    text = go_on if resumes else step.command or (snippets.apply_commands(result) if step.applies else "")
    text = snippets.placed(text.replace(" \\\n  ", " "), file, payload)
    for command in text.splitlines():
        yield from command_lines(command, width, "  ")
    yield from wrapped(snippets.to_fill_in(text), width)


def _table(result: Result, width: int) -> Iterator[str]:
    """Measured, current and recommended configurations, with a bar for what each costs above the cheapest."""
    shown = _shown(result)
    if not shown:
        return
    currency = result["prices"]["currency"]
    costs = [row.cost_usd["mean"] for row in shown if row.cost_usd]
    called = verdict.recommended_name(result)
    bounded = bool(result["request"]["constraints"]["max_p95_ms"])
    lines = [HEADER, *(_cells(row, called, currency, costs, with_p95=bounded) for row in shown)]
    yield from wide_table(lines, width, right=RIGHT, plots=[BAR], below=BELOW_FIRST)


def _shown(result: Result) -> list[ReportRow]:
    return [row for row in rows(result) if row.measured or row.recommended or row.current]


def _cells(row: ReportRow, called: str, currency: str, costs: Sequence[float], *, with_p95: bool) -> tuple[str, ...]:
    sign = "→" if row.recommended else "•" if row.current else " "
    notes = [word for word, told in ((called, row.recommended), ("now", row.current)) if told]
    notes += [] if row.measured or row.reason else ["not measured"]
    notes += ["left out"] if row.reason else []
    duration, cost = row.duration_ms, row.cost_usd
    return (
        sign,
        f"{row.memory_mb:,} MB",
        row.architecture,
        milliseconds(duration["mean"]) if duration else UNKNOWN,
        milliseconds_range(duration["low"], duration["high"]) if duration else "",
        (milliseconds(row.p95_ms["mean"]) if row.p95_ms else UNKNOWN) if with_p95 else "",
        per_million(cost["mean"], currency) if cost else UNKNOWN,
        _bar(cost["mean"], costs) if cost else "",
        f"{row.runs:,}" if row.measured else UNKNOWN,
        ", ".join(notes),
    )


def _bar(cost: float, costs: Sequence[float]) -> str:
    """What a configuration costs above the cheapest, on a scale up to the dearest; nothing beside the cheapest."""
    cheapest, dearest = min(costs), max(costs)
    if not cost > cheapest > 0:
        return ""
    scale = max(dearest - cheapest, LEAST_SCALE * cheapest)
    return "█" * round(_BAR * ((cost - cheapest) / scale)) or SLIGHTLY
