"""Past runs: they enter a study where today's runs last as long, cost nothing, and make a search cheaper."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.studies import PRICES, QUIET, X86, function_of, measured, ran, sample_of, study_of
from tuner.errors import FunctionChangedError
from tuner.evidence.past_runs import PastRuns, similar, take_in
from tuner.model import Configuration, Sample
from tuner.search.adaptive import AdaptiveSampler
from tuner.search.study import Study
from tuner.settings import Settings
from tuner.simulated.backend import SimulatedBackend
from tuner.simulated.curves import Curve
from tuner.simulated.noise import SimulatedNoise
from tuner.simulated.search import simulate

CURRENT = Configuration(512, X86)
LASTS_MS = 500.0
"""Duration of the simulated function at the current size."""


def past_of(ms: float, runs: int = 30) -> list[Sample]:
    return [sample_of(512, [ran(ms, f"stream-{n % 5}") for n in range(runs)])]


def taken_in(past: list[Sample], study: Study | None = None) -> tuple[PastRuns, Study]:
    study = study or study_of(current=CURRENT)
    return take_in(study, SimulatedBackend(function_of()), past, stop=threading.Event()), study


def test_runs_that_last_as_long_enter_and_cost_nothing() -> None:
    found, study = taken_in(past_of(LASTS_MS))
    assert found == PastRuns(True, LASTS_MS, LASTS_MS)
    assert [sample.free for sample in study.samples] == [False, True]
    assert study.spent.invocations == 2
    assert len({sample.trial_id for sample in study.samples}) == 2


def test_runs_of_another_payload_are_left_out() -> None:
    found, study = taken_in(past_of(2 * LASTS_MS))
    assert found == PastRuns(False, 2 * LASTS_MS, LASTS_MS)
    assert [sample.free for sample in study.samples] == [False]


@pytest.mark.parametrize("past", [[], past_of(LASTS_MS, runs=5)])
def test_too_few_past_runs_are_not_worth_a_trial(past: list[Sample]) -> None:
    found, study = taken_in(past)
    assert found == PastRuns(False)
    assert not study.samples


def test_a_deployment_during_the_comparison_ends_the_study() -> None:
    class Deployed(SimulatedBackend):
        def measure(self, trials, stop):  # type: ignore[no-untyped-def]
            raise FunctionChangedError("deployed")

    study = study_of(current=CURRENT)
    found = take_in(study, Deployed(function_of()), past_of(LASTS_MS), stop=threading.Event())
    assert not found.taken
    assert study.stopped_by is not None


@pytest.mark.parametrize(("factor", "noise", "same"), [(1.15, 0.0, True), (1.3, 0.0, False), (1.3, 0.2, True),
                                                       (2.5, 0.5, False)])  # fmt: skip
def test_the_noise_of_past_runs_says_what_is_similar(factor: float, noise: float, same: bool) -> None:
    past = 100 * np.exp(noise * np.random.default_rng(1).standard_normal(200))
    assert similar(past, np.array([100 * factor])) is same


def test_with_past_runs_the_current_size_is_not_measured_again_beside_the_recommended_one() -> None:
    study = study_of(sampler=AdaptiveSampler(), current=CURRENT)
    taken_in(past_of(LASTS_MS), study)
    measured(study)
    asked = [trial for round_ in study.rounds[1:] for trial in round_.trials if trial.configuration == CURRENT]
    assert not [trial for trial in asked if trial.fresh]


def test_past_runs_make_searches_cheaper_on_average() -> None:
    waiting = {128: 900.0, 512: 300.0, 1769: 200.0, 10_240: 200.0}
    function = replace(function_of(QUIET), curves={X86: Curve.through(waiting)}, noise=SimulatedNoise())
    without, with_logs = (
        [
            simulate(function, Settings("simulated"), seed, PRICES, current_mb=memory_mb, with_logs=logs)
            for memory_mb in (512, 2048)
            for seed in (1, 2)
        ]
        for logs in (False, True)
    )
    assert sum(one.search_cost for one in with_logs) < sum(one.search_cost for one in without)
    assert max(one.regret for one in with_logs) < 0.05
