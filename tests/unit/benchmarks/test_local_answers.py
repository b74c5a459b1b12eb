"""How answers of the local backend are held against the truth."""

from __future__ import annotations

import pytest

from benchmarks.local_answers import Answer, StatedMean, Truth, judge, mean_at, shares


def test_a_mean_is_read_at_the_typical_cpu_time() -> None:
    assert mean_at(11.0, [10.0, 12.0, 14.0], [20.0, 24.0, 28.0]) == pytest.approx((22.0, 0.0))


def test_without_a_spread_of_cpu_time_it_is_the_plain_mean() -> None:
    mean, error = mean_at(11.0, [10.0, 10.0, 10.0], [1.0, 2.0, 3.0])
    assert mean == 2.0
    assert error == pytest.approx((2 / 3) ** 0.5)


def test_an_answer_is_right_by_cost_and_its_means_by_their_intervals() -> None:
    truth = {128: Truth(128, 30, 100.0, 1.0, 1.0e-6), 256: Truth(256, 30, 50.0, 1.0, 1.02e-6)}
    stated = (StatedMean(128, 80.0, 90.0, 98.5), StatedMean(256, 60.0, 70.0, 80.0))
    found = judge(Answer("f", 0, 2, 256, stated, 60, 10.0, "complete"), truth)
    assert found.excess == pytest.approx(0.02)
    assert found.right
    assert found.held == 1, "98.5 and two errors of 1 reach 100; 60 less two do not reach 50"
    assert shares([found]) == (1.0, 0.5)
