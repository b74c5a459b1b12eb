"""The pages beside the report in a real browser: quiet, accessible at every width and in every scheme of colours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from reports import advice, concurrency, fleet, workflow
from tests.browser.test_golden_pages import (
    AXE,
    CONTRAST,
    NARROWER,
    RUN,
    SCHEMES,
    WIDE,
    WIDTH_OF_LARGE_TEXT,
    faults_in_forced_colours,
)
from tests.unit.comparison.documents import result
from tests.unit.evidence.test_advice import advise, one_size, runs_at
from tests.unit.evidence.test_concurrency_plan import every, planned
from tests.unit.reports.test_pages import fleet_summary
from tests.unit.workflows.examples import DEFINITION, FIGURES, write_results
from tuner.api.comparing.results import compare
from tuner.api.overlaying import overlay
from tuner.api.result import Result
from tuner.api.workflows.tuning import tune_workflow
from tuner.workflows.figures import read_figures

FOLD = 900


def comparison_page() -> str:
    """A result against one that is a quarter slower."""
    return compare(Result(result()), Result(result(0.25, seed=1))).to_html()


def trend_page() -> str:
    """Three releases, the last of which is slower."""
    made = [result(level, seed=i, created_at=f"2026-08-0{i + 1}T10:00:00Z") for i, level in enumerate((0.0, 0.0, 0.5))]
    return overlay([Result(document) for document in made]).to_html()


def fleet_page() -> str:
    """Two tuned functions, one that failed, and one that was not begun."""
    return fleet.render(fleet_summary(), folder="out")


def advice_page() -> str:
    """Advice on a function that ran at two sizes, and on one whose size is as it is."""
    two_sizes = advise([*runs_at(512, 200.0, count=40), *runs_at(2048, 90.0, first=200, count=40)])
    return advice.page([two_sizes, replace(one_size(), function="billing")])


def concurrency_page() -> str:
    """A plan for a busy function."""
    return concurrency.page("orders", planned(every(400.0, 8)))


def workflow_page(folder: Path) -> str:
    """Sizes that keep a deadline."""
    figures = read_figures(FIGURES, name="figures")
    found = tune_workflow(DEFINITION, deadline_ms=2500.0, figures=figures, results=[write_results(folder)])
    return workflow.render(found.document)


PAGES: dict[str, Callable[[Path], str]] = {
    "comparison": lambda _: comparison_page(),
    "trend": lambda _: trend_page(),
    "fleet": lambda _: fleet_page(),
    "advice": lambda _: advice_page(),
    "concurrency": lambda _: concurrency_page(),
    "workflow": workflow_page,
}


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    """One page for all tests of the module."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_quiet_accessible_and_shows_its_chart_first(name: str, page: Page, tmp_path: Path) -> None:
    said: list[str] = []
    file = tmp_path / f"{name}.html"
    file.write_text(PAGES[name](tmp_path), "utf-8")
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: said.append(request.url) if request.url != file.as_uri() else None)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(file.as_uri())
    assert said == []
    first = page.locator("figure.chart, #front, table").first.bounding_box()
    assert first is not None
    assert first["y"] + first["height"] <= FOLD
    page.evaluate(AXE)
    for (width, height), only in {WIDE: [], **NARROWER}.items():
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate(RUN, [only, []]) == [], width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(WIDTH_OF_LARGE_TEXT) <= width
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate(CONTRAST) == [], (width, scheme)
        page.emulate_media(color_scheme="light")
    assert faults_in_forced_colours(page, colourful=True) == []
