"""A study asks within its budget, remembers what it was told, and can be rebuilt from that alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.studies import PRICES, SIZES, X86, function_of, measured, ran, sample_of, study_of
from tuner.estimation.belief import Belief
from tuner.model import Budget, Configuration, Invocation, Outcome, StopReason, Trial
from tuner.pricing.spending import spent
from tuner.search.grid import GridSampler
from tuner.search.sampler import Evidence, Proposal
from tuner.simulated.noise import SimulatedFaults, SimulatedNoise

NOISY = SimulatedNoise()


class Insatiable:
    """A sampler that always wants the same trial once more."""

    name = "insatiable"

    def __init__(self, environments: int, runs: int) -> None:
        self.environments, self.runs = environments, runs

    def propose(self, evidence: Evidence) -> Proposal:
        first, second = (
            Trial(evidence.next_trial_id + i, Configuration(size, X86), self.environments, self.runs)
            for i, size in enumerate((128, 256))
        )
        return Proposal((first, second), None, 0.5)

    def belief(self, evidence: Evidence) -> Belief:
        raise NotImplementedError


@given(st.integers(1, 50), st.integers(1, 6), st.integers(1, 6))
def test_the_budget_of_invocations_is_used_up_and_never_exceeded(budget: int, environments: int, runs: int) -> None:
    study = measured(
        study_of(SIZES, Insatiable(environments, runs), budget=Budget(max_invocations=budget)), function_of(NOISY)
    )
    assert study.spent.invocations == budget
    assert study.stopped_by is StopReason.INVOCATIONS


@given(st.integers(1, 30), st.integers(0, 3))
def test_runs_that_were_throttled_are_not_paid_for_and_do_not_count(budget: int, seed: int) -> None:
    function = function_of(NOISY, SimulatedFaults(throttled_share=0.3, error_share=0.1, lost_report_share=0.1))
    study = measured(study_of(SIZES, GridSampler(10), budget=Budget(max_invocations=budget)), function, seed=seed)
    started = sum(invocation.ran for sample in study.samples for invocation in sample.invocations)
    assert study.spent.invocations == started <= budget


def test_money_and_time_end_a_study() -> None:
    by_money = measured(study_of(SIZES, Insatiable(1, 2), budget=Budget(max_usd=2e-5)), function_of(NOISY))
    assert by_money.stopped_by is StopReason.USD
    by_time = study_of(SIZES, Insatiable(1, 2), budget=Budget(max_seconds=60))
    assert by_time.ask(elapsed_s=59.9)
    assert by_time.ask(elapsed_s=60.0) == ()
    assert by_time.stopped_by is StopReason.SECONDS


def test_an_ended_study_stays_ended() -> None:
    study = study_of()
    study.interrupt()
    assert study.ask() == ()
    assert study.stopped_by is StopReason.INTERRUPTED
    assert study.rounds == []


@given(st.integers(0, 40), st.integers(0, 3))
def test_a_replayed_study_goes_on_as_the_live_one(told: int, seed: int) -> None:
    function = function_of(NOISY, SimulatedFaults(out_of_memory_below_mb=200, throttled_share=0.1))
    live = measured(study_of(SIZES, GridSampler(6), seed=seed), function, seed=seed)
    replayed = study_of(SIZES, GridSampler(6), seed=seed)
    replayed.replay(live.samples[:told], live.rounds[:1])
    partly = study_of(SIZES, GridSampler(6), seed=seed)
    for sample in live.samples[:told]:
        partly.tell(sample)
    asked, expected = replayed.ask(), partly.ask()
    assert [(t.configuration, t.environments, t.runs_per_environment) for t in asked] == [
        (t.configuration, t.environments, t.runs_per_environment) for t in expected
    ]
    if told >= len(live.samples):
        assert asked == ()
        assert replayed.stopped_by is live.stopped_by is StopReason.COMPLETE
        np.testing.assert_array_equal(replayed.belief().cost_usd, live.belief().cost_usd)
        assert replayed.spent == live.spent


def test_ids_of_trials_that_never_came_back_are_not_used_again() -> None:
    study = study_of(SIZES, GridSampler(2))
    asked = study.ask()
    resumed = study_of(SIZES, GridSampler(2))
    resumed.replay([sample_of(128, [ran(50)] * 2, trial=asked[0].id)], study.rounds)
    assert {trial.id for trial in resumed.ask()}.isdisjoint(trial.id for trial in asked)


def test_every_round_is_remembered_with_what_it_asked() -> None:
    study = study_of(SIZES, Insatiable(2, 2), budget=Budget(max_invocations=10))
    measured(study)
    assert [sum(trial.invocations for trial in round_.trials) for round_ in study.rounds] == [8, 2]
    assert all(round_.expected_regret == 0.5 for round_ in study.rounds)


def test_spent_is_what_was_billed_and_one_request_for_each_run_that_started() -> None:
    configuration = Configuration(1024, X86)
    runs = [
        ran(10, billed_ms=490, init_ms=480.0),
        Invocation(Outcome.ERROR, "a", 5.0, 6),
        Invocation(Outcome.OUT_OF_MEMORY, "a", 5.0, 7),
        Invocation(Outcome.TIMEOUT, "a", 3000.0, None),
        Invocation(Outcome.NO_REPORT, "a"),
        Invocation(Outcome.THROTTLED),
        Invocation(Outcome.REFUSED),
        Invocation(Outcome.OK, "a", 1.0, 1, extra_cost_usd=0.5),
    ]
    used = spent([sample_of(1024, runs)], PRICES)
    assert (used.invocations, used.untold) == (6, 1)
    assert used.billed_gb_seconds == pytest.approx((490 + 6 + 7 + 3000 + 0 + 1) / 1000)
    billed = (490, 6, 7, 3000, 0, 1)
    assert used.usd == pytest.approx(0.5 + sum(PRICES.invocation_cost(configuration, ms) for ms in billed))


def test_all_failed_says_that_something_ran_and_nothing_is_usable() -> None:
    study = study_of()
    assert not study.all_failed
    study.tell(sample_of(128, [Invocation(Outcome.ERROR, "a", 5.0, 6)]))
    assert study.all_failed
    study.tell(sample_of(256, [ran(5)]))
    assert not study.all_failed


def test_a_configuration_that_was_stopped_before_its_first_run_is_measured_after_a_resume() -> None:
    study = study_of((128, 256), GridSampler(4))
    study.replay([sample_of(128, []), sample_of(256, [ran(5)] * 4, trial=1)])
    assert {trial.configuration.memory_mb for trial in study.ask()} == {128}
