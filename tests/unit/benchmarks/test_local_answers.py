"""How answers of the local backend are held against the truth."""

from __future__ import annotations

import random
import statistics

import pytest

from benchmarks.local_answers import Answer, Grid, StatedMean, judge, mean_at, shares


def steady(costs: dict[int, float], turns: int = 20) -> Grid:
    """A grid without noise: durations of 100 ms x 1769 / memory, and billed ones for these costs in GB-ms."""
    return Grid(
        {size: (100.0 * 1769 / size,) * turns for size in costs},
        {size: (cost / size * 1024,) * turns for size, cost in costs.items()},
        dict.fromkeys(costs, (100.0,) * turns),
    )


def answer(memory_mb: int, *stated: StatedMean, speed_ms: float = 100.0) -> Answer:
    return Answer("f", 0, 2, memory_mb, stated, 60, 10.0, "complete", speed_ms)


def test_a_mean_is_read_at_the_typical_cpu_time() -> None:
    assert mean_at(11.0, 0.0, [10.0, 12.0, 14.0], [20.0, 24.0, 28.0]) == pytest.approx((22.0, 0.0))


def test_without_a_spread_of_cpu_time_it_is_the_plain_mean() -> None:
    mean, error = mean_at(11.0, 0.0, [10.0, 10.0, 10.0], [1.0, 2.0, 3.0])
    assert mean == 2.0
    assert error == pytest.approx((2 / 3) ** 0.5)


def test_a_mean_is_as_uncertain_as_the_cpu_time_at_which_it_is_read() -> None:
    assert mean_at(11.0, 0.5, [10.0, 12.0, 14.0], [20.0, 24.0, 28.0]) == pytest.approx((22.0, 1.0))


def test_a_size_that_met_slow_minutes_by_chance_costs_little_more_for_that() -> None:
    rng = random.Random(11)
    sizes = (128, 192, 256, 384, 512, 768, 1024, 1280, 1536, 1769, 2048, 3008)
    exact = {size: 100.0 * max(1.0, 1769 / size) * (1769 / size) ** 0.05 for size in sizes}
    plain, read, stated = [], [], []
    for _ in range(40):
        factors = {size: [rng.lognormvariate(-0.03125, 0.25) for _ in range(30)] for size in sizes}
        work = {size: tuple(100.0 * (1769 / size) ** 0.05 * one for one in factors[size]) for size in sizes}
        duration = {size: tuple(exact[size] * one for one in factors[size]) for size in sizes}
        truth = Grid(duration, duration, work).at(100.0)
        plain += [statistics.fmean(duration[size]) / exact[size] - 1 for size in sizes]
        read += [truth[size].mean_ms / exact[size] - truth[1769].mean_ms / exact[1769] for size in sizes]
        stated += [one.error_ms / one.mean_ms for one in truth.values()]
    assert statistics.pstdev(read) < 0.6 * statistics.pstdev(plain), "sizes beside one another"
    assert statistics.pstdev(read) == pytest.approx(statistics.fmean(stated), rel=0.4), "as uncertain as it says"


def test_an_answer_is_right_by_its_cost() -> None:
    grid = steady({128: 100_000.0, 1769: 104_000.0})
    assert judge(answer(128), grid).right
    found = judge(answer(1769), grid)
    assert found.excess == pytest.approx(0.04, abs=0.001), "the fee of a request is little beside it"
    assert not found.right


def test_the_cheapest_size_is_chosen_by_other_turns_than_those_that_tell_its_cost() -> None:
    rng = random.Random(7)
    sizes = range(1769, 1789)

    def noisy() -> Grid:
        runs = {size: tuple(rng.gauss(100.0, 10.0) for _ in range(20)) for size in sizes}
        return Grid(runs, runs, dict.fromkeys(sizes, (100.0,) * 20))

    excesses = [noisy().excess(1780, 100.0) for _ in range(200)]
    assert statistics.fmean(excesses) == pytest.approx(0.0, abs=0.01), "the cheapest by chance would seem 4% cheaper"


def test_means_hold_by_their_intervals_at_the_speed_that_the_tuning_met() -> None:
    turns = 40
    cpu_ms = tuple(100.0 if turn // 2 % 2 else 50.0 for turn in range(turns))
    grid = Grid({1769: cpu_ms}, {1769: cpu_ms}, {1769: cpu_ms})
    slow, fast = StatedMean(1769, 98.0, 100.0, 102.0), StatedMean(1769, 49.0, 50.0, 51.0)
    found = judge(answer(1769, slow, fast, speed_ms=100.0), grid)
    assert found.held == 1, "a slow minute makes the slow mean true"
    assert judge(answer(1769, fast, speed_ms=50.0), grid).held == 1
    assert shares([found]) == (1.0, 0.5)
