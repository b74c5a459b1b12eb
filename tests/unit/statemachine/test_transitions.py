"""Transitions and events are counted as the definition makes them; the end-to-end tests compare with real histories."""

from __future__ import annotations

from dataclasses import replace

import pytest

from statemachine.measuring.lane_groups import fits_one_handler
from statemachine.transitions import Count, count_execution
from tests.integration.statemachine.test_execution_store import AT, EXECUTION
from tuner.model import Trial

SERIAL = Trial(0, AT, 1, 4)
PAIR = Trial(0, AT, 2, 1)
ADAPTIVE = replace(EXECUTION, document={"lambdaARN": "arn:aws:lambda:us-east-1:123456789012:function:orders"})
LONG = replace(EXECUTION, long=True)


def test_six_configurations_of_a_grid_take_nineteen_transitions() -> None:
    assert count_execution([[SERIAL] * 6], EXECUTION, {}).transitions == 19


def test_a_long_trial_pays_for_each_pass_and_each_pause_between_two() -> None:
    expected = Count(8 + 5 + 1 + 3 * 2 + 2, 33 + 18 + 4 + 3 * 7 + 2 * 2)
    assert count_execution([[SERIAL]], LONG, {0: 3}) == expected


def test_without_passes_the_most_are_counted() -> None:
    assert count_execution([[SERIAL]], LONG, {}) == count_execution([[SERIAL]], LONG, {0: 9})


def test_an_adaptive_search_takes_ten_transitions_whatever_its_rounds_and_trials() -> None:
    assert count_execution([[PAIR], [PAIR] * 3], ADAPTIVE, {}, entries=1) == Count(8 + 2, 33 + 7)


def test_without_entries_a_handler_for_each_round_is_counted() -> None:
    assert count_execution([[PAIR], [PAIR] * 3], ADAPTIVE, {}) == Count(8 + 2 * 2, 33 + 2 * 7)


@pytest.mark.parametrize("trials", [[replace(PAIR, environments=41)], [replace(PAIR, runs_per_environment=30)]])
def test_a_round_too_large_for_one_handler_is_spread_over_several(trials: list[Trial]) -> None:
    assert not fits_one_handler(
        trials, replace(ADAPTIVE, concurrency=100, identity=replace(EXECUTION.identity, timeout_s=60))
    )
