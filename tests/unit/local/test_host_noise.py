"""What is told of a noisy machine, from readings."""

from __future__ import annotations

import pytest

from tuner.local.host_noise import NoiseMeter


def test_noise_is_told_from_what_was_seen() -> None:
    meter = NoiseMeter()
    assert str(meter.read()) == "Too little was measured to tell how steady the machine was."
    assert not meter.read().noisy
    for cpu_ms in (10.0, 12.0):
        meter.saw("a", 100.0, cpu_ms, 100.0)
    seen = meter.read()
    assert seen.wait_share == pytest.approx(0.5)
    assert seen.cpu_spread == pytest.approx(0.1286, abs=0.001)
    assert seen.noisy
