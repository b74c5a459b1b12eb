"""Pages beside the report: one small file, nothing asked of anybody, foreign text as text, numbers of the document."""

from __future__ import annotations

import re
from html import unescape

import pytest

from reports.comparison_page import render_html
from reports.words.comparison import bounds, change, value_text
from reports.words.numbers import memory, milliseconds, money
from tests.unit.comparison.documents import result
from tests.unit.reports.test_foreign_text import HOSTILE, hostile_comparison, hostile_result
from tests.unit.reports.test_numbers_agree import NUMBER, Text
from tuner.api.comparing import ComparisonResult, compare
from tuner.api.result import Result

MOST_BYTES = 300_000
SAFE = "default-src 'none'; style-src 'sha256-"


@pytest.fixture(scope="module")
def compared() -> ComparisonResult:
    """A result against one that is a quarter slower."""
    many = {"sizes": (512, 1024), "environments": 12, "runs": 48}
    return compare(Result(result(**many)), Result(result(0.25, seed=1, **many)))


def text_of(page: str) -> str:
    found = Text()
    found.feed(page)
    return " ".join(" ".join(found.parts).split())


def assert_is_one_safe_file(page: str) -> None:
    assert len(page.encode()) < MOST_BYTES
    assert SAFE in unescape(page)
    assert not re.search(r"unsafe|<(script|link|img|iframe)\b|\b(src|href)=\"?http", page)


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
        duration, cost = measurement["duration_ms"], measurement["cost_usd"]
        assert duration is not None
        assert cost is not None
        told += [memory(measurement["memory_mb"])]
        told += [milliseconds(duration[end]) for end in ("mean", "low", "high")]  # type: ignore[literal-required]
        told += [money(cost[end] * 1e6) for end in ("mean", "low", "high")]  # type: ignore[literal-required]
    known = {number for text in told for number in NUMBER.findall(text)}
    assert set(NUMBER.findall(text_of(compared.to_html()))) <= known


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_comparison_shows_foreign_text_as_text(text: str) -> None:
    document = hostile_result(text)
    page = render_html(hostile_comparison(text), sides=(document, document))
    assert "alert('bait')</script>" not in page
    assert_is_one_safe_file(page)
