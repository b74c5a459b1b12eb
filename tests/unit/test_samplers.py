"""The grid asks for exactly what was asked of it, and for nothing twice."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.studies import ARM, SIZES, X86, function_of, measured, ran, sample_of, study_of
from tuner.backends.simulated import SimulatedFaults
from tuner.model import Budget, Configuration, Invocation, Outcome, StopReason, Trial
from tuner.samplers import GridSampler
from tuner.settings import all_sizes
from tuner.study import Study


def runs_by_configuration(trials: tuple[Trial, ...]) -> Counter[Configuration]:
    counts: Counter[Configuration] = Counter()
    for trial in trials:
        counts[trial.configuration] += trial.invocations
    return counts


@given(st.integers(1, 60), st.integers(1, 12), st.booleans())
def test_every_configuration_gets_exactly_its_runs(runs: int, environments: int, fresh: bool) -> None:
    study = study_of(SIZES, GridSampler(runs, environments, fresh), architectures=(X86, ARM))
    trials = study.ask()
    assert runs_by_configuration(trials) == dict.fromkeys(study.space.configurations, runs)
    assert len({trial.id for trial in trials}) == len(trials)
    for configuration in study.space.configurations:
        lanes = sum(trial.environments for trial in trials if trial.configuration == configuration)
        assert lanes == (runs if fresh else min(environments, runs))


def test_cold_starts_only_means_a_fresh_environment_for_every_run() -> None:
    (trial,) = study_of((512,), GridSampler(7, 2, fresh=True)).ask()
    assert (trial.environments, trial.runs_per_environment, trial.fresh) == (7, 1, True)
    study = measured(study_of((512,), GridSampler(7, 2, fresh=True)))
    invocations = [invocation for sample in study.samples for invocation in sample.invocations]
    assert all(invocation.cold for invocation in invocations)
    assert len({invocation.environment for invocation in invocations}) == 7


@given(st.lists(st.tuples(st.sampled_from(SIZES), st.integers(0, 12)), max_size=6))
def test_a_resumed_grid_asks_for_what_is_missing_alone(done: list[tuple[int, int]]) -> None:
    study = study_of(SIZES, GridSampler(10))
    study.replay(sample_of(size, [ran(50)] * runs, trial=i) for i, (size, runs) in enumerate(done))
    trials = study.ask()
    before = Counter(dict.fromkeys(SIZES, 0))
    for size, runs in done:
        before[size] += runs
    wanted = {Configuration(size, X86): 10 - runs for size, runs in before.items() if runs < 10}
    assert runs_by_configuration(trials) == wanted
    assert all(trial.id >= len(done) for trial in trials)
    if not wanted:
        assert study.stopped_by is StopReason.COMPLETE


@pytest.mark.parametrize(
    "outcome",
    [Outcome.OUT_OF_MEMORY, Outcome.REFUSED, Outcome.TIMEOUT, Outcome.ERROR, Outcome.NO_REPORT, Outcome.THROTTLED],
)
def test_a_size_that_failed_outright_gets_no_more_runs(outcome: Outcome) -> None:
    study = study_of((256, 512), GridSampler(10))
    study.tell(sample_of(256, [Invocation(outcome, "a", 10.0, 10)]))
    assert set(runs_by_configuration(study.ask())) == {Configuration(512, X86)}


def test_a_size_below_one_that_ran_out_of_memory_gets_no_more_runs() -> None:
    study = study_of((128, 256, 512), GridSampler(10))
    study.replay([sample_of(128, [ran(50)]), sample_of(256, [Invocation(Outcome.OUT_OF_MEMORY, "a", 10.0, 10)])])
    assert set(runs_by_configuration(study.ask())) == {Configuration(512, X86)}


def test_a_measured_grid_is_complete_and_asks_for_nothing() -> None:
    study = measured(study_of(SIZES, GridSampler(10, 3)))
    assert study.stopped_by is StopReason.COMPLETE
    assert study.ask() == ()
    assert study.spent.invocations == 10 * len(SIZES)


def test_all_is_every_64_mb_that_is_allowed() -> None:
    assert all_sizes() == tuple(range(128, 10_241, 64))
    assert len(all_sizes()) == 159
    assert all_sizes(128, 3008) == tuple(range(128, 3009, 64))
    assert all_sizes(130, 300) == (192, 256)


@given(st.integers(1, 60))
def test_a_small_budget_is_shared_by_all_sizes(budget: int) -> None:
    study = study_of(SIZES, GridSampler(10), budget=Budget(max_invocations=budget))
    counts = runs_by_configuration(study.ask())
    assert sum(counts.values()) <= min(budget, 40)
    if budget >= len(SIZES):
        assert len(counts) == len(SIZES)
        assert max(counts.values()) == min(counts.values()) == min(10, budget // len(SIZES))


@pytest.mark.parametrize("budget", [Budget(max_usd=1.0), Budget(max_seconds=60.0)])
def test_a_bounded_grid_looks_at_its_budget_between_batches_of_a_few_runs(budget: Budget) -> None:
    study = study_of((512,), GridSampler(25, 2), budget=budget)
    batches: list[int] = []
    while trials := study.ask():
        batches.append(sum(trial.invocations for trial in trials))
        for trial in trials:
            study.tell(sample_of(512, [ran(50)] * trial.invocations, trial=trial.id))
    assert batches == [10, 10, 5]
    assert study.stopped_by is StopReason.COMPLETE


def test_a_grid_over_its_money_stops_after_the_batch_that_spent_it() -> None:
    study: Study = measured(study_of((512,), GridSampler(100, 2), budget=Budget(max_usd=1e-5)))
    assert study.stopped_by is StopReason.USD
    assert study.spent.invocations < 20


def test_a_grid_of_a_function_that_runs_out_of_memory_measures_the_rest() -> None:
    function = function_of(faults=SimulatedFaults(out_of_memory_below_mb=300, refused_above_mb=1000))
    study = measured(study_of((128, 256, 512, 1024), GridSampler(10)), function)
    belief = study.belief()
    assert belief.candidates == (Configuration(512, X86),)
    assert {c.memory_mb for c in belief.excluded} == {128, 256, 1024}
    assert not study.all_failed
