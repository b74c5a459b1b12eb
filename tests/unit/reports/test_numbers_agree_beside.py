"""Each number of the reports beside that of a result is the one of its place: comparison, trend, fleet, advice,
concurrency and workflow, in every form."""

from __future__ import annotations

import csv as reader
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from reports import advice, concurrency, fleet, workflow, workflow_text
from reports.comparison import render_markdown
from reports.words.numbers import memory
from tests.unit.comparison.documents import result
from tests.unit.evidence.test_advice import advise, one_size, runs_at
from tests.unit.evidence.test_concurrency_plan import every, planned
from tests.unit.reports.shown import text_of
from tests.unit.reports.test_advice import TRAFFIC
from tests.unit.reports.test_pages import fleet_summary
from tests.unit.reports.told_beside import Told, results_csv, told_of_comparison, told_of_results
from tests.unit.reports.told_plans import (
    advice_csv,
    fleet_csv,
    share,
    step_figures,
    step_name,
    told_of_advice,
    told_of_concurrency,
    told_of_fleet,
    told_of_workflow,
)
from tests.unit.workflows.examples import DEFINITION, FIGURES, write_results
from tuner.api.comparing.results import ComparisonResult, compare
from tuner.api.overlaying import Overlay, overlay
from tuner.api.result import Result
from tuner.api.workflows.tuning import tune_workflow
from tuner.comparison.verdicts import DuetStop, Method
from tuner.evidence.advice import Advice
from tuner.evidence.concurrency_plan import ConcurrencyPlan
from tuner.model import Architecture, Configuration, Notice
from tuner.workflows.document import WorkflowDocument
from tuner.workflows.figures import read_figures

Workflows = Mapping[str, WorkflowDocument]
WIDE = 1000
"""Columns of a terminal that breaks no row."""
COMPARED = ("slower", "quicker", "alike", "duet")
PLANS = ("steady", "strict", "late", "few")
WORKFLOWS = ("unmet", "met", "budget", "confirmed")


@cache
def compared(name: str) -> ComparisonResult:
    """A comparison that finds a change, or none; the last one is told as a duet without documents is."""
    many: dict[str, Any] = {"sizes": (512, 1024), "environments": 12, "runs": 48}
    first = Result(result(**many))
    if name == "slower":
        return compare(Result(result()), Result(result(0.25, seed=1)))
    level, date = {"quicker": (-0.3, "2026-09-04"), "alike": (0.0, "2026-09-02"), "duet": (0.5, "2026-09-01")}[name]
    found = compare(first, Result(result(level, seed=1, created_at=f"{date}T10:00:00Z", **many)))
    if name != "duet":
        return found
    told = replace(found.comparison, method=Method.DUET, invocations=1234, stopped_by=DuetStop.DECIDED, drift=None)
    notices = (Notice("memory", "The function has 512 MB now, not 256 MB."),)
    return ComparisonResult(replace(told, notices=notices), None)


@cache
def overlaid(name: str) -> Overlay:
    """Three or seven releases, the last or the fourth of which is slower, or two functions."""
    if name == "functions":
        return overlay([Result(result(name=each, current=Configuration(512, Architecture.X86_64))) for each in "ab"])
    levels = {"three": (0.0, 0.0, 0.5), "seven": (0.0, 0.01, -0.01, 0.5, 0.5, 0.49, 0.5)}[name]
    made = [
        result(level, seed=n, name="orders", created_at=f"2026-08-{n + 1:02}T10:00:00Z")
        for n, level in enumerate(levels)
    ]
    return overlay([Result(document) for document in made])


@cache
def advised() -> tuple[Advice, ...]:
    """Two functions without traffic, one with, and one of hardly any run."""
    two_sizes = advise([*runs_at(512, 200.0, count=40), *runs_at(2048, 90.0, first=200, count=40)])
    busy = replace(one_size(), function="billing")
    assert busy.evidence is not None
    busy = replace(busy, evidence=replace(busy.evidence, traffic=TRAFFIC))
    return two_sizes, busy, replace(advise(runs_at(1024, 30.0, count=2)), function="seldom")


@cache
def plan(name: str) -> ConcurrencyPlan:
    """Plans that meet a target or not, that count cold starts or late requests, and one of too few requests."""
    return {
        "steady": lambda: planned(every(400.0, 8)),
        "strict": lambda: planned(every(20.0, 9), share=0.0125),
        "late": lambda: planned(every(400.0, 8), within_ms=1400.0),
        "few": lambda: planned(every(4000.0, 8), share=0.001),
    }[name]()


@pytest.fixture(scope="module")
def workflows(tmp_path_factory: pytest.TempPathFactory) -> Workflows:
    return workflow_documents(tmp_path_factory.mktemp("results"))


def workflow_documents(folder: Path) -> dict[str, WorkflowDocument]:
    """A deadline that is missed in doubt, one that is kept, a budget, and a confirmed answer."""
    results, figures = [write_results(folder)], read_figures(FIGURES, name="figures")
    unmet, met = (
        tune_workflow(DEFINITION, deadline_ms=ms, figures=figures, results=results).document for ms in (2500.0, 9000.0)
    )
    budget = tune_workflow(DEFINITION, budget_per_million=90.0, figures=figures, results=results).document
    sure = {"executions": 12, "times_ms": [1.0], "p50_ms": 1234.0, "predicted_p50_ms": 1111.0, "off_by": -0.0997}
    confirmed: Any = {**met, "confirmation": sure, "excess": 0.013, "front_excess": 0.021, "currency": "CNY"}
    return {"unmet": unmet, "met": met, "budget": budget, "confirmed": confirmed}


def told_of(found: Overlay) -> Told:
    changes = {change.number: change.findings for change in found.changes}
    functions = [document["function"]["name"] for document in found.documents]
    dates = [document["created_at"][:10] for document in found.documents]
    return told_of_results(found.documents, changes, dates if len(set(functions)) == 1 else functions)


@pytest.mark.parametrize("name", COMPARED)
def test_each_number_of_a_comparison_is_the_one_of_its_place(name: str) -> None:
    found = compared(name)
    told = told_of_comparison(found.comparison, found.sides)
    told.assert_page(found.to_html())
    told.assert_text(found.to_text(width=WIDE))
    told.assert_markdown(render_markdown(found.comparison))


@pytest.mark.parametrize("name", ["three", "seven", "functions"])
def test_each_number_of_several_results_is_the_one_of_its_place(name: str) -> None:
    found = overlaid(name)
    told = told_of(found)
    told.assert_page(found.to_html())
    told.assert_text(found.to_text(width=WIDE))
    told.assert_markdown(found.to_markdown())
    assert rows_of(found.to_csv()) == results_csv(found.documents, [change.number for change in found.changes])


def test_each_number_of_a_fleet_is_the_one_of_its_place() -> None:
    summary = fleet_summary()
    told = told_of_fleet(summary, "out/fleet.html")
    told.assert_page(fleet.render(summary, folder="out"))
    told.assert_text(fleet.render_text(summary, page="out/fleet.html", width=WIDE))
    rows = [fleet_csv(item, fleet.CSV_COLUMNS) for item in summary["savings"]]
    assert rows_of(fleet.render_csv(summary)) == rows


@pytest.mark.parametrize("few", [False, True])
def test_each_number_of_advice_is_the_one_of_its_place(few: bool) -> None:
    found = advised()[:1] if few else advised()
    told = told_of_advice(found)
    told.assert_page(advice.page(found))
    told.assert_text(advice.render_all(found, width=WIDE))
    told.assert_markdown(advice.markdown(found))
    assert rows_of(advice.table(found)) == [*map(advice_csv, found)]


@pytest.mark.parametrize("name", PLANS)
def test_each_number_of_a_plan_of_concurrency_is_the_one_of_its_place(name: str) -> None:
    found = plan(name)
    told = told_of_concurrency("orders", found)
    page = concurrency.page("orders", found)
    told.assert_page(page)
    told.assert_text(concurrency.render("orders", found, width=WIDE))
    counts = re.findall(r"(?:as a line|of environments), at most (\d+)\.", page)
    assert len(counts) == 2, "in the name of the picture and below it"
    assert len(set(counts)) == 1


@pytest.mark.parametrize("name", WORKFLOWS)
def test_each_number_of_a_workflow_is_the_one_of_its_place(name: str, workflows: Workflows) -> None:
    document = workflows[name]
    told = told_of_workflow(document)
    page = workflow.render(document)
    told.assert_page(page)
    told.assert_text(workflow_text.render_text(document, width=WIDE))
    told.assert_markdown(workflow_text.render_markdown(document))
    assert [*drawn_states(page)] == sorted(told_states(document))
    assert sorted(re.findall(r'<text class="label"[^>]*>([^<]*)<', page)) == sorted(told_chances(document["graph"]))
    assert handles_of(page) == told_handles(document)


def rows_of(form: str) -> list[dict[str, str]]:
    return [*reader.DictReader(io.StringIO(form, newline=""))]


def drawn_states(page: str) -> Iterator[tuple[str, ...]]:
    """Each state of the picture: what its tooltip says, its name, and the lines below that."""
    states = re.findall(r"<g class=[^>]*><title>(.*?)</title>(.*?)</g>", page, re.DOTALL)
    yield from sorted((title, *map(text_of, re.findall(r"<text.*?</text>", rest, re.DOTALL))) for title, rest in states)


def told_states(document: WorkflowDocument) -> Iterator[tuple[str, ...]]:
    sizes, currency = document["chosen"]["configurations"], document["currency"]
    for step in document["steps"]:
        size = sizes[step["function"]] if step["function"] else None
        lines = [f"{memory(size['memory_mb'])} {size['architecture']}"] if size else []
        yield step_name(step, currency), step["path"][-1], *lines, step_figures(step, currency)


def told_chances(states: Any) -> Iterator[str]:
    for state in states:
        chances = [way["chance"] for way in state["exits"] if way["target"]]
        yield from (share(chance) for chance in chances if 0 < chance < 1)
        for inner in (*state["branches"], state["body"] or []):
            yield from told_chances(inner)


def handles_of(page: str) -> Any:
    """What the script of the page reads."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page)
    assert found
    return json.loads(found[1])


def told_handles(document: WorkflowDocument) -> dict[str, Any]:
    chosen, now = document["chosen"]["configurations"], document["current"]
    sizes = [
        [
            f"{memory(size['memory_mb'])} {size['architecture']}"
            for size in map(point["configurations"].get, chosen)
            if size
        ]
        for point in document["front"]
    ]
    return {
        "points": [
            [round(point["duration_ms"], 2), round(point["cost_per_million_usd"], 4), names]
            for point, names in zip(document["front"], sizes, strict=True)
        ],
        "chosen": next((n for n, p in enumerate(document["front"]) if p["configurations"] == chosen), 0),
        "now": [now["duration_ms"], now["cost_per_million_usd"]] if now else None,
        "sign": "CN¥" if document["currency"] == "CNY" else "$",
    }
