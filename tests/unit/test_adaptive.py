"""The adaptive sampler, driven by a study on functions whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.search.truth import Function, smooth
from benchmarks.search.world import Noise, World, truth_of
from tuner.adaptive import AdaptiveSampler
from tuner.model import Architecture, Invocation, Objective, Outcome, Sample, SearchSpace, StopReason, Trial
from tuner.pricing import price_list
from tuner.strategies import objective_best
from tuner.study import Study

X86 = Architecture.X86_64
PRICES = price_list("us-east-1")
SIZES = [128, 256, 512, 1024, 1769, 3008]


def cpu_bound(wait_ms: float = 0.0) -> Function:
    curve = smooth(SIZES, [wait_ms + 1000 * 1769 / min(size, 1769) for size in SIZES])
    return Function("cpu", "test", {X86: curve}, curve.bounds_mb)


def study_of(function: Function, objective: Objective | None = None, seed: int = 0) -> Study:
    space = SearchSpace(function.bounds_mb, tuple(function.curves))
    return Study(space, AdaptiveSampler(), objective or Objective(), PRICES, seed=seed)


def drive(study: Study, world: World, rounds: int = 60) -> None:
    for _ in range(rounds):
        trials = study.ask()
        if not trials:
            return
        for sample in world.measure(trials):
            study.tell(sample)
    raise AssertionError("the study does not stop")


@pytest.mark.parametrize("wait_ms", [0.0, 3000.0])
def test_it_finds_a_good_size_for_a_few_dozen_invocations(wait_ms: float) -> None:
    function = cpu_bound(wait_ms)
    study = study_of(function)
    drive(study, World(function, Noise(), np.random.default_rng(1)))
    truth = truth_of(function, study.objective, PRICES, Noise())
    belief = study.belief()
    assert truth.regret(belief.candidates[objective_best(belief, study.objective)]) < 0.06
    assert study.spent.invocations <= 40
    assert not belief.fallback


def test_the_order_of_samples_changes_nothing() -> None:
    function = cpu_bound()
    study = study_of(function)
    drive(study, World(function, Noise(), np.random.default_rng(2)))
    backwards = study_of(function)
    backwards.replay(reversed(study.samples))
    np.testing.assert_array_equal(study.belief().cost_usd, backwards.belief().cost_usd)


def test_a_function_that_fails_everywhere_ends_the_search() -> None:
    study = study_of(cpu_bound())
    for _ in range(10):
        trials = study.ask()
        if not trials:
            break
        for trial in trials:
            study.tell(Sample(trial.id, trial.configuration, (Invocation(Outcome.ERROR, environment="e"),)))
    assert study.stopped_by is StopReason.ALL_FAILED


def test_out_of_memory_raises_the_floor() -> None:
    function = cpu_bound()
    study = study_of(function)
    world = World(function, Noise(), np.random.default_rng(3))
    while trials := study.ask():
        for trial in trials:
            study.tell(_out_of_memory(trial) if trial.configuration.memory_mb < 512 else world.measure([trial])[0])
    belief = study.belief()
    assert min(c.memory_mb for c in belief.candidates) >= 512
    assert belief.excluded


def _out_of_memory(trial: Trial) -> Sample:
    return Sample(trial.id, trial.configuration, (Invocation(Outcome.OUT_OF_MEMORY, environment="e"),))
