"""Handlers are billed while they wait: for the longest lane of a round or of a trial."""

from __future__ import annotations

from dataclasses import replace

import pytest

from statemachine.handler_time import EXECUTOR_GB, MEASURER_GB, executor_count, waiting_gb_s
from tests.integration.statemachine.test_execution_store import AT, EXECUTION
from tests.unit.statemachine.test_transitions import ADAPTIVE, LONG, PAIR, SERIAL
from tuner.model import Invocation, Outcome, Sample, Trial


def lane(trial: Trial, *durations_ms: float, init_ms: float | None = None) -> Sample:
    first, *rest = (Invocation(Outcome.OK, duration_ms=ms) for ms in durations_ms)
    return Sample(trial.id, AT, (replace(first, init_duration_ms=init_ms), *rest))


def test_a_measurer_waits_for_the_longest_lane_of_each_round() -> None:
    other = Trial(1, AT, 1, 1)
    samples = [lane(PAIR, 1000.0, init_ms=500.0), lane(PAIR, 3000.0), lane(other, 2000.0)]
    assert waiting_gb_s([[PAIR], [other]], samples, ADAPTIVE) == pytest.approx(MEASURER_GB * (3.0 + 2.0))


def test_each_executor_waits_for_its_own_trial() -> None:
    other = Trial(1, AT, 1, 2)
    samples = [lane(SERIAL, *[1000.0] * 4), lane(other, 12_000.0, 12_000.0)]
    assert waiting_gb_s([[SERIAL, other]], samples, EXECUTION) == pytest.approx(EXECUTOR_GB * (4.0 + 24.0))
    assert executor_count([[SERIAL, other]], EXECUTION, {}) == 2


def test_lanes_beyond_the_concurrency_wait_for_each_other() -> None:
    wide = Trial(0, AT, 50, 1)
    narrow = replace(EXECUTION, concurrency=10)
    samples = [lane(wide, 1000.0) for _ in range(50)]
    assert waiting_gb_s([[wide]], samples, narrow) == pytest.approx(EXECUTOR_GB * 5.0)


def test_each_pass_over_a_long_trial_is_a_handler_and_a_search_in_one_task_needs_none() -> None:
    assert executor_count([[SERIAL]], LONG, {0: 3}) == 3
    assert executor_count([[PAIR], [PAIR]], ADAPTIVE, {}) == 0


def test_runs_without_a_report_count_nothing() -> None:
    lost = Sample(0, AT, (Invocation(Outcome.NO_REPORT),))
    assert waiting_gb_s([[PAIR]], [lost], ADAPTIVE) == 0.0
    assert waiting_gb_s([[PAIR]], [], ADAPTIVE) == 0.0
