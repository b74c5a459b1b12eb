"""axe-core finds nothing on any golden page: wide and narrow, light and dark, with forced colours and large text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Open
from tests.unit.reports.results import NAMES

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text("utf-8")
"""The script as the package brings it; its Python wrapper is not needed."""
FIRST_WIDTH, WIDTHS = 1440, (1280, 390)
COLOURFUL = ("aws", "unmet", "throttled", "all-failed")
"""Pages that hold every colour between them."""
PAGES = list(NAMES)


def violations(page: Page) -> list[tuple[str, str]]:
    """The rules that a page breaks as it is now, with the first place of each."""
    found: list[dict[str, Any]] = page.evaluate("axe.run().then((result) => result.violations)")
    return [(violation["id"], violation["nodes"][0]["html"]) for violation in found]


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_at_any_width(open_page: Open, name: str) -> None:
    page = open_page(name, viewport={"width": FIRST_WIDTH, "height": 900}, bypass_csp=True).page
    page.evaluate(AXE)
    found = {FIRST_WIDTH: violations(page)}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 844})
        found[width] = violations(page)
    assert found == {width: [] for width in (FIRST_WIDTH, *WIDTHS)}


@pytest.mark.parametrize("name", COLOURFUL)
def test_axe_finds_nothing_in_dark_and_forced_colours(open_page: Open, name: str) -> None:
    page = open_page(name, color_scheme="dark", bypass_csp=True).page
    page.evaluate(AXE)
    assert violations(page) == []
    page.emulate_media(color_scheme="light", forced_colors="active")
    assert violations(page) == []


def test_text_of_twice_the_size_needs_no_sideways_scroll(open_page: Open) -> None:
    page = open_page("aws", viewport={"width": 1280, "height": 800}).page
    page.evaluate("document.adoptedStyleSheets = [Object.assign(new CSSStyleSheet())]")
    page.evaluate("document.adoptedStyleSheets[0].replaceSync('html { font-size: 200% }')")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_the_arrow_keys_walk_through_a_chart_from_left_to_right(open_page: Open) -> None:
    page = open_page("aws").page
    page.locator('#chart-memory svg .pt[tabindex="0"]').focus()
    across = "() => document.activeElement.getBoundingClientRect().x"
    places = [page.evaluate(across)]
    for _ in range(12):
        page.keyboard.press("ArrowRight")
        places.append(page.evaluate(across))
    assert places == sorted(places)
