"""The answer in words: claims only where intervals support them, and something sensible in every situation."""

from __future__ import annotations

from typing import Any

import pytest

from reports.words import verdict
from tests.unit.reports.results import result


def interval(mean: float, low: float, high: float) -> dict[str, float]:
    return {"mean": mean, "low": low, "high": high}


@pytest.mark.parametrize(
    ("cost", "duration", "told"),
    [
        ((0.38, 0.35, 0.41), (0.12, 0.1, 0.14), "38% cheaper (35 to 41%) and 12% faster (10 to 14%) than now"),
        ((0.38, 0.35, 0.41), (-0.2, -0.3, -0.1), "38% cheaper (35 to 41%) but 20% slower (10 to 30%) than now"),
        (
            (0.38, 0.35, 0.41),
            (0.01, -0.02, 0.03),
            "38% cheaper (35 to 41%) than now, about as fast (2.0% slower to 3.0% faster)",
        ),
        (
            (0.38, 0.35, 0.41),
            (-3.1, -4.3, -2.1),
            "38% cheaper (35 to 41%) than now, at 4.1 times the duration (3.1 to 5.3)",
        ),
        (
            (0.01, -0.02, 0.03),
            (0.01, -0.02, 0.03),
            (
                "no clear difference from now in cost (2.0% dearer to 3.0% cheaper) "
                "or duration (2.0% slower to 3.0% faster)"
            ),
        ),
        (
            (-1.6, -2, -1.2),
            (0.5, 0.4, 0.6),
            "50% faster (40 to 60%) than now, at 2.6 times the cost (2.2 to 3.0)",
        ),
    ],
)
def test_savings_are_told_as_their_intervals_allow(
    cost: tuple[float, float, float], duration: tuple[float, float, float], told: str
) -> None:
    saving = {"ratio": interval(*cost), "duration_ratio": interval(*duration)}
    assert verdict.versus_now(saving) == told


def test_the_headline_has_choice_saving_and_monthly_cost() -> None:
    document = result("aws")
    told = str(verdict.headline(document))
    assert told.startswith(f"{document['recommendation']['memory_mb']:,} MB on arm64: ")
    assert "cheaper" in told
    assert told.endswith("a month at 20 million invocations.")


def test_the_best_configuration_is_kept() -> None:
    document = result("already-best")
    assert str(verdict.headline(document)).startswith("Keep 128 MB on x86_64: already the cheapest choice")
    assert verdict.next_step(document).startswith("Nothing to change")


def test_without_any_usable_run_nothing_is_recommended() -> None:
    document = result("all-failed")
    assert str(verdict.headline(document)) == "No recommendation: all 6 configurations failed."
    assert verdict.confidence(document).level == "none"


def test_a_current_configuration_that_fails_is_named_with_the_reason() -> None:
    assert "512 MB on x86_64" in verdict.trouble(result("throttled"))
    assert "timed out" in verdict.trouble(result("throttled"))
    assert verdict.trouble(result("aws")) == ""


def test_local_and_simulated_results_say_that_they_are_estimates() -> None:
    assert verdict.origin(result("local"))[0] == "Local estimate"
    assert "not in AWS" in verdict.origin(result("local"))[1]
    assert "no real call" in verdict.origin(result("simulated"))[1]
    assert verdict.origin(result("aws"))[1] == ""


def test_a_partial_result_says_so_and_is_never_called_sure() -> None:
    document = result("partial")
    assert "interrupted" in verdict.partial(document)
    assert verdict.confidence(document).level != "good"
    document["recommendation"] |= {"expected_regret": 0.001, "given_to_ties": 0.0}
    assert verdict.confidence(document).level == "fair"


def test_a_constraint_that_nothing_meets_comes_first() -> None:
    sure = verdict.confidence(result("unmet"))
    assert sure.level == "poor"
    assert "p95 duration of at most 50" in sure.reasons[0]


def test_the_only_candidate_is_no_choice() -> None:
    sure = verdict.confidence(result("one-left"))
    assert sure.label == "No choice"
    assert "only configuration" in sure.reasons[0]


@pytest.mark.parametrize(("regret", "level"), [(0.01, "good"), (0.05, "fair"), (0.2, "poor")])
def test_certainty_follows_the_expected_loss(regret: float, level: str) -> None:
    document: dict[str, Any] = result("aws")
    document["recommendation"]["expected_regret"] = regret
    assert verdict.confidence(document).level == level


def test_what_is_given_away_for_the_other_goal_is_told_and_makes_the_answer_no_less_sure() -> None:
    document: dict[str, Any] = result("aws")
    document["recommendation"] |= {"strategy": "speed", "expected_regret": 0.07, "given_to_ties": 0.06}
    sure = verdict.confidence(document)
    assert sure.level == "good"
    assert any("7.0% longer" in reason and "6.0% of that" in reason for reason in sure.reasons), sure.reasons
