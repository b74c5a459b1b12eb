"""The finding of slow runs: its words and its verdict do not contradict each other."""

from __future__ import annotations

import pytest

from tuner.comparison.slow_runs import SlowCounts, tail_finding
from tuner.comparison.verdicts import Verdict

PROVED, OPEN = 0.0, 1.0


@pytest.mark.parametrize(
    ("counts", "chances", "verdict", "told"),
    [
        ((34, 249, 9, 233), (PROVED, OPEN), Verdict.WORSE, "34 of 249 before; those that did lie further above it"),
        ((9, 233, 34, 249), (OPEN, PROVED), Verdict.BETTER, "9 of 233 before; those that did lie less far above it"),
        ((0, 249, 90, 233), (PROVED, OPEN), Verdict.WORSE, "0 of 249 before; their share grew by at most 45.5 points"),
        ((0, 200, 0, 200), (OPEN, OPEN), Verdict.SAME, "0 of 200 before; their share grew by at most 1.9 points"),
    ],
)
def test_the_words_give_the_reason_of_the_verdict(
    counts: tuple[int, int, int, int], chances: tuple[float, float], verdict: Verdict, told: str
) -> None:
    found = tail_finding(None, SlowCounts(*counts), chances, 0.01, units=8, runs=400)
    assert found.verdict is verdict
    assert told in found.reason
