"""The page of a comparison: the verdict, both sides, each metric with its verdict, and both results over memory.

One file that asks nothing of anybody and needs no script. The same comparison gives the same bytes.
"""

from __future__ import annotations

from typing import Any

from reports.charts import changes, overlay
from reports.charts.overlay import Side
from reports.html import STYLES, page_of
from reports.words.comparison import HEADER, headline, note, row_cells, small_print
from reports.words.rows import Result
from tuner.comparison.verdicts import Comparison, Finding


def render_html(comparison: Comparison, *, sides: tuple[Result, Result] | None = None) -> str:
    """The page of a comparison.

    Args:
        comparison: what was found.
        sides: the documents of baseline and candidate, whose curves are overlaid. None: there are none.
    """
    overlaid = overlay.draw([Side(name, name, side) for name, side in zip(NAMES, sides, strict=True)]) if sides else ()
    values = {
        "title": headline(comparison),
        "verdict": comparison.verdict.value.replace("_", "-") if comparison.findings else "not-decided",
        "comparison": comparison,
        "header": (*HEADER, "runs"),
        "rows": [_row(finding, comparison) for finding in comparison.findings],
        "charts": [chart for chart in (changes.draw(comparison), *overlaid) if chart],
        "small_print": small_print(comparison),
    }
    return page_of("comparison.html", STYLES, (), values)


NAMES = ("baseline", "candidate")


def _row(finding: Finding, comparison: Comparison) -> dict[str, Any]:
    """A line of the table: its cells, its note, and what it is called."""
    *cells, verdict = row_cells(finding, comparison.currency)
    return {
        "cells": cells,
        "said": verdict,
        "note": note(finding),
        "verdict": finding.verdict.value.replace("_", "-"),
        "single": finding.configuration is not None,
        "runs": f"{finding.runs:,}" if finding.runs else "",
    }
