"""Where the level of a function changed over its results."""

from __future__ import annotations

import pytest

from tests.unit.comparison.documents import result
from tuner.comparison.change_points import change_points
from tuner.comparison.question import Metric, Question
from tuner.comparison.verdicts import Verdict


def results(*levels: float) -> list[object]:
    return [
        result(level, seed=number, sizes=(256, 1024), created_at=f"2026-08-{number + 1:02}T10:00:00Z")
        for number, level in enumerate(levels)
    ]


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ((0.0,), []),
        ((0.0, 0.01, -0.01, 0.0), []),
        ((0.0, 0.01, 0.5, 0.49), [(2, Verdict.WORSE)]),
        ((0.0, 0.5, 0.5, -0.1), [(1, Verdict.WORSE), (3, Verdict.BETTER)]),
    ],
)
def test_a_change_is_found_once_at_the_result_where_it_happened(
    levels: tuple[float, ...], expected: list[tuple[int, Verdict]]
) -> None:
    found = change_points(results(*levels), Question())  # type: ignore[arg-type]
    assert [(change.number, change.verdict) for change in found] == expected
    assert all(Metric.DURATION in [finding.metric for finding in change.findings] for change in found)
