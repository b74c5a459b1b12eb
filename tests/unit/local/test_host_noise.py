"""What is told of a noisy machine, from readings."""

from __future__ import annotations

import pytest

from tuner.local.host_noise import NoiseMeter, fixed_work_ms
from tuner.model import Invocation, Outcome


def run(cpu_ms: float = 10.0, waited_ms: float = 0.0, *, fixed_ms: float | None = None) -> Invocation:
    return Invocation(Outcome.OK, "a", 100.0, 100, cpu_ms=cpu_ms, waited_ms=waited_ms, fixed_work_ms=fixed_ms)


def test_noise_is_told_from_what_was_seen() -> None:
    meter = NoiseMeter()
    assert str(meter.read()) == "Too little was measured to tell how steady the machine was."
    assert not meter.read().noisy
    for cpu_ms in (10.0, 12.0):
        meter.saw(run(cpu_ms, 100.0))
    seen = meter.read()
    assert seen.wait_share == pytest.approx(0.5)
    assert seen.cpu_spread == pytest.approx(0.1286, abs=0.001)
    assert seen.noisy


def test_the_speed_of_the_machine_is_told_from_the_fixed_work_before_environments() -> None:
    meter = NoiseMeter()
    for fixed_ms in (1.0, 1.0, 1.0, 1.0, 2.0):
        meter.saw(run(fixed_ms=fixed_ms))
    assert meter.read().speed_spread == pytest.approx(0.5)
    assert fixed_work_ms() > 0


def test_a_cold_run_tells_nothing_of_waiting() -> None:
    meter = NoiseMeter()
    meter.saw(Invocation(Outcome.OK, "a", 100.0, 100, init_duration_ms=5.0, cpu_ms=1.0, waited_ms=900.0))
    assert meter.read().wait_share is None
