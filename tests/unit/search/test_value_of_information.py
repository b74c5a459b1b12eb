"""What trials are worth: gains that lie in a few draws count as much as they are."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tuner.estimation.belief import Belief, cost_of_billed
from tuner.model import Architecture, Configuration, Objective
from tuner.pricing.price_list import price_list
from tuner.search.deciding import value_of_information
from tuner.search.deciding.value_of_information import Offer, Precision, Scene, offers, scene_of, together

PRICES = price_list("us-east-1")
DRAWS = 1000
SHARP = Precision(run_sd=0.01, environment_sd=0.01, cold_sd=0.01, cold_offset_sd=0.01, cold_offset=0.0)
"""Noise so small that one run tells which draw is true."""
NOISY = Precision(run_sd=0.05, environment_sd=0.05, cold_sd=0.05, cold_offset_sd=0.05, cold_offset=0.08)
"""Noise of most functions."""
NEIGHBOURS = value_of_information.NEIGHBOURS


def scene_of_draws(candidates: tuple[Configuration, ...], duration_ms: NDArray[np.float64]) -> Scene:
    """The scene of durations at each draw and candidate, shape (draws, candidates); the first one was measured."""
    belief = Belief(
        candidates,
        duration_ms,
        cost_of_billed(candidates, duration_ms, PRICES),
        p95_ms=duration_ms,
        p99_ms=duration_ms,
        measured=np.arange(len(candidates)) == 0,
    )
    return scene_of(belief, np.log(duration_ms), Objective(), PRICES)


def scene_with(seldom: float, factor: float) -> Scene:
    """Twice the memory saves nothing, but for a share of the draws in which the time falls to a fraction."""
    candidates = tuple(Configuration(memory_mb, Architecture.X86_64) for memory_mb in (1024, 2048))
    duration_ms = np.full((DRAWS, 2), 1000.0)
    duration_ms[: round(seldom * DRAWS), 1] = 1000.0 * factor
    return scene_of_draws(candidates, duration_ms)


def gain_of_the_larger(scene: Scene, seed: int) -> float:
    first = Offer(1, 1, 1, gain=0.0, usd=0.0)
    found = together(
        *(scene, SHARP, np.arange(2), first, np.random.default_rng(seed)), most=1, least_rate=1e-30, by_loss=True
    )
    return sum(offer.gain for offer in found)


@pytest.mark.parametrize(("seldom", "factor"), [(0.02, 0.2), (0.1, 0.4), (0.5, 0.45)])
def test_the_gain_of_a_set_is_what_it_can_save_however_few_draws_it_lies_in(seldom: float, factor: float) -> None:
    scene = scene_with(seldom, factor)
    gains = [gain_of_the_larger(scene, seed) for seed in range(20)]
    assert scene.best == 0
    assert gains == pytest.approx([scene.expected_regret] * len(gains), rel=0.15)


def test_where_nothing_can_be_lost_no_set_gains() -> None:
    assert gain_of_the_larger(scene_with(0.0, 1.0), 0) == 0.0


def scene_of_functions(seed: int) -> Scene:
    """Work of any length and slope, at twelve sizes."""
    rng = np.random.default_rng(seed)
    candidates = tuple(Configuration(256 * step, Architecture.X86_64) for step in range(1, 13))
    memory_mb = np.array([c.memory_mb for c in candidates])
    slope = rng.normal(1.0, 0.2, (DRAWS, 1))
    log_ms = rng.normal(6.0, 0.3, (DRAWS, 1)) - slope * np.log(memory_mb / 1024)
    duration_ms = np.exp(log_ms + rng.normal(0.0, 0.05, log_ms.shape))
    return scene_of_draws(candidates, duration_ms)


@pytest.mark.parametrize("seed", range(5))
def test_neighbouring_draws_may_stand_for_each_other_where_one_size_is_measured(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gains(neighbours: int) -> np.ndarray:
        monkeypatch.setattr(value_of_information, "NEIGHBOURS", neighbours)
        scene = scene_of_functions(seed)
        found = offers(scene, NOISY, np.arange(12), [(1, 1)], np.random.default_rng(seed))
        return np.array([offer.gain for offer in sorted(found, key=lambda offer: offer.candidate)])

    one_by_one = gains(1)
    assert one_by_one.max() > 0.001
    assert gains(NEIGHBOURS) == pytest.approx(one_by_one, rel=0.03, abs=0.01 * one_by_one.max())
