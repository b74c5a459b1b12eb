"""The main chart as an SVG file of its own: cost and duration over memory.

Carries its style with it, light and dark, and needs nothing else.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from reports.charts import over_memory, svg
from reports.charts.chart import SHAPES, architectures
from reports.words import verdict
from reports.words.escape import clip
from reports.words.origin import origin
from reports.words.rows import Result, rows

_WIDTH, _HEIGHT, _TOP = 1000, 740, 64
_SCALE = 1.4
"""From the units of the chart to those of the picture."""


def render(result: Result) -> str:
    """The picture of a result."""
    table = rows(result)
    chart = over_memory.draw(result, table)
    name, answer = clip(result["function"]["name"], 60), str(verdict.headline(result))
    badge, estimate = origin(result)
    legend = "".join(
        f'<g class="{a}">{svg.mark(700 + 110 * i, 20, a, SHAPES[a], "measured")}'
        f"{svg.label(710 + 110 * i, 24, a, anchor='start')}</g>"
        for i, a in enumerate(architectures(table))
    )
    panels = f'<g transform="translate(8 {_TOP}) scale({_SCALE})">{_body(chart.svg)}</g>'
    head = svg.label(8, 24, f"{name} · {badge}" if estimate else name, "head", "start")
    return (
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
            f'height="{_HEIGHT}" role="img" aria-label="{svg.text(answer)}"><style>{_style()}</style>'
            f'<rect class="paper" width="{_WIDTH}" height="{_HEIGHT}"/>{head}'
            f"{svg.label(8, 46, answer, 'answer', 'start')}{legend}{panels}</svg>\n"
        )
        .encode("utf-8", "replace")
        .decode("utf-8")
    )


def _body(picture: str) -> str:
    """What an inline picture holds."""
    return picture.partition(">")[2].removesuffix("</svg>")


@cache
def _style() -> str:
    """The page's colours and the rules for what charts consist of."""
    sheet = (Path(__file__).parents[1] / "templates" / "report.css").read_text("utf-8")
    colours = sheet[: sheet.index("* { box-sizing")]
    tones = re.findall(r"^\.x86_64 \{ --tone.*$", sheet, re.M)
    marks = sheet[sheet.index("svg text {") : sheet.index(".off {")]
    return (
        colours
        + "\n".join(tones)
        + marks
        + "svg { font-family: Inter, system-ui, sans-serif; background: var(--paper); } .paper { fill: var(--paper); }"
        + " svg .head { font-size: 14px; font-weight: 650; fill: var(--ink); } svg .answer { font-size: 13px; }"
    )
