"""Transitions and events are counted as the definition makes them; the end-to-end tests compare with real histories."""

from __future__ import annotations

from dataclasses import replace

import pytest

from statemachine.transitions import Count, count_execution
from tests.integration.statemachine.test_execution_store import AT, EXECUTION
from tuner.model import Trial

SERIAL = Trial(0, AT, 1, 4)
PARALLEL = Trial(1, AT, 3, 1)
DIRECT = replace(EXECUTION, direct=True)


def test_six_configurations_of_a_grid_take_nineteen_transitions() -> None:
    assert count_execution([[SERIAL] * 6], EXECUTION).transitions == 19


def test_a_direct_round_pays_for_each_run_and_each_lane() -> None:
    assert count_execution([[SERIAL, PARALLEL]], DIRECT) == Count(8 + 5 + 4 * 3 + 7 * 4, 33 + 18 + 4 * 11 + 7 * 14)


@pytest.mark.parametrize(("cold", "lanes"), [(False, 1), (True, 4)])
def test_every_cold_start_has_a_lane_of_its_own(cold: bool, lanes: int) -> None:
    execution = replace(DIRECT, document={**EXECUTION.document, "onlyColdStarts": cold})
    assert count_execution([[SERIAL]], execution).events == 33 + 18 + lanes * 11 + 4 * 14
