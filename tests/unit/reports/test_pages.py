"""Pages beside the report: one small file, nothing asked of anybody, foreign text as text, numbers of the document."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

from reports import fleet
from reports.comparison_page import render_html
from reports.words.numbers import memory, money
from tests.unit.comparison.documents import result
from tests.unit.reports.fits import faults
from tests.unit.reports.results import result as golden
from tests.unit.reports.shown import text_of
from tests.unit.reports.test_foreign_text import HOSTILE, hostile_comparison, hostile_result
from tuner.api.comparing.results import ComparisonResult, compare
from tuner.api.overlaying import Overlay, overlay
from tuner.api.result import Result
from tuner.documents.fleet_summary import build_summary, tuned_row

MOST_BYTES = 300_000
SAFE = "default-src 'none'; style-src 'sha256-"


@pytest.fixture(scope="module")
def compared() -> ComparisonResult:
    """A result against one that is a quarter slower."""
    many = {"sizes": (512, 1024), "environments": 12, "runs": 48}
    return compare(Result(result(**many)), Result(result(0.25, seed=1, **many)))


def assert_is_one_safe_file(page: str) -> None:
    assert len(page.encode()) < MOST_BYTES
    assert SAFE in unescape(page)
    assert not re.search(r'unsafe|<(script|link(?! rel="icon" href="data:)|img|iframe)\b|\b(src|href)="?http', page)


def test_a_comparison_is_one_file_that_asks_nothing(compared: ComparisonResult) -> None:
    page = compared.to_html()
    assert_is_one_safe_file(page)
    assert page == compared.to_html()
    assert "<h1" in page
    assert "Worse:" in page
    for name in ("changes", "overlay-cost", "overlay-duration"):
        assert f'id="chart-{name}"' in page


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_comparison_shows_foreign_text_as_text(text: str) -> None:
    document = hostile_result(text)
    page = render_html(hostile_comparison(text), sides=(document, document))
    assert "alert('bait')</script>" not in page
    assert_is_one_safe_file(page)


WIDTHS = (60, 80, 100, 160)


@pytest.fixture(scope="module")
def releases() -> Overlay:
    """Seven releases, the fourth of which is slower."""
    levels = (0.0, 0.01, -0.01, 0.5, 0.5, 0.49, 0.5)
    made = [
        result(level, seed=number, sizes=(256, 1024), created_at=f"2026-08-{number + 1:02}T10:00:00Z", name="orders")
        for number, level in enumerate(levels)
    ]
    return overlay([Result(document) for document in reversed(made)])


@pytest.fixture(scope="module")
def functions() -> Overlay:
    """Two functions, one of a name that no column holds."""
    return overlay(
        [Result(result(name="orders")), Result(result(1.0, name="billing-" + "of-invoices-" * 5 + "weekly"))]
    )


def test_releases_are_a_trend_with_its_changes_oldest_first(releases: Overlay) -> None:
    assert [found["created_at"][8:10] for found in releases.documents] == [f"{day:02}" for day in range(1, 8)]
    page = releases.to_html()
    assert_is_one_safe_file(page)
    assert "worse on 2026-08-04" in text_of(page)
    for name in ("trend-duration", "trend-cost", "overlay-cost", "overlay-duration"):
        assert f'id="chart-{name}"' in page
    assert "last 6 of 7" in page


def test_several_functions_are_overlaid_without_a_trend(functions: Overlay) -> None:
    page = functions.to_html()
    assert_is_one_safe_file(page)
    assert "2 functions, 2 results" in text_of(page)
    assert "trend-duration" not in page


def test_releases_with_other_payloads_are_shown_and_not_judged() -> None:
    other = result(0.5, seed=1, region="eu-west-1", created_at="2026-09-02T10:00:00Z")
    found = overlay([Result(result()), Result(other)])
    assert found.changes == ()
    assert "Changes cannot be told: the region differs" in found.to_text()


@pytest.mark.parametrize("width", WIDTHS)
def test_several_results_fit_a_terminal_of_any_width_and_nothing_is_lost(
    width: int, releases: Overlay, functions: Overlay, compared: ComparisonResult
) -> None:
    for form in (releases, functions, compared):
        assert faults(form.to_text(width=width), form.to_text(width=1000), width) == []


def fleet_summary() -> dict[str, Any]:
    """A fleet of two tuned functions, one that failed, and one that was not begun."""
    documents = [golden("aws"), golden("balanced")]
    tuned = [
        tuned_row(f"f{i}", document, result_address=f"out/f{i}/result.json", report_address=f"out/f{i}/report.html")
        for i, document in enumerate(documents)
    ]
    failed = [{"function": "f2", "error": "NotFoundError", "cause": "no such function"}]
    return build_summary(4, tuned=tuned, failed=failed, not_started=["f3"], made_at="2026-11-28T07:00:00Z")


@pytest.mark.parametrize("width", WIDTHS)
def test_the_lines_of_a_fleet_fit_a_terminal_and_break_no_word(width: int) -> None:
    summary = fleet_summary()
    summary["savings"][0] |= {"function": "billing-of-all-regions-weekly", "saving": -0.07, "interval": [-0.1, -0.04]}
    summary["savings"][1] |= {"saving": 0.01, "interval": [-0.02, 0.04]}
    narrow, wide = (fleet.render_text(summary, page="out/fleet.html", width=columns) for columns in (width, 1000))
    assert faults(narrow, wide, width) == []
    assert "7% (4% to 10%) more expensive" in " ".join(narrow.split())
    assert "2% more expensive to 4% cheaper" in " ".join(narrow.split())


def test_a_function_of_a_fleet_that_has_its_best_size_already_says_so() -> None:
    summary = fleet_summary()
    row = summary["savings"][0]
    row |= {"current": {"power": row["power"], "architecture": row["architecture"]}, "saving": None, "interval": None}
    told = fleet.render_text(summary, page="out/fleet.html", width=100)
    assert f"{row['power']:,} MB {row['architecture']}, as now" in told


def test_the_page_of_a_fleet_tells_now_recommended_savings_confidence_and_links() -> None:
    summary = fleet_summary()
    page, first = fleet.render(summary, folder="out"), summary["savings"][0]
    assert_is_one_safe_file(page)
    text = text_of(page)
    assert f"2026-11-28 · {first['region']}" in text
    assert f"{memory(first['current']['power'])} on {first['current']['architecture']}" in text
    assert money(first["savingPerMonth"]) in text
    assert money(first["savingPerMonth"] * 12) in text
    assert first["confidence"] in text
    assert f'href="{first["function"]}/report.html"' in page


@pytest.mark.parametrize(
    ("report", "region", "link"),
    [
        (
            "s3://results/runs/f 1/report.html",
            "eu-west-1",
            "https://eu-west-1.console.aws.amazon.com/s3/object/results?region=eu-west-1&amp;prefix=runs%2Ff+1%2Freport.html",
        ),
        ("s3://results/report.html", "cn-north-1", ""),
        ("s3://x/javascript:alert(1)", "eu-west-1", ""),
        ("javascript:alert(1)", "eu-west-1", ""),
    ],
)
def test_a_report_in_s3_is_a_link_to_its_console(report: str, region: str, link: str) -> None:
    summary = fleet_summary()
    summary["savings"] = [{**summary["savings"][0], "report": report, "region": region}]
    page = fleet.render(summary)
    assert re.findall(r'<a href="([^"]*)" rel', page) == ([link] if link else [])
    assert report in page
