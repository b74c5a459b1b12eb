"""Every golden page in a real browser: quiet, the answer on the first screen, accessible at every width.

A page is loaded once for all of its tests.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import axe_playwright_python
import pytest
from playwright.sync_api import Page, expect

from reports.words import verdict
from reports.words.numbers import configuration, milliseconds, money, per_million
from tests.browser.conftest import Opened, Opener
from tests.browser.test_explore import CHOOSE, as_wish, curve_rows, random_objective
from tests.unit.reports.results import NAMES
from tuner.search.recommendation import choose

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text("utf-8")
"""The script as the package brings it; its Python wrapper is not needed."""
RUN = """
([only, without]) => axe.run(document, {
  resultTypes: ["violations"], iframes: false, preload: false,
  ...(only.length ? { runOnly: only } : {}),
  rules: Object.fromEntries(without.map((rule) => [rule, { enabled: false }])),
}).then((result) => result.violations.map((violation) => [violation.id, violation.nodes[0].html]))
"""
WIDE, NARROWER = (
    (1440, 900),
    {(1280, 800): ["scrollable-region-focusable"], (390, 844): ["scrollable-region-focusable", "target-size"]},
)
"""The first size of the window, and the further ones with the rules whose answer depends on the width. All other
rules read the markup, which is the same at each of them."""
WIDTH_RULES = NARROWER[390, 844]
BROKEN_WORDS = """() => {
  const codes = [...document.querySelectorAll("pre > code")].filter((code) => code.checkVisibility());
  const narrow = (span) => span.getBoundingClientRect().width < span.closest("pre").clientWidth - 40;
  const lines = (span) => { const range = document.createRange(); range.selectNodeContents(span);
    return new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size; };
  const copied = (code) => { getSelection().selectAllChildren(code); return getSelection().toString(); };
  return [
    codes.filter((code) => code.textContent.trim() && !code.querySelector("span")).map((code) => code.textContent),
    codes.flatMap((code) => [...code.querySelectorAll("span")])
      .filter((span) => narrow(span) && lines(span) > 1).map((span) => span.textContent),
    codes.map((code) => [copied(code), code.textContent]),
  ];
}"""
"""Commands whose words are no boxes, words on two lines although they fit on one, and what copying a command gives."""
BOXES = """() => [...document.querySelectorAll("body *")].map((element) => {
  const { x, y, width, height } = element.getBoundingClientRect(); return [x, y, width, height].join();
}).join("\\n")"""
"""Where everything is."""
CONTRAST_RULE = "color-contrast"
COLOUR_RULES = [CONTRAST_RULE, "link-in-text-block"]
"""The rules whose answer depends on colours."""
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
COLOURFUL = ("aws", "unmet", "throttled", "all-failed")
"""Pages that hold every colour between them: axe computes their contrast. A quicker script does it for all pages."""
WHOLE = "grid"
"""A page of which every row and mark is read."""
REPEATED = (
    ".sortable tbody tr:nth-child(n+8):not(.recommended, .current, .failed), "
    "details.data tbody tr:nth-child(n+3), svg .pt:nth-of-type(n+8)"
)
"""Rows and marks like others of their page: some are read for all."""
WIDTH_OF_LARGE_TEXT = """() => {
  const root = document.documentElement;
  root.style.fontSize = "200%";
  const width = root.scrollWidth;
  root.style.fontSize = "";
  return width;
}"""
"""How wide a page is when its text, and nothing else, is twice as large (WCAG 1.4.4)."""
THIN = f"() => document.querySelectorAll({REPEATED!r}).forEach((element) => element.remove())"
CONTRAST = """
() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const over = ([r, g, b, a = 1], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a)];
  const ground = (element) => {
    if (!element) return [255, 255, 255];
    const own = parse(getComputedStyle(element).backgroundColor);
    return own[3] === undefined ? own : over(own, ground(element.parentElement));
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const texts = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!texts || !element.checkVisibility() || element.closest("script, style, :disabled")) continue;
    const style = getComputedStyle(element);
    const behind = ground(element.closest("svg")?.parentElement ?? element);
    const ink = over(parse(element.closest("svg") ? style.fill : style.color), behind);
    const [high, low] = [light(ink), light(behind)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    const large = parseFloat(style.fontSize) >= 24;
    if (ratio < (large ? 3 : 4.5)) found.push([ratio, element.tagName, element.textContent.slice(0, 40)]);
  }
  return found;
}
"""


@pytest.fixture(scope="module", params=list(NAMES))
def golden(request: pytest.FixtureRequest, opener: Opener) -> Iterator[Opened]:
    """A golden page, wide and light, with axe at hand."""
    with opener(request.param, viewport=size(WIDE)) as it:
        it.said_at_first = list(it.console)
        it.page.evaluate(AXE)
        yield it


def size(width_and_height: tuple[int, int]) -> dict[str, int]:
    return dict(zip(("width", "height"), width_and_height, strict=True))


def violations(it: Opened, *, only: list[str] = [], without: list[str] = []) -> list[tuple[str, str]]:  # noqa: B006
    """The rules that a page breaks as it is now, with the first place of each."""
    found: list[Any] = it.page.evaluate(RUN, [only, without])
    return [(rule, html) for rule, html in found]


def test_no_page_complains_or_asks_for_anything(golden: Opened) -> None:
    assert golden.said_at_first == []
    assert golden.foreign_requests == []
    assert golden.dialogs == []
    expect(golden.page.locator("h1")).to_have_text(str(verdict.headline(golden.result)))


@pytest.mark.parametrize("window", [WIDE, (1280, 800)], ids=str)
def test_the_first_screen_holds_the_verdict_the_pair_the_chart_and_the_strip_for_who_is_on_call(
    golden: Opened, window: tuple[int, int], artifacts: Path
) -> None:
    golden.page.set_viewport_size(size(window))
    bottoms: dict[str, float] = golden.page.evaluate(
        """() => Object.fromEntries(["h1", ".pair", "#chart-memory svg", ".on-call"].flatMap((selector) => {
          const found = document.querySelector(selector);
          return found ? [[selector, found.getBoundingClientRect().bottom]] : [];
        }))"""
    )
    assert {selector for selector, bottom in bottoms.items() if bottom > window[1]} == set()
    assert "h1" in bottoms
    golden.page.screenshot(path=artifacts / f"{golden.name.replace('/', '-')}-{window[0]}.jpg", type="jpeg")
    if golden.result["recommendation"] is not None:
        assert len(bottoms) == 4
        price = per_million(golden.result["recommendation"]["cost_usd"]["mean"], golden.result["prices"]["currency"])
        expect(golden.page.locator(".pair")).to_contain_text(price)


def test_explore_starts_with_the_recommendation_of_the_document(golden: Opened) -> None:
    recommended, currency = golden.result["recommendation"], golden.result["prices"]["currency"]
    found = golden.page.locator(".found")
    expect(found).to_have_count(0 if recommended is None else 1)
    if recommended is not None:
        told = str(found.text_content())
        month = golden.result["request"]["invocations_per_month"] or 1e6
        assert found.locator("strong").text_content() == configuration(recommended)
        assert milliseconds(recommended["duration_ms"]["mean"]) in told
        assert f"{per_million(recommended['cost_usd']['mean'], currency)} per million" in told
        assert f"{money(recommended['cost_usd']['mean'] * month, currency)} a month" in told


def test_the_script_agrees_with_the_core_on_the_rows_of_real_results(golden: Opened) -> None:
    source, rows = random.Random(7), curve_rows(golden.result)
    objectives = [random_objective(source, rows) for _ in range(30)] if rows else []
    told = golden.page.evaluate(CHOOSE, json.dumps([as_wish(rows, objective) for objective in objectives]))
    assert told == [choose(rows, objective) for objective in objectives]


def test_axe_finds_nothing_at_any_width(golden: Opened) -> None:
    golden.page.set_viewport_size(size(WIDE))
    if golden.name != WHOLE:
        golden.page.evaluate(THIN)
    found = {WIDE: violations(golden, without=[] if golden.name in COLOURFUL else [CONTRAST_RULE])}
    for window, rules in NARROWER.items():
        golden.page.set_viewport_size(size(window))
        found[window] = violations(golden, only=rules)
        assert golden.page.evaluate("document.documentElement.scrollWidth") <= window[0]
        assert golden.page.evaluate(WIDTH_OF_LARGE_TEXT) <= window[0]
    assert found == {window: [] for window in (WIDE, *NARROWER)}


def test_text_has_the_contrast_of_wcag_aa_in_light_and_dark(golden: Opened) -> None:
    golden.page.set_viewport_size(size(WIDE))
    for scheme in SCHEMES:
        golden.page.emulate_media(color_scheme=scheme)
        assert golden.page.evaluate(CONTRAST) == []
    if golden.name in COLOURFUL:
        assert violations(golden, only=[CONTRAST_RULE]) == []
    golden.page.emulate_media(color_scheme="light")


def test_forced_colours_are_told_apart_and_axe_finds_nothing_at_any_width(golden: Opened) -> None:
    """As without forced colours, axe computes the contrast of the pages that hold every colour, the script of all."""
    assert faults_in_forced_colours(golden.page, colourful=golden.name in COLOURFUL) == []


def faults_in_forced_colours(page: Page, *, colourful: bool) -> list[Any]:
    """What axe and the script find in both schemes of forced colours, at every width, and what does not fit a width.

    Colours do not change the markup: only what reads either colours or widths is looked at again. Everything is in
    the same place in both schemes, so that what reads widths is looked at in one.
    """
    found: list[Any] = []
    for window, width_rules in {WIDE: WIDTH_RULES, **NARROWER}.items():
        page.set_viewport_size(size(window))
        places = set()
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, forced_colors="active")
            places.add(page.evaluate(BOXES))
            found += page.evaluate(CONTRAST)
            if colourful and window == WIDE:
                found += page.evaluate(RUN, [COLOUR_RULES, []])
        found += page.evaluate(RUN, [width_rules, []])
        if len(places) > 1:
            found.append((window, "light and dark are not laid out alike"))
        if page.evaluate("document.documentElement.scrollWidth") > window[0]:
            found.append((window, "too wide"))
    page.emulate_media(color_scheme="light", forced_colors="none")
    return found


def test_a_command_breaks_between_words_and_is_copied_as_it_is(golden: Opened) -> None:
    golden.page.set_viewport_size(size((390, 844)))
    bare, broken, selected = golden.page.evaluate(BROKEN_WORDS)
    golden.page.set_viewport_size(size(WIDE))
    assert bare == broken == []
    for shown, text in selected:
        assert shown == text
