"""Transitions are counted as the definition makes them; the end-to-end tests compare with real histories."""

from __future__ import annotations

from statemachine.costs import Round, transitions


def test_six_configurations_of_a_grid_take_nineteen_transitions() -> None:
    assert transitions([Round(6)]) == 19


def test_a_direct_round_pays_for_each_run_and_each_lane() -> None:
    assert transitions([Round(2, direct_runs=4)]) == 8 + 5 + 2 * 3 + 4 * 4
