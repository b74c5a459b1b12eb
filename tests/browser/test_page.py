"""The page in a real browser: quiet, true to its document, and usable by hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from reports import csv
from reports.words import verdict
from reports.words.escape import visible, whole
from reports.words.numbers import milliseconds, money, per_million
from reports.words.rows import rows
from tests.browser.conftest import Open, Opened
from tests.golden.situations import HOSTILE_NAME, LONG


def test_the_table_holds_the_numbers_of_the_document(aws_all: Opened) -> None:
    it = aws_all
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


def test_the_first_screen_compares_now_and_recommended_and_tells_the_saving(aws: Opened) -> None:
    it = aws
    pair = it.page.locator(".pair")
    expect(pair).to_contain_text(money(it.result["saving"]["per_month_usd"]["mean"]))
    expect(pair).to_contain_text(money(12 * it.result["saving"]["per_month_usd"]["mean"]))
    expect(pair).to_contain_text(per_million(it.result["current"]["cost_usd"]["mean"]))
    expect(it.page.locator(".identity")).to_contain_text(it.result["function"]["arn"])


def test_a_phone_shows_verdict_pair_and_chart_in_this_order(aws: Opened, artifacts: Path) -> None:
    aws.page.set_viewport_size({"width": 390, "height": 844})
    selectors = ("h1", ".pair", "#chart-memory", ".on-call", ".next")
    tops = [aws.page.locator(selector).bounding_box()["y"] for selector in selectors]  # type: ignore[index]
    aws.page.screenshot(path=artifacts / "aws-phone.png")
    aws.page.set_viewport_size({"width": 1280, "height": 800})
    assert tops == sorted(tops)


def test_a_phone_shows_the_whole_heading_of_a_table_that_is_wider(open_page: Open) -> None:
    page = open_page("unmet").page
    page.set_viewport_size({"width": 390, "height": 844})
    box = page.locator(".plain caption").bounding_box()
    page.set_viewport_size({"width": 1280, "height": 800})
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390


def test_an_unmet_bound_is_a_red_headline_and_nothing_is_to_be_applied(open_page: Open) -> None:
    page = open_page("unmet").page
    expect(page.locator(".verdict.unmet h1")).to_contain_text("Nothing meets p95 ≤ 50 ms")
    expect(page.locator(".next .panel")).to_have_count(0)
    expect(page.locator(".next")).not_to_contain_text("apply")


def test_the_recommended_row_is_in_view_when_the_page_opens(aws_all: Opened) -> None:
    page = aws_all.page
    inside = """() => {
      const row = document.querySelector("tr.recommended"), box = row.closest(".scroll");
      return row.offsetTop >= box.scrollTop && row.offsetTop + row.offsetHeight <= box.scrollTop + box.clientHeight;
    }"""
    assert page.evaluate(inside)


def test_what_is_explored_stands_in_the_address_and_is_restored_from_it(aws: Opened) -> None:
    it = aws
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


def test_each_tool_has_its_snippet_and_the_keyboard_reaches_it(aws: Opened) -> None:
    page = aws.page
    page.locator("#tool-1").focus()
    for word in (
        "update-function-configuration",
        "AWS::Serverless::Function",
        "aws_lambda_function",
        "lambda.Function",
    ):
        page.keyboard.press("ArrowRight")
        expect(page.locator(".panel pre >> visible=true")).to_contain_text(word)


def test_the_legend_takes_a_series_away_and_brings_it_back(aws: Opened) -> None:
    page = aws.page
    chart = page.locator("#chart-memory")
    series, button = chart.locator("svg .series.arm64 .curve").first, chart.get_by_role("button", name="arm64")
    expect(series).to_be_visible()
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(series).to_be_hidden()
    expect(chart.locator("svg .series.x86_64 .curve").first).to_be_visible()
    button.press("Enter")
    expect(series).to_be_visible()


def test_hover_focus_and_arrow_keys_tell_the_numbers(aws: Opened) -> None:
    page = aws.page
    marks, tip = page.locator("#chart-memory svg .pt.measured"), page.locator("#tip")
    marks.nth(1).hover()
    expect(tip).to_be_visible()
    expect(tip).to_contain_text(re.compile(r"MB (arm64|x86_64): .* \(.* to .*\), mean of its own "))
    page.mouse.move(0, 0)
    expect(tip).to_be_hidden()
    page.locator('#chart-memory svg .pt[tabindex="0"]').focus()
    before = tip.text_content()
    page.keyboard.press("ArrowRight")
    expect(tip).to_be_visible()
    assert tip.text_content() != before
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()


def test_estimated_sizes_say_so_when_pointed_at(aws: Opened) -> None:
    page = aws.page
    page.locator("#chart-memory svg .pt.hit").last.hover()
    expect(page.locator("#tip")).to_contain_text("estimated, not measured")


def test_a_click_on_a_heading_sorts_and_another_turns_the_order(aws_all: Opened) -> None:
    page = aws_all.page
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


def test_the_table_can_show_the_measured_only(aws: Opened) -> None:
    it = aws
    it.page.get_by_label("measured only").check()
    visible = it.page.locator(".sortable tbody tr >> visible=true")
    expect(visible).to_have_count(sum(row.measured for row in rows(it.result)))
    it.page.get_by_label("measured only").uncheck()


def test_the_download_is_the_csv(aws: Opened) -> None:
    it = aws
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
    assert page.locator(".identity dd bdi").first.text_content() == visible(HOSTILE_NAME)
    page.locator(".warnings summary").click()
    assert page.locator(".warnings pre bdi").text_content() == whole(visible(LONG))


def test_the_policy_stops_what_would_get_into_the_page(open_page: Open) -> None:
    it = open_page("aws")
    break_in = """() => {
      const add = (html) => document.body.insertAdjacentHTML("beforeend", html);
      add('<img src="x:" onerror="window.broken = 1">');
      add('<p id="styled" style="color: rgb(1, 2, 3)">x</p>');
      const script = document.createElement("script");
      script.textContent = "window.broken = 2";
      document.body.append(script);
      add('<img src="https://example.invalid/pixel">');
    }"""
    with it.page.expect_console_message(lambda message: "example.invalid" in message.text):
        it.page.evaluate(break_in)
    assert it.page.evaluate("window.broken") is None
    assert it.page.evaluate("getComputedStyle(document.getElementById('styled')).color") != "rgb(1, 2, 3)"
    assert any("Content Security Policy" in line for line in it.console)
    with pytest.raises(Exception, match="Failed to fetch"):
        it.page.evaluate("fetch('https://example.invalid/')")


def test_it_prints_on_two_pages(aws_all: Opened, open_page: Open, artifacts: Path) -> None:
    for it in (aws_all, open_page("throttled")):
        it.page.emulate_media(color_scheme="dark")
        file = artifacts / f"{it.name}.pdf"
        it.page.pdf(path=file, prefer_css_page_size=True, print_background=True)
        it.page.emulate_media(color_scheme="light")
        assert 1 <= len(re.findall(rb"/Type\s*/Page\b", file.read_bytes())) <= 2


def test_dark_is_dark_and_light_is_light(aws: Opened, artifacts: Path) -> None:
    shade = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).reduce((sum, v) => sum + +v, 0)"
    assert aws.page.evaluate(shade) > 700
    aws.page.emulate_media(color_scheme="dark")
    assert aws.page.evaluate(shade) < 150
    aws.page.screenshot(path=artifacts / "aws-dark.png")
    aws.page.emulate_media(color_scheme="light")


def test_text_of_twice_the_size_needs_no_sideways_scroll(aws: Opened) -> None:
    aws.page.evaluate("document.adoptedStyleSheets = [new CSSStyleSheet()]")
    aws.page.evaluate("document.adoptedStyleSheets[0].replaceSync('html { font-size: 200% }')")
    assert aws.page.evaluate("document.documentElement.scrollWidth") <= 1280
    aws.page.evaluate("document.adoptedStyleSheets = []")


def test_the_arrow_keys_walk_through_a_chart_from_left_to_right(aws: Opened) -> None:
    aws.page.locator('#chart-memory svg .pt[tabindex="0"]').focus()
    across = "() => (({x, width}) => Math.round(x + width / 2))(document.activeElement.getBoundingClientRect())"
    places = [aws.page.evaluate(across)]
    for _ in range(12):
        aws.page.keyboard.press("ArrowRight")
        places.append(aws.page.evaluate(across))
    assert places == sorted(places)
    aws.page.keyboard.press("Escape")
