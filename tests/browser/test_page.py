"""The page in a real browser: quiet, true to its document, and usable by hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from reports import csv
from reports.words import verdict
from reports.words.numbers import milliseconds, money, per_million
from reports.words.rows import rows
from tests.browser.conftest import Open
from tests.golden.situations import HOSTILE_NAME, LONG
from tests.unit.reports.results import NAMES

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
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


@pytest.mark.parametrize("name", list(NAMES))
def test_no_page_complains_asks_for_anything_or_runs_over_the_edge(open_page: Open, name: str) -> None:
    it = open_page(name, **PHONE)
    assert it.console == []
    assert it.foreign_requests == []
    assert it.dialogs == []
    assert it.page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(it.page.locator("h1")).to_have_text(str(verdict.headline(it.result)))


def test_the_table_holds_the_numbers_of_the_document(open_page: Open) -> None:
    it = open_page("aws-all")
    shown = it.page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll(".sortable tbody tr")].map((row) => {
          const [memory, architecture, duration, p95, cost] = row.cells;
          return [`${memory.dataset.v} ${architecture.textContent}`,
            [duration.dataset.v, p95.dataset.v, cost.dataset.v, duration.firstChild.textContent.trim()]];
        }))"""
    )
    expected = rows(it.result)
    assert len(shown) == len(expected)
    for row in expected:
        duration, p95, cost, words = shown[f"{row.memory_mb} {row.architecture}"]
        if row.duration_ms is None:
            assert duration is None
            continue
        assert float(duration) == row.duration_ms["mean"]
        assert words == milliseconds(row.duration_ms["mean"])
        assert p95 is None if row.p95_ms is None else float(p95) == row.p95_ms["mean"]
        assert row.cost_usd is not None
        assert float(cost) == row.cost_usd["mean"]


@pytest.mark.parametrize("size", [(1440, 900), (1280, 800)], ids=str)
@pytest.mark.parametrize("name", list(NAMES))
def test_the_first_screen_holds_the_verdict_the_pair_and_the_chart(
    open_page: Open, name: str, size: tuple[int, int]
) -> None:
    it = open_page(name, viewport={"width": size[0], "height": size[1]})
    for selector in ("h1", ".pair", "#chart-memory svg"):
        found = it.page.locator(selector)
        if selector == "h1" or found.count():
            box = found.first.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= size[1], selector
    if it.result["recommendation"] is not None:
        price = per_million(it.result["recommendation"]["cost_usd"]["mean"], it.result["prices"]["currency"])
        expect(it.page.locator(".pair")).to_contain_text(price)


def test_the_first_screen_compares_now_and_recommended_and_tells_the_saving(open_page: Open) -> None:
    it = open_page("aws")
    pair = it.page.locator(".pair")
    expect(pair).to_contain_text(money(it.result["saving"]["per_month_usd"]["mean"]))
    expect(pair).to_contain_text(money(12 * it.result["saving"]["per_month_usd"]["mean"]))
    expect(pair).to_contain_text(per_million(it.result["current"]["cost_usd"]["mean"]))
    expect(it.page.locator(".identity")).to_contain_text(it.result["function"]["arn"])


def test_a_phone_shows_verdict_pair_and_chart_in_this_order(open_page: Open) -> None:
    page = open_page("aws", **PHONE).page
    tops = [
        page.locator(selector).bounding_box()["y"] for selector in ("h1", ".pair", "#chart-memory", ".on-call", ".next")
    ]
    assert tops == sorted(tops)


def test_an_unmet_bound_is_a_red_headline_and_nothing_is_to_be_applied(open_page: Open) -> None:
    page = open_page("unmet").page
    expect(page.locator(".verdict.unmet h1")).to_contain_text("Nothing meets p95 ≤ 50 ms")
    expect(page.locator(".next .panel")).to_have_count(0)
    expect(page.locator(".next")).not_to_contain_text("apply")


def test_the_recommended_row_is_in_view_when_the_page_opens(open_page: Open) -> None:
    page = open_page("aws-all").page
    inside = """() => {
      const row = document.querySelector("tr.recommended"), box = row.closest(".scroll");
      return row.offsetTop >= box.scrollTop && row.offsetTop + row.offsetHeight <= box.scrollTop + box.clientHeight;
    }"""
    assert page.evaluate(inside)


def test_what_is_explored_stands_in_the_address_and_is_restored_from_it(open_page: Open) -> None:
    it = open_page("aws")
    it.page.locator('#explore [value="speed"]').check()
    it.page.locator('#explore [name="traffic"]').fill("5000")
    it.page.wait_for_function("location.hash === '#strategy=speed&traffic=5000'")
    told = it.page.locator("#explore .found").text_content()
    it.page.reload()
    assert it.page.locator("#explore .found").text_content() == told
    expect(it.page.locator('#explore [value="speed"]')).to_be_checked()
    it.page.get_by_role("button", name="Back to the result").click()
    expect(it.page.locator('#explore [value="cost"]')).to_be_checked()
    it.page.wait_for_function("location.hash === ''")


def test_each_tool_has_its_snippet_and_the_keyboard_reaches_it(open_page: Open) -> None:
    page = open_page("aws").page
    page.locator("#tool-1").focus()
    for word in (
        "update-function-configuration",
        "AWS::Serverless::Function",
        "aws_lambda_function",
        "lambda.Function",
    ):
        page.keyboard.press("ArrowRight")
        expect(page.locator(".panel pre >> visible=true")).to_contain_text(word)


def test_the_legend_takes_a_series_away_and_brings_it_back(open_page: Open) -> None:
    page = open_page("aws").page
    chart = page.locator("#chart-memory")
    series, button = chart.locator("svg .series.arm64 .curve").first, chart.get_by_role("button", name="arm64")
    expect(series).to_be_visible()
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(series).to_be_hidden()
    expect(chart.locator("svg .series.x86_64 .curve").first).to_be_visible()
    button.press("Enter")
    expect(series).to_be_visible()


def test_hover_focus_and_arrow_keys_tell_the_numbers(open_page: Open) -> None:
    page = open_page("aws").page
    marks, tip = page.locator("#chart-memory svg .pt.measured"), page.locator("#tip")
    marks.nth(1).hover()
    expect(tip).to_be_visible()
    expect(tip).to_contain_text(re.compile(r"MB (arm64|x86_64): .* \(.* to .*\), measured: "))
    page.mouse.move(0, 0)
    expect(tip).to_be_hidden()
    page.locator('#chart-memory svg .pt[tabindex="0"]').focus()
    before = tip.text_content()
    page.keyboard.press("ArrowRight")
    expect(tip).to_be_visible()
    assert tip.text_content() != before
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()


def test_estimated_sizes_say_so_when_pointed_at(open_page: Open) -> None:
    page = open_page("aws").page
    page.locator("#chart-memory svg .pt.hit").last.hover()
    expect(page.locator("#tip")).to_contain_text("estimated, not measured")


def test_a_click_on_a_heading_sorts_and_another_turns_the_order(open_page: Open) -> None:
    page = open_page("aws-all").page
    heading = page.locator(".sortable th").nth(4)
    read = (
        """() => [...document.querySelectorAll(".sortable tbody tr:not(.failed)")].map((r) => +r.cells[4].dataset.v)"""
    )
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    rising = page.evaluate(read)
    assert rising == sorted(rising)
    heading.get_by_role("button").click()
    assert page.evaluate(read) == rising[::-1]
    last = page.locator(".sortable tbody tr").last
    expect(last).to_have_class(re.compile("failed"))


def test_the_table_can_show_the_measured_only(open_page: Open) -> None:
    it = open_page("aws")
    it.page.get_by_label("measured only").check()
    visible = it.page.locator(".sortable tbody tr >> visible=true")
    expect(visible).to_have_count(sum(row.measured for row in rows(it.result)))


def test_the_download_is_the_csv(open_page: Open) -> None:
    it = open_page("aws")
    with it.page.expect_download() as download:
        it.page.get_by_role("link", name="Download CSV").click()
    assert download.value.suggested_filename == "configurations.csv"
    assert Path(download.value.path()).read_bytes().decode() == csv.render(it.result)


def test_without_javascript_everything_but_exploring_is_there(open_page: Open) -> None:
    it = open_page("aws", java_script_enabled=False)
    page = it.page
    expect(page.locator("h1")).to_have_text(str(verdict.headline(it.result)))
    expect(page.locator("#explore")).to_be_hidden()
    expect(page.locator("figure.chart svg")).to_have_count(5)
    assert page.locator("#chart-memory svg .pt title").count() > 5
    page.get_by_text("Terraform", exact=True).click()
    expect(page.locator(".panel pre >> visible=true")).to_contain_text("aws_lambda_function")
    page.get_by_text("Table: cost and duration over memory").click()
    expect(page.locator("#chart-memory table")).to_be_visible()


def test_every_chart_has_its_figures_in_a_table(open_page: Open) -> None:
    page = open_page("grid").page
    for chart in page.locator("figure.chart").all():
        assert chart.locator("table tbody tr").count() > 0
        assert chart.locator("svg").get_attribute("aria-label")


def test_hostile_text_is_shown_and_does_nothing(open_page: Open) -> None:
    page = open_page("hostile").page
    assert page.title().startswith("1,024 MB on x86_64")
    assert page.locator(".identity dd bdi").first.text_content() == HOSTILE_NAME
    page.locator(".warnings summary").click()
    assert page.locator(".warnings pre bdi").text_content() == LONG


def test_the_policy_stops_what_would_get_into_the_page(open_page: Open) -> None:
    it = open_page("aws")
    it.page.evaluate(
        """() => {
          const add = (html) => document.body.insertAdjacentHTML("beforeend", html);
          add('<img src="x:" onerror="window.broken = 1">');
          add('<p id="styled" style="color: rgb(1, 2, 3)">x</p>');
          const script = document.createElement("script");
          script.textContent = "window.broken = 2";
          document.body.append(script);
          add('<img src="https://example.invalid/pixel">');
        }"""
    )
    it.page.wait_for_timeout(100)
    assert it.page.evaluate("window.broken") is None
    assert it.page.evaluate("getComputedStyle(document.getElementById('styled')).color") != "rgb(1, 2, 3)"
    assert any("Content Security Policy" in line for line in it.console)
    with pytest.raises(Exception, match="Failed to fetch"):
        it.page.evaluate("fetch('https://example.invalid/')")


@pytest.mark.parametrize("name", ["aws", "local", "all-failed", "hostile"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_of_wcag_aa(open_page: Open, name: str, scheme: str) -> None:
    page = open_page(name, color_scheme=scheme).page
    assert page.evaluate(CONTRAST) == []


def test_dark_is_dark_and_light_is_light(open_page: Open) -> None:
    shade = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).reduce((sum, v) => sum + +v, 0)"
    assert open_page("aws", color_scheme="dark").page.evaluate(shade) < 150
    assert open_page("aws", color_scheme="light").page.evaluate(shade) > 700


@pytest.mark.parametrize("name", ["aws", "aws-all", "grid", "throttled"])
def test_it_prints_on_two_pages(open_page: Open, artifacts: Path, name: str) -> None:
    file = artifacts / f"{name}.pdf"
    open_page(name, color_scheme="dark").page.pdf(path=file, prefer_css_page_size=True, print_background=True)
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", file.read_bytes())) <= 2


@pytest.mark.parametrize("name", ["aws", "local", "one-left", "all-failed", "hostile"])
def test_screenshots_are_kept(open_page: Open, artifacts: Path, name: str) -> None:
    for look, options in {
        "light": {},
        "dark": {"color_scheme": "dark"},
        "phone": PHONE,
    }.items():
        if look == "light" or name == "aws":
            open_page(name, **options).page.screenshot(path=artifacts / f"{name}-{look}.png", full_page=True)
    assert (artifacts / f"{name}-light.png").stat().st_size > 50_000
