"""The page of a workflow: its picture with time and cost per state, the sizes, and the front with two handles.

One file, no request to anywhere, readable without JavaScript; the handles need it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from reports.charts.workflow_graph import Arrow, Box, lay_out
from reports.html import STYLES, page_of
from reports.words.escape import clip, visible
from reports.words.numbers import milliseconds, money, percent, sign_of
from reports.workflow_text import chosen_name, facts, headline, percentile_name, size_name
from tuner.plain_numbers import significant
from tuner.workflows.document import StepDocument, WorkflowDocument

if TYPE_CHECKING:
    from tuner.documents.result import ConfigurationDocument

Drawn = Mapping[str, Any]
"""What the template draws: places, sizes and texts."""
LABEL_CHARACTERS = 24
MARGIN = 4.0


def render(document: WorkflowDocument) -> str:
    """The page for the document of a plan (`tuner.workflows.document`)."""
    values = {
        "title": f"{visible(document['workflow'])}: sizes of a workflow",
        "document": document,
        "headline": headline(document),
        "chosen": chosen_name(document),
        "facts": facts(document),
        "which": percentile_name(document["bound"]["percentile"]),
        "picture": _picture(document),
        "data": Markup(_data(document)),  # noqa: S704 (JSON without anything that ends a script)
        "size": size_name,
        "money": money,
        "ms": milliseconds,
    }
    return page_of("workflow.html", (*STYLES, "workflow.css"), ("words.js", "workflow.js"), values)


def _picture(document: WorkflowDocument) -> Drawn:
    steps = {tuple(step["path"]): step for step in document["steps"]}
    sizes = document["chosen"]["configurations"]
    found = lay_out(document["graph"])
    return {
        "width": found.width + 2 * MARGIN,
        "height": found.height + 2 * MARGIN,
        "boxes": [_box(box, steps[box.path], sizes, document) for box in found.boxes],
        "arrows": [_arrow(arrow) for arrow in found.arrows],
    }


def _box(box: Box, step: StepDocument, sizes: Mapping[str, ConfigurationDocument], document: WorkflowDocument) -> Drawn:
    function = step["function"]
    critical = "critical" if step["critical"] else "slack"
    lines = [f"{milliseconds(step['duration_ms'])} · {money(step['cost_per_million_usd'], document['currency'])}"]
    if function:
        lines.insert(0, size_name(sizes[function]))
    slack = "" if step["critical"] else f", slack {milliseconds(step['slack_ms'])}"
    visits = "once" if step["visits"] == 1 else f"{significant(step['visits'], 3)} times"
    return {
        "x": box.x + MARGIN,
        "y": box.y + MARGIN,
        "width": box.width,
        "height": box.height,
        "kind": " ".join(["frame" if box.is_frame else "state", step["kind"], critical]),
        "name": clip(visible(box.path[-1]), LABEL_CHARACTERS),
        "lines": lines,
        "told": f"{visible(' / '.join(box.path))}: {lines[-1]} per million, {visits}{slack}",
    }


def _arrow(arrow: Arrow) -> Drawn:
    middle = (arrow.y1 + arrow.y2) / 2 + MARGIN
    x1, y1, x2, y2 = (value + MARGIN for value in (arrow.x1, arrow.y1, arrow.x2, arrow.y2))
    return {
        "path": f"M{x1:.1f} {y1:.1f}C{x1:.1f} {middle:.1f} {x2:.1f} {middle:.1f} {x2:.1f} {y2 - 5:.1f}",
        "x": (x1 + x2) / 2,
        "y": middle,
        "label": "" if arrow.chance > 0.999 else percent(arrow.chance),
    }


def _data(document: WorkflowDocument) -> str:
    """What the handles need, as JSON that cannot end its script element."""
    names = list(document["chosen"]["configurations"])
    points = [
        [
            round(point["duration_ms"], 2),
            round(point["cost_per_million_usd"], 4),
            [size_name(point["configurations"][name]) for name in names],
        ]
        for point in document["front"]
    ]
    chosen = next(
        (
            n
            for n, point in enumerate(document["front"])
            if point["configurations"] == document["chosen"]["configurations"]
        ),
        0,
    )
    current = document["current"]
    now = None if current is None else [current["duration_ms"], current["cost_per_million_usd"]]
    told = {"points": points, "chosen": chosen, "now": now, "sign": sign_of(document["currency"])}
    return json.dumps(told, ensure_ascii=False).replace("<", "\\u003c").replace("&", "\\u0026")
