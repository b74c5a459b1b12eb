"""The CPU time behind a known curve."""

from __future__ import annotations

import pytest

from tuner.simulated.cpu_time import cpu_time_ms
from tuner.simulated.curves import Curve

SIZES = (128, 256, 512, 1024, 1769, 2400, 3538, 7076)


@pytest.mark.parametrize("wait_ms", [0.0, 40.0, 400.0])
def test_waiting_and_work_of_one_thread_are_told_apart(wait_ms: float) -> None:
    curve = Curve.through({m: wait_ms + 100 * 1769 / min(m, 1769) for m in range(128, 3009, 32)})
    assert cpu_time_ms(curve) == pytest.approx(100, rel=0.03)


@pytest.mark.parametrize("threads", [2, 4])
def test_work_of_several_threads_counts_in_full(threads: int) -> None:
    curve = Curve.through({m: 1000 / min(m / 1769, threads) for m in SIZES})
    assert cpu_time_ms(curve) == pytest.approx(1000, rel=0.03)


def test_a_curve_that_memory_does_not_help_waits() -> None:
    assert cpu_time_ms(Curve.through({128: 300.0, 3008: 300.0})) < 3
