"""What the fitted curves say, and that they say it under the laws they must obey."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cpu import assert_takes_at_most
from tests.unit.estimation.simulation import ARM, X86, cpu_bound, invocation, measure
from tuner.estimation.estimate import NothingUsableError, Posterior, candidates, fit, timeout_advice_ms
from tuner.model import (
    Architecture,
    Budget,
    Configuration,
    Invocation,
    Objective,
    Outcome,
    Sample,
    SearchSpace,
    StrategyName,
)
from tuner.pricing.price_list import PriceList, price_list
from tuner.search.adaptive import AdaptiveSampler
from tuner.search.recommendation import objective_best
from tuner.search.sampler import Evidence

PRICES = price_list("us-east-1")
SPACE = SearchSpace((128, 10_240), (X86,))
BOTH = SearchSpace((128, 10_240), (ARM, X86))
SIZES = (256, 512, 1024, 1769, 3008)


def posterior_of(samples: list[Sample], space: SearchSpace = SPACE, prices: PriceList = PRICES) -> Posterior:
    return fit(samples, space, prices, seed=1)


def evidence_of(samples: list[Sample], space: SearchSpace = SPACE, prices: PriceList = PRICES) -> Evidence:
    return Evidence(space, tuple(samples), Objective(), prices, Budget(), seed=1, next_trial_id=100)


@pytest.mark.parametrize("memory_mb", [300, 777, 1769, 2500])
def test_intervals_hold_the_truth_between_measured_sizes_in_1_mb_steps(memory_mb: int) -> None:
    estimate = posterior_of(measure(cpu_bound, SIZES, environments=3)).at(memory_mb, X86)
    truth = cpu_bound(Configuration(memory_mb, X86))
    assert estimate.duration_ms.low < truth < estimate.duration_ms.high
    assert estimate.duration_ms.low < estimate.duration_ms.mean < estimate.duration_ms.high
    cost = PRICES.invocation_cost(Configuration(memory_mb, X86), truth)
    assert estimate.cost_usd.low < cost < estimate.cost_usd.high
    assert truth < estimate.p95_ms.mean < estimate.p99_ms.mean


@pytest.mark.parametrize("seed", range(3))
def test_the_mean_holds_the_truth_where_one_run_in_seven_is_slow(seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples = [
        Sample(n, Configuration(size, X86), tuple(_with_slow_runs(f"{n}/{lane}", rng) for lane in range(5)))
        for n, size in enumerate((256, 512, 768, 1024, 1769, 3008))
    ]
    slow = np.mean([run.duration_ms or 0.0 for sample in samples for run in sample.invocations]) / 100
    found = posterior_of(samples).at(1024, X86).duration_ms
    assert found.low < 100 * slow < found.high
    assert found.mean < 1.35 * 100 * slow


def _with_slow_runs(label: str, rng: np.random.Generator) -> Invocation:
    duration_ms = 100 * float(np.exp(0.05 * rng.standard_normal())) * (5 if rng.random() < 1 / 7 else 1)
    return invocation(duration_ms, label)


def test_what_was_not_measured_is_less_certain_than_what_was() -> None:
    posterior = posterior_of(measure(cpu_bound, (256, 512, 1024)))
    near, far = posterior.at(512, X86).duration_ms, posterior.at(8192, X86).duration_ms
    assert (near.high - near.low) / near.mean < (far.high - far.low) / far.mean


def test_one_architecture_informs_the_other() -> None:
    samples = measure(cpu_bound, SIZES, environments=3) + measure(
        cpu_bound, (512,), architectures=(ARM,), first_id=50, environments=3
    )
    posterior = posterior_of(samples, BOTH)
    low, high = np.exp(np.quantile(posterior.location((Configuration(1769, ARM),)), (0.025, 0.975)))
    assert low < 10_000 < high
    assert high / low < 1.7


def test_one_run_of_twenty_seconds_does_not_move_a_configuration_by_itself() -> None:
    samples = measure(cpu_bound, SIZES, environments=3)
    before = posterior_of(samples).at(1024, X86).duration_ms.mean
    spoilt = samples[2]
    slow = replace(spoilt.invocations[1], duration_ms=60_000.0, billed_duration_ms=60_000)
    samples[2] = replace(spoilt, invocations=(spoilt.invocations[0], slow, *spoilt.invocations[2:]))
    posterior = posterior_of(samples)
    assert posterior.at(1024, X86).duration_ms.mean / posterior.at(512, X86).duration_ms.mean == pytest.approx(
        0.5, rel=0.1
    )
    assert posterior.at(1024, X86).duration_ms.mean < 1.25 * before


def _at(size_mb: int, *durations_ms: tuple[float, ...], trial: int) -> Sample:
    """A sample of as many environments as tuples; the first run of each is cold."""
    runs = [
        invocation(ms, f"{trial}/{lane}", cold=number == 0)
        for lane, own in enumerate(durations_ms)
        for number, ms in enumerate(own)
    ]
    return Sample(trial, Configuration(size_mb, X86), tuple(runs))


MOST_WARM_ARE_SLOW = [
    *(_at(1024, (116, 109), trial=0), _at(892, (122,), (552, 514), (108, 528), trial=1), _at(1280, (121,), trial=2)),
    *(_at(1792, (121,), (118,), (112,), trial=3), _at(1536, (116,), (106,), trial=4)),
]
ONE_IS_SLOW = [
    *(_at(128, (110, 100), trial=0), _at(192, (112, 98), trial=1), _at(256, (108, 103), trial=2)),
    *(_at(512, (111, 101), (106, 99), trial=3), _at(1024, (109, 500), trial=4)),
]


@pytest.mark.parametrize("samples", [MOST_WARM_ARE_SLOW, ONE_IS_SLOW])
def test_the_mean_does_not_lie_far_above_what_ran(samples: list[Sample]) -> None:
    seen_ms = np.mean([run.duration_ms or 0.0 for sample in samples for run in sample.invocations])
    found = posterior_of(samples).at(1024, X86).duration_ms
    assert found.low < seen_ms < found.high
    assert found.mean < 1.3 * seen_ms


def test_first_runs_tell_of_slow_runs_as_well() -> None:
    warm = measure(cpu_bound, SIZES, environments=1, runs=2)
    cold = measure(cpu_bound, SIZES, environments=4, runs=1, first_id=50)
    few, many = (posterior_of(samples).at(1024, X86).duration_ms for samples in (warm, warm + cold))
    assert many.high / many.low < few.high / few.low
    slow = [replace(s, invocations=tuple(_slower(run, 30) for run in s.invocations[:1])) for s in cold[1::2]]
    assert posterior_of(warm + slow).at(1024, X86).duration_ms.mean > 1.3 * few.mean


def test_init_durations_are_a_curve_of_their_own() -> None:
    estimate = posterior_of(measure(cpu_bound, SIZES)).at(2048, X86)
    assert estimate.init_ms is not None
    assert estimate.init_ms.low < 250 < estimate.init_ms.high
    warm = [Sample(0, Configuration(512, X86), (invocation(100.0, "a"), invocation(101.0, "a")))]
    assert posterior_of(warm).at(512, X86).init_ms is None


def test_the_advised_timeout_lies_above_every_plausible_run() -> None:
    belief = posterior_of(measure(cpu_bound, SIZES)).belief((Configuration(1769, X86),))
    assert timeout_advice_ms(belief, 0) > 1.4 * float(belief.p99_ms.mean())


@settings(max_examples=8, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 5))
def test_the_order_of_samples_and_of_their_invocations_changes_nothing(shuffle: random.Random, seed: int) -> None:
    samples = measure(cpu_bound, SIZES, seed=seed)
    shuffled = [replace(s, invocations=tuple(shuffle.sample(s.invocations, len(s.invocations)))) for s in samples]
    shuffle.shuffle(shuffled)
    np.testing.assert_array_equal(posterior_of(samples).draws.log_ms, posterior_of(shuffled).draws.log_ms)


@settings(max_examples=8, deadline=None)
@given(st.floats(0.5, 8.0), st.integers(0, 5))
def test_scaling_all_durations_scales_durations_and_cost_and_nothing_else(factor: float, seed: int) -> None:
    samples = measure(cpu_bound, SIZES, seed=seed)
    scaled = [replace(s, invocations=tuple(_times(i, factor) for i in s.invocations)) for s in samples]
    sampler = AdaptiveSampler()
    one, other = sampler.belief(evidence_of(samples)), sampler.belief(evidence_of(scaled))
    np.testing.assert_allclose(other.duration_ms, factor * one.duration_ms, rtol=1e-6)
    fee = PRICES.request_usd
    np.testing.assert_allclose((other.cost_usd - fee) / factor, one.cost_usd - fee, rtol=1e-3)
    assert objective_best(one, Objective()) == objective_best(other, Objective())


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 20))
def test_relabelling_the_architectures_with_swapped_prices_swaps_the_answer(seed: int) -> None:
    samples = measure(_faster_on_arm, SIZES, architectures=(ARM, X86), environments=1, seed=seed)
    relabelled = [replace(s, configuration=_other(s.configuration)) for s in samples]
    swapped = replace(PRICES, tiers={ARM: PRICES.tiers[X86], X86: PRICES.tiers[ARM]})
    one = AdaptiveSampler().belief(evidence_of(samples, BOTH))
    other = AdaptiveSampler().belief(evidence_of(relabelled, BOTH, swapped))
    for strategy in StrategyName:
        objective = Objective(strategy)
        chosen = one.candidates[objective_best(one, objective)]
        assert other.candidates[objective_best(other, objective)] == _other(chosen)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 50))
def test_more_data_at_the_winner_narrows_its_interval(seed: int) -> None:
    samples = measure(cpu_bound, SIZES, environments=1, seed=seed)
    more = samples + measure(cpu_bound, (1769,), environments=8, seed=seed + 1, first_id=50)
    widths = [
        np.ptp(np.quantile(posterior_of(s).location((Configuration(1769, X86),)), [0.1, 0.9])) for s in (samples, more)
    ]
    assert widths[1] < widths[0]


@pytest.mark.parametrize(
    "duration",
    [lambda c: 100.0, lambda c: 1.0, lambda c: 0.0, lambda c: 900_000.0, lambda c: 1e-3 * c.memory_mb],
    ids=["identical", "1 ms", "nothing", "15 minutes", "rising"],
)
@pytest.mark.parametrize("sizes", [(512,), (256, 1024, 3008)])
def test_odd_numbers_never_end_a_run(duration: Callable[[Configuration], float], sizes: tuple[int, ...]) -> None:
    samples = measure(duration, sizes, sd=0.0)
    belief = AdaptiveSampler().belief(evidence_of(samples))
    assert belief.candidates
    assert np.isfinite(belief.cost_usd).all()
    AdaptiveSampler().propose(evidence_of(samples))


def test_where_the_curves_cannot_be_fitted_what_was_measured_stands_in_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise np.linalg.LinAlgError("singular")

    monkeypatch.setattr("tuner.estimation.estimate.draw_posterior", fails)
    evidence = evidence_of(measure(cpu_bound, SIZES))
    belief = AdaptiveSampler().belief(evidence)
    assert "singular" in belief.fallback
    assert {c.memory_mb for c in belief.candidates} == set(SIZES)
    assert AdaptiveSampler().propose(evidence).trials


def test_a_single_run_is_enough_for_a_curve_and_none_is_not() -> None:
    single = [Sample(0, Configuration(512, X86), (invocation(100.0, "a", cold=True),))]
    assert posterior_of(single).at(512, X86).duration_ms.mean == pytest.approx(95, rel=0.4)
    with pytest.raises(NothingUsableError):
        posterior_of([Sample(0, Configuration(512, X86), (Invocation(Outcome.ERROR, "a"),))])


def test_a_decision_on_60_samples_of_both_architectures_is_quick() -> None:
    """The fit is not among it: it was made before, and takes a fifth as long. `benchmarks.search` prints the CPU
    seconds of a decision, the fit included.
    """
    samples = measure(_faster_on_arm, SIZES, architectures=(ARM, X86), environments=3)
    evidence = evidence_of(samples, BOTH)
    AdaptiveSampler().propose(evidence)
    assert_takes_at_most(0.3, lambda: AdaptiveSampler().propose(evidence))


def test_failures_bound_the_sizes() -> None:
    samples = [
        Sample(0, Configuration(256, X86), (Invocation(Outcome.OUT_OF_MEMORY, "a"),)),
        Sample(1, Configuration(4096, X86), (Invocation(Outcome.REFUSED),)),
        *measure(cpu_bound, (1024,), first_id=2),
    ]
    possible, excluded = candidates(samples, BOTH, PRICES, None)
    assert min(c.memory_mb for c in possible) == 320
    assert max(c.memory_mb for c in possible if c.architecture is X86) == 3540
    assert max(c.memory_mb for c in possible if c.architecture is ARM) == 10_240
    assert "out of memory" in excluded[Configuration(128, ARM)].reason
    assert "refused" in excluded[Configuration(8192, X86)].reason


def test_a_timeout_rules_out_smaller_sizes_and_bounds_the_curve_from_below() -> None:
    timeout = Invocation(Outcome.TIMEOUT, "t", 60_000.0, 60_000)
    samples = [Sample(0, Configuration(320, X86), (timeout, timeout)), *measure(cpu_bound, (1769, 3008), first_id=1)]
    possible, excluded = candidates(samples, SPACE, PRICES, None)
    assert min(c.memory_mb for c in possible) == 384
    assert "timed out" in excluded[Configuration(128, X86)].reason
    with_bound, without = posterior_of(samples), posterior_of(samples[1:])
    assert with_bound.at(384, X86).duration_ms.mean > without.at(384, X86).duration_ms.mean


def test_runs_that_hang_at_sizes_where_others_end_move_no_curve() -> None:
    hang = Invocation(Outcome.TIMEOUT, "t", 60_000.0, 60_000)
    good = measure(cpu_bound, (320, 1769, 3008))
    flaky = [replace(sample, invocations=(*sample.invocations, hang)) for sample in good]
    with_hangs, without = posterior_of(flaky).at(320, X86).duration_ms, posterior_of(good).at(320, X86).duration_ms
    assert with_hangs.mean == pytest.approx(without.mean, rel=0.02)
    assert with_hangs.high - with_hangs.low == pytest.approx(without.high - without.low, rel=0.25)


def test_memory_in_use_leaves_a_tenth_free() -> None:
    samples = measure(cpu_bound, (512,))
    used = [replace(s, invocations=tuple(replace(i, max_memory_used_mb=300) for i in s.invocations)) for s in samples]
    possible, _ = candidates(used, SPACE, PRICES, None)
    assert min(c.memory_mb for c in possible) == 384


def test_listed_sizes_are_the_only_candidates() -> None:
    listed = SearchSpace(tuple(range(128, 10_241, 64)), (X86,), listed=True)
    possible, _ = candidates(measure(cpu_bound, (512,)), listed, PRICES, Configuration(700, X86))
    assert {c.memory_mb for c in possible} == set(listed.memory_sizes_mb)


def _times(run: Invocation, factor: float) -> Invocation:
    assert run.duration_ms is not None
    assert run.billed_duration_ms is not None
    excess = run.billed_duration_ms - run.duration_ms
    return replace(run, duration_ms=run.duration_ms * factor, billed_duration_ms=run.duration_ms * factor + excess)


def _other(configuration: Configuration) -> Configuration:
    return Configuration(configuration.memory_mb, ARM if configuration.architecture is X86 else X86)


def _faster_on_arm(configuration: Configuration) -> float:
    return cpu_bound(configuration) * (0.8 if configuration.architecture is Architecture.ARM64 else 1.0)


def _slower(run: Invocation, times: float) -> Invocation:
    assert run.duration_ms is not None
    return replace(run, duration_ms=times * run.duration_ms, billed_duration_ms=math.ceil(times * run.duration_ms))
