"""How answers of the local backend are held against the truth."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable

import pytest

from benchmarks.local_answers import Answer, Grid, Run, StatedMean, Turn, judge, mean_at, shares

SIZES = (128, 192, 256, 384, 512, 768, 1024, 1280, 1536, 1769, 2048, 3008)


def steady(costs: dict[int, float], turns: int = 20) -> Grid:
    """A grid without noise: durations of 100 ms x 1769 / memory, and billed ones for these costs in GB-ms."""
    runs = {size: Run(100.0 * 1769 / size, cost / size * 1024, 100.0) for size, cost in costs.items()}
    return Grid([Turn(0, 2, runs)] * turns)


def answer(memory_mb: int, *stated: StatedMean, seed: int = 0, speed_ms: float = 100.0) -> Answer:
    return Answer("f", seed, 2, memory_mb, stated, 60, 10.0, "complete", speed_ms)


def test_a_mean_is_read_at_a_speed_near_those_of_its_runs() -> None:
    assert mean_at(11.0, [10.0, 12.0, 14.0], [20.0, 24.0, 28.0]) == pytest.approx((22.0, 0.0))


def test_without_a_spread_of_speeds_it_is_the_plain_mean() -> None:
    mean, error = mean_at(11.0, [10.0, 10.0, 10.0], [1.0, 2.0, 3.0])
    assert mean == 2.0
    assert error == pytest.approx((1 / 3) ** 0.5)


@pytest.mark.parametrize(("y", "read"), [([3.0, 2.0, 1.0], 2.0), ([1.0, 20.0, 39.0], 40 / 3)], ids=["falling", "steep"])
def test_a_mean_grows_with_the_work_and_in_proportion_to_it_at_most(y: list[float], read: float) -> None:
    assert mean_at(8.0, [11.0, 12.0, 13.0], y)[0] == pytest.approx(read)


def noisy(rng: random.Random, seed: int, speed: float, duration: Callable[[int, float], float]) -> list[Turn]:
    """30 turns of work whose CPU time has a speed, and spreads by 5% from run to run."""
    turns = []
    for _ in range(30):
        work = {size: 100.0 * speed * (1769 / size) ** 0.05 * rng.lognormvariate(0.0, 0.05) for size in SIZES}
        turns.append(
            Turn(seed, 2, {size: Run(duration(size, ms), duration(size, ms), ms) for size, ms in work.items()})
        )
    return turns


def test_the_speed_of_a_turn_is_told_by_all_its_sizes() -> None:
    rng = random.Random(11)
    speeds = [rng.uniform(0.7, 1.4) for _ in range(10)]
    grid = Grid([turn for seed, speed in enumerate(speeds) for turn in noisy(rng, seed, speed, lambda _, ms: ms)])
    off = [told / (100.0 * speeds[turn.seed]) - 1 for told, turn in zip(grid.speeds_ms, grid.turns, strict=True)]
    assert statistics.pstdev(off) < 0.02, "runs spread by 5%"
    assert statistics.fmean(off) == pytest.approx(0.0, abs=0.01)


def test_work_that_takes_steps_is_judged_at_the_speed_that_its_tuning_met() -> None:
    """One size is the best at one speed and waits for a further period at a lower one."""

    def duration(size: int, ms: float) -> float:
        return ms + (1000.0 if size < 900 * ms / 100.0 else 0.0)

    rng = random.Random(3)
    turns = noisy(rng, 0, 0.9, duration) + noisy(rng, 1, 1.3, duration) + noisy(rng, 2, 0.9, duration)
    grid = Grid(turns)
    assert judge(answer(1024, seed=0, speed_ms=90.0), grid).right
    assert not judge(answer(1024, seed=1, speed_ms=130.0), grid).right
    truth = grid.at(answer(1024, seed=0, speed_ms=90.0))
    assert truth[1024].runs > 55, "turns at the same speed count, whatever tuning they followed"
    assert truth[1024].mean_ms == pytest.approx(90.0 * (1769 / 1024) ** 0.05, rel=0.02)


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
        turns = [Turn(0, 2, {size: Run(ms, ms, 100.0) for size, ms in one.items()}) for one in drawn]
        return Grid(turns).excess(answer(1780))

    excesses = [excess() for _ in range(200)]
    assert statistics.fmean(excesses) == pytest.approx(0.0, abs=0.01), "the cheapest by chance would seem 4% cheaper"


def test_means_hold_by_their_intervals_at_the_speed_that_the_tuning_met() -> None:
    grid = Grid([Turn(seed, 2, {1769: Run(ms, ms, ms)}) for seed, ms in ((0, 50.0), (1, 100.0)) for _ in range(20)])
    slow, fast = StatedMean(1769, 98.0, 100.0, 102.0), StatedMean(1769, 49.0, 50.0, 51.0)
    found = judge(answer(1769, slow, fast, seed=1, speed_ms=100.0), grid)
    assert found.held == 1, "a slow minute makes the slow mean true"
    assert judge(answer(1769, fast, speed_ms=50.0), grid).held == 1
    assert shares([found]) == (1.0, 0.5)
