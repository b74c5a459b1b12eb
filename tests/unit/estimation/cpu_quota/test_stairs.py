"""Staircases of short functions, and the sizes that they make worth measuring."""

from __future__ import annotations

import numpy as np
import pytest

from tuner.estimation.cpu_quota.stairs import MOST_FINE_SIZES, Stairs, draw_stairs, promising_sizes
from tuner.estimation.estimate import candidates, fit
from tuner.estimation.posterior import Prior
from tuner.model import Architecture, Configuration, Invocation, Outcome, Sample, SearchSpace
from tuner.pricing.price_list import price_list

X86 = Architecture.X86_64
BURST_MS, EDGE_MB = 16.0, 1769 * 16.0 / 20


def stairs(*, smear: float = 0.0, whole: bool = False) -> Stairs:
    burst, left, wait = (np.array([[value]]) for value in (BURST_MS, 1.3, 0.0))
    return Stairs(burst, left, wait, np.array([smear]), flat=np.array([True]), whole=np.array([whole]))


def duration_ms(sizes_mb: list[float], one: Stairs) -> list[float]:
    return [float(ms) for ms in np.exp(one.log_ms(np.array(sizes_mb), np.zeros(len(sizes_mb), dtype=np.int64)))[0]]


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_the_duration_falls_by_a_period_at_each_edge(k: int) -> None:
    below, above = duration_ms([EDGE_MB / k - 2, EDGE_MB / k + 2], stairs())
    expected = 20.0 if k > 1 else 20.0 + 1.3 - 17.3
    assert below - above == pytest.approx(expected)


def test_a_plateau_is_flat() -> None:
    assert np.ptp(duration_ms([EDGE_MB / 2 + 2, EDGE_MB - 2], stairs())) == pytest.approx(0)


def test_a_run_may_end_with_its_period_below_one_vcpu() -> None:
    sizes = [EDGE_MB / 4, EDGE_MB / 2, EDGE_MB, 1768.0, 1769.0]
    durations = duration_ms(sizes, stairs(whole=True))
    assert durations == pytest.approx([100.0, 60.0, 40.0, 20.0, 17.3])


def test_smear_keeps_the_plateaus_and_softens_the_edges() -> None:
    sharp = duration_ms([600.0, EDGE_MB / 2 - 2], stairs())
    soft = duration_ms([600.0, EDGE_MB / 2 - 2], stairs(smear=0.03))
    assert soft[0] == pytest.approx(sharp[0], rel=0.01)
    assert soft[1] < sharp[1] - 3


def test_promising_sizes_lie_just_above_edges() -> None:
    (size,) = promising_sizes(stairs(), np.array([1]), 128, 3008)
    assert any(0 <= size / (EDGE_MB / k) - 1 <= 0.011 for k in (1, 2, 3))


def test_promising_sizes_are_few_and_within_bounds() -> None:
    found = promising_sizes(draw_stairs(500, np.random.default_rng(1), None), np.ones(500, dtype=np.int64), 200, 1200)
    assert len(found) <= MOST_FINE_SIZES
    assert min(found) >= 200
    assert max(found) <= 1200


def test_a_size_between_the_nodes_can_be_recommended() -> None:
    sizes = (128, 256, 512, 700, 716, 1024, 1769)
    samples = [
        Sample(n, Configuration(size, X86), tuple(_run(ms, f"{n}/{lane}") for lane in range(2)))
        for n, (size, ms) in enumerate(zip(sizes, duration_ms([float(s) for s in sizes], stairs()), strict=True))
    ]
    prices = price_list("us-east-1")
    space = SearchSpace((128, 3008), (X86,))
    posterior = fit(samples, space, prices, seed=0, prior=Prior(particles=8000))
    possible, _ = candidates(samples, space, prices, None, between_mb=posterior.promising_mb)
    between = {c.memory_mb for c in possible} - set(posterior.layout.sizes_mb)
    assert between
    assert any(abs(size / EDGE_MB - 1) < 0.05 or abs(2 * size / EDGE_MB - 1) < 0.05 for size in between)


def _run(duration: float, environment: str) -> Invocation:
    return Invocation(Outcome.OK, environment, duration_ms=duration, billed_duration_ms=int(duration) + 1)
