"""The sampler for runs that cost only time, on functions whose truth is known."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Mapping
from functools import cache

import numpy as np
import pytest

from tuner.estimation.posterior import Prior
from tuner.model import (
    MB_PER_VCPU,
    Architecture,
    Configuration,
    Invocation,
    Objective,
    Outcome,
    Sample,
    SearchSpace,
    StopReason,
    Trial,
)
from tuner.pricing.price_list import gb_seconds, price_list
from tuner.search.adaptive import AdaptiveSampler
from tuner.search.free import FreeSampler
from tuner.search.loop import run
from tuner.search.recommendation import recommend
from tuner.search.space import memory_nodes
from tuner.search.study import Study
from tuner.simulated.backend import SimulatedBackend, SimulatedFunction
from tuner.simulated.curves import Curve
from tuner.simulated.noise import SimulatedNoise

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
    study = study_of_free_runs()
    seconds = itertools.count()
    with SimulatedBackend(function, seed=1) as backend:
        run(study, backend, stop=threading.Event(), clock=lambda: float(next(seconds)))
    return study


def study_of_free_runs(seed: int = 0) -> Study:
    return Study(
        SearchSpace(tuple(memory_nodes(128, 3538)), (X86,)),
        FreeSampler(curves=AdaptiveSampler(prior=Prior(particles=4000))),
        Objective(),
        price_list("us-east-1"),
        seed=seed,
        free=True,
    )


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
    assert warm_runs(near) >= FreeSampler().enough_warm[0]


@pytest.mark.parametrize("seed", range(3))
def test_runs_that_spread_as_their_cpu_times_do_need_no_more_runs_than_steady_ones(seed: int) -> None:
    spreading, unknown = (jittery(seed, cpu_known=known) for known in (True, False))
    assert spreading.stopped_by is StopReason.TOLERANCE
    assert spreading.spent.invocations < 0.6 * unknown.spent.invocations
    chosen = recommend(spreading.belief(), spreading.objective, spreading.prices).configuration
    costs = [true_cost("computes", configuration) for configuration in spreading.space.configurations]
    assert true_cost("computes", chosen) <= 1.03 * min(costs)


def jittery(seed: int, *, cpu_known: bool) -> Study:
    """A function that computes, on a machine that takes more or less CPU time for the same work."""
    rng = np.random.default_rng(seed)
    study = study_of_free_runs(seed)
    while trials := study.ask():
        for trial in trials:
            study.tell(computed(trial, rng, cpu_known=cpu_known))
    return study


def computed(trial: Trial, rng: np.random.Generator, *, cpu_known: bool) -> Sample:
    share = min(trial.configuration.memory_mb, MB_PER_VCPU) / MB_PER_VCPU
    runs = []
    for environment in range(trial.environments):
        for number in range(trial.runs_per_environment):
            cpu_ms = 60 * float(rng.lognormal(0.0, 0.2))
            duration_ms = cpu_ms / share * float(rng.lognormal(0.0, 0.02))
            runs.append(
                Invocation(
                    Outcome.OK,
                    f"{trial.id}-{environment}",
                    duration_ms=duration_ms,
                    billed_duration_ms=math.ceil(duration_ms),
                    init_duration_ms=200.0 if number == 0 else None,
                    cpu_ms=cpu_ms if cpu_known else None,
                )
            )
    return Sample(trial.id, trial.configuration, tuple(runs))


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
