"""A search in the state machine comes to an end by itself, also where every size is nearly as good as any other."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cloud.fixtures import Cloud
from tests.integration.statemachine.driver import Driver
from tuner.model import StopReason

MOST_ROUNDS = 12


@pytest.mark.parametrize("traffic", [{}, {"invocationsPerMonth": 1e6}], ids=["unknown traffic", "known traffic"])
def test_a_nearly_flat_function_is_tuned_in_a_few_rounds(cloud: Cloud, driver: Driver, traffic: dict[str, Any]) -> None:
    """Its lanes share an environment, so that no comparison with the current size counts as one side by side."""
    arn = cloud.simulate_function("flat", model={"cpu_ms": 2, "wait_ms": 300, "noise": 0.05}, memory_mb=1024)
    state = driver.start({"lambdaARN": arn, **traffic})
    rounds = 0
    while driver.round(state):
        rounds += 1
        assert rounds <= MOST_ROUNDS
    stop = driver.store(state).stop()
    assert stop is not None
    assert stop.reason in (StopReason.TOLERANCE, StopReason.ECONOMY)
