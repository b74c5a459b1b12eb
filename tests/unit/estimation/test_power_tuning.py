"""Power Tuning's statistic and choice, computed here a second time from the runs alone."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest

from tuner.estimation.power_tuning import choose, trimmed_interval, trimmed_metrics
from tuner.model import (
    Architecture,
    Configuration,
    Invocation,
    Objective,
    Outcome,
    Sample,
    StrategyName,
)
from tuner.pricing.price_list import price_list

PRICES = price_list("us-east-1")
SIZES = (128, 512, 1024)
INIT_MS = 500.0


def cold_heavy(seed: int) -> list[Sample]:
    """Runs of a function whose initialization takes much longer than its handler; some of them fail."""
    rng = random.Random(seed)
    samples = []
    for number, size in enumerate(SIZES):
        runs = []
        for _ in range(rng.randrange(5, 30)):
            duration = rng.lognormvariate(math.log(100 * 1024 / size), 0.3)
            init = INIT_MS * rng.uniform(0.8, 1.2) if rng.random() < 0.4 else None
            outcome = Outcome.ERROR if rng.random() < 0.05 else Outcome.OK
            billed = math.ceil(duration + (init or 0.0))
            runs.append(
                Invocation(outcome, "e", duration_ms=duration, billed_duration_ms=billed, init_duration_ms=init)
            )
        samples.append(Sample(number, Configuration(size, Architecture.X86_64), tuple(runs)))
    return samples


def trimmed(values: Sequence[float], discard: float) -> float:
    """What Power Tuning computes, written down again."""
    out = int(len(values) * discard)
    kept = sorted(values)[out : len(values) - out]
    return sum(kept) / len(kept)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("only_cold", [False, True])
def test_cost_and_duration_are_the_trimmed_means_of_the_runs(seed: int, only_cold: bool) -> None:
    samples, discard = cold_heavy(seed), 0.0 if only_cold else 0.2
    found = {m.configuration.memory_mb: m for m in trimmed_metrics(
        samples, PRICES, discard=discard, only_cold_starts=only_cold)}  # fmt: skip
    for sample in samples:
        size = sample.configuration.memory_mb
        runs = [run for run in sample.invocations if run.outcome is Outcome.OK]
        runs = [run for run in runs if run.init_duration_ms is not None] if only_cold else runs
        if not runs:
            assert size not in found
            continue
        durations = [(run.duration_ms or 0.0) + (run.init_duration_ms or 0.0) for run in runs]
        costs = [(run.billed_duration_ms or 0) / 1000 * size / 1024 * 0.0000166667 + 2e-7 for run in runs]
        assert found[size].duration_ms.mean == pytest.approx(trimmed(durations, discard), rel=1e-9)
        assert found[size].cost_usd.mean == pytest.approx(trimmed(costs, discard), rel=1e-9)
        for interval in (found[size].duration_ms, found[size].cost_usd):
            assert interval.low <= interval.mean <= interval.high


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("strategy", "weight"), [("cost", 0.5), ("speed", 0.5), ("balanced", 0.3), ("balanced", 1.0)])
def test_the_choice_is_the_best_of_the_statistic(seed: int, strategy: str, weight: float) -> None:
    metrics = trimmed_metrics(cold_heavy(seed), PRICES, discard=0.2, only_cold_starts=False)
    best = choose(metrics, Objective(StrategyName(strategy), balanced_weight=weight))
    cost, duration = [m.cost_usd.mean for m in metrics], [m.duration_ms.mean for m in metrics]
    scores = {
        "cost": cost,
        "speed": duration,
        "balanced": [
            weight * c / max(cost) + (1 - weight) * d / max(duration) for c, d in zip(cost, duration, strict=True)
        ],
    }[strategy]
    assert best is metrics[scores.index(min(scores))]


def test_an_interval_covers_the_mean_of_a_normal_variable_as_often_as_it_says() -> None:
    rng, covered = random.Random(1), 0
    for _ in range(1000):
        found = trimmed_interval([rng.gauss(100, 10) for _ in range(20)], 0.2)
        covered += found.low <= 100 <= found.high
    assert 0.93 <= covered / 1000 <= 0.97


def test_the_interval_of_one_value_is_that_value() -> None:
    found = trimmed_interval([7.0], 0.2)
    assert (found.low, found.mean, found.high) == (7.0, 7.0, 7.0)
