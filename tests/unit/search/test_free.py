"""The sampler for runs that cost only time, on functions whose truth is known."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Mapping
from functools import cache

import numpy as np
import pytest

from tuner.estimation.noise import LONGEST_JUMPY_MS
from tuner.estimation.posterior import Prior
from tuner.model import Architecture, Configuration, Objective, Sample, SearchSpace, StopReason
from tuner.pricing.price_list import gb_seconds, price_list
from tuner.search.adaptive import AdaptiveSampler
from tuner.search.free import BESIDE_OF_SHORT, FreeSampler
from tuner.search.loop import run
from tuner.search.recommendation import recommend, regret
from tuner.search.space import memory_nodes
from tuner.search.study import Study
from tuner.simulated.backend import SimulatedBackend, SimulatedFunction
from tuner.simulated.curves import Curve
from tuner.simulated.noise import SimulatedFaults, SimulatedNoise

X86 = Architecture.X86_64
SIZES = (128, 256, 512, 1024, 1769, 3538)
KINDS: Mapping[str, tuple[float, ...]] = {
    "computes": tuple(60 * 1769 / min(size, 1769) for size in SIZES),
    "waits and computes": tuple(150 + 20 * 1769 / min(size, 1769) for size in SIZES),
    "uses two cores": tuple(80 * 1769 / size for size in SIZES),
}


@cache
def tuned(kind: str) -> Study:
    curve = Curve.through(dict(zip(SIZES, KINDS[kind], strict=True)))
    function = SimulatedFunction({X86: curve}, noise=SimulatedNoise())
    study = Study(
        SearchSpace(tuple(memory_nodes(128, 3538)), (X86,)),
        FreeSampler(curves=AdaptiveSampler(prior=Prior(particles=4000))),
        Objective(),
        price_list("us-east-1"),
        free=True,
    )
    seconds = itertools.count()
    with SimulatedBackend(function, seed=1) as backend:
        run(study, backend, stop=threading.Event(), clock=lambda: float(next(seconds)))
    return study


@pytest.mark.parametrize("seed", range(3))
def test_where_the_answer_fails_too_often_a_larger_size_runs_until_it_is_seen_to_work(seed: int) -> None:
    waits = Curve.through({512: 22.0, 1024: 22.0})
    faults = SimulatedFaults(small_error_share=0.35, small_mb=1024)
    function = SimulatedFunction({X86: waits}, noise=SimulatedNoise(), faults=faults)
    space = SearchSpace((512, 1024), (X86,), listed=True)
    sampler = FreeSampler(curves=AdaptiveSampler(prior=Prior(particles=4000)))
    study = Study(space, sampler, Objective(), price_list("us-east-1"), free=True)
    with SimulatedBackend(function, seed=seed) as backend:
        run(study, backend, stop=threading.Event(), clock=lambda: 0.0)
    assert recommend(study.belief(), study.objective).configuration.memory_mb == 1024


def true_cost(kind: str, configuration: Configuration) -> float:
    curve = Curve.through(dict(zip(SIZES, KINDS[kind], strict=True)))
    function = SimulatedFunction({X86: curve})
    return gb_seconds(configuration.memory_mb, function.duration_ms(configuration))


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_costs_within_three_percent_of_the_best(kind: str) -> None:
    study = tuned(kind)
    chosen = recommend(study.belief(), study.objective, study.prices).configuration
    costs = [true_cost(kind, configuration) for configuration in study.space.configurations]
    assert true_cost(kind, chosen) <= 1.03 * min(costs)


@pytest.mark.parametrize("kind", KINDS)
def test_money_never_ends_the_search(kind: str) -> None:
    assert tuned(kind).stopped_by in (StopReason.TOLERANCE, StopReason.CANNOT_TELL)


@pytest.mark.parametrize("kind", KINDS)
def test_no_answer_rests_on_cold_runs_alone(kind: str) -> None:
    study = tuned(kind)
    chosen = recommend(study.belief(), study.objective, study.prices).configuration
    near = [s for s in study.samples if 0.85 < s.configuration.memory_mb / chosen.memory_mb < 1.18]
    assert warm_runs(near) >= 30


@pytest.mark.parametrize("kind", KINDS)
def test_the_largest_size_is_tried(kind: str) -> None:
    assert 3538 in {sample.configuration.memory_mb for sample in tuned(kind).samples}


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_that_ends_the_search_is_the_one_that_is_told(kind: str) -> None:
    study = tuned(kind)
    chosen = recommend(study.belief(), study.objective, study.prices)
    told = chosen.expected_regret - chosen.given_to_ties <= study.objective.tolerance
    assert told or study.stopped_by is StopReason.CANNOT_TELL


def warm_runs(samples: list[Sample]) -> int:
    return sum(not run.cold for sample in samples for run in sample.invocations)


def test_short_work_is_measured_beside_every_size_that_may_be_nearly_the_best() -> None:
    study = tuned("computes")
    belief = study.belief()
    measured = {sample.configuration.memory_mb for sample in study.samples}
    loss = regret(belief, study.objective).mean(axis=0)
    short = np.median(belief.duration_ms, axis=0) < 0.9 * LONGEST_JUMPY_MS
    may_be = short & (loss < FreeSampler().step - 0.02)
    near = [c.memory_mb for c, counts in zip(belief.candidates, may_be, strict=True) if counts]
    assert len(near) > 3
    assert all(min(abs(math.log2(memory_mb / other)) for other in measured) <= BESIDE_OF_SHORT for memory_mb in near)
