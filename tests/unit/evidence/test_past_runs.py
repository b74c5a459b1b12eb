"""Past runs: they cost nothing, make a search cheaper, and are found out where they are of another payload."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from functools import cache

import pytest

from tests.unit.studies import LIGHT, PRICES, QUIET, X86, function_of, measured, ran, sample_of, study_of
from tuner.evidence.past_runs import settle, take_in
from tuner.model import Configuration, Sample, StopReason
from tuner.search.adaptive import AdaptiveSampler
from tuner.search.study import Study
from tuner.settings import Settings
from tuner.simulated.backend import SimulatedFunction
from tuner.simulated.curves import Curve
from tuner.simulated.noise import SimulatedFaults, SimulatedNoise
from tuner.simulated.search import SimulatedSearch, simulate

CURRENT = Configuration(512, X86)
LASTS_MS = 500.0
"""Duration of the simulated function at the current size."""


def past_of(ms: float, runs: int = 30) -> list[Sample]:
    """Past runs, of which each environment begins with a cold one, which takes as long as others, as today's do."""
    lanes = runs // 5
    return [sample_of(512, [ran(ms, f"stream-{n % lanes}", init_ms=250.0 if n < lanes else None) for n in range(runs)])]


def searched(ms: float) -> Study:
    """A study of the test's own of a search that knew past runs of so many milliseconds."""
    return deepcopy(searched_once(ms))


@cache
def searched_once(ms: float) -> Study:
    study = study_of(sampler=AdaptiveSampler(), current=CURRENT)
    take_in(study, past_of(ms))
    return measured(study)


def waiting(noise: SimulatedNoise) -> SimulatedFunction:
    """A function that mostly waits."""
    curve = Curve.through({128: 900.0, 512: 300.0, 1769: 200.0, 10_240: 200.0})
    return replace(function_of(QUIET), curves={X86: curve}, noise=noise)


def simulated(seed: int, memory_mb: int, *, logs: bool = True, past_factor: float = 1.0) -> SimulatedSearch:
    return simulate(
        waiting(SimulatedNoise()),
        Settings("simulated"),
        seed,
        PRICES,
        current_mb=memory_mb,
        with_logs=logs,
        past_factor=past_factor,
        sampler=AdaptiveSampler(prior=LIGHT),
    )


def test_past_runs_of_the_same_payload_stay_and_cost_nothing() -> None:
    study = searched(LASTS_MS)
    found = settle(study)
    assert found is not None
    assert found.taken
    assert found.chance is not None
    assert found.chance > 0.8
    assert any(sample.free for sample in study.samples)
    paid = sum(len(sample.invocations) for sample in study.samples if not sample.free)
    assert study.spent.invocations == paid > 0


@pytest.mark.parametrize("factor", [0.4, 2.0])
def test_past_runs_of_another_payload_are_left_out_of_the_result(factor: float) -> None:
    study = searched(factor * LASTS_MS)
    found = settle(study)
    assert found is not None
    assert not found.taken
    assert found.today_ms == pytest.approx(LASTS_MS, rel=0.2)
    assert not any(sample.free for sample in study.samples)


@pytest.mark.parametrize("past", [[], past_of(LASTS_MS, runs=15)])
def test_too_few_past_runs_are_not_looked_at(past: list[Sample]) -> None:
    study = study_of(current=CURRENT)
    assert not take_in(study, past)
    assert not study.samples
    assert settle(study) is None


def test_no_answer_rests_on_past_runs_alone() -> None:
    study = searched(LASTS_MS)
    assert any(not sample.free for sample in study.samples)


def test_with_past_runs_of_the_same_payload_the_two_sizes_are_not_measured_side_by_side() -> None:
    study = searched(LASTS_MS)
    asked = [trial for round_ in study.rounds for trial in round_.trials if trial.configuration == CURRENT]
    assert not [trial for trial in asked if trial.fresh]


def test_a_saving_is_not_claimed_against_past_runs_of_another_payload() -> None:
    study = searched(2 * LASTS_MS)
    asked = [trial for round_ in study.rounds for trial in round_.trials if trial.configuration == CURRENT]
    assert asked


def test_where_every_run_of_today_fails_past_runs_do_not_answer_for_them() -> None:
    study = study_of(sampler=AdaptiveSampler(), current=CURRENT)
    take_in(study, past_of(LASTS_MS))
    measured(study, function_of(QUIET, SimulatedFaults(error_share=1.0)))
    assert study.stopped_by is StopReason.ALL_FAILED
    found = settle(study)
    assert found is not None
    assert (found.taken, found.chance) == (False, None)
    assert study.all_failed


def test_past_runs_make_searches_cheaper_on_average() -> None:
    without, with_logs = (
        [simulated(seed, memory_mb, logs=logs) for memory_mb in (512, 2048) for seed in (1, 2)]
        for logs in (False, True)
    )
    assert sum(one.search_cost for one in with_logs) < sum(one.search_cost for one in without)
    assert max(one.regret for one in with_logs) < 0.05


@pytest.mark.parametrize("past_factor", [0.5, 2.0])
def test_another_payload_is_found_in_noise_and_does_not_spoil_the_answer(past_factor: float) -> None:
    found = [simulated(1, memory_mb, past_factor=past_factor) for memory_mb in (512, 2048)]
    assert not any(one.past_taken for one in found)
    assert max(one.regret for one in found) < 0.08
