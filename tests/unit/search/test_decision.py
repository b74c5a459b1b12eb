"""When a recommendation may change a function, and when it may not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.model import Architecture, Configuration, StopReason
from tuner.search.decision import (
    Confidence,
    DecisionEvidence,
    Doubt,
    MeasuredRuns,
    WeakEvidenceError,
    confidence,
    doubts,
    explain,
    objections,
    require_evidence,
)

SMALL, MIDDLE, LARGE = (Configuration(size, Architecture.X86_64) for size in (128, 512, 1024))
GOOD = DecisionEvidence(
    doubt=0.004,
    tolerance=0.01,
    stopped_by=StopReason.TOLERANCE,
    candidates=3,
    unmet=None,
    current=LARGE,
    measured=tuple(MeasuredRuns(size, 4, 4) for size in (SMALL, MIDDLE, LARGE)),
)
UNDECIDED = (StopReason.INTERRUPTED, StopReason.FUNCTION_CHANGED, StopReason.ALL_FAILED)


def throttled(configuration: Configuration, usable: int = 0) -> MeasuredRuns:
    return MeasuredRuns(configuration, 4, usable, "throttled", throttled=4 - usable)


def test_a_settled_search_may_be_applied() -> None:
    assert objections(GOOD) == ()
    require_evidence(GOOD)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"doubt": None}, "there is no recommendation"),
        ({"doubt": 0.031}, "the confidence is low: the expected loss is 3.1%"),
        (
            {"stopped_by": StopReason.CANNOT_TELL, "mean_width": 4.0},
            "the confidence is low: the runs vary too much for more of them to decide",
        ),
        ({"stopped_by": StopReason.INTERRUPTED}, "the run was interrupted"),
        ({"stopped_by": StopReason.FUNCTION_CHANGED}, "the function was deployed during the run"),
        ({"unmet": "No configuration meets 50 ms"}, "a constraint is not met: No configuration meets 50 ms"),
        (
            {"measured": (MeasuredRuns(SMALL, 4, 4), MeasuredRuns(MIDDLE, 4, 4), throttled(LARGE, 1))},
            "the current configuration, 1,024 MB x86_64, has only 1 usable of 1 run and 3 throttled calls",
        ),
        (
            {"measured": (throttled(SMALL, 1), throttled(MIDDLE)), "current": None},
            "most runs are not usable at 2 of 2 configurations: 128 MB x86_64 (most others: throttled), 512 MB",
        ),
    ],
)
def test_weak_evidence_is_refused_with_its_reason(changes: dict[str, Any], said: str) -> None:
    evidence = replace(GOOD, **changes)
    assert any(objection.startswith(said) for objection in objections(evidence))
    with pytest.raises(WeakEvidenceError, match="not applied") as refused:
        require_evidence(evidence)
    assert said in refused.value.message
    require_evidence(evidence, force=True)


def test_where_nothing_is_recommended_no_flag_is_said_to_apply_it() -> None:
    with pytest.raises(WeakEvidenceError) as refused:
        require_evidence(replace(GOOD, doubt=None))
    assert "--force" not in refused.value.hint


def test_a_few_failing_sizes_are_part_of_a_search() -> None:
    failing_once = replace(GOOD, measured=(throttled(SMALL), *GOOD.measured[1:]))
    assert objections(failing_once) == ()


def test_a_spent_budget_lowers_the_confidence_and_forbids_nothing() -> None:
    evidence = replace(GOOD, stopped_by=StopReason.USD)
    assert confidence(evidence) is Confidence.MEDIUM
    assert objections(evidence) == ()


@pytest.mark.parametrize(("doubt", "level"), [(0.01, "medium"), (0.02, "medium"), (0.031, "low")])
def test_noise_that_leaves_a_question_open_lowers_no_further_than_its_loss(doubt: float, level: str) -> None:
    evidence = replace(GOOD, stopped_by=StopReason.CANNOT_TELL, doubt=doubt)
    assert confidence(evidence) == level


def test_a_mean_that_slow_runs_decide_has_no_high_confidence() -> None:
    assert confidence(replace(GOOD, mean_width=1.25)) is Confidence.HIGH
    assert doubts(replace(GOOD, mean_width=1.35)) == (Doubt.UNCERTAIN_MEAN,)


def test_a_mean_that_is_mostly_of_slow_runs_must_be_known_better_than_others() -> None:
    assert doubts(replace(GOOD, mean_width=1.2, slow_part=0.9)) == (Doubt.UNCERTAIN_MEAN,)
    assert confidence(replace(GOOD, mean_width=1.12, slow_part=0.9)) is Confidence.HIGH
    assert confidence(replace(GOOD, mean_width=1.2, slow_part=0.3)) is Confidence.HIGH


def test_where_all_sizes_together_fail_too_often_the_confidence_is_low_whichever_is_recommended() -> None:
    measured = (MeasuredRuns(SMALL, 4, 2, "error", failed=2), MeasuredRuns(MIDDLE, 6, 4, "error", failed=2))
    flaky = replace(GOOD, measured=(*measured, GOOD.measured[2]))
    for recommended in (None, SMALL, MIDDLE, LARGE):
        found = replace(flaky, recommended=recommended)
        assert confidence(found) is Confidence.LOW
        assert Doubt.FAILING_SIZES in doubts(found)
        assert Doubt.ERRORS not in doubts(found), "the same is not told twice"
    told = "4 of 14 runs failed, at no size believably more often than at others"
    assert explain(Doubt.FAILING_SIZES, flaky) == told


def test_where_a_size_fails_by_errors_the_confidence_is_not_high_though_it_is_excluded() -> None:
    failing = MeasuredRuns(SMALL, 50, 32, "error", failed=18)
    evidence = replace(GOOD, measured=(failing, *GOOD.measured[1:]), excluded=frozenset({SMALL}))
    assert doubts(evidence) == (Doubt.FAILING_SIZES,)
    assert confidence(evidence) is Confidence.MEDIUM
    told = "runs fail too often at 1 of 3 configurations, and not for lack of memory or time"
    assert explain(Doubt.FAILING_SIZES, evidence) == told
    assert objections(evidence) == ()


def test_where_sizes_time_out_and_are_excluded_the_others_may_be_sure() -> None:
    slow = MeasuredRuns(SMALL, 50, 32, "timeout", failed=18, timeouts=18)
    evidence = replace(GOOD, measured=(slow, *GOOD.measured[1:]), excluded=frozenset({SMALL}))
    assert confidence(evidence) is Confidence.HIGH


def test_where_all_sizes_that_are_left_fail_the_confidence_is_low() -> None:
    measured = (MeasuredRuns(SMALL, 50, 32, "error", failed=18), MeasuredRuns(LARGE, 6, 3, "error", failed=3))
    evidence = replace(GOOD, measured=measured, excluded=frozenset({SMALL}))
    assert confidence(evidence) is Confidence.LOW
    assert explain(Doubt.FAILING_SIZES, evidence) == "3 of 6 runs at the sizes that are left failed"


def test_one_failure_never_makes_the_confidence_low() -> None:
    once = MeasuredRuns(LARGE, 3, 2, "error", failed=1, warm=2, environments=2)
    evidence = replace(GOOD, measured=(*GOOD.measured[:2], once), recommended=LARGE)
    assert doubts(evidence) == (Doubt.ERRORS,)
    assert confidence(evidence) is Confidence.MEDIUM


@given(st.sampled_from(Doubt), st.floats(0, 1), st.floats(0, 1))
def test_every_doubt_has_words_of_its_own(doubt: Doubt, loss: float, chance: float) -> None:
    evidence = replace(GOOD, doubt=loss, chance_of_miss=chance, recommended=LARGE)
    others = {explain(other, evidence) for other in Doubt if other is not doubt}
    assert explain(doubt, evidence) not in others


def test_a_single_candidate_never_has_high_confidence() -> None:
    assert confidence(replace(GOOD, candidates=1)) is Confidence.MEDIUM


@given(
    doubt=st.one_of(st.none(), st.floats(allow_nan=True)),
    stopped=st.sampled_from(StopReason),
    candidates=st.integers(0, 3),
    unmet=st.sampled_from([None, "unmet"]),
    usable=st.lists(st.integers(0, 4), max_size=4),
)
def test_whatever_may_be_applied_is_at_least_of_medium_confidence(
    doubt: float | None, stopped: StopReason, candidates: int, unmet: str | None, usable: list[int]
) -> None:
    measured = tuple(MeasuredRuns(SMALL, 4, count) for count in usable)
    evidence = DecisionEvidence(doubt, 0.01, stopped, candidates, unmet, MIDDLE, measured)
    if not objections(evidence):
        assert confidence(evidence) in (Confidence.HIGH, Confidence.MEDIUM)
        assert stopped not in UNDECIDED
        assert unmet is None
