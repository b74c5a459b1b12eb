"""A comparison as text for a terminal and as Markdown for job summaries and pull request comments.

The same comparison gives the same text. Decides nothing: verdicts and values come as they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from reports.words.comparison import HEADER, headline, metric_name, note, outlook, row_cells, small_print, title
from reports.words.escape import code_span
from reports.words.lines import wide_table, wrapped
from tuner.comparison.verdicts import Comparison, Finding, Verdict

_SYMBOLS = {Verdict.WORSE: "🔴", Verdict.BETTER: "🟢", Verdict.SAME: "⚪", Verdict.NOT_DECIDED: "🟡"}
WIDTH = 100
BELOW_FIRST = (5, 2, 3)
"""Columns that a narrow terminal shows below their row: the interval, the baseline, the candidate."""
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
    """What findings have to say, each text once: a metric that says the same everywhere is named without where."""
    by_metric: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_metric[metric_name(finding)].append(finding)
    told: dict[str, list[str]] = defaultdict(list)
    for name, own in by_metric.items():
        texts = dict.fromkeys(map(note, own))
        for finding in own[:1] if len(texts) == 1 else own:
            told[note(finding)].append(name if len(texts) == 1 else title(finding))
    return [f"{'; '.join(titles)}: {text}" for text, titles in told.items() if text]


def _text_table(comparison: Comparison, width: int) -> list[str]:
    lines = [HEADER, *(row_cells(finding, comparison.currency) for finding in comparison.findings)]
    return wide_table(lines, width, below=BELOW_FIRST, notes=False)


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
        reason = [code_span(finding.reason)] if finding.reason else []
        told = "; ".join([*reason, *outlook(finding)])
        last = f"{_SYMBOLS[finding.verdict]} {verdict}" + (f"<br><sub>{told}</sub>" if told else "")
        lines.append("| " + " | ".join([*cells, last]) + " |")
    return lines
