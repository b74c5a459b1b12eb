"""CPU time of runs tells waiting from work, from one size alone."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.estimation.simulation import X86, cpu_bound, measure
from tuner.estimation.cpu_quota.cpu_time import CpuTime, cpu_time_at, cpu_time_scores
from tuner.estimation.estimate import fit
from tuner.estimation.layout import layout_of
from tuner.estimation.mechanisms import draw_particles
from tuner.estimation.observations import runs_of
from tuner.model import Configuration, Invocation, Outcome, Sample, SearchSpace
from tuner.pricing.price_list import price_list

PRICES = price_list("us-east-1")
SPACE = SearchSpace((128, 3008), (X86,))


def with_cpu(samples: list[Sample], share: float) -> list[Sample]:
    """The samples with a CPU time that is a share of each duration."""
    return [
        replace(s, invocations=tuple(replace(i, cpu_ms=share * (i.duration_ms or 0)) for i in s.invocations))
        for s in samples
    ]


def width_at(samples: list[Sample], memory_mb: int) -> tuple[float, float]:
    """Median duration at a size, and the ratio of the ends of its interval."""
    location = fit(samples, SPACE, PRICES, seed=1).location((Configuration(memory_mb, X86),))
    low, middle, high = np.exp(np.quantile(location, (0.025, 0.5, 0.975)))
    return float(middle), float(high / low)


def test_a_throttled_function_halves_its_time_with_twice_the_memory() -> None:
    blind, narrow = [], []
    for environments in (8, 10, 12):  # the width of one fit varies by a fifth from draw to draw
        seen = measure(cpu_bound, (512,), environments=environments, runs=4)
        blind.append(width_at(seen, 1024)[1])
        mean, width = width_at(with_cpu(seen, 512 / 1769), 1024)
        assert mean == pytest.approx(10_000 * 1769 / 1024, rel=0.1)
        narrow.append(width)
    assert sum(narrow) < 0.75 * sum(blind)


def test_a_waiting_function_keeps_its_time() -> None:
    seen = measure(lambda _: 2000.0, (512,), environments=10, runs=4)
    mean, _ = width_at(with_cpu(seen, 0.01), 1024)
    assert mean == pytest.approx(2000, rel=0.1)


def test_only_warm_runs_with_a_cpu_time_count() -> None:
    warm = Invocation(Outcome.OK, "a", 100.0, 100, cpu_ms=50.0)
    cold = replace(warm, init_duration_ms=200.0, cpu_ms=99.0)
    failed = replace(warm, outcome=Outcome.ERROR, cpu_ms=99.0)
    (seen,) = cpu_time_at(3, 512, [warm, cold, failed, replace(warm, cpu_ms=None)])
    assert seen.node == 3
    assert seen.log_busy == pytest.approx(math.log(0.5))
    assert cpu_time_at(3, 512, [cold, failed]) == []


def test_a_short_run_has_a_coarse_counter_and_many_runs_a_finer_one() -> None:
    short = Invocation(Outcome.OK, "a", 4.0, 4, cpu_ms=2.0)
    (one,), (many,) = cpu_time_at(0, 512, [short]), cpu_time_at(0, 512, [short] * 100)
    assert one.sd > 0.5
    assert many.sd < 0.1


def test_a_mechanism_that_says_nothing_is_weighed_neither_up_nor_down() -> None:
    busy = np.array([[np.log(0.5)], [np.log(0.1)], [np.nan]], dtype=np.float16)
    seen = CpuTime(0, math.log(0.5), 0.08, log_share=math.log(0.6))
    right, wrong, unknown = cpu_time_scores([seen], busy, np.zeros((3, 1), np.float32))
    assert right > unknown > wrong
    assert unknown == pytest.approx(math.log(0.5 / 0.6))
    assert (cpu_time_scores([], busy, np.zeros((3, 1), np.float32)) == 0).all()


def test_a_mechanism_whose_work_changes_with_memory_counts_less() -> None:
    busy = np.log(np.array([[0.5, 0.25], [0.5, 0.5]])).astype(np.float16)
    seen = CpuTime(0, math.log(0.5), 0.08, log_share=math.log(0.6))
    halves = np.log(np.array([[2.0, 4.0], [2.0, 4.0]])).astype(np.float32)
    constant, changing = cpu_time_scores([seen], busy, halves)
    assert constant > changing + 1


def test_mechanisms_that_are_throttled_use_no_more_than_their_share() -> None:
    """Work that is over before it is first stopped may: its scale is absolute."""
    layout = layout_of(SPACE, PRICES, ())
    particles = draw_particles(layout, 2000)
    below = layout.memory_mb <= 1769
    beyond = (particles.log_busy.astype(float) - np.log(layout.memory_mb / 1769))[:, below]
    assert np.nanmax(beyond[~particles.absolute]) < 0.1
    assert np.nanmax(particles.log_busy[particles.absolute][:, below]) < 0.1


def test_runs_carry_the_cpu_time_of_each_location() -> None:
    seen = with_cpu(measure(cpu_bound, (512, 1024)), 0.25)
    layout = layout_of(SPACE, PRICES, {512, 1024})
    assert len(runs_of(seen, layout).cpu_times) == 2
