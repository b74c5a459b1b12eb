"""Pages beside the report: one small file, nothing asked of anybody, foreign text as text, numbers of the document."""

from __future__ import annotations

import csv as reader
import io
import re
from html import unescape
from typing import Any

import pytest

from reports import fleet
from reports.comparison import render_markdown
from reports.comparison_page import render_html
from reports.words.comparison import bounds, change, value_text
from reports.words.numbers import DURATION, memory, money, money_range, money_unit, percent_range
from tests.unit.comparison.documents import result
from tests.unit.reports.results import result as golden
from tests.unit.reports.shown import NUMBER, Page, text_of
from tests.unit.reports.test_foreign_text import HOSTILE, hostile_comparison, hostile_result
from tuner.api.comparing import ComparisonResult, compare
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


def test_every_number_of_a_comparisons_page_is_one_of_the_comparison(compared: ComparisonResult) -> None:
    comparison = compared.comparison
    told = ["5%", "95%", "86_64", *(notice.message for notice in comparison.notices), comparison.baseline]
    told += [f"{comparison.drift.sd:.1%}"] if comparison.drift else []
    for finding in comparison.findings:
        told += [
            change(finding),
            bounds(finding.effect),
            finding.reason,
            f"{finding.runs:,}",
            f"{finding.runs_to_decide or 0:,}",
        ]
        told += [value_text(finding.metric, value, "USD") for value in (finding.baseline, finding.candidate)]
        told += [str(finding.configuration)]
    for measurement in (m for side in compared.sides or () for m in side["measurements"]):
        told += [memory(measurement["memory_mb"]), *texts(measurement)]
    known = {number for text in told for number in NUMBER.findall(text)}
    assert set(NUMBER.findall(text_of(compared.to_html()))) <= known


def test_each_cell_of_a_comparisons_page_is_of_its_own_metric_and_place(compared: ComparisonResult) -> None:
    told = [
        (
            *(value_text(f.metric, value, "USD") for value in (f.baseline, f.candidate)),
            change(f),
            bounds(f.effect),
            f"{f.runs:,}" if f.runs else "",
        )
        for f in compared.comparison.findings
    ]
    _, *rows = Page(compared.to_html()).tables[-1]
    assert [(*row[2:6], row[-1]) for row in rows] == told
    places = [str(f.configuration or "overall") for f in compared.comparison.findings]
    assert [row[1] for row in rows] == places


def test_every_form_of_a_comparison_tells_a_metric_before_and_after(compared: ComparisonResult) -> None:
    for form in (text_of(compared.to_html()), render_markdown(compared.comparison)):
        cells = " ".join(form.replace("|", " ").split())
        for finding in compared.comparison.findings:
            values = (finding.baseline, finding.candidate)
            told = " ".join(value_text(finding.metric, value, "USD") for value in values if value is not None)
            assert told in cells, finding


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


def test_every_number_of_every_form_is_one_of_the_results(releases: Overlay) -> None:
    told = ["6", "7", "95%", "86_64", *(document["created_at"] for document in releases.documents)]
    for measured in (m for document in releases.documents for m in document["measurements"]):
        told += [memory(measured["memory_mb"]), *texts(measured)]
    for chosen in (document["recommendation"] for document in releases.documents):
        assert chosen is not None
        told += texts(chosen)
    told += [part for c in releases.changes for f in c.findings for part in (change(f), bounds(f.effect))]
    known = {number for text in told for number in NUMBER.findall(text)}
    for form in (text_of(releases.to_html()), releases.to_markdown(), releases.to_text(width=160)):
        assert set(NUMBER.findall(form)) <= known


def texts(row: Any) -> list[str]:
    """Duration and cost of a row, as forms write them."""
    return [
        text
        for unit, found in ((DURATION, row["duration_ms"]), (money_unit("USD", factor=1e6), row["cost_usd"]))
        for text in (unit.tell(found["mean"]), unit.range(found["low"], found["high"]))
    ]


def test_csv_holds_the_numbers_of_the_document(releases: Overlay) -> None:
    rows = list(reader.DictReader(io.StringIO(releases.to_csv(), newline="")))
    assert [row["change"] for row in rows] == ["", "", "", "worse", "", "", ""]
    for row, document in zip(rows, releases.documents, strict=True):
        chosen = document["recommendation"]
        assert chosen is not None
        assert float(row["cost_usd_low"]) == chosen["cost_usd"]["low"]
        assert float(row["duration_ms_mean"]) == chosen["duration_ms"]["mean"]


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_the_terminal(
    width: int, releases: Overlay, functions: Overlay, compared: ComparisonResult
) -> None:
    for form in (releases, functions, compared):
        assert max(map(len, form.to_text(width=width).splitlines())) <= width


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
    assert max(map(len, narrow.splitlines())) <= width
    assert set(narrow.split()) - {"function"} <= set(wide.split()) | {word + "," for word in wide.split()}
    assert "7% (4% to 10%) more expensive" in " ".join(narrow.split())
    assert "2% more expensive to 4% cheaper" in " ".join(narrow.split())


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


def test_every_number_of_a_fleets_page_and_csv_is_one_of_the_summary() -> None:
    summary = fleet_summary()
    told = ["12", summary["createdAt"], "2", "4", "1", "95%", "86_64", "f0", "f1", "f2", "f3", money(summary["cost"])]
    if summary["savingPerMonth"] is not None:
        told += [money(summary["savingPerMonth"] * months) for months in (1, 12)]
        told.append(money_range(*summary["savingPerMonthInterval"]))
    for item in summary["savings"]:
        told += [memory(where["power"]) for where in (item, item["current"] or item)]
        told += [f"{100 * share:.0f}" for share in (item["saving"], item["durationSaving"])]
        told.append(percent_range(*item["interval"]))
        told += [money(item["savingPerMonth"] * months) for months in (1, 12) if item["savingPerMonth"] is not None]
        told += [item["function"], item["region"] or ""]
    known = {number for text in told for number in NUMBER.findall(text)}
    assert set(NUMBER.findall(text_of(fleet.render(summary, folder="out")))) <= known
    rows = list(reader.DictReader(io.StringIO(fleet.render_csv(summary), newline="")))
    assert [float(row["savingPerMonth"] or 0) for row in rows] == [
        item["savingPerMonth"] or 0 for item in summary["savings"]
    ]
    assert [float(row["saving_low"]) for row in rows] == [item["interval"][0] for item in summary["savings"]]


def fleet_cells(item: dict[str, Any]) -> list[str]:
    """The cells of a function in the table of a fleet, by the rounding rule of each unit; its report comes last."""
    sizes = [f"{memory(it['power'])} on {it['architecture']}" if it else "not known" for it in (item["current"], item)]
    start, end = [item["function"], *sizes], [item["confidence"], "Report"]
    if item["saving"] is None:
        return [*start, "the configuration in use is not known", *end]
    proved = [not low <= 0 <= high for low, high in (item["interval"], item["durationInterval"])]
    shares = [
        f"{100 * item[name]:.0f}%" if clear else "not clear"
        for name, clear in zip(("saving", "durationSaving"), proved, strict=True)
    ]
    month = item["savingPerMonth"]
    amounts = [money(month * months) if month is not None and proved[0] else "" for months in (1, 12)]
    spread = percent_range(*item["interval"])
    return [*start, shares[0], spread, shares[1], *amounts, *end]


def test_each_cell_of_a_fleet_is_of_its_own_function() -> None:
    summary = fleet_summary()
    shown = re.findall(r'<tr><th scope="row">.*?</tr>', fleet.render(summary, folder="out"), re.DOTALL)
    cells = [[text_of(cell) for cell in re.findall(r"<t[hd][ >].*?</t[hd]>", row, re.DOTALL)] for row in shown]
    assert cells[: len(summary["savings"])] == [fleet_cells(item) for item in summary["savings"]]
    rows = list(reader.DictReader(io.StringIO(fleet.render_csv(summary), newline="")))
    for row, item in zip(rows, summary["savings"], strict=True):
        expected = {name: item[name] for name in fleet.CSV_COLUMNS}
        for name, ends in (("saving", "interval"), ("durationSaving", "durationInterval")):
            expected |= dict(zip((f"{name}_low", f"{name}_high"), item[ends] or (None, None), strict=True))
        monthly = item["savingPerMonthInterval"] or (None, None)
        expected |= dict(zip(("savingPerMonth_low", "savingPerMonth_high"), monthly, strict=True))
        now = item["current"] or {}
        expected |= {"currentPower": now.get("power"), "currentArchitecture": now.get("architecture")}
        assert row == {name: "" if value is None else str(value) for name, value in expected.items()}
