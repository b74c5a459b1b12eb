"""The grid asks for exactly what was asked of it, and for nothing twice."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.studies import ARM, SIZES, X86, function_of, measured, ran, sample_of, study_of
from tuner.model import Budget, Configuration, Invocation, Outcome, StopReason, Trial
from tuner.search.grid import GridSampler
from tuner.search.space import all_sizes
from tuner.search.study import Study
from tuner.simulated.noise import SimulatedFaults


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


def batches_of(study: Study) -> list[int]:
    """Runs of each batch, every run taking 50 ms."""
    batches: list[int] = []
    while trials := study.ask():
        batches.append(sum(trial.invocations for trial in trials))
        for trial in trials:
            study.tell(sample_of(trial.configuration.memory_mb, [ran(50)] * trial.invocations, trial=trial.id))
    return batches


def test_a_grid_looks_at_the_clock_between_batches_of_a_few_runs() -> None:
    study = study_of((512,), GridSampler(25, 2), budget=Budget(max_seconds=60.0))
    assert batches_of(study) == [10, 10, 5]
    assert study.stopped_by is StopReason.COMPLETE


def test_a_grid_with_enough_money_asks_for_the_price_and_then_for_everything() -> None:
    study = study_of(SIZES, GridSampler(25, 25), budget=Budget(max_usd=1.0))
    assert batches_of(study) == [2, 98]
    assert study.stopped_by is StopReason.COMPLETE


@given(st.floats(1e-5, 3e-3), st.integers(1, 100), st.sampled_from([1, 2, 100]), st.booleans())
def test_a_grid_spends_no_more_than_it_may(usd: float, runs: int, environments: int, fresh: bool) -> None:
    sampler = GridSampler(runs, environments, fresh)
    study = measured(study_of(SIZES, sampler, architectures=(X86, ARM), budget=Budget(max_usd=usd)))
    assert study.spent.usd <= usd or study.spent.invocations <= 2, "the price was asked for"
    if study.stopped_by is StopReason.COMPLETE:
        assert study.spent.invocations == runs * 2 * len(SIZES)
    else:
        assert study.stopped_by is StopReason.USD


def test_a_grid_that_needs_all_its_money_spends_it() -> None:
    whole = measured(study_of(SIZES, GridSampler(10))).spent.usd
    study = measured(study_of(SIZES, GridSampler(10), budget=Budget(max_usd=1.3 * whole)))
    assert study.stopped_by is StopReason.COMPLETE
    scarce = measured(study_of(SIZES, GridSampler(10), budget=Budget(max_usd=0.5 * whole)))
    assert scarce.stopped_by is StopReason.USD
    assert 0.35 * whole < scarce.spent.usd <= 0.5 * whole


def test_runs_without_a_report_do_not_hide_what_the_others_cost() -> None:
    study = study_of((128, 256), GridSampler(4), budget=Budget(max_usd=1.0))
    study.tell(sample_of(128, [Invocation(Outcome.NO_REPORT, "a")] * 2))
    assert runs_by_configuration(study.ask()) == {Configuration(256, X86): 2}, "the price is still not known"
    study.tell(sample_of(256, [Invocation(Outcome.NO_REPORT, "a"), ran(50)], trial=1))
    assert runs_by_configuration(study.ask()) == {Configuration(256, X86): 2}


def test_a_grid_of_a_function_that_runs_out_of_memory_measures_the_rest() -> None:
    function = function_of(faults=SimulatedFaults(out_of_memory_below_mb=300, refused_above_mb=1000))
    study = measured(study_of((128, 256, 512, 1024), GridSampler(10)), function)
    belief = study.belief()
    assert belief.candidates == (Configuration(512, X86),)
    assert {c.memory_mb for c in belief.excluded} == {128, 256, 1024}
    assert not study.all_failed
