"""Several earlier results as one baseline."""

from __future__ import annotations

import pytest

from reports.words.comparison import small_print
from tests.unit.comparison.documents import over_all, result
from tuner.comparison.comparison_document import comparison_document
from tuner.comparison.question import Metric, Question
from tuner.comparison.results import compare_with_trend
from tuner.comparison.trend import latest, step_spread, trend_of
from tuner.comparison.verdicts import Verdict
from tuner.documents.result import ResultDocument

LEVELS = (0.0, 0.03, -0.02, 0.01, -0.03)
CANDIDATE = "2026-08-09T10:00:00Z"


@pytest.fixture(scope="module")
def results() -> list[ResultDocument]:
    """One a day, oldest first."""
    days = (f"2026-08-0{number}T10:00:00Z" for number in range(1, 1 + len(LEVELS)))
    pairs = enumerate(zip(LEVELS, days, strict=True))
    return [result(level, seed=number, created_at=day) for number, (level, day) in pairs]


def test_the_last_results_before_the_candidate_are_taken_oldest_first(results: list[ResultDocument]) -> None:
    found = latest([*reversed(results)], "2026-08-05T09:00:00Z", 3)
    assert [document["created_at"][:10] for document in found] == ["2026-08-02", "2026-08-03", "2026-08-04"]


def test_every_session_adds_its_environments_and_their_spread_tells_the_drift(results: list[ResultDocument]) -> None:
    trend = trend_of(results)
    assert trend.sessions == 5
    assert {len(series.environments) for series in trend.series.values()} == {20}
    assert trend.drift_sd is not None
    assert 0.02 < trend.drift_sd < 0.08


def test_two_sessions_are_too_few_to_tell_their_spread(results: list[ResultDocument]) -> None:
    assert trend_of(results[:2]).drift_sd is None


def test_a_session_of_other_sizes_does_not_take_the_spread_of_the_others_away(results: list[ResultDocument]) -> None:
    alike = trend_of(results).drift_sd
    other = result(sizes=(128,), created_at="2026-07-01T10:00:00Z")
    assert trend_of([other, *results]).drift_sd == alike
    some = result(LEVELS[0], seed=0, sizes=(256, 2048), created_at="2026-08-01T10:00:00Z")
    partly = trend_of([some, *results[1:]]).drift_sd
    assert partly == pytest.approx(alike, abs=0.01)


@pytest.mark.parametrize(("slowdown", "worse"), [(0.05, False), (0.5, True)])
def test_a_candidate_within_the_spread_of_the_trend_is_not_worse(
    results: list[ResultDocument], slowdown: float, worse: bool
) -> None:
    found = compare_with_trend(results, result(slowdown, seed=9, created_at=CANDIDATE), Question())
    assert (over_all(found, Metric.DURATION).verdict is Verdict.WORSE) is worse
    assert "the last 5 results" in found.baseline


def test_the_steps_of_all_results_tell_how_sessions_differ_whatever_changed_between_two() -> None:
    levels = (0.0, 0.03, -0.02, 0.01, 0.5, 0.53, 0.48)
    made = [result(level, seed=number) for number, level in enumerate(levels)]
    found = step_spread(made)
    assert found is not None
    assert 0.01 < found < 0.15, "a step of 0.4 counts no more than any other"
    assert step_spread(made[:5]) is None


def test_the_answer_tells_whose_spread_widens_the_intervals(results: list[ResultDocument]) -> None:
    candidate, question = result(0.0, seed=9, created_at=CANDIDATE), Question()
    assert "the spread between 5 earlier sessions" in small_print(compare_with_trend(results, candidate, question))
    few = compare_with_trend(results[:1], candidate, question)
    assert "days apart" in small_print(few)
    assert "the last result (" in few.baseline
    given = compare_with_trend(results, candidate, question, drift_sd=0.1)
    assert "the drift that was given, 10.0%" in small_print(given)
    told = [
        comparison_document(compared)["drift"] for compared in (compare_with_trend(results, candidate, question), given)
    ]
    assert [(drift["sessions"], drift["given"]) for drift in told if drift] == [(5, False), (0, True)]
