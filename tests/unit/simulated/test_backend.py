"""The simulated function: a known curve, and the faults it is told to have, from a seed."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest

from tests.unit.studies import ARM, CPU_BOUND, QUIET, X86, function_of
from tuner.model import Architecture, Configuration, Invocation, Outcome, Sample, Trial
from tuner.simulated.backend import SimulatedBackend, SimulatedFunction
from tuner.simulated.curves import Curve
from tuner.simulated.noise import SimulatedFaults, SimulatedNoise


def measure(function: SimulatedFunction, *trials: Trial, seed: int = 0) -> list[Sample]:
    with SimulatedBackend(function, seed=seed) as backend:
        return list(backend.measure(trials, threading.Event()))


def runs_of(
    function: SimulatedFunction, memory_mb: int, environments: int, runs: int, arch: Architecture = X86
) -> list[Invocation]:
    (sample,) = measure(function, Trial(0, Configuration(memory_mb, arch), environments, runs))
    return list(sample.invocations)


def test_without_noise_a_run_takes_what_the_curve_says() -> None:
    assert runs_of(function_of(), 128, 1, 2)[1].duration_ms == CPU_BOUND[128]
    between = function_of().duration_ms(Configuration(476, X86))
    assert between == pytest.approx(2000 * 128 / 476)  # a straight line in log-log


def test_an_environment_is_cold_once_and_its_init_is_billed() -> None:
    invocations = runs_of(function_of(), 1769, 3, 4)
    assert len(invocations) == 12
    assert len({i.environment for i in invocations}) == sum(i.cold for i in invocations) == 3
    for invocation in invocations:
        assert invocation.billed_duration_ms == pytest.approx(
            math.ceil((invocation.duration_ms or 0) + (invocation.init_duration_ms or 0)), abs=1
        )


def test_every_lane_of_every_trial_is_an_environment_of_its_own() -> None:
    configuration = Configuration(512, X86)
    first, second = measure(function_of(), Trial(0, configuration, 2, 3), Trial(1, configuration, 2, 3))
    labels = [{run.environment for run in sample.invocations} for sample in (first, second)]
    assert [len(names) for names in labels] == [2, 2]
    assert labels[0].isdisjoint(labels[1])


def test_noise_has_the_spread_that_it_was_given() -> None:
    function = function_of(SimulatedNoise(run_sd=0.1, environment_sd=0.2, outlier_share=0, cold_factor=1))
    logs = np.log([[i.duration_ms or 0 for i in runs_of(function, 256, 200, 20)]]).reshape(200, 20)
    assert logs.std(axis=1).mean() == pytest.approx(0.1, rel=0.1)
    assert logs.mean(axis=1).std() == pytest.approx(0.2, rel=0.15)


def test_tails_are_as_frequent_as_they_were_told_to_be() -> None:
    function = function_of(SimulatedNoise(run_sd=0, environment_sd=0, outlier_share=0.02, cold_factor=1))
    slow = [i for i in runs_of(function, 256, 100, 40) if (i.duration_ms or 0) > 1.2 * 1000]
    assert len(slow) / 4000 == pytest.approx(0.02, abs=0.008)


def test_a_seed_decides_everything_and_the_order_of_trials_nothing() -> None:
    function = function_of(SimulatedNoise(), SimulatedFaults(error_share=0.2, throttled_share=0.1))
    trials = [Trial(i, Configuration(m, a), 2, 3) for i, (m, a) in enumerate([(128, X86), (512, ARM), (128, ARM)])]
    forwards, backwards = measure(function, *trials), measure(function, *reversed(trials))
    assert forwards == backwards[::-1]
    assert measure(function, *trials, seed=1) != forwards


@pytest.mark.parametrize(
    ("faults", "memory_mb", "outcome"),
    [
        (SimulatedFaults(out_of_memory_below_mb=300), 299, Outcome.OUT_OF_MEMORY),
        (SimulatedFaults(out_of_memory_below_mb=300), 300, Outcome.OK),
        (SimulatedFaults(refused_above_mb=3008), 3009, Outcome.REFUSED),
        (SimulatedFaults(refused_above_mb=3008), 3008, Outcome.OK),
        (SimulatedFaults(error_share=1), 512, Outcome.ERROR),
        (SimulatedFaults(throttled_share=1), 512, Outcome.THROTTLED),
        (SimulatedFaults(lost_report_share=1), 512, Outcome.NO_REPORT),
    ],
)
def test_a_fault_happens_where_it_was_told_to(faults: SimulatedFaults, memory_mb: int, outcome: Outcome) -> None:
    invocations = runs_of(function_of(QUIET, faults), memory_mb, 2, 2)
    assert {invocation.outcome for invocation in invocations} == {outcome}
    for invocation in invocations:
        assert invocation.usable is (outcome is Outcome.OK)
        assert (invocation.error is None) is (outcome in (Outcome.OK, Outcome.NO_REPORT))


def test_a_run_over_the_timeout_is_cut_off_there() -> None:
    for invocation in runs_of(function_of(timeout_s=1.5), 128, 1, 2):
        assert invocation.outcome is Outcome.TIMEOUT
        assert invocation.duration_ms == 1500


def test_out_of_memory_reports_all_of_the_memory_as_used() -> None:
    (first, *_) = runs_of(function_of(faults=SimulatedFaults(out_of_memory_below_mb=512)), 256, 1, 1)
    assert first.max_memory_used_mb == 256


def test_an_architecture_without_a_curve_is_refused() -> None:
    only_x86 = SimulatedFunction({X86: Curve.through(CPU_BOUND)})
    assert {i.outcome for i in runs_of(only_x86, 512, 1, 2, ARM)} == {Outcome.REFUSED}
    assert SimulatedBackend(only_x86).describe().architectures == (X86,)


def test_a_stop_ends_the_measuring_between_trials() -> None:
    stop = threading.Event()
    measuring = SimulatedBackend(function_of()).measure([Trial(i, Configuration(512, X86)) for i in range(3)], stop)
    next(measuring)
    stop.set()
    assert list(measuring) == []


def test_a_result_of_it_says_that_nothing_real_was_measured() -> None:
    backend = SimulatedBackend(function_of())
    assert backend.describe().backend == "simulated"
    assert [notice.code for notice in backend.notices()] == ["simulated"]
