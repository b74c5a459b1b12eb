"""Transitions and events are counted as the definition makes them; the end-to-end tests compare with real histories."""

from __future__ import annotations

from dataclasses import replace

from statemachine.transitions import Count, count_execution
from tests.integration.statemachine.test_execution_store import AT, EXECUTION
from tuner.model import Trial

SERIAL = Trial(0, AT, 1, 4)
LONG = replace(EXECUTION, long=True)


def test_six_configurations_of_a_grid_take_nineteen_transitions() -> None:
    assert count_execution([[SERIAL] * 6], EXECUTION, {}).transitions == 19


def test_a_long_trial_pays_for_each_pass_and_each_pause_between_two() -> None:
    expected = Count(8 + 5 + 1 + 3 * 2 + 2, 33 + 18 + 4 + 3 * 7 + 2 * 2)
    assert count_execution([[SERIAL]], LONG, {0: 3}) == expected


def test_without_passes_the_most_are_counted() -> None:
    assert count_execution([[SERIAL]], LONG, {}) == count_execution([[SERIAL]], LONG, {0: 9})
