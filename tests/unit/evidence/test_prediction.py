"""What past runs say of other sizes, and when that is enough for a recommendation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.estimation.simulation import X86, Duration, cpu_bound, measure
from tuner.evidence.prediction import LIKELY, LIKELY_BY_PRIOR, SMALL_SAVES, SMALL_SAVINGS, predict
from tuner.model import Configuration, Interval, Invocation, Objective, Outcome, Sample, SearchSpace
from tuner.pricing.price_list import price_list
from tuner.search.space import memory_nodes

PRICES = price_list("us-east-1")
SPACE = SearchSpace(tuple(memory_nodes(128, 3008)), (X86,))
LARGE = Configuration(3008, X86)


def seen(duration: Duration, *sizes_mb: int, busy: float | None = None) -> list[Sample]:
    samples = measure(duration, sizes_mb, environments=8, runs=6)
    if busy is None:
        return samples
    return [
        replace(s, invocations=tuple(replace(i, cpu_ms=busy * (i.duration_ms or 0)) for i in s.invocations))
        for s in samples
    ]


def test_one_busy_thread_above_one_vcpu_is_recommended_a_smaller_size() -> None:
    found = predict(seen(cpu_bound, 3008, busy=1.0), SPACE, LARGE, Objective(), PRICES)
    assert found is not None
    assert found.recommended is not None
    assert found.recommended.memory_mb < 3008
    assert found.chance_of_saving >= LIKELY


def test_one_size_without_cpu_time_is_no_ground_for_a_change() -> None:
    found = predict(seen(lambda _: 800.0, 3008), SPACE, LARGE, Objective(), PRICES)
    assert found is not None
    assert LIKELY < found.chance_of_saving < LIKELY_BY_PRIOR
    assert found.recommended is None


def test_one_size_that_is_throttled_allows_no_recommendation_but_a_chance() -> None:
    current = Configuration(512, X86)
    found = predict(seen(cpu_bound, 512, busy=512 / 1769), SPACE, current, Objective(), PRICES)
    assert found is not None
    assert found.recommended is None
    assert 0 <= found.chance_of_saving < LIKELY


@pytest.mark.parametrize("memory_mb", [256, 512])
def test_one_small_size_hardly_says_more_than_of_functions_in_general(memory_mb: int) -> None:
    current = Configuration(memory_mb, X86)
    found = predict(seen(lambda _: 800.0, memory_mb, busy=0.01), SPACE, current, Objective(), PRICES)
    assert found is not None
    assert found.recommended is None
    assert SMALL_SAVES < found.chance_of_saving < 0.5
    assert found.chances[found.belief.index(current) or 0] == 0


def test_the_saving_of_one_small_size_is_as_wide_as_that_of_functions_in_general() -> None:
    def saving(*sizes_mb: int) -> Interval:
        current = Configuration(sizes_mb[-1], X86)
        found = predict(seen(cpu_bound, *sizes_mb, busy=sizes_mb[-1] / 1769), SPACE, current, Objective(), PRICES)
        assert found is not None
        return found.saving

    assert saving(512).high - saving(512).low > 0.9 * (max(SMALL_SAVINGS) - min(SMALL_SAVINGS))
    assert saving(512).low < 0 < saving(512).high
    assert saving(1024, 512).high - saving(1024, 512).low < 0.8 * (saving(512).high - saving(512).low)


def test_a_second_size_says_what_one_small_size_does_not() -> None:
    current = Configuration(512, X86)
    found = predict(seen(lambda _: 800.0, 128, 512, busy=0.01), SPACE, current, Objective(), PRICES)
    assert found is not None
    assert found.recommended is not None


def test_two_sizes_narrow_what_is_believed_of_a_third() -> None:
    def width(*sizes_mb: int) -> float:
        found = predict(seen(cpu_bound, *sizes_mb), SPACE, LARGE, Objective(), PRICES)
        assert found is not None
        column = found.belief.index(Configuration(512, X86))
        draws = found.belief.cost_usd[:, column]
        return float(draws.std() / draws.mean())

    assert width(256, 3008) < 0.5 * width(3008)


def test_without_a_usable_run_nothing_is_said() -> None:
    failed = Sample(0, LARGE, (Invocation(Outcome.ERROR, "e"),))
    assert predict([failed], SPACE, LARGE, Objective(), PRICES) is None


@pytest.mark.parametrize("busy", [None, 0.5])
def test_the_same_runs_give_the_same_answer(busy: float | None) -> None:
    first, again = (predict(seen(cpu_bound, 1024, busy=busy), SPACE, LARGE, Objective(), PRICES) for _ in range(2))
    assert first is not None
    assert again is not None
    assert (first.best, first.saving) == (again.best, again.saving)
