"""A comparison as text for a terminal and as Markdown for job summaries and pull request comments.

The same comparison gives the same text. Decides nothing: verdicts and values come as they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from reports.words.comparison import (
    HEADER,
    OVERALL,
    change,
    headline,
    metric_name,
    note,
    outlook,
    row_cells,
    small_print,
    where_told,
)
from reports.words.escape import code_cell, code_span
from reports.words.lines import wide_table, wrapped
from tuner.comparison.verdicts import Comparison, Finding, Verdict
from tuner.plain_numbers import plural

_SYMBOLS = {Verdict.WORSE: "🔴", Verdict.BETTER: "🟢", Verdict.SAME: "⚪", Verdict.NOT_DECIDED: "🟡"}
WIDTH = 100
BELOW_FIRST = (5, 2, 3)
"""Columns that a narrow terminal shows below their row: the interval, the baseline, the candidate."""
MOST_NAMED = 3
"""Configurations that are named where several say the same; more are counted."""
NO_CHANGE = ("", "0.0 points")
"""Changes of a single configuration that tell nothing: none is known, or as many runs failed."""
MARKER = "<!-- lambda-tuner comparison -->"
"""First line of the Markdown, by which a script finds its own comment on a pull request."""


def render_text(comparison: Comparison, *, width: int = WIDTH) -> str:
    """A comparison for a terminal of so many columns. Cells of columns that do not fit stand below their row."""
    notices = [line for notice in comparison.notices for line in wrapped(notice.message, width, "note: ")]
    if not comparison.findings:
        return "\n".join([*wrapped(headline(comparison), width), *notices]) + "\n"
    notes = _notes(comparison.findings)
    lines = [
        *wrapped(headline(comparison), width),
        "",
        *wrapped(comparison.baseline, width, "baseline   "),
        *wrapped(comparison.candidate, width, "candidate  "),
        "",
        *_text_table(comparison, width),
        *([""] if notes else []),
        *(line for text in notes for line in wrapped(text, width, "  ")),
        "",
        *wrapped(small_print(comparison), width),
        *notices,
    ]
    return "\n".join(lines) + "\n"


def _notes(findings: Sequence[Finding]) -> list[str]:
    """What findings have to say, each text once, with the metrics that say it.

    A metric that says the same everywhere is named without where. Metrics that say it of the same configurations
    stand together, and more than a few configurations are counted.
    """
    by_metric: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_metric[metric_name(finding)].append(finding)
    told: dict[str, dict[tuple[str, ...], list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, own in by_metric.items():
        places: dict[str, list[str]] = defaultdict(list)
        for finding in own:
            places[note(finding)].append(where_told(finding))
        for text, where in places.items():
            told[text][() if len(places) == 1 else tuple(where)].append(name)
    return [
        f"{'; '.join(_titled(names, where) for where, names in groups.items())}: {text}"
        for text, groups in told.items()
        if text
    ]


def _titled(names: Sequence[str], where: Sequence[str]) -> str:
    """Metrics, and where they say it: "cost, init duration at 17 configurations"."""
    if len(where) > MOST_NAMED:
        single = [place for place in where if place != OVERALL]
        between = " at" if single == [*where] else f", {OVERALL} and at"
        return f"{', '.join(names)}{between} {len(single)} configurations"
    return ", ".join([*names, *where])


def _tells(finding: Finding) -> bool:
    """Whether a line of the table tells more than that a single configuration was measured too seldom to tell."""
    if finding.configuration is None or finding.verdict in (Verdict.WORSE, Verdict.BETTER):
        return True
    return change(finding) not in NO_CHANGE


def _text_table(comparison: Comparison, width: int) -> list[str]:
    told = [finding for finding in comparison.findings if _tells(finding)]
    lines = [HEADER, *(row_cells(finding, comparison.currency) for finding in told)]
    left_out = len(comparison.findings) - len(told)
    hint = (
        f"Left out: {plural(left_out, 'line')} of single configurations that have no change to tell. "
        "Markdown, HTML and JSON have all."
    )
    table = wide_table(lines, width, below=BELOW_FIRST, notes=False)
    return [*table, *(wrapped(hint, width, "  ") if left_out else [])]


def render_markdown(comparison: Comparison) -> str:
    """A comparison for a job summary or a comment: what counts on top, single configurations folded away."""
    told = [f"\n> {code_span(notice.message)}" for notice in comparison.notices]
    title = f"### {_SYMBOLS[comparison.verdict]} {headline(comparison)}"
    if not comparison.findings:
        return "\n".join([MARKER, title, *told]) + "\n"
    overall = [finding for finding in comparison.findings if finding.configuration is None]
    single = [finding for finding in comparison.findings if finding.configuration is not None]
    lines = [
        MARKER,
        title,
        "",
        f"{code_span(comparison.baseline)} → {code_span(comparison.candidate)}",
        "",
        *_table(overall, comparison.currency),
    ]
    if single:
        lines += [
            "",
            "<details><summary>By configuration</summary>",
            "",
            *_table(single, comparison.currency),
            "",
            "</details>",
        ]
    lines += ["", f"<sub>{small_print(comparison)}</sub>", *told]
    return "\n".join(lines) + "\n"


def _table(findings: Sequence[Finding], currency: str) -> list[str]:
    lines = ["| metric | where | baseline | candidate | change | interval | verdict |", "|" + " --- |" * 7]
    for finding in findings:
        *cells, verdict = row_cells(finding, currency)
        reason = [code_cell(finding.reason)] if finding.reason else []
        told = "; ".join([*reason, *outlook(finding)])
        last = f"{_SYMBOLS[finding.verdict]} {verdict}" + (f"<br><sub>{told}</sub>" if told else "")
        lines.append("| " + " | ".join([*cells, last]) + " |")
    return lines
