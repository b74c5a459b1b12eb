"""How answers of the local backend are held against the truth."""

from __future__ import annotations

import json
import random
import statistics
from collections.abc import Callable, Sequence

import pytest

from benchmarks.local_answers import Answer, Grid, Met, Run, StatedMean, Turn, document, judge, kept, shares

SIZES = (128, 192, 256, 384, 512, 768, 1024, 1280, 1536, 1769, 2048, 3008)


def steady(costs: dict[int, float], turns: int = 20) -> Grid:
    """A grid without noise: durations of 100 ms x 1769 / memory, and billed ones for these costs in GB-ms."""
    return grid_of(
        [{size: Run(100.0 * 1769 / size, cost / size * 1024, 100.0) for size, cost in costs.items()}] * turns
    )


def grid_of(turns: Sequence[Turn]) -> Grid:
    """A grid with new environments for each turn."""
    return Grid(turns, list(range(len(turns))))


def answer(memory_mb: int, *stated: StatedMean, cpu_ms: tuple[float, ...] = (100.0,)) -> Answer:
    return Answer("f", 0, 2, memory_mb, stated, 60, 10.0, "complete", met(*cpu_ms))


def met(*cpu_ms: float) -> tuple[Met, ...]:
    """Runs at one vCPU."""
    return tuple(Met(1769, one) for one in cpu_ms)


def noisy(rng: random.Random, speed: float, duration: Callable[[int, float], float]) -> Turn:
    """A turn of work whose CPU time has a speed, and spreads by 5% from run to run."""
    work = {size: 100.0 * speed * (1769 / size) ** 0.05 * rng.lognormvariate(0.0, 0.05) for size in SIZES}
    return {size: Run(duration(size, ms), duration(size, ms), ms) for size, ms in work.items()}


def in_steps(size: int, ms: float) -> float:
    """Work that waits for a long time where a size is small for it."""
    return ms + (1000.0 if size < 900 * ms / 100.0 else 0.0)


def test_a_size_that_met_slow_minutes_by_chance_takes_no_longer_for_that() -> None:
    rng = random.Random(11)
    plain, read = [], []
    for _ in range(20):
        turns = [noisy(rng, rng.uniform(0.7, 1.4), lambda _, ms: ms) for _ in range(20)]
        truth = grid_of(turns).at(met(*[100.0] * 20))
        exact = {size: 100.0 * (1769 / size) ** 0.05 for size in SIZES}
        plain += [statistics.fmean(turn[size].duration_ms for turn in turns) / exact[size] - 1 for size in SIZES]
        read += [truth[size].mean_ms / exact[size] - 1 for size in SIZES]
    assert statistics.pstdev(read) < 0.3 * statistics.pstdev(plain)
    assert statistics.fmean(read) == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize(("speed", "right"), [(90.0, True), (130.0, False)])
def test_work_that_takes_steps_is_judged_at_the_speed_that_its_tuning_met(speed: float, right: bool) -> None:
    rng = random.Random(3)
    grid = grid_of([noisy(rng, rng.choice((0.9, 1.3)), in_steps) for _ in range(80)])
    assert judge(answer(1024, cpu_ms=(speed,) * 10), grid).right is right


def test_the_truth_of_a_tuning_that_met_two_speeds_is_the_mean_over_both() -> None:
    rng = random.Random(5)
    grid = grid_of([noisy(rng, rng.choice((0.9, 1.3)), in_steps) for _ in range(200)])
    truth = grid.at(met(*[90.0] * 10, *[130.0] * 30))
    slow, fast = 130.0 * (1769 / 1024) ** 0.05 + 1000.0, 90.0 * (1769 / 1024) ** 0.05
    assert truth[1024].mean_ms == pytest.approx((fast + 3 * slow) / 4, rel=0.02)


def test_means_are_as_uncertain_as_they_say() -> None:
    rng = random.Random(13)
    found, stated = [], []
    for _ in range(60):
        turns = [noisy(rng, rng.uniform(0.8, 1.2), lambda _, ms: ms * rng.lognormvariate(0.0, 0.05)) for _ in range(30)]
        probed = [rng.uniform(80.0, 120.0) for _ in range(20)]
        truth, usual = grid_of(turns).at(met(*probed)), statistics.fmean(probed)
        found += [one.mean_ms / (usual * (1769 / size) ** 0.05) - 1 for size, one in truth.items()]
        stated += [one.error_ms / one.mean_ms for one in truth.values()]
    assert statistics.pstdev(found) == pytest.approx(statistics.fmean(stated), rel=0.2)


def test_an_answer_is_right_by_its_cost() -> None:
    grid = steady({128: 100_000.0, 1769: 104_000.0})
    assert judge(answer(128), grid).right
    found = judge(answer(1769), grid)
    assert found.excess == pytest.approx(0.04, abs=0.001), "the fee of a request is little beside it"
    assert not found.right


def test_the_cheapest_size_is_chosen_by_other_turns_than_those_that_tell_its_cost() -> None:
    rng = random.Random(7)
    sizes = range(1769, 1789)

    def excess() -> float:
        drawn = ({size: rng.gauss(100.0, 10.0) for size in sizes} for _ in range(20))
        grid = grid_of([{size: Run(ms, ms, rng.gauss(100.0, 1.0)) for size, ms in one.items()} for one in drawn])
        return grid.excess(1780, met(*(rng.gauss(100.0, 1.0) for _ in range(30))))

    excesses = [excess() for _ in range(200)]
    assert statistics.fmean(excesses) == pytest.approx(0.0, abs=0.01), "the cheapest by chance would seem 4% cheaper"


def test_means_hold_by_their_intervals_at_the_speeds_that_the_tuning_met() -> None:
    grid = grid_of([{1769: Run(ms, ms, ms)} for ms in (50.0, 100.0) for _ in range(20)])
    slow, fast = StatedMean(1769, 98.0, 100.0, 102.0), StatedMean(1769, 49.0, 50.0, 51.0)
    found = judge(answer(1769, slow, fast), grid)
    assert found.held == 1, "a slow minute makes the slow mean true"
    assert judge(answer(1769, fast, cpu_ms=(50.0,)), grid).held == 1
    assert judge(answer(1769, StatedMean(1769, 74.0, 75.0, 76.0), cpu_ms=(50.0, 100.0)), grid).held == 1
    assert shares([found]) == (1.0, 0.5)


def test_what_is_kept_is_judged_the_same_and_loses_nothing() -> None:
    grid = steady({128: 100_000.0, 1769: 104_000.0})
    first = document([judge(answer(1769, StatedMean(1769, 98.0, 100.0, 102.0)), grid)], {"f": grid})
    judgements, grids = kept(json.loads(json.dumps(first)))
    assert json.dumps(document(judgements, grids)) == json.dumps(first)
