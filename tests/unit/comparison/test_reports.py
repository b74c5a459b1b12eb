"""Comparisons as text, Markdown and JUnit XML."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from reports.comparison import MARKER, render_markdown, render_text
from reports.junit import render_junit
from tests.unit.reports.fits import faults
from tuner.api.comparing.results import ComparisonResult
from tuner.cli.comparison import exit_code
from tuner.comparison.question import Metric, Question
from tuner.comparison.verdicts import Comparison, Drift, DuetStop, Finding, Method, Verdict
from tuner.model import Architecture, Configuration, Interval, Notice

HERE = Configuration(512, Architecture.X86_64)
WORSE = Finding(Metric.DURATION, None, Verdict.WORSE, "", Interval(0.152, 0.098, 0.21, 0.92), None, None, 40, 80)
SINGLE = replace(WORSE, configuration=HERE, baseline=100.5, candidate=115.8)
OPEN = Finding(
    Metric.P95, None, Verdict.NOT_DECIDED, "", Interval(0.01, -1.0, 1e305, 0.99), runs=80, runs_to_decide=1320
)
FAILED = Finding(
    Metric.FAILURES, None, Verdict.SAME, "1 of 9 runs failed, 1 of 9 before (E: a|b <c>\x00\nd)", None, 0.11, 0.11
)
COMPARISON = Comparison(
    Method.DOCUMENTS, Question(), "f:41", "f:42", (WORSE, OPEN, FAILED, SINGLE), (Notice("x", "Mind this."),)
)


def test_text_holds_verdict_figures_and_the_runs_that_would_decide() -> None:
    text = render_text(COMPARISON)
    assert text.startswith("Worse: duration (threshold 5%)")
    for part in ("+15.2%", "+9.8% to +21.0%", "100 ms", "116 ms", "about 1,320 runs would decide", "note: Mind this."):
        assert part in text
    assert "not known" in text, "the interval of a percentile that so few runs do not bound"


def test_markdown_is_marked_folds_configurations_and_escapes_the_functions_words() -> None:
    text = render_markdown(COMPARISON)
    assert text.startswith(MARKER)
    assert "<details>" in text
    row = next(line for line in text.splitlines() if line.startswith("| failures"))
    assert "a\\|b <c>\\u0000 d)`" in row, "as code"


def test_junit_counts_failures_and_open_cases_and_is_well_formed() -> None:
    root = ET.fromstring(render_junit(COMPARISON))
    assert root.attrib == {"tests": "4", "failures": "2", "skipped": "1", "errors": "0"}
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert names == [
        ("overall", "duration"),
        ("overall", "p95"),
        ("overall", "failures"),
        ("512 MB x86_64", "duration"),
    ]


@pytest.mark.parametrize(("strict", "failures"), [(False, 0), (True, 1)])
def test_under_strict_an_open_decisive_metric_fails(strict: bool, failures: int) -> None:
    undecided = replace(OPEN, metric=Metric.DURATION)
    root = ET.fromstring(render_junit(replace(COMPARISON, findings=(undecided, OPEN)), strict=strict))
    assert root.get("failures") == str(failures)


def test_costs_are_told_in_the_currency_of_the_prices() -> None:
    cost = replace(SINGLE, metric=Metric.COST, baseline=1.5e-6, candidate=2e-6)
    for render in (render_text, render_markdown, render_junit):
        assert "CN¥1.50" in render(replace(COMPARISON, findings=(cost,), currency="CNY"))


def test_a_duet_tells_why_it_ended() -> None:
    text = render_text(replace(COMPARISON, method=Method.DUET, stopped_by=DuetStop.DECIDED, invocations=96))
    text = text.replace("\n", " ")
    assert "early stopping included. Ended after 96 invocations: it was decided." in text


def test_a_terminal_tells_of_a_single_configuration_only_what_changed_there_and_counts_the_others() -> None:
    few = [
        replace(SINGLE, metric=metric, configuration=replace(HERE, memory_mb=mb), verdict=Verdict.NOT_DECIDED)
        for metric in (Metric.DURATION, Metric.COST)
        for mb in (128, 256, 1024, 2048)
    ]
    few = [replace(finding, effect=None, reason="too few environments") for finding in few]
    comparison = replace(COMPARISON, findings=(WORSE, replace(WORSE, metric=Metric.COST), OPEN, FAILED, SINGLE, *few))
    text = render_text(comparison)
    assert [line.split()[1] for line in text.splitlines() if " MB x86_64 " in line] == ["512"]
    assert "Left out: 8 lines of single configurations" in text
    assert "duration, cost at 4 configurations: too few environments" in text
    assert all(f"| {mb} MB x86_64 |" in render_markdown(comparison) for mb in ("128", "256", "512", "1,024", "2,048"))


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_a_terminal_gets_whole_words_within_its_width(width: int) -> None:
    assert faults(render_text(COMPARISON, width=width), render_text(COMPARISON, width=1000), width) == []


def test_no_form_holds_control_or_direction_characters() -> None:
    hostile = replace(COMPARISON, baseline="\u202eevil\x1b[31m", notices=(Notice("x", "\u2066isolated\x07"),))
    for text in (render_text(hostile), render_markdown(hostile), render_junit(hostile)):
        assert all(line.isprintable() for line in text.splitlines())


def test_a_change_of_many_times_reads_as_a_number() -> None:
    wild = replace(WORSE, effect=Interval(1e9, 24.0, 1e300, 0.92))
    text = render_text(replace(COMPARISON, findings=(wild,)), width=160)
    assert "+100,000,000,000%" in text
    assert "at least +2,400%" in text
    vast = replace(wild, effect=Interval(1e200, 24.0, 1e300, 0.92))
    assert max(map(len, render_text(replace(COMPARISON, findings=(vast,))).splitlines())) <= 100


def test_better_names_the_metrics_that_are() -> None:
    fewer = replace(FAILED, verdict=Verdict.BETTER)
    findings = tuple(replace(WORSE, metric=metric, verdict=Verdict.SAME) for metric in (Metric.DURATION, Metric.TAIL))
    better = replace(COMPARISON, findings=(*findings, fewer))
    assert render_text(better).startswith("Better: failures (threshold 5%)")


SAME = replace(WORSE, verdict=Verdict.SAME)
NO_MORE = replace(FAILED, verdict=Verdict.SAME)
OPEN_TAIL = replace(OPEN, metric=Metric.TAIL)
LEANING_COST = replace(OPEN, metric=Metric.COST, leans_worse=True)


@pytest.mark.parametrize(
    "findings",
    [
        (replace(SAME, verdict=Verdict.BETTER), OPEN_TAIL, NO_MORE),
        (SAME, replace(SAME, metric=Metric.TAIL), LEANING_COST, NO_MORE),
        (SAME, replace(SAME, metric=Metric.TAIL), replace(LEANING_COST, leans_worse=False), NO_MORE),
        (SAME, OPEN_TAIL, NO_MORE),
        (WORSE, OPEN_TAIL, NO_MORE),
    ],
)
def test_under_strict_junit_has_a_failure_exactly_when_the_exit_code_is_not_0(findings: tuple[Finding, ...]) -> None:
    comparison = replace(COMPARISON, findings=findings)
    failures = int(ET.fromstring(render_junit(comparison, strict=True)).attrib["failures"])
    assert bool(failures) is (exit_code(ComparisonResult(comparison), strict=True) != 0)


def test_what_is_not_shown_has_no_small_print() -> None:
    failed = replace(COMPARISON, findings=(replace(FAILED, verdict=Verdict.WORSE),), drift=Drift(1.0, 0.01))
    text = render_text(failed).replace("\n", " ")
    assert "typical" not in text
    assert "widened" not in text
    shown = render_text(replace(failed, findings=(SINGLE, FAILED))).replace("\n", " ")
    assert "typical" in shown
    assert "widened by a drift of 1.0%" in shown


@pytest.mark.parametrize(("share", "told"), [(0.05, "5%"), (0.0005, "0.05%"), (0.125, "12.5%"), (9.0, "900%")])
def test_a_threshold_is_told_as_it_was_given(share: float, told: str) -> None:
    assert f"(threshold {told})" in render_text(replace(COMPARISON, question=Question(share)))
