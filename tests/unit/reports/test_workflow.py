"""The page of a workflow: a picture in which nothing overlaps, sizes that the handles move, nothing from elsewhere."""

from __future__ import annotations

import json
import re
from html import unescape
from itertools import combinations

import pytest

from reports.charts.workflow_graph import Box, lay_out
from reports.workflow import render
from reports.workflow_text import _change, render_markdown
from tests.unit.workflows.examples import DEFINITION, FIGURES, write_results
from tuner.api.workflows.tuning import tune_workflow
from tuner.workflows.document import WorkflowDocument
from tuner.workflows.figures import read_figures


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> WorkflowDocument:
    folder = write_results(tmp_path_factory.mktemp("results"))
    figures = read_figures(FIGURES, name="figures")
    return tune_workflow(DEFINITION, deadline_ms=2500.0, figures=figures, results=[folder]).document


def apart(one: Box, other: Box) -> bool:
    return (
        one.x + one.width <= other.x
        or other.x + other.width <= one.x
        or one.y + one.height <= other.y
        or other.y + other.height <= one.y
    )


def inside(one: Box, other: Box) -> bool:
    return (
        other.x <= one.x
        and other.y <= one.y
        and one.x + one.width <= other.x + other.width
        and one.y + one.height <= other.y + other.height
    )


def test_states_are_apart_and_what_is_inside_a_state_lies_in_its_frame(document: WorkflowDocument) -> None:
    boxes = lay_out(document["graph"]).boxes
    assert len(boxes) == len(document["steps"])
    for one, other in combinations(boxes, 2):
        if other.path[: len(one.path)] == one.path:
            assert inside(other, one)
        else:
            assert apart(one, other)


def test_arrows_lead_down(document: WorkflowDocument) -> None:
    arrows = lay_out(document["graph"]).arrows
    assert arrows
    assert all(arrow.y1 < arrow.y2 for arrow in arrows)


def test_the_page_shows_every_state_function_and_chance(document: WorkflowDocument) -> None:
    page = render(document)
    for step in document["steps"]:
        assert step["path"][-1] in page
    assert all(f"<bdi>{function['function']}</bdi>" in page for function in document["functions"])
    assert ">20%<" in page
    assert ">80%<" in page


def test_the_page_carries_the_front_for_its_handles(document: WorkflowDocument) -> None:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', render(document))
    assert found
    data = json.loads(found[1])
    assert len(data["points"]) == len(document["front"])
    assert data["points"][data["chosen"]][0] == pytest.approx(document["chosen"]["duration_ms"], abs=0.01)


def test_the_page_needs_nothing_from_elsewhere_and_is_the_same_each_time(document: WorkflowDocument) -> None:
    page = render(document)
    assert page == render(document)
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "default-src 'none'" in unescape(page)


def test_foreign_names_cannot_become_markup(document: WorkflowDocument) -> None:
    name = "</script><script>alert(1)</script>"
    hostile = json.loads(json.dumps(document).replace("checkout-price", name.replace("/", "\\/")))
    assert "<script>alert" not in render(hostile)
    assert f"`{name}`" in render_markdown(hostile), "as code"


def test_a_deadline_that_only_doubt_breaks_asks_for_more_precise_curves(document: WorkflowDocument) -> None:
    doubtful = {**document, "met": False, "binding": "unmet", "share_met": 0.96}
    assert "tune more precisely" in render_markdown(doubtful)  # type: ignore[arg-type]
    assert "comes closest" in render_markdown({**doubtful, "share_met": 0.5})  # type: ignore[arg-type, typeddict-item]


@pytest.mark.parametrize(
    ("ratio", "told"),
    [(0.75, "take 25% less time"), (1.2, "take 20% more time"), (2.07, "take 2.1 times as long")],
)
def test_a_change_from_twice_on_is_a_multiple(ratio: float, told: str) -> None:
    assert _change(ratio, "take {} less time", "take {} more time", "take {} times as long") == told
