"""The pages beside the report in a real browser: quiet, accessible at every width and in every scheme of colours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.test_golden_pages import AXE, CONTRAST, RUN
from tests.unit.comparison.documents import result
from tuner.api.comparing import compare
from tuner.api.result import Result

WIDTHS = ((1440, 900), (1280, 800), (390, 844))
FOLD = 900


def comparison_page() -> str:
    """A result against one that is a quarter slower."""
    return compare(Result(result()), Result(result(0.25, seed=1))).to_html()


PAGES: dict[str, Callable[[], str]] = {"comparison": comparison_page}


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
    file.write_text(PAGES[name](), "utf-8")
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: said.append(request.url) if request.url != file.as_uri() else None)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(file.as_uri())
    assert said == []
    first = page.locator("figure.chart, table").first.bounding_box()
    assert first is not None
    assert first["y"] + first["height"] <= FOLD
    page.evaluate(AXE)
    for width, height in WIDTHS:
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate(RUN, [[], []]) == [], width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(CONTRAST) == []
    page.emulate_media(color_scheme="light", forced_colors="active")
    assert page.evaluate(RUN, [["color-contrast"], []]) == []
    page.emulate_media(forced_colors="none")
